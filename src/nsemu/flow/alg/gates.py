"""Gates: connections that a control connection has announced, let in when they come (screenos-cli §1.16, "no gate").

A gate is for one connection, from one address to one port, by the way its control connection takes; it closes when it
is used, when its time is up, and with its control connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nsemu.sim.scheduler import SECOND, Instant

if TYPE_CHECKING:
    from nsemu.flow.packet import Packet
    from nsemu.flow.session import Session
    from nsemu.nat.pools import Lease

LIFETIME: Final = 60 * SECOND

GateKey = tuple[str, int, int, int]
"""(virtual router, source, destination, destination port) of the first packet."""


@dataclass(eq=False, slots=True)
class Gate:
    """One announced TCP connection.

    `forward` tells in which direction of its control connection it will be opened. `new_source` and `new_destination`
    are what its opener's addresses become; the port of the source is the opener's, or a translated one when
    `source_leased`. `lease` holds the port at which it is awaited.
    """

    session: Session
    forward: bool
    key: GateKey
    new_source: int
    new_destination: tuple[int, int]
    source_leased: bool = False
    lease: Lease | None = None
    expires: Instant = field(default=0)

    def close(self) -> None:
        """Nobody came: the port is free again."""
        if self.lease is not None:
            self.lease.release()


class GateTable:
    """The open gates of a device."""

    __slots__ = ("_gates",)

    def __init__(self) -> None:
        self._gates: dict[GateKey, Gate] = {}

    def __len__(self) -> int:
        return len(self._gates)

    def __iter__(self) -> Iterator[Gate]:
        return iter(self._gates.values())

    def __contains__(self, key: GateKey) -> bool:
        return key in self._gates

    def open(self, gate: Gate, now: Instant) -> None:
        """Await a connection; the session awaits no other one any more."""
        self.close_of(gate.session)
        gate.expires = now + LIFETIME
        self._gates[gate.key] = gate

    def find(self, packet: Packet, now: Instant) -> Gate | None:
        """The gate for the first packet of a connection."""
        if not self._gates:
            return None
        key = (packet.ingress.vrouter, packet.source, packet.destination, packet.destination_port)
        gate = self._gates.get(key)
        return gate if gate is not None and gate.expires > now else None

    def take(self, gate: Gate) -> None:
        """The connection has come."""
        del self._gates[gate.key]

    def close_of(self, session: Session) -> None:
        """Close what a control connection has announced."""
        for gate in [gate for gate in self._gates.values() if gate.session is session]:
            self.take(gate)
            gate.close()

    def sweep(self, now: Instant) -> None:
        """Close the gates whose time is up."""
        for gate in [gate for gate in self._gates.values() if gate.expires <= now]:
            self.take(gate)
            gate.close()
