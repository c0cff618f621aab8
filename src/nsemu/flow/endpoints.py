"""The addresses and ports of a packet for its trace; never fails, whatever the octets."""

from __future__ import annotations

from nsemu.flow.packet import ICMP, Packet
from nsemu.flow.steps import Endpoints
from nsemu.runtime.interface import RunInterface


def endpoints_of(data: bytes, interface: RunInterface) -> Endpoints:
    """Addresses, ports and kind of message of an IPv4 packet of at least 20 octets; ports 0 when it is damaged."""
    packet = Packet(data, interface, None, None)
    if packet.parse():
        kind = (packet.icmp_type, packet.icmp_code) if packet.protocol == ICMP and not packet.fragment else None
        return Endpoints(
            packet.source, packet.source_port, packet.destination, packet.destination_port, packet.protocol, kind
        )
    source, destination = (int.from_bytes(data[start : start + 4], "big") for start in (12, 16))
    return Endpoints(source, 0, destination, 0, data[9])
