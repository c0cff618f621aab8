"""Virtual routers and their routes as `get vrouter` and `get route` show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nsemu.config.vrouter import RouteKey, VirtualRouter
from nsemu.device.device import Device
from nsemu.routing.entry import RouteEntry
from nsemu.routing.resolve import resolve
from nsemu.routing.table import RoutingTable
from nsemu.runtime.interface import abbreviate
from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class RouteView:
    """One route. `interface` is None for a route to `next_vrouter`, or whose gateway no interface reaches.

    `protocol` is the letter of the P column. `fault` says why it cannot be used, "" when it can.
    """

    id: int
    vrouter: str
    prefix: Prefix
    interface: str | None
    short_interface: str | None
    gateway: int
    next_vrouter: str | None
    protocol: str
    permanent: bool
    preference: int
    metric: int
    active: bool
    fault: str
    description: str


@dataclass(frozen=True, slots=True)
class VrouterView:
    """One virtual router with its routes, by ID, and the names of its zones and interfaces."""

    record: VirtualRouter
    default: bool
    routes: tuple[RouteView, ...]
    zones: tuple[str, ...]
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookupView:
    """What one virtual router does with an address: the route it begins with, and the one that says where it leaves."""

    vrouter: str
    first: RouteView | None
    last: RouteView | None


@dataclass(frozen=True, slots=True)
class SourceTableView:
    """A table by source; `interface` is the ingress interface of a SIBR table, None for the one of all interfaces."""

    vrouter: str
    interface: str | None
    routes: tuple[RouteView, ...]


def source_table_views(device: Device) -> tuple[SourceTableView, ...]:
    """The tables by source of all virtual routers, by ID, then those by ingress interface."""
    selection = device.state.selection
    sources = selection.sources if selection is not None else {}
    ingresses = selection.ingresses if selection is not None else {}
    rows: list[tuple[str, str | None, RoutingTable | None]] = [
        (name, None, sources.get(name)) for name in _names(device)
    ]
    rows += [(vrouter, interface, table) for (vrouter, interface), table in ingresses.items()]
    return tuple(
        SourceTableView(vrouter, interface, tuple(_route(device, entry) for entry in table.entries) if table else ())
        for vrouter, interface, table in rows
    )


def vrouter_views(device: Device) -> tuple[VrouterView, ...]:
    """All virtual routers by ID."""
    ordered = sorted(device.config.vrouters.values(), key=lambda record: record.id)
    return tuple(_vrouter(device, record) for record in ordered)


def vrouter_view(device: Device, name: str) -> VrouterView | None:
    """One virtual router, None when there is none of that name."""
    record = device.config.vrouters.get(name)
    return _vrouter(device, record) if record is not None else None


def lookup_views(device: Device, address: int) -> tuple[LookupView, ...]:
    """How each virtual router would route an address. Counts nothing and changes nothing."""
    return tuple(_lookup(device, name, address) for name in _names(device))


def _names(device: Device) -> Iterator[str]:
    return (record.name for record in sorted(device.config.vrouters.values(), key=lambda record: record.id))


def _vrouter(device: Device, record: VirtualRouter) -> VrouterView:
    config = device.config
    table = device.state.routes.get(record.name)
    zones = tuple(zone.name for zone in config.zones.values() if zone.vrouter == record.name)
    interfaces = tuple(item.name for item in device.interfaces.items.values() if item.vrouter == record.name)
    routes = tuple(_route(device, entry) for entry in table.entries) if table is not None else ()
    return VrouterView(record, record.name == "trust-vr", routes, zones, interfaces)


def _route(device: Device, entry: RouteEntry) -> RouteView:
    static = device.config.routes.get(entry.key) if isinstance(entry.key, RouteKey) else None
    return RouteView(
        entry.id,
        entry.vrouter,
        entry.prefix,
        entry.interface,
        abbreviate(entry.interface) if entry.interface is not None else None,
        entry.gateway,
        entry.next_vrouter,
        entry.protocol.value,
        entry.permanent,
        entry.preference,
        entry.metric,
        entry.active,
        entry.fault,
        static.description if static is not None else "",
    )


def _lookup(device: Device, vrouter: str, address: int) -> LookupView:
    resolution = resolve(device.state.routes, vrouter, address)
    if resolution is None:
        return LookupView(vrouter, None, None)
    return LookupView(vrouter, _route(device, resolution.path[0]), _route(device, resolution.entry))
