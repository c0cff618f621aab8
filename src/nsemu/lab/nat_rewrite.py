"""What address translation reads and changes of a packet: ports, ICMP identifiers, cookies, SPIs, quoted packets.

Checksums are adjusted by what changed (RFC 1624), so a wrong one stays wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from nsemu.wire.checksum import checksum
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_AH, PROTOCOL_ESP, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, Ipv4Packet

_ICMP_ERRORS: Final = frozenset({3, 4, 11, 12})
_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_CHECKSUM_AT: Final = {PROTOCOL_TCP: 16, PROTOCOL_UDP: 6}
_ISAKMP: Final = 500
_QUOTED: Final = 8  # octets before the packet that an ICMP error quotes

End = tuple[int, int | None]
"""A new address, and a new port or None to keep the old one."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The ports of a packet; of an ICMP echo its identifier, on both sides."""

    source: int
    destination: int


def flow_of(packet: Ipv4Packet) -> Flow | None:
    """Its ports, None for a packet that has none."""
    payload = packet.payload
    if packet.protocol in _CHECKSUM_AT and len(payload) >= 4:
        return Flow(int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big"))
    if packet.protocol == PROTOCOL_ICMP and len(payload) >= 8 and payload[0] in {_ECHO_REQUEST, _ECHO_REPLY}:
        identifier = int.from_bytes(payload[4:6], "big")
        return Flow(identifier, identifier)
    return None


def ike_cookie(packet: Ipv4Packet) -> bytes | None:
    """The initiator cookie of an IKE message on port 500."""
    flow = flow_of(packet)
    if packet.protocol != PROTOCOL_UDP or flow is None or _ISAKMP not in {flow.source, flow.destination}:
        return None
    return packet.payload[8:16] if len(packet.payload) >= 36 else None


def spi_of(packet: Ipv4Packet) -> int | None:
    """The SPI of an ESP or AH packet."""
    if packet.protocol not in {PROTOCOL_ESP, PROTOCOL_AH} or len(packet.payload) < 12:
        return None
    start = 4 * (packet.protocol == PROTOCOL_AH)
    return int.from_bytes(packet.payload[start : start + 4], "big")


def embedded(packet: Ipv4Packet) -> Ipv4Packet | None:
    """The packet that an ICMP error quotes, cut as it may be; None for anything else."""
    payload = packet.payload
    if packet.protocol != PROTOCOL_ICMP or len(payload) < _QUOTED + 20 or payload[0] not in _ICMP_ERRORS:
        return None
    quoted = payload[_QUOTED:]
    try:
        whole = Ipv4Packet.parse(quoted[:2] + len(quoted).to_bytes(2, "big") + quoted[4:])
    except MalformedPacket:
        return None
    return whole


def with_embedded(packet: Ipv4Packet, quoted: Ipv4Packet) -> Ipv4Packet:
    """The ICMP error with another quoted packet, whose total length is kept as it was."""
    old = packet.payload
    header = bytearray(quoted.build())
    header[2:4] = old[_QUOTED + 2 : _QUOTED + 4]
    size = (header[0] & 15) * 4
    header[10:12] = b"\0\0"
    header[10:12] = checksum(bytes(header[:size])).to_bytes(2, "big")
    message = bytearray(old[:_QUOTED] + bytes(header))
    message[2:4] = b"\0\0"
    message[2:4] = checksum(bytes(message)).to_bytes(2, "big")
    return replace(packet, payload=bytes(message))


def rewritten(packet: Ipv4Packet, *, source: End | None = None, destination: End | None = None) -> Ipv4Packet:
    """The packet with other ends, its transport checksum adjusted."""
    payload = bytearray(packet.payload)
    before, after = b"", b""
    for end, address, at in ((source, packet.source, 0), (destination, packet.destination, 2)):
        if end is None:
            continue
        before += address.to_bytes(4, "big")
        after += end[0].to_bytes(4, "big")
        if end[1] is None:
            continue
        if packet.protocol == PROTOCOL_ICMP:
            _set_identifier(payload, end[1])
            continue
        before += bytes(payload[at : at + 2])
        after += end[1].to_bytes(2, "big")
        payload[at : at + 2] = end[1].to_bytes(2, "big")
    _adjust_transport(packet.protocol, payload, before, after)
    return replace(
        packet,
        source=source[0] if source is not None else packet.source,
        destination=destination[0] if destination is not None else packet.destination,
        payload=bytes(payload),
    )


def _set_identifier(payload: bytearray, identifier: int) -> None:
    old, new = bytes(payload[4:6]), identifier.to_bytes(2, "big")
    payload[4:6] = new
    payload[2:4] = _adjusted(bytes(payload[2:4]), old, new)


def _adjust_transport(protocol: int, payload: bytearray, before: bytes, after: bytes) -> None:
    at = _CHECKSUM_AT.get(protocol)
    if at is None or len(payload) < at + 2:
        return
    old = bytes(payload[at : at + 2])
    if protocol == PROTOCOL_UDP and old == b"\0\0":
        return
    new = _adjusted(old, before, after)
    # RFC 768: zero would mean that there is none.
    payload[at : at + 2] = b"\xff\xff" if protocol == PROTOCOL_UDP and new == b"\0\0" else new


def _adjusted(value: bytes, before: bytes, after: bytes) -> bytes:
    """RFC 1624: HC' = ~(~HC + ~m + m')."""
    total = ~int.from_bytes(value, "big") & 0xFFFF
    for at in range(0, len(before), 2):
        total += (~int.from_bytes(before[at : at + 2], "big") & 0xFFFF) + int.from_bytes(after[at : at + 2], "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
