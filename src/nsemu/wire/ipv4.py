"""IPv4 packets (RFC 791): header fields, checksum, fragmentation. Options stay octets (see `ipv4_options`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nsemu.wire.checksum import checksum, ones_complement_sum
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4_options import MAXIMUM_LENGTH, copied_options

PROTOCOL_ICMP: Final = 1
PROTOCOL_TCP: Final = 6
PROTOCOL_UDP: Final = 17
PROTOCOL_ESP: Final = 50
PROTOCOL_AH: Final = 51

HEADER_LENGTH: Final = 20
MAXIMUM_LENGTH_OF_PACKET: Final = 65535
MINIMUM_MTU: Final = 68
"""RFC 791 §3.2: every link carries this much without fragmentation."""

_HEADER: Final = struct.Struct("!BBHHHBBHII")
_RESERVED: Final = 0x8000
_DONT_FRAGMENT: Final = 0x4000
_MORE_FRAGMENTS: Final = 0x2000


class FragmentationNeeded(ValueError):
    """The packet is larger than the MTU and must not be fragmented (DF)."""

    def __init__(self, length: int, mtu: int) -> None:
        super().__init__(f"packet of {length} octets must not be fragmented, the MTU is {mtu}")
        self.length = length
        self.mtu = mtu


@dataclass(frozen=True, slots=True)
class Ipv4Packet:
    """One packet. `fragment_offset` counts octets (a multiple of 8); `options` is padded to a multiple of 4."""

    source: int
    destination: int
    protocol: int
    payload: bytes
    ttl: int = 64
    tos: int = 0
    identification: int = 0
    df: bool = False
    mf: bool = False
    fragment_offset: int = 0
    options: bytes = b""
    reserved: bool = False

    @classmethod
    def parse(cls, data: bytes | memoryview, *, verify: bool = False) -> Ipv4Packet:
        """Octets (link padding may follow) → packet; `verify` also checks the header checksum.

        Raises MalformedPacket.
        """
        header_length, total = _lengths(data)
        if total > len(data):
            raise MalformedPacket(f"IPv4 total length {total} with {len(data)} octets received")
        if verify and ones_complement_sum(data[:header_length]) != 0xFFFF:
            raise MalformedPacket("IPv4 header checksum is wrong")
        return cls._from(data, header_length, total)

    @classmethod
    def parse_quote(cls, data: bytes | memoryview) -> Ipv4Packet:
        """The packet that an ICMP error quotes: as `parse`, but the end of the payload may be missing (RFC 792)."""
        header_length, total = _lengths(data)
        return cls._from(data, header_length, min(total, len(data)))

    @classmethod
    def _from(cls, data: bytes | memoryview, header_length: int, end: int) -> Ipv4Packet:
        _, tos, _, identification, flags, ttl, protocol, _, source, destination = _HEADER.unpack_from(data)
        return cls(
            source,
            destination,
            protocol,
            bytes(data[header_length:end]),
            ttl,
            tos,
            identification,
            bool(flags & _DONT_FRAGMENT),
            bool(flags & _MORE_FRAGMENTS),
            (flags & 0x1FFF) << 3,
            bytes(data[HEADER_LENGTH:header_length]),
            bool(flags & _RESERVED),
        )

    @property
    def header_length(self) -> int:
        """Octets of header, options included."""
        return HEADER_LENGTH + len(self.options)

    @property
    def total_length(self) -> int:
        """Octets of header and payload."""
        return HEADER_LENGTH + len(self.options) + len(self.payload)

    @property
    def is_fragment(self) -> bool:
        """Whether it is a part of a larger packet."""
        return self.mf or self.fragment_offset > 0

    def build(self) -> bytes:
        """Packet → octets, with its checksum. Raises ValueError for what no header can express."""
        _check_buildable(self)
        flags = self.reserved * _RESERVED | self.df * _DONT_FRAGMENT | self.mf * _MORE_FRAGMENTS
        first = 4 << 4 | self.header_length >> 2
        offset = self.fragment_offset >> 3
        fields = (self.tos, self.total_length, self.identification, flags | offset, self.ttl, self.protocol)
        header = _HEADER.pack(first, *fields, 0, self.source, self.destination) + self.options
        return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + self.payload


def _lengths(data: bytes | memoryview) -> tuple[int, int]:
    if len(data) < HEADER_LENGTH:
        raise MalformedPacket(f"IPv4 packet of {len(data)} octets, the header has {HEADER_LENGTH}")
    version, header_length, total = data[0] >> 4, (data[0] & 15) * 4, data[2] << 8 | data[3]
    if version != 4:
        raise MalformedPacket(f"IP version {version}, must be 4")
    if header_length < HEADER_LENGTH or header_length > len(data):
        raise MalformedPacket(f"IPv4 header length {header_length} with {len(data)} octets received")
    if total < header_length:
        raise MalformedPacket(f"IPv4 total length {total} is less than its header of {header_length}")
    return header_length, total


def _check_buildable(packet: Ipv4Packet) -> None:
    if len(packet.options) % 4 or len(packet.options) > MAXIMUM_LENGTH:
        raise ValueError(
            f"IPv4 options of {len(packet.options)} octets, must be a multiple of 4, at most {MAXIMUM_LENGTH}"
        )
    if packet.fragment_offset % 8:
        raise ValueError(f"IPv4 fragment offset {packet.fragment_offset}, must be a multiple of 8")
    if packet.total_length > MAXIMUM_LENGTH_OF_PACKET:
        raise ValueError(f"IPv4 packet of {packet.total_length} octets, at most {MAXIMUM_LENGTH_OF_PACKET}")


def decrement_ttl(packet: bytes) -> bytes:
    """The packet with a TTL one lower and its checksum adjusted (RFC 1141: the word changes by 0x0100)."""
    total = int.from_bytes(packet[10:12], "big") + 0x0100
    total = (total & 0xFFFF) + (total >> 16)
    return b"".join((packet[:8], bytes([packet[8] - 1]), packet[9:10], total.to_bytes(2, "big"), packet[12:]))


def fragment(packet: bytes, mtu: int) -> list[bytes]:
    """Cut a packet to fit `mtu` octets (RFC 791 §3.2); one that fits comes back alone, unchanged.

    A fragment may be fragmented again. The first piece keeps all options, the others those with the copied flag.
    Raises FragmentationNeeded (DF set), MalformedPacket (bad packet or options), ValueError (no room for 8 octets).
    """
    if len(packet) <= mtu:
        return [packet]
    whole = Ipv4Packet.parse(packet)
    if whole.total_length <= mtu:
        return [packet[: whole.total_length]]
    if whole.df:
        raise FragmentationNeeded(whole.total_length, mtu)
    room = (mtu - whole.header_length) & ~7
    if room < 8:
        raise ValueError(f"an MTU of {mtu} has no room for a fragment with a header of {whole.header_length}")
    pieces = [_piece(whole, 0, room, whole.options)]
    later = copied_options(whole.options)
    step = (mtu - HEADER_LENGTH - len(later)) & ~7
    pieces.extend(_piece(whole, start, step, later) for start in range(room, len(whole.payload), step))
    return pieces


def _piece(whole: Ipv4Packet, start: int, room: int, options: bytes) -> bytes:
    end = start + room
    last = end >= len(whole.payload)
    return Ipv4Packet(
        whole.source,
        whole.destination,
        whole.protocol,
        whole.payload[start:end],
        whole.ttl,
        whole.tos,
        whole.identification,
        mf=whole.mf or not last,
        fragment_offset=whole.fragment_offset + start,
        options=options,
        reserved=whole.reserved,
    ).build()
