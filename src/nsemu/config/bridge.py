"""Transparent mode in the configuration: which interfaces and zones are of layer 2.

Vol. 5, "Transparent Mode VPN": interfaces in layer 2 zones have no addresses; `vlan1` has the device's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from nsemu.config.interface import Interface
from nsemu.config.zone import Zone, ZoneKind

VLAN1: Final = "vlan1"
"""The interface that has the addresses of a device in transparent mode."""
DEFAULT_OUTGOING_ZONE: Final = "v1-untrust"
"""Where VPNs leave when nothing else is said (B227), as outgoing interfaces are written."""
L2_NULL: Final = "V1-Null"
"""The layer 2 zone whose interfaces carry nothing."""


class Bound(Protocol):
    """The tables that say which interface is in which zone."""

    @property
    def zones(self) -> Mapping[str, Zone]: ...  # noqa: D102
    @property
    def interfaces(self) -> Mapping[str, Interface]: ...  # noqa: D102


def is_layer2(tables: Bound, zone: str) -> bool:
    """Whether a zone, by its name, is a layer 2 zone."""
    record = tables.zones.get(zone)
    return record is not None and record.kind is ZoneKind.LAYER2


def bridged_interfaces(tables: Bound) -> list[str]:
    """The interfaces in layer 2 zones."""
    return [record.name for record in tables.interfaces.values() if is_layer2(tables, record.zone)]


def is_transparent(tables: Bound) -> bool:
    """Whether the device is in transparent mode: an interface is in a layer 2 zone."""
    return any(is_layer2(tables, record.zone) for record in tables.interfaces.values())


def zone_of_outgoing(tables: Bound, name: str) -> str:
    """The zone of an outgoing interface of a VPN, or the layer 2 zone that stands in its place; "" when unknown."""
    record = tables.interfaces.get(name)
    if record is not None:
        return record.zone
    return next((zone.name for zone in tables.zones.values() if zone.name.lower() == name.lower()), "")
