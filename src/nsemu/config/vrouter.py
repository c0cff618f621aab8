"""Virtual routers and static routes as configured (`set vrouter …`, `set route …`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from nsemu.config.pbr import NO_PBR, PolicyBasedRouting
from nsemu.config.route_filter import AccessEntry, RouteMapEntry, RouteRule
from nsemu.wire.address import Prefix

UNTRUST_VR = "untrust-vr"
TRUST_VR = "trust-vr"
FIRST_USER_VROUTER_ID = 1025

STATIC_PREFERENCE = 20
"""Default preference of a static route (B182)."""
STATIC_METRIC = 1
"""Default metric of a static route (B182)."""


DEFAULT_PREFERENCES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "auto-exported": 30,
        "connected": 0,
        "ebgp": 40,
        "ibgp": 250,
        "imported": 140,
        "nhrp": 100,
        "ospf": 60,
        "ospf-e2": 200,
        "rip": 100,
        "static": STATIC_PREFERENCE,
    }
)
"""Route preference by source of a route; the words are those of `set vrouter X preference`."""

MOST_ECMP_ROUTES: Final = 4


class RouteTableKind(Enum):
    """What a routing table of a virtual router goes by; the value is the word of `route-lookup preference`."""

    DESTINATION = "destination-routing"
    SOURCE = "source-routing"
    INGRESS = "sibr-routing"


DEFAULT_LOOKUP_ORDER: Final[tuple[tuple[RouteTableKind, int], ...]] = (
    (RouteTableKind.DESTINATION, 1),
    (RouteTableKind.SOURCE, 2),
    (RouteTableKind.INGRESS, 3),
)
"""The table with the highest number is asked first."""


@dataclass(frozen=True, slots=True)
class VirtualRouter:
    """A virtual router. `sharable` lets virtual systems use it.

    `preferences` are those that differ from `DEFAULT_PREFERENCES`. `lookup_order` ranks the tables, the highest number
    first; a table other than the one by destination is asked only when its routing is on. `default_vrouter` is where
    `add-default-route` points.
    """

    name: str
    id: int
    sharable: bool = False
    auto_route_export: bool = False
    predefined: bool = False
    preferences: tuple[tuple[str, int], ...] = ()
    max_ecmp_routes: int = 1
    source_routing: bool = False
    sibr_routing: bool = False
    lookup_order: tuple[tuple[RouteTableKind, int], ...] = DEFAULT_LOOKUP_ORDER
    default_vrouter: str | None = None
    access_lists: tuple[AccessEntry, ...] = ()
    route_maps: tuple[RouteMapEntry, ...] = ()
    exports: tuple[RouteRule, ...] = ()
    imports: tuple[RouteRule, ...] = ()
    pbr: PolicyBasedRouting = NO_PBR

    def preference(self, source: str) -> int:
        """The preference of routes of a source, such as "static"."""
        return dict(self.preferences).get(source, DEFAULT_PREFERENCES[source])

    @property
    def tables(self) -> tuple[RouteTableKind, ...]:
        """The tables that are asked, in their order."""
        on = {
            RouteTableKind.DESTINATION: True,
            RouteTableKind.SOURCE: self.source_routing,
            RouteTableKind.INGRESS: self.sibr_routing,
        }
        ranked = sorted(self.lookup_order, key=lambda item: -item[1])
        return tuple(kind for kind, _ in ranked if on[kind])


@dataclass(frozen=True, slots=True)
class RouteKey:
    """What makes a static route a different route: where it is, what it matches, where it points.

    Exactly one of `interface` and `next_vrouter` is set, or neither with a `gateway` (the interface is then found).
    `by` is the table it stands in: the prefix is one of source addresses when that is not `DESTINATION`. `in_interface`
    is the ingress interface of an `INGRESS` route, None for others.
    """

    vrouter: str
    prefix: Prefix
    interface: str | None = None
    gateway: int | None = None
    next_vrouter: str | None = None
    by: RouteTableKind = RouteTableKind.DESTINATION
    in_interface: str | None = None


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """A static route with what is negotiable about it.

    `learned_gateway` is the next hop that a DHCP lease gave, 0 for none: run-time state, never what an admin wrote.
    """

    key: RouteKey
    preference: int | None = None  # None: that of static routes of its router.
    metric: int = STATIC_METRIC
    permanent: bool = False
    description: str = ""
    learned_gateway: int = 0


PREDEFINED_VROUTERS: tuple[VirtualRouter, ...] = (
    VirtualRouter(UNTRUST_VR, 1, sharable=True, predefined=True),
    VirtualRouter(TRUST_VR, 2, predefined=True),
)
