"""Readers of the VLANs of a switch: `ports: {p1: {access: 10}, p2: {trunk: [10, 20], native: 1}, p3: {trunk: all}}`."""

from __future__ import annotations

from typing import Final

from nsemu.lab.topology import values
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings
from nsemu.lab.topology.model import PortVlanSpec

VLAN: Final = values.whole_number(1, 4094)
"""A VLAN identifier (IEEE 802.1Q §9.6)."""


def port(element: Element, findings: Findings) -> PortVlanSpec | None:
    """The VLANs of one port: `access` alone, or `trunk` with an optional `native`."""
    parts = values.known_keys(element, findings, ("access", "trunk", "native"))
    if parts is None:
        return None
    if "access" in parts:
        if len(parts) > 1:
            findings.error(element.path, ", ".join(parts), reason="a port is an access port or a trunk, not both")
            return None
        access = VLAN(parts["access"], findings)
        return None if access is None else PortVlanSpec(access)
    if not values.require(parts, ("trunk",), element.path, findings):
        return None
    native = VLAN(parts["native"], findings) if "native" in parts else 0
    if parts["trunk"].value == "all":
        return None if native is None else PortVlanSpec(native, None)
    tagged = values.list_of(VLAN)(parts["trunk"], findings)
    return None if native is None or tagged is None else PortVlanSpec(native, frozenset(tagged))
