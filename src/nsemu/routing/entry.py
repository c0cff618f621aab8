"""One entry of a routing table, as `get route` lists it (Vol. 5, "Null Route"; screenos-cli §1.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from nsemu.config.vrouter import RouteKey
from nsemu.wire.address import Prefix

NULL_INTERFACE = "null"

ConnectedKey = tuple[str, "RouteProtocol", Prefix]
"""(interface, CONNECTED or HOST, network)."""


class DefaultRouteKey(NamedTuple):
    """The default route of `add-default-route`."""

    vrouter: str


class ImportedKey(NamedTuple):
    """A route of another virtual router: where it came from, and its key there."""

    vrouter: str
    origin: RouteKey | ConnectedKey | DefaultRouteKey | ImportedKey


class PolicyKey(NamedTuple):
    """An action of policy-based routing: virtual router, policy, its rule, its action group, the entry of that."""

    vrouter: str
    policy: str
    rule: int
    action_group: str
    action: int


EntryKey = RouteKey | ConnectedKey | DefaultRouteKey | ImportedKey | PolicyKey
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
    def subject(self) -> tuple[object, ...]:
        """What the admin wrote: ("route", vrouter, RouteKey), ("interface", name) for a connected network, …"""
        return subject_of(self.key)

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


def subject_of(key: EntryKey) -> tuple[object, ...]:
    """What the admin wrote for an entry with this key; of an imported route, what was written where it comes from."""
    if isinstance(key, RouteKey):
        return ("route", key.vrouter, key)
    if isinstance(key, ImportedKey):
        return subject_of(key.origin)
    if isinstance(key, DefaultRouteKey):
        return ("add-default-route", key.vrouter)
    if isinstance(key, PolicyKey):
        return ("pbr", key)
    return ("interface", key[0])
