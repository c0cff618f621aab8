"""PPP frames and the packets of its control protocols (RFC 1661 §2, §5, §6; RFC 1334 §2.2; RFC 1994 §4)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from nsemu.wire.errors import MalformedPacket

_ADDRESS_AND_CONTROL: Final = b"\xff\x03"
_HEADER: Final = Struct("!BBH")


class Protocol(IntEnum):
    """The protocol field."""

    IPV4 = 0x0021
    IPCP = 0x8021
    LCP = 0xC021
    PAP = 0xC023
    CHAP = 0xC223


class Code(IntEnum):
    """Codes of LCP and of network control protocols (RFC 1661 §5)."""

    CONFIGURE_REQUEST = 1
    CONFIGURE_ACK = 2
    CONFIGURE_NAK = 3
    CONFIGURE_REJECT = 4
    TERMINATE_REQUEST = 5
    TERMINATE_ACK = 6
    CODE_REJECT = 7
    PROTOCOL_REJECT = 8
    ECHO_REQUEST = 9
    ECHO_REPLY = 10
    DISCARD_REQUEST = 11


class PppPacket(NamedTuple):
    """A packet of LCP, IPCP, PAP or CHAP: code, identifier, what follows."""

    code: int
    identifier: int
    data: bytes = b""

    def build(self) -> bytes:
        """The information field."""
        return _HEADER.pack(self.code, self.identifier, 4 + len(self.data)) + self.data

    @classmethod
    def parse(cls, body: bytes) -> PppPacket:
        """Octets behind the length are padding. Raises MalformedPacket."""
        if len(body) < 4:
            raise MalformedPacket(f"PPP: {len(body)} octets are no packet")
        code, identifier, length = _HEADER.unpack_from(body)
        if not 4 <= length <= len(body):
            raise MalformedPacket(f"PPP: length {length} of {len(body)} octets")
        return cls(code, identifier, body[4:length])


class Option(NamedTuple):
    """A configuration option (RFC 1661 §6)."""

    type: int
    value: bytes = b""


def build_frame(protocol: int, information: bytes) -> bytes:
    """A frame without flags and FCS, uncompressed (RFC 2661 §5.4)."""
    return _ADDRESS_AND_CONTROL + protocol.to_bytes(2, "big") + information


def parse_frame(frame: bytes) -> tuple[int, bytes]:
    """(protocol, information) of a frame with or without compressed fields (RFC 1661 §6.5, §6.6)."""
    start = 2 if frame[:2] == _ADDRESS_AND_CONTROL else 0
    if len(frame) <= start:
        raise MalformedPacket("PPP: a frame without protocol")
    size = 1 if frame[start] & 1 else 2
    if len(frame) < start + size:
        raise MalformedPacket("PPP: the protocol field breaks off")
    return int.from_bytes(frame[start : start + size], "big"), frame[start + size :]


def build_options(options: Iterable[Option]) -> bytes:
    """Options as the data of a Configure packet."""
    return b"".join(bytes((option.type, 2 + len(option.value))) + option.value for option in options)


def parse_options(data: bytes) -> tuple[Option, ...]:
    """The options of a Configure packet. Raises MalformedPacket."""
    found: list[Option] = []
    offset = 0
    while offset < len(data):
        length = data[offset + 1] if offset + 1 < len(data) else 0
        if length < 2 or offset + length > len(data):
            raise MalformedPacket(f"PPP: option {data[offset]} with length {length}")
        found.append(Option(data[offset], data[offset + 2 : offset + length]))
        offset += length
    return tuple(found)


def build_texts(*texts: bytes) -> bytes:
    """Texts, each after its length in one octet (PAP)."""
    return b"".join(bytes((len(text),)) + text for text in texts)


def parse_texts(data: bytes, count: int) -> tuple[bytes, ...]:
    """`count` texts, each after its length. Raises MalformedPacket."""
    found: list[bytes] = []
    offset = 0
    for _ in range(count):
        if offset >= len(data) or offset + 1 + data[offset] > len(data):
            raise MalformedPacket("PPP: a text breaks off")
        found.append(data[offset + 1 : offset + 1 + data[offset]])
        offset += 1 + data[offset]
    return tuple(found)
