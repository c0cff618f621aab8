"""ICMP messages (RFC 792; next-hop MTU: RFC 1191; when an error may be sent: RFC 1122 §3.2.2, RFC 1812 §4.3.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nsemu.wire.checksum import checksum, ones_complement_sum
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import HEADER_LENGTH as IPV4_HEADER_LENGTH
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet

ECHO_REPLY: Final = 0
DESTINATION_UNREACHABLE: Final = 3
SOURCE_QUENCH: Final = 4
REDIRECT: Final = 5
ECHO_REQUEST: Final = 8
TIME_EXCEEDED: Final = 11
PARAMETER_PROBLEM: Final = 12
TIMESTAMP_REQUEST: Final = 13
TIMESTAMP_REPLY: Final = 14

NET_UNREACHABLE: Final = 0
HOST_UNREACHABLE: Final = 1
PROTOCOL_UNREACHABLE: Final = 2
PORT_UNREACHABLE: Final = 3
FRAGMENTATION_NEEDED: Final = 4
SOURCE_ROUTE_FAILED: Final = 5
NET_PROHIBITED: Final = 9
HOST_PROHIBITED: Final = 10
COMMUNICATION_PROHIBITED: Final = 13

TTL_EXCEEDED: Final = 0
REASSEMBLY_TIME_EXCEEDED: Final = 1

HEADER_LENGTH: Final = 8
QUOTED_PAYLOAD: Final = 8
ERROR_TYPES: Final = frozenset({DESTINATION_UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM})

_HEADER: Final = struct.Struct("!BBHI")


@dataclass(frozen=True, slots=True)
class IcmpMessage:
    """One message. `rest` is the second 32-bit word, whose meaning depends on the type; see the properties."""

    type: int
    code: int
    rest: int
    payload: bytes = b""

    @classmethod
    def parse(cls, data: bytes | memoryview) -> IcmpMessage:
        """Octets → message. Raises MalformedPacket when it is short, or its checksum wrong."""
        if len(data) < HEADER_LENGTH:
            raise MalformedPacket(f"ICMP message of {len(data)} octets, the header has {HEADER_LENGTH}")
        if ones_complement_sum(data) != 0xFFFF:
            raise MalformedPacket("ICMP checksum is wrong")
        return cls.parse_quote(data)

    @classmethod
    def parse_quote(cls, data: bytes | memoryview) -> IcmpMessage:
        """The message that an error quotes: its end may be missing, so the checksum says nothing."""
        if len(data) < HEADER_LENGTH:
            raise MalformedPacket(f"ICMP message of {len(data)} octets, the header has {HEADER_LENGTH}")
        kind, code, _, rest = _HEADER.unpack_from(data)
        return cls(kind, code, rest, bytes(data[HEADER_LENGTH:]))

    def build(self) -> bytes:
        """Message → octets, with its checksum."""
        data = _HEADER.pack(self.type, self.code, 0, self.rest) + self.payload
        return data[:2] + checksum(data).to_bytes(2, "big") + data[4:]

    @property
    def is_error(self) -> bool:
        """Whether it reports on another packet."""
        return self.type in ERROR_TYPES

    @property
    def identifier(self) -> int:
        """Of an echo or timestamp message."""
        return self.rest >> 16

    @property
    def sequence(self) -> int:
        """Of an echo or timestamp message."""
        return self.rest & 0xFFFF

    @property
    def next_hop_mtu(self) -> int:
        """Of "fragmentation needed"; 0 from routers before RFC 1191."""
        return self.rest & 0xFFFF

    @property
    def gateway(self) -> int:
        """Of a redirect."""
        return self.rest

    @property
    def pointer(self) -> int:
        """Of a parameter problem: the octet of the quoted packet that is wrong."""
        return self.rest >> 24


def echo_request(identifier: int, sequence: int, payload: bytes = b"") -> IcmpMessage:
    """Echo request, type 8."""
    return IcmpMessage(ECHO_REQUEST, 0, identifier << 16 | sequence, payload)


def echo_reply(identifier: int, sequence: int, payload: bytes = b"") -> IcmpMessage:
    """Echo reply, type 0."""
    return IcmpMessage(ECHO_REPLY, 0, identifier << 16 | sequence, payload)


def quote(packet: bytes | memoryview) -> bytes:
    """What an error repeats of the packet it is about: the header and 8 octets (RFC 792)."""
    header_length = (packet[0] & 15) * 4 if len(packet) else 0
    total = packet[2] << 8 | packet[3] if len(packet) >= IPV4_HEADER_LENGTH else 0
    return bytes(packet[: min(total, header_length + QUOTED_PAYLOAD)])


def destination_unreachable(code: int, packet: bytes, next_hop_mtu: int = 0) -> IcmpMessage:
    """Destination unreachable about `packet`; the MTU goes with code 4 only."""
    return IcmpMessage(DESTINATION_UNREACHABLE, code, next_hop_mtu, quote(packet))


def time_exceeded(code: int, packet: bytes) -> IcmpMessage:
    """Time exceeded about `packet`: code 0 in transit, 1 in reassembly."""
    return IcmpMessage(TIME_EXCEEDED, code, 0, quote(packet))


def redirect(code: int, packet: bytes, gateway: int) -> IcmpMessage:
    """Redirect about `packet` to `gateway`: code 0 for the net, 1 for the host."""
    return IcmpMessage(REDIRECT, code, gateway, quote(packet))


def parameter_problem(pointer: int, packet: bytes) -> IcmpMessage:
    """Parameter problem about octet `pointer` of `packet`."""
    return IcmpMessage(PARAMETER_PROBLEM, 0, pointer << 24, quote(packet))


def may_be_answered_with_error(packet: Ipv4Packet) -> bool:
    """Whether an ICMP error may be sent about a packet that came as link-layer unicast.

    Never about an ICMP error, a fragment other than the first, a broadcast or multicast, or a packet whose source
    is no single host (RFC 1122 §3.2.2). A directed broadcast only the owner of the interface can tell.
    """
    if packet.fragment_offset or not _is_single_host(packet.source) or packet.destination >= 0xE0000000:
        return False
    if packet.protocol != PROTOCOL_ICMP:
        return True
    return bool(packet.payload) and packet.payload[0] not in ERROR_TYPES


def _is_single_host(address: int) -> bool:
    return 0 < address >> 24 < 0xE0 and address >> 24 != 127
