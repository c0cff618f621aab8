"""IPv4 headers around and inside IPsec: what ESP in transport mode and AH share.

ESP in tunnel mode builds its outer header on its own, in one piece with the ESP header.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from nsemu.ipsec.sa import DfBit, Octets, SaParameters
from nsemu.wire.checksum import adjust_at, checksum, pseudo_header_sum

TTL: Final = 64
DF: Final = 0x4000
_TCP: Final = 6
_UDP: Final = 17
_CHECKSUMS: Final = {_TCP: 16, _UDP: 6}
"""Where the checksum stands, by protocol."""

_pack_header: Final = Struct("!HHHHHH8s").pack


def with_protocol(header: Octets, total: int, protocol: int) -> bytes:
    """An IPv4 header, options and all, with another total length and protocol and the checksum that goes with them.

    Transport mode leaves everything else as it was (RFC 4303 §3.1.1).
    """
    changed = bytearray(header)
    changed[2:4] = total.to_bytes(2, "big")
    changed[9] = protocol
    changed[10:12] = b"\0\0"
    changed[10:12] = checksum(changed).to_bytes(2, "big")
    return bytes(changed)


def renewed_checksum(packet: bytes, originals: tuple[int, int] | None) -> bytes:
    """A packet of transport mode with the TCP or UDP checksum that goes with its addresses (RFC 3948 §3.1.2).

    Its sender summed over `originals`, its own address and the receiver's as the sender sees them. If they are not
    known the checksum is made anew, which the authentication of the packet allows.
    """
    size, protocol = (packet[0] & 15) * 4, packet[9]
    position = size + _CHECKSUMS.get(protocol, 0)
    if protocol not in _CHECKSUMS or len(packet) < position + 2 or packet[6] & 0x1F or packet[7]:
        return packet
    out = bytearray(packet)
    if protocol == _UDP and not any(out[position : position + 2]):
        return packet  # RFC 768: there is none
    ends = int.from_bytes(packet[12:16], "big"), int.from_bytes(packet[16:20], "big")
    if originals is not None:
        change = pseudo_header_sum(*ends, 0, 0) - pseudo_header_sum(*originals, 0, 0)
        adjust_at(out, position, change)
    else:
        out[position : position + 2] = b"\0\0"
        initial = pseudo_header_sum(*ends, protocol, len(packet) - size)
        out[position : position + 2] = checksum(out[size:], initial).to_bytes(2, "big")
    if protocol == _UDP and not any(out[position : position + 2]):
        out[position : position + 2] = b"\xff\xff"
    return bytes(out)


def outer_header(parameters: SaParameters, packet: Octets, total: int, identification: int) -> bytes:
    """The outer header of tunnel mode for the inner `packet`: local → peer, ToS copied (RFC 2401 §5.1.2.1)."""
    flags = packet[6] << 8 & DF if parameters.df is DfBit.COPY else DF * (parameters.df is DfBit.SET)
    addresses = parameters.local.to_bytes(4, "big") + parameters.peer.to_bytes(4, "big")
    ttl_and_protocol = TTL << 8 | parameters.protocol.value
    fields = (0x4500 | parameters.tos[packet[1]], total, identification, flags, ttl_and_protocol)
    return _pack_header(*fields, checksum(_pack_header(*fields, 0, addresses)), addresses)
