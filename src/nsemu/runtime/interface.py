"""The run-time side of an interface: what the packet path needs of it, as plain attributes.

One object per interface for the life of the device; a commit updates its attributes, so sessions can hold on to it.
"""

from __future__ import annotations

from typing import Any

from nsemu.config.interface import Interface, InterfaceKind, ManagementService
from nsemu.runtime.counters import InterfaceCounters
from nsemu.wire.address import ZERO_MAC, Prefix

DEFAULT_MTU = 1500


class RunInterface:
    """State of one interface.

    `carrier` is the physical link; `up` whether routes through it are usable. `zone`, `zone_id`, `vrouter` follow the
    binding ("Null" when unbound). `address` is the effective one: a borrowed one for an unnumbered tunnel interface.
    `screen` is the `screen.zone.ZoneScreen` of its zone, None while no option is on. `bridged` says that it is in a
    layer 2 zone: frames that are not for the device pass it with their MAC addresses.

    A sub-interface sends frames with its `tag` by its `parent`, which keeps its `parts` by tag. A bridge group has
    `ports`, each of which knows its `group`. `switched` says that frames that come in are switched first (layer 2 zone,
    port of a group), `indirect` that frames go out by another interface; the fast path looks at these two only.
    """

    __slots__ = (
        "address",
        "bridged",
        "carrier",
        "config",
        "counters",
        "group",
        "if_index",
        "indirect",
        "kind",
        "last_change",
        "length",
        "mac",
        "manage",
        "manage_ip",
        "mtu",
        "name",
        "nat_mode",
        "number",
        "parent",
        "parts",
        "ports",
        "present",
        "screen",
        "secondary",
        "short_name",
        "status_changes",
        "switched",
        "tag",
        "tunnel_ids",
        "up",
        "vrouter",
        "zone",
        "zone_id",
    )

    def __init__(self, config: Interface, number: int, if_index: int = 0, mac: bytes = ZERO_MAC) -> None:
        self.config = config
        self.name = config.name
        self.kind: InterfaceKind = config.kind
        self.short_name = abbreviate(config.name)
        self.number = number
        self.if_index = if_index
        self.mac = mac
        self.counters = InterfaceCounters()
        self.carrier = config.kind not in {InterfaceKind.ETHERNET, InterfaceKind.VLAN}
        self.up = False
        self.present = True
        self.status_changes = 0
        self.last_change = 0
        self.zone = "Null"
        self.zone_id = 0
        self.vrouter = ""
        self.address = 0
        self.length = 0
        self.manage_ip = 0
        self.mtu = DEFAULT_MTU
        self.nat_mode = False
        self.bridged = False
        self.manage: frozenset[ManagementService] = frozenset()
        self.tunnel_ids: tuple[int, ...] = ()
        self.screen: Any = None
        self.secondary: tuple[Prefix, ...] = ()
        self.tag = 0
        self.parent: RunInterface | None = None
        self.parts: dict[int, RunInterface] = {}
        self.group: RunInterface | None = None
        self.ports: tuple[RunInterface, ...] = ()
        self.switched = False
        self.indirect = config.kind is InterfaceKind.VLAN

    @property
    def is_tunnel(self) -> bool:
        """Whether packets leave it encrypted."""
        return self.kind is InterfaceKind.TUNNEL

    def source_towards(self, next_hop: int) -> int:
        """Its address in the network of a next hop; the primary one when none is."""
        return next((prefix.address for prefix in self.secondary if next_hop in prefix), self.address)

    def __repr__(self) -> str:
        return f"RunInterface({self.name})"


def abbreviate(name: str) -> str:
    """The short name that tables print: ethernet0/0 → eth0/0, tunnel.1 → tun.1."""
    for stem, short in (("ethernet", "eth"), ("tunnel.", "tun."), ("loopback.", "loop.")):
        if name.startswith(stem):
            return short + name[len(stem) :]
    return name
