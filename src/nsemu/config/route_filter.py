"""Which routes one virtual router gives to another: access lists, route maps, import and export rules."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One entry of an access list. `prefix` None is `default-route`."""

    list_id: int
    sequence: int
    permit: bool
    prefix: Prefix | None


@dataclass(frozen=True, slots=True)
class RouteMapEntry:
    """One entry of a route map: what a route must have (all of it), and what it gets.

    `ip` and `next_hop` are the access lists that its network and its gateway must pass. `new_metric` replaces the
    metric; `preserve_preference` keeps the preference that it has at home.
    """

    name: str
    sequence: int
    permit: bool
    ip: int | None = None
    next_hop: int | None = None
    interface: str | None = None
    metric: int | None = None
    new_metric: int | None = None
    preserve_preference: bool = False


@dataclass(frozen=True, slots=True)
class RouteRule:
    """`export-to` or `import-from` another virtual router: routes of a protocol that pass a route map."""

    vrouter: str
    route_map: str
    protocol: str


PROTOCOLS = ("bgp", "connected", "imported", "ospf", "rip", "static")
"""Sources of routes that a rule can name."""
