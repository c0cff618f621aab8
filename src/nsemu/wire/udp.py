"""UDP datagrams (RFC 768)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nsemu.wire.checksum import checksum, ones_complement_sum, pseudo_header_sum
from nsemu.wire.errors import MalformedPacket

PROTOCOL: Final = 17
HEADER_LENGTH: Final = 8

_HEADER: Final = struct.Struct("!HHHH")


@dataclass(frozen=True, slots=True)
class UdpDatagram:
    """One datagram. The checksum depends on the addresses, so `build` and `checksum_is_right` ask for them."""

    source_port: int
    destination_port: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes | memoryview) -> UdpDatagram:
        """Octets → datagram; octets beyond the length field are left out. Raises MalformedPacket."""
        if len(data) < HEADER_LENGTH:
            raise MalformedPacket(f"UDP datagram of {len(data)} octets, the header has {HEADER_LENGTH}")
        source_port, destination_port, length, _ = _HEADER.unpack_from(data)
        if length < HEADER_LENGTH or length > len(data):
            raise MalformedPacket(f"UDP length {length} with {len(data)} octets received")
        return cls(source_port, destination_port, bytes(data[HEADER_LENGTH:length]))

    def build(self, source: int, destination: int, *, with_checksum: bool = True) -> bytes:
        """Datagram → octets for a packet from `source` to `destination`; without a checksum its field is zero."""
        length = HEADER_LENGTH + len(self.payload)
        header = _HEADER.pack(self.source_port, self.destination_port, length, 0)
        if not with_checksum:
            return header + self.payload
        value = checksum(header + self.payload, pseudo_header_sum(source, destination, PROTOCOL, length))
        # RFC 768: a checksum that comes to zero is sent as all ones, for zero means that there is none.
        return header[:6] + (value or 0xFFFF).to_bytes(2, "big") + self.payload


def checksum_is_right(data: bytes | memoryview, source: int, destination: int) -> bool:
    """Whether the checksum of a datagram holds, or is absent (zero). `data` must have passed `parse`."""
    if data[6] == 0 and data[7] == 0:
        return True
    length = data[4] << 8 | data[5]
    return ones_complement_sum(data[:length], pseudo_header_sum(source, destination, PROTOCOL, length)) == 0xFFFF
