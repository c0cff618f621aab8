"""A learning Ethernet switch (IEEE 802.1D §7): forwards by MAC address, floods what it does not know.

Without port settings it knows no VLANs, and tags pass through unchanged. With them it is a switch after IEEE 802.1Q:
each frame is of one VLAN, which has its own stations and leaves by the ports that carry it.
There is no spanning tree: a loop of links is a loop, and the lab's event budget ends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from nsemu.lab.arguments import CommandRefused, suggestion
from nsemu.lab.port import Port
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.scheduler import SECOND, Duration, Instant, Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ethernet import HEADER_LENGTH, EthernetFrame, VlanTag, is_group

AGEING_TIME: Final[Duration] = 300 * SECOND
"""IEEE 802.1D table 7-5."""

_COMMANDS: Final = ("macs", "ports", "help")


DEFAULT_VLAN: Final = 1
"""The VLAN of ports without settings on a switch that has some (IEEE 802.1Q table 9-2)."""


@dataclass(frozen=True, slots=True)
class PortVlans:
    """The VLANs of a port. `native` is that of frames without tag, 0 for none; `tagged` are others, None for all."""

    native: int = DEFAULT_VLAN
    tagged: frozenset[int] | None = frozenset()

    def carries(self, vlan: int) -> bool:
        """Whether frames of a VLAN pass the port."""
        return vlan == self.native or self.tagged is None or vlan in self.tagged

    def __str__(self) -> str:
        if self.tagged == frozenset():
            return f"access {self.native}"
        many = "all" if self.tagged is None else ",".join(map(str, sorted(self.tagged)))
        return f"trunk {many}" + (f" native {self.native}" if self.native else "")


@dataclass(frozen=True, slots=True)
class _Station:
    port: Port
    seen_at: Instant


class Switch:
    """A node of kind `switch`. Ports come into being when they are asked for; `vlans` are their settings, by name."""

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        *,
        ageing: Duration = AGEING_TIME,
        vlans: Mapping[str, PortVlans] | None = None,
    ) -> None:
        self.name = name
        self.scheduler = scheduler
        self.ageing = ageing
        self.ports: dict[str, Port] = {}
        self.counters: Counter[str] = Counter()
        self._vlans = vlans or {}
        self._stations: dict[tuple[int, bytes], _Station] = {}

    def vlans_of(self, interface: str) -> PortVlans:
        """The VLANs of a port."""
        return self._vlans.get(interface, PortVlans())

    def port(self, interface: str) -> Port:
        """The port of that name, made at the first call."""
        port = self.ports.get(interface)
        if port is None:
            port = self.ports[interface] = Port(self.name, interface)
            port.on_receive = partial(self._receive, port)
            port.on_carrier = partial(self._carrier, port)
        return port

    def stations(self) -> Iterator[tuple[int, bytes, str]]:
        """VLAN, MAC address and interface of what is known, in order of address; VLAN 0 when there are none."""
        for vlan, mac in sorted(self._stations, key=lambda key: (key[1], key[0])):
            port = self._lookup(vlan, mac)
            if port is not None:
                yield vlan, mac, port.interface

    def run(self, command: str) -> Progress:
        """Start a text command: `macs` lists the stations, `ports` the ports. Raises CommandRefused."""
        words = command.split()
        if len(words) > 1:
            raise CommandRefused(f"unexpected word {words[1]!r}")
        name = words[0] if words else "ports"
        if name not in _COMMANDS:
            raise CommandRefused(f"unknown command {name!r}{suggestion(name, _COMMANDS)}")
        return self._answer(name)

    def _answer(self, name: str) -> Progress:
        if name == "help":
            yield "".join(f"{command}\n" for command in sorted(_COMMANDS))
        elif name == "macs":
            rows = ((f"vlan {vlan} " if vlan else "", mac, port) for vlan, mac, port in self.stations())
            yield "".join(f"{mac.hex(':')} {vlan}{port}\n" for vlan, mac, port in rows)
        else:
            yield "".join(f"{line}\n" for line in map(self._port_line, self.ports.values()))

    def _port_line(self, port: Port) -> str:
        vlans = f" {self.vlans_of(port.interface)}" if self._vlans else ""
        return f"{port.interface} {'up' if port.carrier else 'down'}{vlans}"

    def _lookup(self, vlan: int, mac: bytes) -> Port | None:
        station = self._stations.get((vlan, mac))
        if station is None:
            return None
        if self.scheduler.now - station.seen_at >= self.ageing:
            del self._stations[vlan, mac]
            return None
        return station.port

    def _receive(self, port: Port, frame: bytes, trace: PacketTrace | None) -> None:
        if trace is not None:
            trace.enter(self.name, self.scheduler.now, port.interface)
        if len(frame) < HEADER_LENGTH:
            self._drop("malformed", f"frame of {len(frame)} octets", trace)
            return
        destination, source = frame[:6], frame[6:12]
        if is_group(source):
            self._drop("malformed", "the source address is a group", trace)
            return
        vlan = self._vlan_of(port, frame)
        if vlan is None:
            self._drop(
                "VLAN filtered", f"{port.interface} does not take the frame: {self.vlans_of(port.interface)}", trace
            )
            return
        self._stations[vlan, source] = _Station(port, self.scheduler.now)
        out = None if is_group(destination) else self._lookup(vlan, destination)
        if out is None:
            self._flood(port, vlan, frame, trace)
        elif out is port:
            self._drop("filtered", f"the destination is on {port.interface} itself", trace)
        else:
            self.counters["forwarded"] += 1
            if trace is not None:
                trace.add(Note(f"switched to {out.interface}{_in(vlan)}"))
            self._transmit(out, vlan, frame, trace)

    def _vlan_of(self, port: Port, data: bytes) -> int | None:
        """The VLAN of a frame that came in; None when the port does not take it, 0 on a switch without VLANs."""
        if not self._vlans:
            return 0
        try:
            tag = EthernetFrame.parse(data).vlan
        except MalformedPacket:
            return None
        settings = self.vlans_of(port.interface)
        vlan = tag.identifier if tag is not None and tag.identifier else settings.native
        return vlan if vlan and settings.carries(vlan) else None

    def _flood(self, port: Port, vlan: int, frame: bytes, trace: PacketTrace | None) -> None:
        others = [one for one in self.ports.values() if one is not port and one.carrier and self._carries(one, vlan)]
        self.counters["flooded"] += 1
        if trace is not None:
            names = ", ".join(one.interface for one in others)
            trace.add(Note(f"flooded to {names}{_in(vlan)}") if others else Lost("no other port is up"))
        for one in others:
            self._transmit(one, vlan, frame, trace)

    def _carries(self, port: Port, vlan: int) -> bool:
        return not vlan or self.vlans_of(port.interface).carries(vlan)

    def _transmit(self, port: Port, vlan: int, data: bytes, trace: PacketTrace | None) -> None:
        """Send with the tag that the port wants; the priority of a tag stays while there is one."""
        if vlan:
            frame = EthernetFrame.parse(data)
            old = frame.vlan or VlanTag(0)
            tag = None if vlan == self.vlans_of(port.interface).native else replace(old, identifier=vlan)
            data = replace(frame, vlan=tag).build()
        port.transmit(data, trace)

    def _drop(self, counter: str, reason: str, trace: PacketTrace | None) -> None:
        self.counters[counter] += 1
        if trace is not None:
            trace.add(Lost(reason))

    def _carrier(self, port: Port, up: bool) -> None:
        if not up:
            self._stations = {key: one for key, one in self._stations.items() if one.port is not port}


def _in(vlan: int) -> str:
    return f" in VLAN {vlan}" if vlan else ""
