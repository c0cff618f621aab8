"""What `get system`, `get clock` and `get hostname` are laid out from."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime

from nsemu.config.bridge import is_transparent
from nsemu.config.platform import Platform
from nsemu.device.device import Device
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix

_UNIX_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ClockView:
    """The calendar side of a device. Dates are local; `uptime` in whole seconds; `timezone` in hours east of UTC.

    `unix_nanoseconds` is UTC, counted from 1 January 1970. `has_saving` tells whether the clocks are
    changed in summer, `has_ntp` whether time servers set them.
    """

    now: datetime
    booted: datetime
    uptime: int
    timezone: int
    unix_nanoseconds: int
    has_saving: bool = False
    has_ntp: bool = False


@dataclass(frozen=True, slots=True)
class SystemView:
    """Who the device is. `serial` is 16 digits, made up from the device's name; `resets` counts restarts.

    `transparent` says that its interfaces are in layer 2 zones.
    """

    platform: Platform
    hostname: str
    serial: str
    base_mac: bytes
    image: str
    checksum: int
    vlan1_address: int
    resets: int
    admin: str
    clock: ClockView
    transparent: bool
    manager_ips: tuple[Prefix, ...]


def clock_view(device: Device) -> ClockView:
    """Date, uptime and time zone now."""
    zone = device.config.system.zone
    utc = device.clock.now()
    since = utc - _UNIX_EPOCH
    whole = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000
    return ClockView(
        device.clock.now(zone),
        device.clock.date(device.booted_at, zone),
        device.clock.uptime_seconds(device.booted_at),
        zone.hours,
        whole,
        zone.saving is not None,
        device.services.ntp.settings.enabled,
    )


def system_view(device: Device) -> SystemView:
    """The identity of a device."""
    config = device.config
    platform = config.platform
    base = device.interfaces.items[platform.interfaces[0]].mac
    vlan1 = device.interfaces.items.get("vlan1")
    image = f"{platform.name}.{platform.release}"
    return SystemView(
        platform,
        config.system.hostname,
        f"0043{int.from_bytes(base[3:], 'big'):012d}",
        base,
        image,
        zlib.crc32(image.encode()),
        vlan1.address if vlan1 is not None else 0,
        device.resets,
        config.system.admin_name,
        clock_view(device),
        is_transparent(config),
        config.system.manager_ips,
    )


def local_date(device: Device, at: int) -> datetime:
    """The local date of a virtual instant."""
    return device.clock.date(at, device.config.system.zone)
