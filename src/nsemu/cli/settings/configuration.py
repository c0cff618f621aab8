"""A whole configuration as text: writing it (`get config`) and reading it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from nsemu.cli.grammar.errors import CommandError
from nsemu.cli.grammar.nodes import Command, Leave, keyword
from nsemu.cli.grammar.words import split_words
from nsemu.cli.interpreter import Interpreter, Shell
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

    Empty lines and lines that start with `#` are skipped, and so is `save`.
    """
    interpreter = Interpreter(_shell())
    errors: list[LineError] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t\r")
        if line and not line.startswith("#"):
            message = _load_line(interpreter, editor, line)
            if message:
                errors.append(LineError(number, line, message))
    return errors


def _load_line(interpreter: Interpreter, editor: Editor, line: str) -> str:
    try:
        parsed = interpreter.read(split_words(line), editor)
        if isinstance(parsed.leaf, Leave):
            return "" if interpreter.leave() else "exit outside a context"
        if not isinstance(parsed.leaf, Command):
            interpreter.apply(parsed, editor)
    except CommandError as error:
        return error.message
    except ConfigError as error:
        return str(error)
    return ""
