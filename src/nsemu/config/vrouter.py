"""Virtual routers and static routes as configured (`set vrouter …`, `set route …`)."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.wire.address import Prefix

UNTRUST_VR = "untrust-vr"
TRUST_VR = "trust-vr"
FIRST_USER_VROUTER_ID = 1025

STATIC_PREFERENCE = 20
"""Default preference of a static route (B182)."""
STATIC_METRIC = 1
"""Default metric of a static route (B182)."""


@dataclass(frozen=True, slots=True)
class VirtualRouter:
    """A virtual router. `sharable` lets virtual systems use it."""

    name: str
    id: int
    sharable: bool = False
    auto_route_export: bool = False
    predefined: bool = False


@dataclass(frozen=True, slots=True)
class RouteKey:
    """What makes a static route a different route: where it is, what it matches, where it points.

    Exactly one of `interface` and `next_vrouter` is set, or neither with a `gateway` (the interface is then found).
    """

    vrouter: str
    prefix: Prefix
    interface: str | None = None
    gateway: int | None = None
    next_vrouter: str | None = None


@dataclass(frozen=True, slots=True)
class StaticRoute:
    """A static route with what is negotiable about it."""

    key: RouteKey
    preference: int = STATIC_PREFERENCE
    metric: int = STATIC_METRIC
    permanent: bool = False
    description: str = ""


PREDEFINED_VROUTERS: tuple[VirtualRouter, ...] = (
    VirtualRouter(UNTRUST_VR, 1, sharable=True, predefined=True),
    VirtualRouter(TRUST_VR, 2, predefined=True),
)
