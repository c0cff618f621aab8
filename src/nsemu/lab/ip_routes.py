"""The routing table of a host or router: connected and static routes, longest prefix match (RFC 1812 §5.2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nsemu.lab.ip_interface import IpInterface
from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class Route:
    """`gateway` None means that the destination itself is the neighbour. Active while its interface is up."""

    prefix: Prefix
    interface: IpInterface
    gateway: int | None = None

    @property
    def active(self) -> bool:
        """Whether packets may take it."""
        return self.interface.up

    def next_hop(self, destination: int) -> int:
        """The neighbour that gets a packet for `destination`."""
        return destination if self.gateway is None else self.gateway


class RouteTable:
    """Of equal prefixes the first active one is taken."""

    __slots__ = ("_by_length",)

    def __init__(self) -> None:
        self._by_length: dict[int, dict[int, list[Route]]] = {}

    def add(self, route: Route) -> None:
        """Add a route at the end of those for its prefix."""
        network = route.prefix.network
        lengths = self._by_length
        if network.length not in lengths:
            self._by_length = lengths = dict(sorted([*lengths.items(), (network.length, {})], reverse=True))
        lengths[network.length].setdefault(network.address, []).append(route)

    def remove(self, prefix: Prefix, gateway: int | None = None) -> bool:
        """Remove the routes for a prefix through a gateway; tell whether there were any."""
        routes = self._by_length.get(prefix.length, {}).get(prefix.network.address, [])
        kept = [route for route in routes if route.gateway != gateway]
        found = len(kept) < len(routes)
        routes[:] = kept
        return found

    def remove_through(self, interface: IpInterface) -> None:
        """Remove all routes by an interface."""
        for networks in self._by_length.values():
            for routes in networks.values():
                routes[:] = [route for route in routes if route.interface is not interface]

    def lookup(self, destination: int) -> Route | None:
        """The active route with the longest matching prefix, or None."""
        for length, networks in self._by_length.items():
            mask = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
            for route in networks.get(destination & mask, ()):
                if route.active:
                    return route
        return None

    def __iter__(self) -> Iterator[Route]:
        for length in sorted(self._by_length):
            for network in sorted(self._by_length[length]):
                yield from self._by_length[length][network]
