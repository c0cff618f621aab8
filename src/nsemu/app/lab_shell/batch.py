"""Runs lines without a person: in order, in virtual time as fast as it can.

What commands print goes to the standard output, unchanged and without prompts. A line that is not accepted is named on
the standard error, and the others run all the same. Empty lines and lines that begin with `#` are skipped. A question
(as `reset` asks) is answered by the next line when that is one of its keys, such as `y`, and else with its default.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TextIO

from nsemu.api.validation import is_marker
from nsemu.app.lab_shell.session import Refused
from nsemu.app.lab_shell.shell import COMMENT, LabShell
from nsemu.cli.dialogue import Question
from nsemu.sim.wait import Wait, satisfy


class Lines:
    """The lines to run, with their numbers; one can be looked at before it is taken."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._source = enumerate((line.rstrip("\r\n") for line in lines), start=1)
        self._ahead: deque[tuple[int, str]] = deque()

    def take(self) -> tuple[int, str] | None:
        """The next line that is neither empty nor a comment; None at the end."""
        if self._ahead:
            return self._ahead.popleft()
        for number, line in self._source:
            if line.strip() and not line.lstrip().startswith(COMMENT):
                return number, line
        return None

    def peek(self) -> str:
        """The line that `take` would give; empty at the end."""
        if not self._ahead:
            found = self.take()
            if found is None:
                return ""
            self._ahead.append(found)
        return self._ahead[0][1]


class BatchRun:
    """Runs lines in a lab shell. `accepted` is False as soon as one was not."""

    def __init__(self, shell: LabShell, lines: Iterator[str], out: TextIO, err: TextIO) -> None:
        self._shell = shell
        self._lines = Lines(lines)
        self._out = out
        self._err = err
        self.accepted = True

    def run(self) -> bool:
        """Run all lines, or those up to `exit`; tells whether all were accepted."""
        while not self._shell.closed and (numbered := self._lines.take()) is not None:
            number, line = numbered
            try:
                refused = self._line(line)
            except Refused as error:
                refused = f": {error}"
            self._out.flush()
            if refused:
                self.accepted = False
                print(
                    f"nsemu: line {number} not accepted: {line.strip()}{refused.rstrip()}", file=self._err, flush=True
                )
        return self.accepted

    def _line(self, line: str) -> str:
        """Run one line; returns something when its node refused it."""
        shell, scheduler = self._shell, self._shell.session.lab.scheduler
        heading = self._heading(line)
        dialogue = shell.execute(line)
        reply: str | None = None
        while True:
            try:
                item = dialogue.send(reply)
            except StopIteration:
                return " " if shell.refused else ""
            reply = None
            if isinstance(item, Wait):
                self._out.flush()
                satisfy(item, scheduler)
            elif isinstance(item, Question):
                reply = self._answer(item)
                self._out.write(f"{item.text}{reply}\n")
            else:
                if heading and is_marker(item):
                    self._out.write(heading)
                self._out.write(item)

    def _answer(self, question: Question) -> str:
        key = self._lines.peek().strip().lower()
        if len(key) == 1 and key in question.keys:
            self._lines.take()
            return key
        return question.default

    def _heading(self, line: str) -> str:
        """The line as it would stand behind its prompt: a marker points into it."""
        shell = self._shell
        if shell.screen is not None:
            return f"{shell.screen.prompt}{line}\n"
        name, _, rest = line.strip().partition(" ")
        if name in shell.session.lab.network.devices():
            return f"{shell.session.lab[name].console.prompt}{rest.strip()}\n"
        return ""
