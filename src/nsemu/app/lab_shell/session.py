"""What the commands of the lab shell work on: a lab, its pace, its captures. No terminal, no wall clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nsemu.api.lab import Lab
from nsemu.config.interface import Interface
from nsemu.lab.capture import Capture
from nsemu.lab.host.host import Host
from nsemu.lab.network import LabError
from nsemu.lab.router import Router
from nsemu.lab.screenos import ScreenosNode
from nsemu.lab.topology.errors import nearest_name
from nsemu.sim.pacing import Pacer
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.sim.wait import Wait
from nsemu.wire.address import format_ipv4, parse_ipv4

_UNNUMBERED: Final = "unnumbered"


class Refused(LabError):
    """A line of the lab shell that is not accepted; the message is one line for the person."""


@dataclass(frozen=True, slots=True)
class Jump(Wait):
    """A wait that a terminal does not pace: virtual time runs as fast as it can."""


@dataclass(slots=True)
class Session:
    """One lab and what its user has set going. `interactive` tells that a person sits at a terminal.

    `consoles` says where devices can be reached from outside, by name.
    """

    lab: Lab
    pacer: Pacer
    interactive: bool = False
    captures: dict[Path, Capture] = field(default_factory=dict)
    consoles: dict[str, str] = field(default_factory=dict)

    def close(self) -> list[str]:
        """End all captures and the lab; returns what the captures say. Raises CaptureError, when all have ended."""
        texts: list[str] = []
        failure: ValueError | None = None
        for path in list(self.captures):
            try:
                texts.append(self.stop_capture(path))
            except ValueError as error:
                failure = failure or error
        self.lab.close()
        if failure is not None:
            raise failure
        return texts

    def stop_capture(self, path: Path) -> str:
        """End a capture and tell what is in it and how to read it. Raises CaptureError."""
        summary = self.captures.pop(path).stop()
        frames = f"{summary.frames} frame{'' if summary.frames == 1 else 's'}"
        return f"{summary.path}: {frames} on {len(summary.interfaces)} interfaces\ndecrypt with: {summary.command}\n"


def known_node(lab: Lab, name: str) -> str:
    """The name, if a node has it. Raises Refused, with the nearest name."""
    if name in lab:
        return name
    near = nearest_name(name, lab)
    raise Refused(f"no node {name!r}" + (f"; did you mean {near!r}?" if near else f"; there are {', '.join(lab)}"))


def endpoints(lab: Lab) -> Iterator[str]:
    """`node:interface` of every link end, in the order of the file."""
    for link in lab.topology.links:
        yield from (str(end) for end in link.endpoints)


def known_endpoint(lab: Lab, text: str) -> str:
    """The endpoint, if a link ends there. Raises Refused, with the nearest one."""
    known = list(endpoints(lab))
    if text in known:
        return text
    near = nearest_name(text, known)
    hint = f"; did you mean {near!r}?" if near else f"; there are links at {', '.join(known) or 'none'}"
    raise Refused(f"no link at {text!r}{hint}")


@dataclass(frozen=True, slots=True)
class InterfaceRow:
    """One interface for tables; `peer` is the other end of its link, `zone` is empty except on devices."""

    name: str
    zone: str
    address: str
    state: str
    peer: str


def interface_rows(lab: Lab, name: str) -> list[InterfaceRow]:
    """The interfaces of a node: of a device those that are linked or configured, of other nodes all."""
    peers = _peers(lab, name)
    node = lab[name].node
    if isinstance(node, ScreenosNode):
        run = node.device.interfaces.items
        rows: list[InterfaceRow] = []
        for one in node.device.config_in_force.interfaces.values():
            if one.name in peers or one.address is not None or one.unnumbered is not None:
                state = "up" if one.name in run and run[one.name].up else "down"
                rows.append(InterfaceRow(one.name, one.zone, device_address(one), state, peers.get(one.name, "")))
        return rows
    if isinstance(node, Host | Router):
        return [
            InterfaceRow(
                one.name, "", ", ".join(map(str, one.prefixes)), "up" if one.up else "down", peers.get(one.name, "")
            )
            for one in node.stack.interfaces.values()
        ]
    return [
        InterfaceRow(one.interface, "", "", "up" if one.carrier else "down", peers.get(one.interface, ""))
        for one in node.ports.values()
    ]


def has_own(row: InterfaceRow) -> bool:
    """Whether an interface has an address that is its own, not borrowed."""
    return bool(row.address) and not row.address.startswith(_UNNUMBERED)


def device_address(interface: Interface) -> str:
    """The address of a device's interface in words; empty when it has none."""
    if interface.address is not None:
        return str(interface.address)
    return f"{_UNNUMBERED} ({interface.unnumbered})" if interface.unnumbered is not None else ""


def address_of(lab: Lab, text: str) -> str:
    """A destination as dotted text: an address, `NODE`, or `NODE:INTERFACE`. Raises Refused.

    A node stands for its first interface with an address.
    """
    try:
        return format_ipv4(parse_ipv4(text))
    except ValueError:
        pass
    name, colon, wanted = text.partition(":")
    if name not in lab and text.replace(".", "").isdigit():
        raise Refused(f"{text!r} is no IPv4 address")
    known_node(lab, name)
    for row in interface_rows(lab, name):
        address = row.address.partition("/")[0]
        if has_own(row) and (not colon or row.name == wanted):
            return address
    raise Refused(f"{text} has no address")


def format_time(now: Instant) -> str:
    """Virtual time as people read it: `12.345 s`, `1:05:00.000`."""
    milliseconds = now // (SECOND // 1000)
    seconds, rest = divmod(milliseconds, 1000)
    if seconds < 60:
        return f"{seconds}.{rest:03} s"
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _peers(lab: Lab, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for link in lab.topology.links:
        one, other = link.endpoints
        for here, there in ((one, other), (other, one)):
            if here.node == name:
                found[here.interface] = str(there)
    return found


__all__ = [
    "InterfaceRow",
    "Jump",
    "Refused",
    "Session",
    "address_of",
    "device_address",
    "endpoints",
    "format_time",
    "has_own",
    "interface_rows",
    "known_endpoint",
    "known_node",
]
