"""What happens to the text of a command on its way out: the `| include` filter and the pager."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from nsemu.cli.dialogue import MORE, Dialogue, Question
from nsemu.cli.grammar.errors import CommandError
from nsemu.cli.grammar.graph import Graph, Position
from nsemu.cli.grammar.nodes import Setting, argument, choice, flag, keyword, repeat, sequence
from nsemu.cli.grammar.parse import parse
from nsemu.cli.grammar.types import AddressType, Reading, TextType
from nsemu.cli.grammar.words import LONGEST_LINE, Word
from nsemu.sim.wait import Wait

_MATCH = Setting("output filter", set=lambda _editor, _arguments: None)
_TEXT = repeat("text", argument("text", TextType(LONGEST_LINE), "text to look for"), 64)
_FILTER = Graph(
    sequence(
        choice(
            flag("include", "show the lines with a text", "keep", True),
            flag("exclude", "show the lines without a text", "keep", False),
        ),
        _TEXT,
        _MATCH,
    )
)
_REDIRECT = Graph(
    keyword(
        "tftp",
        "to a file of a TFTP server",
        argument("server", AddressType(), "IP address", argument("file", TextType(128), "file name", _MATCH)),
    )
)
REDIRECT_ROOT: Position = _REDIRECT.root
"""What may follow `>`."""

_LINES = re.compile("[^\n]*\n|[^\n]+")
FILTER_ROOT: Position = _FILTER.root
"""What may follow `|` (screenos-cli §1)."""


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Keeps the lines with a text, or those without it. The case counts."""

    text: str
    keep: bool

    @classmethod
    def read(cls, words: Sequence[Word], config: Reading, column: int) -> LineFilter:
        """From the words after the `|` in `column`. Raises CommandError."""
        if not words:
            raise CommandError("include or exclude expected", column + 1, 0)
        arguments = parse(FILTER_ROOT, words, config).arguments
        return cls(" ".join(arguments["text"]), arguments["keep"])

    def keeps(self, line: str) -> bool:
        """Whether a line is shown."""
        return (self.text in line) is self.keep


@dataclass(frozen=True, slots=True)
class Redirection:
    """`> tftp SERVER FILE`: where the text of a command goes instead of the screen."""

    server: int
    file: str

    @classmethod
    def read(cls, words: Sequence[Word], config: Reading, column: int) -> Redirection:
        """From the words after the `>` in `column`. Raises CommandError."""
        if not words:
            raise CommandError("tftp expected", column + 1, 0)
        arguments = parse(REDIRECT_ROOT, words, config).arguments
        return cls(arguments["server"], arguments["file"])


def collected(dialogue: Dialogue) -> Generator[Wait | Question, str | None, str]:
    """Run a dialogue to its end; its text is the result, waits and questions pass."""
    pieces: list[str] = []
    reply: str | None = None
    while True:
        try:
            item = dialogue.send(reply)
        except StopIteration:
            return "".join(pieces)
        reply = None
        if isinstance(item, str):
            pieces.append(item)
        else:
            reply = yield item


def split_at_redirection(words: Sequence[Word]) -> tuple[list[Word], list[Word] | None, int]:
    """The same as `split_at_pipe` for `>`."""
    return _split(words, ">")


def split_at_pipe(words: Sequence[Word]) -> tuple[list[Word], list[Word] | None, int]:
    """The words before `|`, those after it (None when there is none), and the column of the bar.

    The bar may touch the word after it.
    """
    return _split(words, "|")


def _split(words: Sequence[Word], mark: str) -> tuple[list[Word], list[Word] | None, int]:
    for index, word in enumerate(words):
        if not word.quoted and word.text.startswith(mark):
            glued = [Word(word.text[1:], word.column + 1, word.width - 1)] if len(word.text) > 1 else []
            return list(words[:index]), glued + list(words[index + 1 :]), word.column
    return list(words), None, 0


def filtered(dialogue: Dialogue, line_filter: LineFilter) -> Dialogue:
    """The dialogue with the filter on its lines; waits and questions pass."""
    rest, reply = "", None
    while True:
        try:
            item = dialogue.send(reply)
        except StopIteration:
            if rest and line_filter.keeps(rest):
                yield rest + "\n"
            return
        reply = None
        if not isinstance(item, str):
            reply = yield item
            continue
        *lines, rest = (rest + item).split("\n")
        kept = "".join(f"{line}\n" for line in lines if line_filter.keeps(line))
        if kept:
            yield kept


def paged(dialogue: Dialogue, page: Callable[[], int]) -> Dialogue:
    """The dialogue with a question after each page of lines; `page()` 0 or less asks nothing."""
    shown, size, reply = 0, page(), None
    while True:
        try:
            item = dialogue.send(reply)
        except StopIteration:
            return
        reply = None
        if not isinstance(item, str):
            reply = yield item
            shown = 0
            continue
        for line in _LINES.findall(item) if size > 0 else [item]:
            if size > 0 and shown >= size:
                answer = yield MORE
                if answer == "q":
                    dialogue.close()
                    return
                shown = size - 1 if answer in ("\r", "\n") else 0
            yield line
            shown += line.endswith("\n")
