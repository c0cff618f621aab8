"""Interfaces and zones as `get interface` and `get zone` show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from nsemu.config.bridge import VLAN1
from nsemu.config.interface import BridgeSettings, Interface, InterfaceKind, InterfaceMode, ManagementService, WebAuth
from nsemu.config.zone import Zone, ZoneKind
from nsemu.device.device import Device
from nsemu.device.views.system import local_date
from nsemu.runtime.interface import RunInterface, abbreviate
from nsemu.wire.address import Prefix

_KIND_ORDER = {
    InterfaceKind.ETHERNET: 0,
    InterfaceKind.LOOPBACK: 2,
    InterfaceKind.TUNNEL: 3,
    InterfaceKind.VLAN: 4,
    InterfaceKind.NULL: 5,
}
_DIGITS = re.compile(r"(\d+)")

# Zones without interfaces of their own show a fixed one (screenos-cli §1.4).
_FIXED_DEFAULTS = {
    "Self": "self",
    "V1-Untrust": "v1-untrust",
    "V1-Trust": "v1-trust",
    "V1-DMZ": "v1-dmz",
    "VLAN": "vlan1",
    "V1-Null": "l2v",
    "Untrust-Tun": "hidden.1",
}


@dataclass(frozen=True, slots=True)
class NextHopTunnelView:
    """One row of a next-hop tunnel binding table. `static` tells whether the admin wrote it."""

    next_hop: int
    tunnel_id: int
    vpn: str
    static: bool
    up: bool


@dataclass(frozen=True, slots=True)
class InterfaceView:
    """One interface.

    `state` is the letter of `get interface`: U up, D down, R ready (a tunnel interface with a usable VPN that nothing
    monitors). `address` is its own, None for none; `effective` (with `length`) is it or a
    borrowed one. `mac` is None for interfaces
    that have none. `changed` is None while the state never changed. `vpns` are the names of the VPNs bound to it;
    `bridge` is what `vlan1` is told of layer 2. `tag` is the VLAN of a sub-interface, 0 without; `group` the bridge
    group whose port it is.
    """

    name: str
    short_name: str
    kind: InterfaceKind
    number: int
    if_index: int
    zone: str
    zone_bound: bool
    vrouter: str
    address: Prefix | None
    effective: int
    length: int
    lender: str | None
    mac: bytes | None
    manage_ip: int
    manage: frozenset[ManagementService]
    manageable: bool
    nat_mode: bool
    carrier: bool
    admin_down: bool
    up: bool
    state: str
    changes: int
    changed: datetime | None
    admin_mtu: int
    mtu: int
    description: str
    vpns: tuple[str, ...]
    next_hops: tuple[NextHopTunnelView, ...]
    dhcp_client: bool = False
    bridge: BridgeSettings | None = None
    tag: int = 0
    group: str | None = None
    route_deny: bool = False
    webauth: bool = False
    webauth_ip: int = 0

    @property
    def is_tunnel(self) -> bool:
        """Whether it is a tunnel interface."""
        return self.kind is InterfaceKind.TUNNEL


@dataclass(frozen=True, slots=True)
class ZoneView:
    """One zone: its record, its interfaces, and the interface that `get zone` shows as default."""

    zone: Zone
    interfaces: tuple[str, ...]
    default_interface: str


def interface_views(device: Device) -> tuple[InterfaceView, ...]:
    """All interfaces in the order of `get interface`: the ports of a bridge group stand below it."""
    ordered = sorted(device.interfaces.items.values(), key=lambda interface: _order(interface.config))
    views = []
    for interface in ordered:
        if interface.group is None:
            ports = sorted(interface.ports, key=lambda port: _order(port.config))
            views += [_interface(device, one) for one in (interface, *ports)]
    return tuple(views)


def interface_view(device: Device, name: str) -> InterfaceView | None:
    """One interface, None when there is none of that name."""
    interface = device.interfaces.items.get(name)
    return _interface(device, interface) if interface is not None else None


def zone_views(device: Device) -> tuple[ZoneView, ...]:
    """All zones by ID."""
    return tuple(_zone(device, zone) for zone in sorted(device.config.zones.values(), key=lambda zone: zone.id))


def zone_view(device: Device, name: str) -> ZoneView | None:
    """One zone, None when there is none of that name."""
    zone = device.config.zones.get(name)
    return _zone(device, zone) if zone is not None else None


def _order(record: Interface) -> tuple[int, list[int | str]]:
    parts: list[int | str] = [int(part) if part.isdigit() else part for part in _DIGITS.split(record.name)]
    return (1 if record.is_group else _KIND_ORDER[record.kind]), parts


def _interface(device: Device, interface: RunInterface) -> InterfaceView:
    config = device.config
    record = interface.config
    zone = config.zones.get(record.zone)
    bound = zone is not None and zone.kind is not ZoneKind.NULL
    tunnels = [device.database.tunnels[number] for number in interface.tunnel_ids]
    changed = local_date(device, interface.last_change) if interface.status_changes else None
    return InterfaceView(
        record.name,
        interface.short_name,
        record.kind,
        interface.number,
        interface.if_index,
        record.zone,
        bound,
        zone.vrouter if zone is not None else "",
        record.address,
        interface.address,
        _length(device, record),
        record.unnumbered,
        interface.mac if record.kind in {InterfaceKind.ETHERNET, InterfaceKind.VLAN} else None,
        interface.manage_ip or interface.address,
        interface.manage,
        record.manageable,
        record.mode is InterfaceMode.NAT,
        interface.carrier,
        record.link_down,
        interface.up,
        _state(interface, zone),
        interface.status_changes,
        changed,
        record.mtu,
        interface.mtu,
        record.description,
        tuple(dict.fromkeys(tunnel.settings.vpn for tunnel in tunnels)),
        tuple(_next_hops(device, interface)),
        record.dhcp_client,
        record.bridge if record.name == VLAN1 else None,
        record.tag,
        record.port_group,
        record.route_deny,
        webauth=record.webauth is not WebAuth.OFF,
        webauth_ip=record.webauth_ip,
    )


def _next_hops(device: Device, interface: RunInterface) -> Iterator[NextHopTunnelView]:
    """The bindings of an interface by next hop: those that the admin wrote (B334), then those of peers (B335).

    Those of VPNs that are not bound here lead nowhere, and what the admin wrote hides what a peer says.
    """
    numbers = {device.database.tunnels[number].settings.vpn: number for number in interface.tunnel_ids}
    for (name, next_hop), vpn in sorted(device.config.nhtb.items()):
        if name == interface.name and vpn in numbers:
            number = numbers[vpn]
            yield NextHopTunnelView(next_hop, number, vpn, True, device.database.tunnels[number].active)
    for (name, next_hop), number in sorted(device.state.learned_hops.items()):
        if name == interface.name and (name, next_hop) not in device.config.nhtb:
            tunnel = device.database.tunnels[number]
            yield NextHopTunnelView(next_hop, number, tunnel.settings.vpn, False, tunnel.active)


def _length(device: Device, record: Interface) -> int:
    lender = device.config_in_force.interfaces.get(record.unnumbered) if record.unnumbered is not None else None
    prefix = lender.address if lender is not None else record.address
    return prefix.length if prefix is not None else 0


def _state(interface: RunInterface, zone: Zone | None) -> str:
    if not interface.up:
        return "D"
    if interface.kind is InterfaceKind.TUNNEL and (zone is None or zone.kind is not ZoneKind.TUNNEL):
        return "R"
    return "U"


def _zone(device: Device, zone: Zone) -> ZoneView:
    records = sorted((item for item in device.config.interfaces.values() if item.zone == zone.name), key=_order)
    names = tuple(record.name for record in records)
    own = [name for name in names if name != "null"]
    default = _FIXED_DEFAULTS.get(zone.name) or (own[0] if own else "null")
    return ZoneView(zone, names, default)


def short_name(name: str) -> str:
    """The name of an interface as tables abbreviate it: `ethernet0/0` → `eth0/0`."""
    return abbreviate(name)
