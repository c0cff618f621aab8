"""IPv4 headers around and inside IPsec: what ESP in transport mode and AH share.

ESP in tunnel mode builds its outer header on its own, in one piece with the ESP header.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from nsemu.ipsec.sa import DfBit, Octets, SaParameters
from nsemu.wire.checksum import checksum

TTL: Final = 64
DF: Final = 0x4000

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


def outer_header(parameters: SaParameters, packet: Octets, total: int, identification: int) -> bytes:
    """The outer header of tunnel mode for the inner `packet`: local → peer, ToS copied (RFC 2401 §5.1.2.1)."""
    flags = packet[6] << 8 & DF if parameters.df is DfBit.COPY else DF * (parameters.df is DfBit.SET)
    addresses = parameters.local.to_bytes(4, "big") + parameters.peer.to_bytes(4, "big")
    ttl_and_protocol = TTL << 8 | parameters.protocol.value
    fields = (0x4500 | parameters.tos[packet[1]], total, identification, flags, ttl_and_protocol)
    return _pack_header(*fields, checksum(_pack_header(*fields, 0, addresses)), addresses)
