"""A learning Ethernet switch (IEEE 802.1D §7): forwards by MAC address, floods what it does not know, knows no VLANs.

Tags pass through unchanged. There is no spanning tree: a loop of links is a loop, and the lab's event budget ends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from nsemu.lab.arguments import CommandRefused, suggestion
from nsemu.lab.port import Port
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.scheduler import SECOND, Duration, Instant, Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.ethernet import HEADER_LENGTH, is_group

AGEING_TIME: Final[Duration] = 300 * SECOND
"""IEEE 802.1D table 7-5."""

_COMMANDS: Final = ("macs", "ports", "help")


@dataclass(frozen=True, slots=True)
class _Station:
    port: Port
    seen_at: Instant


class Switch:
    """A node of kind `switch`. Ports come into being when they are asked for."""

    def __init__(self, name: str, scheduler: Scheduler, *, ageing: Duration = AGEING_TIME) -> None:
        self.name = name
        self.scheduler = scheduler
        self.ageing = ageing
        self.ports: dict[str, Port] = {}
        self.counters: Counter[str] = Counter()
        self._stations: dict[bytes, _Station] = {}

    def port(self, interface: str) -> Port:
        """The port of that name, made at the first call."""
        port = self.ports.get(interface)
        if port is None:
            port = self.ports[interface] = Port(self.name, interface)
            port.on_receive = partial(self._receive, port)
            port.on_carrier = partial(self._carrier, port)
        return port

    def stations(self) -> Iterator[tuple[bytes, str]]:
        """The MAC addresses known and the interface each was seen on, in order of address."""
        for mac in sorted(self._stations):
            port = self._lookup(mac)
            if port is not None:
                yield mac, port.interface

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
            yield "".join(f"{mac.hex(':')} {interface}\n" for mac, interface in self.stations())
        else:
            yield "".join(f"{one.interface} {'up' if one.carrier else 'down'}\n" for one in self.ports.values())

    def _lookup(self, mac: bytes) -> Port | None:
        station = self._stations.get(mac)
        if station is None:
            return None
        if self.scheduler.now - station.seen_at >= self.ageing:
            del self._stations[mac]
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
        self._stations[source] = _Station(port, self.scheduler.now)
        out = None if is_group(destination) else self._lookup(destination)
        if out is None:
            self._flood(port, frame, trace)
        elif out is port:
            self._drop("filtered", f"the destination is on {port.interface} itself", trace)
        else:
            self.counters["forwarded"] += 1
            if trace is not None:
                trace.add(Note(f"switched to {out.interface}"))
            out.transmit(frame, trace)

    def _flood(self, port: Port, frame: bytes, trace: PacketTrace | None) -> None:
        others = [one for one in self.ports.values() if one is not port and one.carrier]
        self.counters["flooded"] += 1
        if trace is not None:
            names = ", ".join(one.interface for one in others)
            trace.add(Note(f"flooded to {names}") if others else Lost("no other port is up"))
        for one in others:
            one.transmit(frame, trace)

    def _drop(self, counter: str, reason: str, trace: PacketTrace | None) -> None:
        self.counters[counter] += 1
        if trace is not None:
            trace.add(Lost(reason))

    def _carrier(self, port: Port, up: bool) -> None:
        if not up:
            self._stations = {mac: one for mac, one in self._stations.items() if one.port is not port}
