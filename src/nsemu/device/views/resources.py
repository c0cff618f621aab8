"""What a device has in use: memory, sockets, packets that wait, tasks, gates (`get memory`, `get socket`, …).

The figures of memory are a model: what the tables hold, at a fixed number of octets for each entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.device.device import Device
from nsemu.device.ramp import HOURS, MINUTES, SECONDS
from nsemu.sim.scheduler import SECOND

_BASE_SHARE = 0.42
"""The part of the memory that the image and its fixed tables take."""

_MEGABYTE = 1 << 20
_SESSION, _ROUTE, _NEIGHBOR, _POLICY, _OBJECT, _SA, _EVENT = 512, 128, 96, 640, 160, 1024, 256


@dataclass(frozen=True, slots=True)
class MemoryView:
    """Octets: what is taken, what is free, in how many pieces that is; and by what, (name, entries, octets)."""

    allocated: int
    left: int
    fragments: int
    modules: tuple[tuple[str, int, int], ...]


def memory_view(device: Device) -> MemoryView:
    """The memory of a device by what its tables hold now."""
    config, state = device.config, device.state
    objects = len(config.addresses) + len(config.services) + len(config.kept) + len(config.users)
    counted = (
        ("session", len(state.sessions), _SESSION),
        ("route", sum(len(table) for table in state.routes.values()), _ROUTE),
        ("arp", len(state.neighbors.entries), _NEIGHBOR),
        ("policy", len(config.policies), _POLICY),
        ("object", objects, _OBJECT),
        ("sa", len(list(device.database)), _SA),
        ("event", len(device.event_log), _EVENT),
    )
    modules = tuple((name, count, count * size) for name, count, size in counted)
    total = config.platform.memory * _MEGABYTE
    allocated = int(total * _BASE_SHARE) + sum(octets for _, _, octets in modules)
    pieces = sum(1 for _, count, _ in modules if count)
    return MemoryView(allocated, max(0, total - allocated), pieces, modules)


@dataclass(frozen=True, slots=True)
class SocketView:
    """An open port or a connection of the device's own; addresses are 0 where any will do."""

    protocol: str
    state: str
    remote: tuple[int, int]
    local: tuple[int, int]


def socket_views(device: Device) -> tuple[SocketView, ...]:
    """TCP ports and connections, then UDP ports."""
    listening = [SocketView("tcp", "listen", (0, 0), (0, port)) for port in device.tcp.ports]
    open_ = [SocketView("tcp", state, remote, local) for state, local, remote in device.tcp.connections()]
    udp = [SocketView("udp", "open", (0, 0), (0, port)) for port in sorted(device.state.udp_handlers)]
    return (*listening, *open_, *udp)


@dataclass(frozen=True, slots=True)
class HeldPackets:
    """Packets that wait in the device: for ARP, and fragments for the rest of theirs."""

    arp: int
    datagrams: int


def held_packets(device: Device) -> HeldPackets:
    """What the device holds now."""
    queued = sum(len(entry.queue) for entry in device.state.neighbors.entries.values())
    return HeldPackets(queued, len(device.state.reassembly))


@dataclass(frozen=True, slots=True)
class TaskView:
    """One of the engines of a device: how many things it has in hand, and seconds until its next timer, if any."""

    name: str
    busy: int
    next_timer: int | None


def task_views(device: Device) -> tuple[TaskView, ...]:
    """The engines that run."""
    now, engine = device.scheduler.now, device.ike.engine
    deadline = engine.next_deadline()
    ike_timer = None if deadline is None else max(0, deadline - now) // SECOND
    connections = len(device.tcp.connections())
    return (
        TaskView("flow", len(device.state.sessions), None),
        TaskView("ike", len(engine.phase1s(now)), ike_timer),
        TaskView("arp", sum(1 for entry in device.state.neighbors.entries.values() if entry.queue), None),
        TaskView("mgmt", connections, None),
        TaskView("dns", len(device.config.system.dns_servers), None),
        TaskView("dhcpc", len(device.dhcp.clients), None),
    )


@dataclass(frozen=True, slots=True)
class RampView:
    """Sessions made by second, minute and hour, the newest first; `rated` is what the platform can make a second."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    rated: int

    def since(self, minutes: int) -> int:
        """Sessions of the last minutes."""
        return sum(self.seconds) if minutes == 1 else sum(self.minutes[:minutes])

    def load(self, sessions: int, seconds: int) -> int:
        """The part of the processor, in percent, that so many sessions in so many seconds take; 1 for any at all."""
        return min(100, -(-sessions * 100 // (self.rated * seconds)))


def ramp_view(device: Device) -> RampView:
    """How fast sessions are being made."""
    now, ramp = device.scheduler.now, device.ramp
    seconds, minutes, hours = (ramp.recent(unit, now) for unit in (SECONDS, MINUTES, HOURS))
    return RampView(seconds, minutes, hours, device.config.platform.ramp)


@dataclass(frozen=True, slots=True)
class GateView:
    """An announced connection that is awaited; `seconds` until nobody waits any more."""

    vrouter: str
    source: int
    destination: tuple[int, int]
    translated: tuple[int, int]
    session_id: int
    seconds: int


def gate_views(device: Device) -> tuple[GateView, ...]:
    """The open gates."""
    now = device.scheduler.now
    return tuple(
        GateView(vrouter, source, (destination, port), gate.new_destination, gate.session.id, left // SECOND)
        for gate in device.state.gates
        if (left := gate.expires - now) > 0
        for vrouter, source, destination, port in (gate.key,)
    )
