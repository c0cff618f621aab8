"""One entry of a routing table, as `get route` lists it (Vol. 5, "Null Route"; screenos-cli §1.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nsemu.config.vrouter import RouteKey
from nsemu.wire.address import Prefix

NULL_INTERFACE = "null"

ConnectedKey = tuple[str, "RouteProtocol", Prefix]
"""(interface, CONNECTED or HOST, network)."""

EntryKey = RouteKey | ConnectedKey
"""What makes an entry the same entry after the tables were compiled again."""


class RouteProtocol(Enum):
    """Where an entry comes from; the value is the letter in the P column (B184, B185)."""

    CONNECTED = "C"
    HOST = "H"
    STATIC = "S"
    AUTO_EXPORTED = "A"
    IMPORTED = "I"
    RIP = "R"
    DISCOVERED = "D"
    NHRP = "N"
    IBGP = "iB"
    EBGP = "eB"
    OSPF = "O"
    OSPF_EXTERNAL_1 = "E1"
    OSPF_EXTERNAL_2 = "E2"


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One entry of the table of `vrouter`.

    `gateway` is 0 for none. `interface` is None for a route to another virtual router, and for one by gateway alone
    whose gateway is on no connected network. `fault` says why the entry cannot be used now, "" when it can. `active`
    means that it is usable and the best of its prefix: the asterisk of `get route` (B184).
    """

    id: int
    vrouter: str
    prefix: Prefix
    interface: str | None
    gateway: int
    next_vrouter: str | None
    protocol: RouteProtocol
    preference: int
    metric: int
    permanent: bool
    active: bool
    fault: str
    key: EntryKey

    @property
    def subject(self) -> tuple[str, str, RouteKey] | tuple[str, str]:
        """What the admin wrote: ("route", vrouter, RouteKey), or ("interface", name) for a connected network."""
        if isinstance(self.key, RouteKey):
            return ("route", self.vrouter, self.key)
        return ("interface", self.key[0])

    @property
    def usable(self) -> bool:
        """Whether packets could leave by it."""
        return not self.fault

    @property
    def discards(self) -> bool:
        """A route through the null interface: what it matches is dropped (B183)."""
        return self.interface == NULL_INTERFACE

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Sorts the better of two entries that cover one address first.

        Longest prefix, then lower preference, then lower metric, then the one entered earlier.
        """
        return (-self.prefix.length, self.preference, self.metric, self.id)

    def next_hop(self, destination: int) -> int:
        """The address that ARP has to find: the gateway, or the destination itself."""
        return self.gateway or destination
