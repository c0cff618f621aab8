"""A device in one line, for the lab's table of nodes."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.interface import InterfaceKind
from nsemu.device.device import Device
from nsemu.device.views.interfaces import InterfaceView, interface_views
from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """What `inspect` shows of a device. `addresses` are (interface, address), of interfaces that have their own.

    The counts of interfaces are of those in a zone; `uptime` in whole seconds.
    """

    name: str
    hostname: str
    platform: str
    product: str
    release: str
    uptime: int
    interfaces_up: int
    interfaces: int
    addresses: tuple[tuple[str, Prefix], ...]
    tunnels_active: int
    tunnels: int
    sessions: int


def device_summary(device: Device) -> DeviceSummary:
    """A device as it stands now."""
    platform = device.config.platform
    views = [view for view in interface_views(device) if _counts(view)]
    tunnels = list(device.database)
    return DeviceSummary(
        device.name,
        device.config.system.hostname,
        platform.name,
        platform.product,
        platform.release,
        device.clock.uptime_seconds(device.booted_at),
        sum(view.up for view in views),
        len(views),
        tuple((view.name, view.address) for view in views if view.address is not None),
        sum(tunnel.active for tunnel in tunnels),
        len(tunnels),
        len(device.state.sessions),
    )


def _counts(view: InterfaceView) -> bool:
    return view.zone_bound and view.kind not in {InterfaceKind.NULL, InterfaceKind.VLAN}
