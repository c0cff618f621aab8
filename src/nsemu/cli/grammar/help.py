"""`?` and TAB: what may come next (screenos-cli §4.4)."""

from __future__ import annotations

from collections.abc import Sequence

from nsemu.cli.grammar.graph import Position
from nsemu.cli.grammar.nodes import Argument, Arguments, Keyword
from nsemu.cli.grammar.parse import Walk
from nsemu.cli.grammar.types import Reading
from nsemu.cli.grammar.words import Word, quote_if_needed

RETURN = "<return>"


def help_rows(
    root: Position, words: Sequence[Word], partial: str, config: Reading, known: Arguments | None = None
) -> list[tuple[str, str]]:
    """What may stand in the place of `partial` after `words`: (word or hint, help). Raises CommandError."""
    walk = _walk(root, words, config, known)
    position = walk.position
    rows = {
        position.keywords[word].token.word: position.keywords[word].token.help  # type: ignore[union-attr]
        for word in position.words
        if word.startswith(partial.lower()) and walk.is_open(position.keywords[word])
    }
    for edge in position.arguments:
        if isinstance(edge.token, Argument) and walk.is_open(edge):
            rows.setdefault(edge.token.type.hint, edge.token.help)
    ordered = sorted(rows.items(), key=lambda row: row[0].lower())
    if position.leaf is not None and not partial:
        ordered.insert(0, (RETURN, ""))
    return ordered


def help_text(rows: Sequence[tuple[str, str]]) -> str:
    """Rows as a console prints them: the word in 20 columns, a blank, the text."""
    return "".join(f"{word:<20} {text}".rstrip() + "\n" for word, text in rows)


def complete(
    root: Position, words: Sequence[Word], partial: str, config: Reading, known: Arguments | None = None
) -> list[str]:
    """The words that `partial` can become, keywords first, then names that exist; written as they must be typed.

    An opening quote in `partial` asks for names only. Raises CommandError when the words before are no command.
    """
    walk = _walk(root, words, config, known)
    position = walk.position
    quoted = partial.startswith('"')
    found: list[str] = []
    if not quoted:
        for word in position.matching(partial.lower()):
            edge = position.keywords[word]
            if walk.is_open(edge) and isinstance(edge.token, Keyword):
                found.append(edge.token.word)
    stem = partial.lstrip('"').lower()
    for edge in position.arguments:
        if isinstance(edge.token, Argument) and walk.is_open(edge):
            names = sorted(name for name in edge.token.type.complete(walk.scope) if name.lower().startswith(stem))
            found += [f'"{name}"' if quoted else quote_if_needed(name) for name in names]
    return list(dict.fromkeys(found))


def _walk(root: Position, words: Sequence[Word], config: Reading, known: Arguments | None) -> Walk:
    walk = Walk(root, config, dict(known or {}))
    for index, word in enumerate(words):
        walk.take(word, last=index == len(words) - 1)
    return walk
