"""The addresses and ports of a packet for its trace; never fails, whatever the octets."""

from __future__ import annotations

from nsemu.flow.packet import AH, ICMP, IPSEC, Packet
from nsemu.flow.steps import Endpoints
from nsemu.runtime.interface import RunInterface


def endpoints_of(data: bytes, interface: RunInterface) -> Endpoints:
    """Addresses, ports and kind of message of an IPv4 packet of at least 20 octets; ports 0 when it is damaged.

    The halves of its SPI stand in the place of the ports of an ESP or AH packet (screenos-cli §2.5).
    """
    packet = Packet(data, interface, None, None)
    if not packet.parse():
        source, destination = (int.from_bytes(data[start : start + 4], "big") for start in (12, 16))
        return Endpoints(source, 0, destination, 0, data[9])
    ports = packet.source_port, packet.destination_port
    kind = None
    if packet.protocol == ICMP and not packet.fragment:
        kind = (packet.icmp_type, packet.icmp_code)
    elif packet.protocol in IPSEC and not packet.fragment:
        start = packet.header_length + 4 * (packet.protocol == AH)
        ports = int.from_bytes(data[start : start + 2], "big"), int.from_bytes(data[start + 2 : start + 4], "big")
    return Endpoints(packet.source, ports[0], packet.destination, ports[1], packet.protocol, kind)
