"""The lab shell: reads a line and says what it has to say. Knows no terminal and no clock, like a device's console.

A line is `NODE COMMAND`, a command of the lab, or, while a console is entered, a line for that console. A driver
(batch run, terminal) plays the dialogue that `execute` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Final

from nsemu.app.lab_shell import link_commands, probe_commands, time_commands, view_commands
from nsemu.app.lab_shell.command import ShellCommand, expect, read_words
from nsemu.app.lab_shell.screens import Screen, complete_node, node_help, open_screen, starting
from nsemu.app.lab_shell.session import Jump, Refused, Session, known_node
from nsemu.app.lab_shell.tables import columns
from nsemu.cli.dialogue import Dialogue, Item, Question
from nsemu.lab.arguments import CommandRefused
from nsemu.lab.capture import CaptureError
from nsemu.lab.network import LabError
from nsemu.lab.topology.errors import nearest_name
from nsemu.sim.wait import Wait

COMMENT: Final = "#"


class LabShell:
    """One user's session at a lab. `refused` tells whether the last line was not accepted, `closed` whether it left.

    `screen` is the console that was entered with `console NODE`, None at the lab's own prompt.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.screen: Screen | None = None
        self.refused = False
        self.closed = False

    @property
    def prompt(self) -> str:
        """What stands before the line."""
        return self.screen.prompt if self.screen is not None else f"{self.session.lab.name}> "

    def execute(self, line: str) -> Dialogue:
        """Run a line. What the lab itself refuses raises Refused; what a node refuses it says in its own words."""
        self.refused = False
        try:
            yield from self._hinting(self._one(line))
        finally:
            self.session.pacer.anchor()

    def _one(self, line: str) -> Dialogue:
        try:
            if self.screen is not None:
                yield from self._on_screen(self.screen, line)
            elif line.strip() and not line.lstrip().startswith(COMMENT):
                yield from self._run(line.strip())
        except (*_REFUSALS, OSError) as error:
            self.refused = True
            raise refusal(error) from error

    def _hinting(self, dialogue: Dialogue) -> Dialogue:
        """The dialogue; when it has to wait while time stands still, that is said once."""
        reply, told = None, not self.session.interactive
        with closing(dialogue):
            while True:
                try:
                    item = dialogue.send(reply)
                except StopIteration:
                    return
                if not told and self._stuck(item):
                    told = True
                    yield "The lab is paused and time stands still: ctrl-C ends the command, then `resume`.\n"
                reply = yield item

    def _stuck(self, item: Item) -> bool:
        return isinstance(item, Wait) and not isinstance(item, Jump) and not self.session.pacer.rate

    def enter(self, name: str) -> None:
        """Open a new session at a node. Raises Refused."""
        node = self.session.lab[known_node(self.session.lab, name)]
        self.screen = open_screen(node, self.session.interactive)

    def _on_screen(self, screen: Screen, line: str) -> Dialogue:
        try:
            yield from screen.execute(line)
        finally:
            self.refused = screen.refused
            if screen.closed and self.screen is screen:
                self.screen = None

    def _run(self, line: str) -> Dialogue:
        first, _, rest = line.replace("\t", " ").partition(" ")
        rest = line[len(first) :].strip()
        if first in self.session.lab:
            yield from self._on_node(first, rest)
            return
        command = COMMANDS.get(first.lower())
        if command is not None:
            answer = command.run(self.session, read_words(rest))
            yield from (answer,) if isinstance(answer, str) else answer
        elif first.lower() in _OWN:
            yield from self._own(first.lower(), read_words(rest))
        else:
            raise Refused(f"{first!r} is neither a node nor a command{self._nearest(first)}; try help")

    def _nearest(self, word: str) -> str:
        near = nearest_name(word, [*self.session.lab, *COMMANDS, *_OWN])
        return f"; did you mean {near!r}?" if near else ""

    def _on_node(self, name: str, line: str) -> Dialogue:
        if not line:
            raise Refused(f"{name}: a command is missing; `console {name}` enters its command line")
        running, console = self.session.lab[name].start(line)
        if console is None:
            yield from running
            return
        try:
            yield from running
        finally:
            self.refused = console.refused

    def _own(self, name: str, words: Sequence[str]) -> Dialogue:
        if name == "help":
            expect(words, 0, 1, "help [COMMAND]")
            yield self._help(words[0]) if words else overview()
        elif name == "console":
            expect(words, 1, 1, "console NODE")
            self.enter(words[0])
        else:
            expect(words, 0, 0, name)
            yield from self._leave()

    def _leave(self) -> Dialogue:
        changed = [name for name, node in self.session.lab.network.devices().items() if node.device.modified]
        if self.session.interactive and changed:
            question = Question(f"Not saved: {', '.join(changed)}. Save? y/[n] ", "n")
            if (yield question) == "y":
                yield from probe_commands.save_all(self.session)
        self.closed = True

    def _help(self, word: str) -> str:
        if word in self.session.lab:
            return node_help(self.session.lab[word], "")
        command = COMMANDS.get(word.lower())
        if command is not None:
            detail = f"{command.detail}\n" if command.detail else ""
            return f"{command.usage}    {command.help}\n{detail}"
        if word.lower() in _OWN:
            return f"{_OWN[word.lower()][0]}\n    {_OWN[word.lower()][1]}\n"
        raise Refused(f"no command {word!r}{self._nearest(word)}")

    # What the terminal asks while a line is being typed

    def help(self, text: str) -> str:
        """What may come after `text`."""
        if self.screen is not None:
            return self.screen.help(text)
        first, blank, rest = text.lstrip().partition(" ")
        if blank and first in self.session.lab:
            return node_help(self.session.lab[first], rest)
        if blank and first.lower() in {*COMMANDS, *_OWN}:
            return self._help(first)
        words = starting([*self.session.lab, *COMMANDS, *_OWN], first)
        return "".join(f"{word}\n" for word in words) if first else overview()

    def complete(self, text: str) -> list[str]:
        """What the last word of `text` can become."""
        if self.screen is not None:
            return self.screen.complete(text)
        first, blank, rest = text.lstrip().partition(" ")
        if not blank:
            return starting([*self.session.lab, *COMMANDS, *_OWN], first)
        if first in self.session.lab:
            return complete_node(self.session.lab[first], rest)
        words = rest.split()
        last = words.pop() if words and not rest.endswith(" ") else ""
        if first.lower() == "console" and not words:
            return starting(self.session.lab, last)
        if first.lower() == "help" and not words:
            return starting([*self.session.lab, *COMMANDS, *_OWN], last)
        command = COMMANDS.get(first.lower())
        return starting(command.complete(self.session, words), last) if command is not None else []


_REFUSALS: Final = (LabError, CommandRefused, CaptureError)
"""What commands raise for their user; any other error is a bug and goes on."""


def refusal(error: Exception) -> Refused:
    """The refusal that an error of a command amounts to."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Refused(f"{where}{error.strerror or error}")
    return Refused(str(error))


def overview() -> str:
    """All commands, one a line."""
    rows = [("NODE COMMAND", "run a command on a node"), *_OWN.values()]
    rows += [(f"{command.name} {command.short}".rstrip(), command.help) for command in COMMANDS.values()]
    return columns(rows) + "help COMMAND tells more; TAB completes; ctrl-C ends a running command\n"


_OWN: Final = {
    "console": ("console NODE", "enter the console of a device, or the command line of another node; exit leaves"),
    "help": ("help [COMMAND|NODE]", "show the commands"),
    "exit": ("exit", "end the lab"),
    "quit": ("quit", "the same as exit"),
}

COMMANDS: Final[dict[str, ShellCommand]] = {
    command.name: command
    for command in (
        *view_commands.COMMANDS,
        *time_commands.COMMANDS,
        *link_commands.COMMANDS,
        *probe_commands.COMMANDS,
    )
}
"""The commands that work on the session alone."""
