"""A whole configuration as text: writing it (`get config`) and reading it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from nsemu.cli.grammar.errors import CommandError
from nsemu.cli.grammar.nodes import Command, Enter, Leave, keyword
from nsemu.cli.grammar.words import split_words
from nsemu.cli.interpreter import Frame, Interpreter, Shell
from nsemu.cli.settings import LAYOUT, SETTINGS, TREE
from nsemu.cli.settings.layout import write
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError


def configuration_lines(config: DeviceConfig) -> Iterator[str]:
    """The lines of a configuration, in the order of a ScreenOS device."""
    return write(config, TREE, LAYOUT, {})


def configuration_text(config: DeviceConfig) -> str:
    """The lines as one text; what `save` keeps and `load_configuration` reads."""
    return "".join(f"{line}\n" for line in configuration_lines(config))


def get_config_text(config: DeviceConfig) -> str:
    """What `get config` prints: the size in bytes, then the lines (screenos-cli §1.19)."""
    text = configuration_text(config)
    return f"Total Config size {len(text.encode('latin-1', 'replace'))}:\n{text}"


@dataclass(frozen=True, slots=True)
class LineError:
    """A line that was not accepted: its number from 1, its text, what is wrong with it."""

    line: int
    text: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message} in {self.text!r}"


@cache
def _shell() -> Shell:
    return Shell(
        SETTINGS,
        (
            keyword("exit", "leave the context", Leave()),
            keyword("save", "save", Command(lambda _context, _arguments: "")),
        ),
    )


def load_configuration(text: str, editor: Editor) -> list[LineError]:
    """Apply a configuration text to an editor, all lines that can be; the others leave no trace and are returned.

    Empty lines and lines that start with `#` are skipped, and so is `save`. When a line that enters a context is
    refused, the lines of that context are too: at the top level they would mean something else.
    """
    lines = [raw.strip(" \t\r") for raw in text.split("\n")]
    last_exit = max((number for number, line in enumerate(lines, start=1) if line == "exit"), default=0)
    loader = _Loader(editor, last_exit)
    errors: list[LineError] = []
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#"):
            message = loader.take(number, line)
            if message:
                errors.append(LineError(number, line, message))
    return errors


class _Loader:
    """Takes line after line. `refused` is the line that entered a refused context, and how deep that context is."""

    __slots__ = ("editor", "interpreter", "last_exit", "refused")

    def __init__(self, editor: Editor, last_exit: int) -> None:
        self.editor = editor
        self.interpreter = Interpreter(_shell())
        self.last_exit = last_exit
        self.refused: tuple[int, int] | None = None

    def take(self, number: int, line: str) -> str:
        """Apply a line; what is wrong with it, "" when nothing is."""
        interpreter = self.interpreter
        try:
            parsed = interpreter.read(split_words(line), self.editor)
        except CommandError as error:
            return self._belongs() or error.message
        if isinstance(parsed.leaf, Leave):
            return self._leave()
        if self.refused is not None:
            if isinstance(parsed.leaf, Enter):
                interpreter.frames.append(Frame(parsed.leaf.body, parsed.arguments))
            return self._belongs()
        if isinstance(parsed.leaf, Command):
            return ""
        try:
            interpreter.apply(parsed, self.editor)
        except ConfigError as error:
            if isinstance(parsed.leaf, Enter) and number < self.last_exit:
                interpreter.frames.append(Frame(parsed.leaf.body, parsed.arguments))
                self.refused = number, len(interpreter.frames)
            return str(error)
        return ""

    def _leave(self) -> str:
        left = self.interpreter.leave()
        if self.refused is not None and len(self.interpreter.frames) < self.refused[1]:
            self.refused = None
        return "" if left else "exit outside a context"

    def _belongs(self) -> str:
        return f"belongs to line {self.refused[0]}, which was refused," if self.refused is not None else ""
