"""Interface monitoring: addresses that are probed through an interface, and interfaces that go down for what failed.

Probes are ICMP echo requests (or ARP requests) with the address of the interface, sent out of it on the virtual clock
even while it is down logically, so that it can come back. A target fails after `threshold` probes in a row without
answer and is back with the first answer. Decides nothing about routes: `changed` is called when a failure came or went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from nsemu.config.device import DeviceConfig
from nsemu.config.monitor import TrackTarget
from nsemu.flow.packet import Packet
from nsemu.flow.state import FlowState
from nsemu.routing.entry import RouteEntry
from nsemu.runtime.event_log import Level
from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import SECOND, Timer
from nsemu.wire import icmp
from nsemu.wire.address import BROADCAST_MAC, ZERO_MAC, format_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet

_ARP = b"\x08\x06"
_DATA = bytes(range(56))
_EVENT = 62
Log = Callable[[int, Level, str], None]


@dataclass(slots=True)
class Tracked:
    """The run-time state of one target. `missed` counts probes in a row without answer, `lost` all of them."""

    interface: str
    target: TrackTarget
    identifier: int
    sequence: int = 0
    waiting: bool = False
    asked_at_expiry: int = 0
    missed: int = 0
    sent: int = 0
    lost: int = 0
    failed: bool = False
    timer: Timer | None = None


class InterfaceMonitors:
    """The targets of all interfaces of a device; `failed` are the interfaces whose tracking has failed."""

    def __init__(self, state: FlowState, log: Log, changed: Callable[[], None]) -> None:
        self._state = state
        self._log = log
        self._changed = changed
        self.tracked: dict[tuple[str, int], Tracked] = {}
        self.failed: frozenset[str] = frozenset()
        state.echo_handlers.append(self._take)

    def configure(self, config: DeviceConfig) -> None:
        """Follow the configuration: begin to probe what is new, end what is gone, leave what stayed."""
        wanted = {(name, target.address): target for name, target in _targets(config)}
        for name, record in config.interfaces.items():
            gateway = self._gateway(name) if record.monitor.dynamic else 0
            if gateway:
                wanted.setdefault((name, gateway), TrackTarget(gateway))
        for key in [key for key, held in self.tracked.items() if wanted.get(key) != held.target]:
            self._rest(self.tracked.pop(key))
        for key, target in wanted.items():
            if key not in self.tracked:
                held = Tracked(key[0], target, self._state.next_identification())
                self.tracked[key] = held
                held.timer = self._state.scheduler.after(target.interval * SECOND, self._tick, held)
        self.failed = self._failing()

    def stop(self) -> None:
        """Probe no more (the device restarts)."""
        for held in self.tracked.values():
            self._rest(held)
        self.tracked = {}

    def of_interface(self, name: str) -> list[Tracked]:
        """The targets of an interface."""
        return [held for held in self.tracked.values() if held.interface == name]

    def _rest(self, held: Tracked) -> None:
        if held.timer is not None:
            held.timer.cancel()
            held.timer = None

    def _tick(self, held: Tracked) -> None:
        """The interval is over: what was not answered is lost, and the next probe goes out."""
        if held.waiting and held.target.arp:
            neighbor = self._state.neighbors.entries.get((held.interface, held.target.address))
            if neighbor is not None and neighbor.expires > held.asked_at_expiry:
                self._answered(held)
        if held.waiting:
            self._missed(held)
        if self.tracked.get((held.interface, held.target.address)) is not held:
            return
        self._probe(held)
        held.timer = self._state.scheduler.after(held.target.interval * SECOND, self._tick, held)

    def _probe(self, held: Tracked) -> None:
        held.sequence = (held.sequence + 1) & 0xFFFF
        held.sent += 1
        held.waiting = True
        interface = self._state.interfaces.get(held.interface)
        if interface is None or not interface.carrier or not interface.address:
            return
        if held.target.arp:
            self._ask(held, interface)
            return
        way = self.next_hop(interface, held.target.address)
        if not way:
            return
        request = icmp.echo_request(held.identifier, held.sequence, _DATA).build()
        packet = Ipv4Packet(
            interface.address,
            held.target.address,
            PROTOCOL_ICMP,
            request,
            identification=self._state.next_identification(),
        )
        neighbor = self._state.neighbors.neighbor(interface, way)
        self._state.neighbors.send(neighbor, packet.build(), None)

    def _ask(self, held: Tracked, interface: RunInterface) -> None:
        held.asked_at_expiry = self._state.neighbors.neighbor(interface, held.target.address).expires
        request = ArpPacket(1, interface.mac, interface.address, ZERO_MAC, held.target.address)
        self._state.upcalls.send_frame(interface, BROADCAST_MAC + interface.mac + _ARP + request.build(), None)

    def _gateway(self, name: str) -> int:
        """The gateway of the best default route through an interface, active or not; 0 without."""
        interface = self._state.interfaces.get(name)
        table = self._state.routes.get(interface.vrouter) if interface is not None else None
        ways = [entry for entry in (table.entries if table is not None else ()) if entry.interface == name]
        best = min((entry for entry in ways if not entry.prefix.length), key=lambda entry: entry.rank, default=None)
        return best.gateway if best is not None else 0

    def next_hop(self, interface: RunInterface, address: int) -> int:
        """The next hop through an interface, whether its routes are active or not; 0 when none leads there."""
        table = self._state.routes.get(interface.vrouter)
        entries = table.entries if table is not None else ()
        ways = [entry for entry in entries if _leads(entry, interface.name, address)]
        best = min(ways, key=lambda entry: entry.rank, default=None)
        return best.next_hop(address) if best is not None else 0

    def _take(self, packet: Packet) -> bool:
        """An ICMP message for the device: whether it answers a probe."""
        try:
            message = icmp.IcmpMessage.parse(packet.data[packet.header_length :])
        except MalformedPacket:
            return False
        if message.type != icmp.ECHO_REPLY:
            return False
        for held in self.tracked.values():
            if held.identifier == message.identifier and held.target.address == packet.source:
                if held.waiting and held.sequence == message.sequence:
                    self._answered(held)
                return True
        return False

    def _answered(self, held: Tracked) -> None:
        held.waiting = False
        held.missed = 0
        if held.failed:
            held.failed = False
            self._log(_EVENT, Level.NOTIFICATION, f"Track IP IP address {format_ipv4(held.target.address)} succeeded.")
            self._review()

    def _missed(self, held: Tracked) -> None:
        held.waiting = False
        held.missed += 1
        held.lost += 1
        if not held.failed and held.missed >= held.target.threshold:
            held.failed = True
            self._log(_EVENT, Level.CRITICAL, f"Track IP IP address {format_ipv4(held.target.address)} failed.")
            self._review()

    def _failing(self) -> frozenset[str]:
        config = self._state.config
        weights: dict[str, int] = {}
        for held in self.tracked.values():
            if held.failed:
                weights[held.interface] = weights.get(held.interface, 0) + held.target.weight
        return frozenset(
            name for name, weight in weights.items() if weight >= config.interfaces[name].monitor.track_threshold
        )

    def _review(self) -> None:
        before, self.failed = self.failed, self._failing()
        if before == self.failed:
            return
        if self.failed - before:
            self._log(_EVENT, Level.CRITICAL, "Track IP failure reached threshold.")
        self._changed()


def _targets(config: DeviceConfig) -> Iterator[tuple[str, TrackTarget]]:
    for name, record in config.interfaces.items():
        if record.monitor.track:
            for target in record.monitor.targets:
                yield name, target


def _leads(entry: RouteEntry, interface: str, address: int) -> bool:
    return entry.interface == interface and address in entry.prefix and entry.prefix.length < 32


def monitored_down(config: DeviceConfig, ups: Mapping[str, bool], tracking_failed: frozenset[str]) -> set[str]:
    """The interfaces whose weights of failed objects reach their threshold, `ups` telling which are up otherwise."""
    found = set()
    for name, record in config.interfaces.items():
        monitor = record.monitor
        if not (monitor.interfaces or monitor.zones or monitor.tracks):
            continue
        weight = sum(weight for other, weight in monitor.interfaces if not ups.get(other, False))
        weight += sum(weight for zone, weight in monitor.zones if _zone_down(config, zone, ups))
        weight += monitor.track_weight if monitor.tracks and name in tracking_failed else 0
        if weight >= monitor.threshold:
            found.add(name)
    return found


def _zone_down(config: DeviceConfig, zone: str, ups: Mapping[str, bool]) -> bool:
    members = [record.name for record in config.interfaces.values() if record.zone == zone]
    return bool(members) and not any(ups.get(name, False) for name in members)
