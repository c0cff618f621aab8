"""Reading a line: from words to a leaf and its arguments.

At each position an exact keyword wins, then a keyword of which the word is a unique prefix (B001), then an argument.
A quoted word is a keyword only where it is no argument and is written in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nsemu.cli.grammar.errors import CommandError, InvalidWordError
from nsemu.cli.grammar.graph import Edge, Position
from nsemu.cli.grammar.nodes import Argument, Arguments, Keyword, Leaf
from nsemu.cli.grammar.types import Reading, Scope
from nsemu.cli.grammar.words import Word

_MOST_NAMES = 8
"""Keywords that a message about an ambiguous one lists."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A line that is a command: its leaf, its arguments, and its keywords written in full."""

    leaf: Leaf
    arguments: Arguments
    keywords: tuple[str, ...]


@dataclass(slots=True)
class Walk:
    """A walk through a graph, word by word."""

    position: Position
    config: Reading
    arguments: dict[str, Any] = field(default_factory=dict)
    keywords: list[str] = field(default_factory=list)
    _used: set[tuple[int, int]] = field(default_factory=set)

    @property
    def scope(self) -> Scope:
        """What the next argument may look at."""
        return Scope(self.config, self.arguments)

    def take(self, word: Word, *, last: bool) -> None:
        """Follow one word. Raises CommandError."""
        edge, value = self._step(word, last)
        self._used.update(edge.once)
        token = edge.token
        if isinstance(token, Keyword):
            self.keywords.append(token.word)
        if edge.group is not None:
            self._bind_in_group(edge, value)
        elif isinstance(token, Argument):
            self.arguments[token.name] = value
        elif isinstance(token, Keyword) and token.binds is not None:
            self.arguments[token.binds[0]] = token.binds[1]
        if edge.target is not None:
            self.position = edge.target

    def _bind_in_group(self, edge: Edge, value: Any) -> None:
        group, token = edge.group, edge.token
        assert group is not None
        rounds = self.arguments.get(group.name, ())
        if isinstance(group.body, Argument):
            self.arguments[group.name] = (*rounds, value)
            return
        current = {} if edge.starts else dict(rounds[-1])
        if isinstance(token, Argument):
            current[token.name] = value
        elif isinstance(token, Keyword) and token.binds is not None:
            current[token.binds[0]] = token.binds[1]
        self.arguments[group.name] = (*(rounds if edge.starts else rounds[:-1]), current)

    def is_open(self, edge: Edge) -> bool:
        """Whether an edge may still be taken: its option is unused, its repeat not full."""
        if edge.once and any(mark in self._used for mark in edge.once):
            return False
        if edge.starts and edge.group is not None:
            return len(self.arguments.get(edge.group.name, ())) < edge.group.most
        return True

    def _step(self, word: Word, last: bool) -> tuple[Edge, Any]:
        position = self.position
        if not word.quoted:
            edge = self._keyword(position, word, last)
            if edge is not None:
                return edge, None
        problem: str | None = None
        for edge in position.arguments:
            token = edge.token
            assert isinstance(token, Argument)
            if not self.is_open(edge):
                assert edge.group is not None or edge.once
                if edge.group is not None:
                    problem = problem or f"too many values at {word.text} (at most {edge.group.most})"
                continue
            try:
                return edge, token.type.parse(word, self.scope)
            except InvalidWordError as error:
                problem = problem or str(error)
        if word.quoted and word.text.lower() in position.keywords:
            # Some releases save keywords between quotes (`set user "joe" "enable"`); names come first.
            edge = position.keywords[word.text.lower()]
            if self.is_open(edge):
                return edge, None
        if problem is None or (position.words and not position.arguments):
            problem = f"unknown keyword {word.text}"
        raise CommandError(problem, word.column, word.width, last=last)

    def _keyword(self, position: Position, word: Word, last: bool) -> Edge | None:
        text = word.text.lower()
        edge = position.keywords.get(text)
        if edge is None:
            matches = [name for name in position.matching(text) if self.is_open(position.keywords[name])]
            if len(matches) > 1:
                message = f"ambiguous keyword {word.text} ({_some(matches)})"
                raise CommandError(message, word.column, word.width, last=last)
            edge = position.keywords[matches[0]] if matches else None
        if edge is None or self.is_open(edge):
            return edge
        if edge.once:
            raise CommandError(f"keyword {word.text} given twice", word.column, word.width, last=last)
        return None


def _some(names: list[str]) -> str:
    """The names that fit in a message."""
    return ", ".join(sorted(names)[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")


def parse(root: Position, words: Sequence[Word], config: Reading, known: Arguments | None = None) -> Parsed:
    """Read a line. `known` are the arguments of the context around it. Raises CommandError."""
    walk = Walk(root, config, dict(known or {}))
    for index, word in enumerate(words):
        walk.take(word, last=index == len(words) - 1)
    leaf = walk.position.leaf
    if leaf is None:
        column = words[-1].end + 1 if words else 0
        raise CommandError(f"{expected(walk)} expected", column, 0)
    return Parsed(leaf, walk.arguments, tuple(walk.keywords))


def expected(walk: Walk) -> str:
    """What an incomplete line lacks."""
    hints = [edge.token.type.hint for edge in walk.position.arguments if isinstance(edge.token, Argument)]
    if walk.position.words:
        hints.insert(0, "keyword")
    return " or ".join(dict.fromkeys(hints)) or "keyword"
