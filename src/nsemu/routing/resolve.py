"""Lookup over all virtual routers: a route to another virtual router continues the lookup there (B373)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from nsemu.routing.entry import RouteEntry
from nsemu.routing.table import RoutingTable


class Resolution(NamedTuple):
    """The entry that gives the egress interface, and all entries on the way to it (`entry` is the last one)."""

    entry: RouteEntry
    path: tuple[RouteEntry, ...]


class RoutingFailure(Enum):
    """Why a destination has no route; the value completes "packet dropped, …"."""

    NO_ROUTE = "no route"
    LOOP = "route loop between virtual routers"
    NO_VROUTER = "no virtual router"


class Unresolved(NamedTuple):
    """A lookup that failed: where it ended, and the entries followed until then."""

    failure: RoutingFailure
    vrouter: str
    path: tuple[RouteEntry, ...]


def resolve(tables: Mapping[str, RoutingTable], vrouter: str, destination: int) -> Resolution | None:
    """Look `destination` up, beginning in `vrouter`. None when there is no way: `why_unresolved` then tells why.

    A route through the null interface is a resolution; see `RouteEntry.discards`.
    """
    table = tables.get(vrouter)
    entry = table.lookup(destination) if table is not None else None
    if entry is None:
        return None
    if entry.next_vrouter is None:
        return Resolution(entry, (entry,))
    found = _follow(tables, vrouter, destination)
    return found if isinstance(found, Resolution) else None


def why_unresolved(tables: Mapping[str, RoutingTable], vrouter: str, destination: int) -> Unresolved | None:
    """Why `resolve` gives None for the same arguments; None when it does not."""
    found = _follow(tables, vrouter, destination)
    return found if isinstance(found, Unresolved) else None


def _follow(tables: Mapping[str, RoutingTable], vrouter: str, destination: int) -> Resolution | Unresolved:
    path: list[RouteEntry] = []
    seen: set[str] = set()
    while True:
        if vrouter in seen:
            return Unresolved(RoutingFailure.LOOP, vrouter, tuple(path))
        seen.add(vrouter)
        table = tables.get(vrouter)
        if table is None:
            return Unresolved(RoutingFailure.NO_VROUTER, vrouter, tuple(path))
        entry = table.lookup(destination)
        if entry is None:
            return Unresolved(RoutingFailure.NO_ROUTE, vrouter, tuple(path))
        path.append(entry)
        if entry.next_vrouter is None:
            return Resolution(entry, tuple(path))
        vrouter = entry.next_vrouter
