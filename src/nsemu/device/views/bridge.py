"""The MAC table of a device in transparent mode, as `get mac-learn` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.device.device import Device
from nsemu.runtime.mac_table import AGEING
from nsemu.sim.scheduler import SECOND


@dataclass(frozen=True, slots=True)
class MacView:
    """One address; `age` are the seconds until it is forgotten."""

    mac: bytes
    interface: str
    zone: str
    age: int


def mac_views(device: Device, interface: str | None = None) -> tuple[MacView, ...]:
    """What was learned, behind all interfaces or behind one, by address."""
    now = device.scheduler.now
    return tuple(
        MacView(entry.mac, entry.interface.name, entry.interface.zone, -(-(entry.seen + AGEING - now) // SECOND))
        for entry in device.state.bridge.macs.entries(now)
        if interface in {None, entry.interface.name}
    )


def forget_macs(device: Device) -> int:
    """`clear mac-learn`: forget all; how many there were. Sessions look for their ports anew."""
    device.state.generation += 1
    return device.state.bridge.macs.clear()
