"""Whom a typed line goes to: a device's console, or the command line of a host, router or switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from nsemu.api.node import LabNode
from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import Dialogue
from nsemu.lab.arguments import CommandRefused
from nsemu.lab.host.host import Host
from nsemu.lab.nat_box import NAT_COMMANDS, NatBox
from nsemu.lab.router import Router
from nsemu.lab.screenos import ScreenosNode
from nsemu.lab.stack_commands import STACK_COMMANDS

SWITCH_WORDS = ("help", "macs", "ports")
LEAVING = frozenset({"exit", "quit", "logout"})


class Screen(Protocol):
    """Something with a prompt that takes lines. `Console` is one."""

    @property
    def prompt(self) -> str:
        """What stands before the line."""

    refused: bool
    closed: bool

    def execute(self, line: str) -> Dialogue:
        """Run a line."""

    def complete(self, text: str) -> list[str]:
        """What the last word of `text` can become."""

    def help(self, text: str) -> str:
        """What may come after `text`."""


class NodeScreen:
    """The command line of a node that is no ScreenOS device."""

    def __init__(self, node: LabNode) -> None:
        self._node = node
        self.refused = False
        self.closed = False

    @property
    def prompt(self) -> str:
        """`tokyo-pc$ `."""
        return f"{self._node.name}$ "

    def execute(self, line: str) -> Dialogue:
        """Run a command of the node; `exit` leaves."""
        self.refused = False
        if line.strip().lower() in LEAVING:
            self.closed = True
            return
        try:
            running, _ = self._node.start(line)
        except CommandRefused as error:
            self.refused = True
            yield f"{error}\n"
            return
        yield from running

    def complete(self, text: str) -> list[str]:
        """The commands of the node."""
        return complete_node(self._node, text)

    def help(self, text: str) -> str:
        """One line a command."""
        return node_help(self._node, text)


def open_screen(node: LabNode, interactive: bool) -> Screen:
    """A new session at a node."""
    if isinstance(node.node, ScreenosNode):
        return Console(node.device, device_shell(), interactive=interactive)
    return NodeScreen(node)


def complete_node(node: LabNode, text: str) -> list[str]:
    """What the last word of a command for a node can become."""
    if isinstance(node.node, ScreenosNode):
        return node.console.complete(text)
    if " " in text.lstrip():
        return []
    return starting(_command_words(node), text.strip())


def node_help(node: LabNode, text: str) -> str:
    """What may come after `text` in a command for a node."""
    if isinstance(node.node, ScreenosNode):
        return node.console.help(text)
    syntax = _syntax(node)
    words = text.split()
    if words and (text.endswith(" ") or words[0] in syntax) and words[0] in syntax:
        return f"{words[0]} {syntax[words[0]]}".rstrip() + "\n"
    return "".join(f"{name} {syntax[name]}".rstrip() + "\n" for name in starting(syntax, text.strip()))


def starting(words: Iterable[str], prefix: str) -> list[str]:
    """The words that begin with `prefix`, in order of the alphabet."""
    return sorted(word for word in words if word.startswith(prefix))


def _command_words(node: LabNode) -> Iterable[str]:
    return [word for word in _syntax(node) if word != "?"]


def _syntax(node: LabNode) -> Mapping[str, str]:
    if isinstance(node.node, Host):
        return {name: command.syntax for name, command in node.node.commands.items()}
    if isinstance(node.node, Router):
        own = NAT_COMMANDS if isinstance(node.node, NatBox) else ()
        return {**dict.fromkeys((*STACK_COMMANDS, *own), ""), "help": ""}
    return dict.fromkeys(SWITCH_WORDS, "")
