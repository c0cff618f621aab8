"""`clear counter …`: the counters of interfaces, all or one kind, of all interfaces, one, or those of a zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, argument, choice, keyword, optional
from nsemu.cli.types import INTERFACE, ZONE
from nsemu.config.errors import NotFoundError
from nsemu.runtime.counters import InterfaceCounters
from nsemu.runtime.interface import RunInterface


def _chosen(context: Context, arguments: Arguments) -> Iterable[RunInterface]:
    interfaces = context.device.state.interfaces
    name, zone = arguments.get("interface"), arguments.get("zone")
    if name is not None:
        if name not in interfaces:
            raise NotFoundError(f"interface {name} does not exist")
        return [interfaces[name]]
    if zone is not None and zone not in context.device.config.zones:
        raise NotFoundError(f"zone {zone} does not exist")
    return [interface for interface in interfaces.values() if zone in {None, interface.zone}]


def _clearing(clear: Callable[[InterfaceCounters], None]) -> Command:
    def run(context: Context, arguments: Arguments) -> str:
        for interface in _chosen(context, arguments):
            clear(interface.counters)
        return ""

    return Command(run, privileged=True)


_INTERFACE = keyword("interface", "of one interface", argument("interface", INTERFACE, "interface name"))


def _kind(word: str, help_: str, clear: Callable[[InterfaceCounters], None], *scopes: Node) -> Node:
    return keyword(word, help_, optional(choice(_INTERFACE, *scopes)), _clearing(clear))


COUNTER = keyword(
    "counter",
    "clear counters",
    choice(
        keyword("all", "clear all counters", _clearing(InterfaceCounters.clear)),
        _kind("flow", "clear flow counters", InterfaceCounters.clear_flow),
        _kind(
            "screen",
            "clear SCREEN counters",
            InterfaceCounters.clear_screen,
            keyword("zone", "of the interfaces of a zone", argument("zone", ZONE, "zone name")),
        ),
        _kind("statistics", "clear hardware counters", InterfaceCounters.clear_statistics),
    ),
)
