"""The commands that hosts and routers share: ping, traceroute, arp, routes, interfaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nsemu.lab.arguments import CommandRefused, suggestion
from nsemu.lab.ip_routes import Route
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.ping import Pinger, parse_ping
from nsemu.lab.traceroute import Traceroute, parse_traceroute
from nsemu.sim.wait import Progress
from nsemu.wire.address import Prefix, format_ipv4

StackCommand = Callable[[IpStack, Sequence[str]], Progress]
"""Reads its words at once (CommandRefused when they are wrong), and does its work while it is driven."""


def run_command(stack: IpStack, line: str, commands: Mapping[str, StackCommand]) -> Progress:
    """Start the command of a line. Raises CommandRefused when it is not understood; an empty line does nothing."""
    words = line.split()
    if not words:
        return _say("")
    name, *rest = words
    if name in ("help", "?") and not rest:
        return _say("".join(f"{known}\n" for known in sorted({*commands, "help"})))
    command = commands.get(name)
    if command is None:
        raise CommandRefused(f"unknown command {name!r}{suggestion(name, commands)}")
    return command(stack, rest)


def _say(text: str) -> Progress:
    if text:
        yield text


def _ping(stack: IpStack, words: Sequence[str]) -> Progress:
    options = parse_ping(words)
    _check_source(stack, options.source)
    return Pinger(stack, options).progress()


def _traceroute(stack: IpStack, words: Sequence[str]) -> Progress:
    options = parse_traceroute(words)
    _check_source(stack, options.source)
    return Traceroute(stack, options).progress()


def _check_source(stack: IpStack, source: int | None) -> None:
    if source is not None and not stack.is_local(source):
        raise CommandRefused(f"{format_ipv4(source)} is not an address of {stack.name}")


def _refuse_words(words: Sequence[str]) -> None:
    if words:
        raise CommandRefused(f"unexpected word {words[0]!r}")


def _arp(stack: IpStack, words: Sequence[str]) -> Progress:
    _refuse_words(words)
    lines = []
    for interface in stack.interfaces.values():
        for address, entry in interface.arp.entries():
            state = "PERMANENT" if entry.static else "REACHABLE"
            lines.append(f"{format_ipv4(address)} dev {interface.name} lladdr {entry.mac.hex(':')} {state}\n")
        lines.extend(f"{format_ipv4(address)} dev {interface.name} INCOMPLETE\n" for address in interface.arp.pending())
    return _say("".join(lines))


def _routes(stack: IpStack, words: Sequence[str]) -> Progress:
    _refuse_words(words)
    return _say("".join(f"{_describe_route(route)}\n" for route in stack.routes))


def _describe_route(route: Route) -> str:
    name = "default" if route.prefix == Prefix(0, 0) else str(route.prefix)
    if route.gateway is not None:
        text = f"{name} via {format_ipv4(route.gateway)} dev {route.interface.name}"
    else:
        found = (one.address for one in route.interface.prefixes if one.network == route.prefix)
        own = next(found, route.interface.address)
        text = f"{name} dev {route.interface.name} src {format_ipv4(own)}"
    return text if route.active else f"{text} linkdown"


def _interfaces(stack: IpStack, words: Sequence[str]) -> Progress:
    _refuse_words(words)
    rows = [("Interface", "State", "MAC", "MTU", "Address")]
    for one in stack.interfaces.values():
        addresses = ", ".join(str(prefix) for prefix in one.prefixes)
        rows.append((one.name, "up" if one.up else "down", one.mac.hex(":"), str(one.mtu), addresses))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return _say("".join(f"{line}\n" for line in lines))


STACK_COMMANDS: Final[Mapping[str, StackCommand]] = {
    "ping": _ping,
    "traceroute": _traceroute,
    "trace-route": _traceroute,
    "arp": _arp,
    "routes": _routes,
    "interfaces": _interfaces,
}
