"""What interfaces watch, as `get interface X monitor` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.monitor import InterfaceMonitor
from nsemu.device.device import Device


@dataclass(frozen=True, slots=True)
class TargetView:
    """One tracked address. `next_hop` is 0 on the network of the interface; `rate` are answered probes in percent."""

    address: int
    interval: int
    threshold: int
    weight: int
    method: str
    next_hop: int
    missed: int
    rate: int
    failed: bool


@dataclass(frozen=True, slots=True)
class MonitorView:
    """The monitoring of one interface: objects as (name, weight, failed)."""

    record: InterfaceMonitor
    down: bool
    track_failed: bool
    targets: tuple[TargetView, ...]
    interfaces: tuple[tuple[str, int, bool], ...]
    zones: tuple[tuple[str, int, bool], ...]

    @property
    def target_weight(self) -> int:
        """The weights of the failed targets."""
        return sum(target.weight for target in self.targets if target.failed)

    @property
    def weight(self) -> int:
        """The weights of all that failed."""
        failed = sum(weight for _, weight, down in (*self.interfaces, *self.zones) if down)
        return failed + (self.record.track_weight if self.track_failed else 0)


def monitor_view(device: Device, name: str) -> MonitorView:
    """The monitoring of an interface of the configuration."""
    record = device.config.interfaces[name].monitor
    items = device.interfaces.items
    up = {other: other in items and items[other].up for other in device.config.interfaces}
    zones = []
    for zone, weight in record.zones:
        members = [other.name for other in device.config.interfaces.values() if other.zone == zone]
        zones.append((zone, weight, bool(members) and not any(up[other] for other in members)))
    return MonitorView(
        record,
        name in device.interfaces.held_down,
        name in device.monitors.failed,
        tuple(_target(device, name, held.target.address) for held in device.monitors.of_interface(name)),
        tuple((other, weight, not up.get(other, False)) for other, weight in record.interfaces),
        tuple(zones),
    )


def _target(device: Device, name: str, address: int) -> TargetView:
    held = device.monitors.tracked[(name, address)]
    target = held.target
    next_hop = device.monitors.next_hop(device.interfaces.items[name], address)
    done = held.sent - held.waiting
    return TargetView(
        address,
        target.interval,
        target.threshold,
        target.weight,
        "arp" if target.arp else "ping",
        0 if next_hop == address else next_hop,
        held.missed,
        100 * (done - held.lost) // done if done else 100,
        held.failed,
    )
