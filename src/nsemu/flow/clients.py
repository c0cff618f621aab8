"""Dialup clients as the packet path sees them: by their inner addresses, which "Dial-Up VPN" in a policy stands for.

Nobody configures these addresses: a client brings its own when it connects (B147, B245). As a source, "Dial-Up VPN" is
the client through whose tunnel a packet came; as a destination, a client with that inner address that is connected.
"""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.flow.tunnels import TunnelPath
from nsemu.policy.decision import Traffic
from nsemu.wire.address import Prefix


class ClientTable:
    """The tunnels of the clients that are connected. Of several with one address the last one that came is found."""

    __slots__ = ("_by_length", "_count")

    def __init__(self, paths: tuple[TunnelPath, ...] = ()) -> None:
        """`paths` are those with an inner network, in the order in which they came."""
        self._by_length: dict[int, dict[int, list[TunnelPath]]] = {}
        self._count = len(paths)
        for path in paths:
            if path.inner is not None:
                networks = self._by_length.setdefault(path.inner.length, {})
                networks.setdefault(path.inner.network.address, []).insert(0, path)

    def __len__(self) -> int:
        return self._count

    def towards(self, address: int) -> Iterator[TunnelPath]:
        """The tunnels that lead to an inner address, the narrowest network first."""
        for length in sorted(self._by_length, reverse=True):
            yield from self._by_length[length].get(Prefix(address, length).network.address, ())

    def path_for(self, policy: int, address: int) -> TunnelPath | None:
        """The tunnel in which a policy sends to an inner address; None when no client of its VPN has it."""
        return next((path for path in self.towards(address) if policy in path.policies), None)

    def describe(self, traffic: Traffic, through: TunnelPath | None) -> Traffic:
        """The traffic with the policies for which its source or destination is a dialup client."""
        callers = through.policies if through is not None and through.inner is not None else ()
        callees = tuple(policy for path in self.towards(traffic.destination) for policy in path.policies)
        return traffic._replace(callers=callers, callees=callees)
