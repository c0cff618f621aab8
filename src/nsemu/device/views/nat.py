"""DIP pools, MIPs and VIPs as `get dip`, `get mip` and `get vip` show them."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.nat import DipPool, Vip
from nsemu.device.device import Device
from nsemu.device.translation import own_address, virtual_ports
from nsemu.routing.resolve import resolve
from nsemu.runtime.interface import abbreviate


@dataclass(frozen=True, slots=True)
class DipView:
    """One pool. `attribute` says how it translates; `in_use` counts the sessions that hold a source of it."""

    id: int
    low: int
    high: int
    short_interface: str
    attribute: str
    in_use: int
    interface: str


@dataclass(frozen=True, slots=True)
class MipView:
    """One mapped address, or network of `length`."""

    address: int
    host: int
    short_interface: str
    length: int
    vrouter: str
    interface: str


@dataclass(frozen=True, slots=True)
class VipView:
    """One port of a virtual address. `reachable`: whether there is a route to the server by an interface in use."""

    address: int
    port: int
    service: str
    host: int
    server_port: int
    reachable: bool


def dip_views(device: Device) -> tuple[DipView, ...]:
    """All pools by ID."""
    pools = sorted(device.state.pools.values(), key=lambda pool: pool.record.id)
    return tuple(
        DipView(
            pool.record.id,
            pool.record.low,
            pool.record.high,
            abbreviate(pool.record.interface),
            _attribute(pool.record),
            pool.in_use,
            pool.record.interface,
        )
        for pool in pools
    )


def _attribute(record: DipPool) -> str:
    if record.shift_from is not None:
        return "ip-shift"
    return "fix-port" if record.fixed_port else "port-xlate"


def mip_views(device: Device) -> tuple[MipView, ...]:
    """All MIPs in the order in which they were made."""
    return tuple(
        MipView(mip.address, mip.host, abbreviate(mip.interface), mip.length, mip.vrouter, mip.interface)
        for mip in device.config.mips.values()
    )


def vip_views(device: Device) -> tuple[VipView, ...]:
    """All VIPs in the order in which they were made."""
    return tuple(_vip(device, vip) for vip in device.config.vips.values())


def _vip(device: Device, vip: Vip) -> VipView:
    ports = next(virtual_ports(device.config, vip), None)
    server_port = vip.port + ports.shift if ports is not None else vip.port
    address = vip.address or own_address(device.config, vip.interface)
    return VipView(address, vip.port, vip.service, vip.host, server_port, _reachable(device, vip))


def _reachable(device: Device, vip: Vip) -> bool:
    interface = device.state.interfaces.get(vip.interface)
    vrouter = interface.vrouter if interface is not None else ""
    resolution = resolve(device.state.routes, vrouter, vip.host)
    if resolution is None or resolution.entry.discards:
        return False
    egress = device.state.interfaces.get(resolution.entry.interface or "")
    return egress is not None and egress.up
