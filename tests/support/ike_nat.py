"""A NAT device on the wire between two IKE engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nsemu.ike.parameters import Datagram, Endpoint
from nsemu.wire.address import parse_ipv4

INSIDE = parse_ipv4("10.0.0.1")
OUTSIDE = parse_ipv4("1.1.1.1")


@dataclass
class Nat:
    """Translates what west sends: one public port for each of its ports."""

    public: int = OUTSIDE
    first: int = 1024
    ports: dict[int, int] = field(default_factory=dict)

    def __call__(self, _number: int, datagram: Datagram) -> Sequence[Datagram]:
        source, destination = datagram.source, datagram.destination
        if source.address == INSIDE:
            port = self.ports.setdefault(source.port, self.first + len(self.ports))
            return (datagram._replace(source=Endpoint(self.public, port)),)
        inside = [own for own, port in self.ports.items() if port == destination.port]
        if destination.address != self.public or not inside:
            return ()
        return (datagram._replace(destination=Endpoint(INSIDE, inside[0])),)
