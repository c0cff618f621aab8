"""A line being typed over a wire: what each character does to it, and what goes back to the screen.

No terminal, no clock, no I/O: characters in, actions and echo out. Only backspaces and plain text are echoed, never
escape sequences, so that scripts written for real devices read clean lines (screenos-cli §5).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

LONGEST_TYPED: Final = 4096
"""Characters of one line that are kept; further ones ring the bell. The console itself refuses lines before that."""

_HISTORY: Final = 256
BELL: Final = "\a"
ESCAPE: Final = "\x1b"
INTERRUPT: Final = "\x03"
ABORT_KEYS: Final = frozenset(f"{INTERRUPT}\x1e")
"""Ctrl-C, and the ctrl-^ of terminal servers."""


class Action(Enum):
    """What a character asks of whoever reads the line."""

    LINE = "the line is finished"
    HELP = "what may come next"
    COMPLETE = "make the word longer"
    ABORT = "forget the line"
    LEAVE = "end of input on an empty line"


class LineEditor:
    """`text` and `cursor` are the line so far. `echo` False hides it (passwords), `plain` makes `?` and TAB text."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._escape = ""
        self._recalled: int | None = None
        self.history: list[str] = []
        self.text = ""
        self.cursor = 0
        self.echo = True
        self.plain = False

    def begin(self, *, echo: bool = True, plain: bool = False) -> None:
        """A new line."""
        self.text, self.cursor, self._recalled, self._escape = "", 0, None, ""
        self.echo, self.plain = echo, plain

    def remember(self, line: str) -> None:
        """Keep a line for the arrow keys."""
        if line.strip() and self.history[-1:] != [line]:
            self.history.append(line)
            del self.history[:-_HISTORY]

    def type(self, key: str) -> Action | None:
        """One character."""
        if self._escape or key == ESCAPE:
            self._escaped(key)
            return None
        if key in ABORT_KEYS:
            return Action.ABORT
        action = _ACTIONS.get(key)
        if action is Action.LEAVE:
            return action if not self.text and not self.plain else None
        if action is not None and not self._is_text(key):
            return action
        edit = _EDITS.get(key)
        if edit is not None:
            edit(self)
        elif key >= " " and key != "\x7f":
            self.insert(key)
        return None

    def _is_text(self, key: str) -> bool:
        """Whether `?` or TAB is a character of the line here: in a password, and `?` between quotes."""
        return key in "?\t" and (self.plain or (key == "?" and self.text[: self.cursor].count('"') % 2 == 1))

    def insert(self, text: str) -> None:
        """Put text where the cursor is."""
        if len(self.text) + len(text) > LONGEST_TYPED:
            self._write(BELL)
            return
        tail = self.text[self.cursor :]
        self.text = self.text[: self.cursor] + text + tail
        self.cursor += len(text)
        self._show(text + tail + "\b" * len(tail))

    def replace_before(self, text: str) -> None:
        """Exchange what stands before the cursor."""
        while self.cursor:
            self._back()
        self.insert(text)

    def redraw(self) -> None:
        """Show the line again, on a fresh screen line behind its prompt."""
        self._show(self.text + "\b" * (len(self.text) - self.cursor))

    def _show(self, text: str) -> None:
        if self.echo:
            self._write(text)

    def _back(self) -> None:
        if self.cursor:
            tail = self.text[self.cursor :]
            self.text = self.text[: self.cursor - 1] + tail
            self.cursor -= 1
            self._show("\b" + tail + " " + "\b" * (len(tail) + 1))

    def _delete(self) -> None:
        if self.cursor < len(self.text):
            self._right()
            self._back()

    def _left(self) -> None:
        if self.cursor:
            self.cursor -= 1
            self._show("\b")

    def _right(self) -> None:
        if self.cursor < len(self.text):
            self._show(self.text[self.cursor])
            self.cursor += 1

    def _home(self) -> None:
        self._show("\b" * self.cursor)
        self.cursor = 0

    def _end(self) -> None:
        self._show(self.text[self.cursor :])
        self.cursor = len(self.text)

    def _kill_line(self) -> None:
        self._end()
        while self.cursor:
            self._back()

    def _kill_rest(self) -> None:
        while self.cursor < len(self.text):
            self._delete()

    def _kill_word(self) -> None:
        while self.cursor and self.text[self.cursor - 1] == " ":
            self._back()
        while self.cursor and self.text[self.cursor - 1] != " ":
            self._back()

    def _older(self) -> None:
        self._recall(len(self.history) - 1 if self._recalled is None else self._recalled - 1)

    def _newer(self) -> None:
        if self._recalled is not None:
            self._recall(self._recalled + 1)

    def _recall(self, index: int) -> None:
        if self.plain or index < 0:
            return
        self._kill_line()
        self._recalled = index if index < len(self.history) else None
        self.insert(self.history[index] if index < len(self.history) else "")

    def _escaped(self, key: str) -> None:
        """A terminal's arrow and editing keys: ESC [ … letter, ESC O letter (ECMA-48 §5.4)."""
        if key == ESCAPE:
            self._escape = key
            return
        self._escape += key
        if len(self._escape) == 2 and key in "[O":
            return
        if self._escape[:2] == "\x1b[" and not "@" <= key <= "~" and len(self._escape) < 16:
            return
        sequence, self._escape = self._escape, ""
        edit = _SEQUENCES.get(sequence.replace("\x1bO", "\x1b["))
        if edit is not None:
            edit(self)


_ACTIONS: Final = {
    "\r": Action.LINE,
    "\n": Action.LINE,
    "?": Action.HELP,
    "\t": Action.COMPLETE,
    "\x04": Action.LEAVE,
}
_Edit = Callable[[LineEditor], None]
_EDITS: Final[dict[str, _Edit]] = {
    "\b": LineEditor._back,
    "\x7f": LineEditor._back,
    "\x01": LineEditor._home,
    "\x02": LineEditor._left,
    "\x05": LineEditor._end,
    "\x06": LineEditor._right,
    "\x0b": LineEditor._kill_rest,
    "\x0e": LineEditor._newer,
    "\x10": LineEditor._older,
    "\x15": LineEditor._kill_line,
    "\x17": LineEditor._kill_word,
}
_SEQUENCES: Final[dict[str, _Edit]] = {
    "\x1b[A": LineEditor._older,
    "\x1b[B": LineEditor._newer,
    "\x1b[C": LineEditor._right,
    "\x1b[D": LineEditor._left,
    "\x1b[H": LineEditor._home,
    "\x1b[F": LineEditor._end,
    "\x1b[1~": LineEditor._home,
    "\x1b[3~": LineEditor._delete,
    "\x1b[4~": LineEditor._end,
}
