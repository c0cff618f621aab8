"""TCP segments: octets to fields and back (RFC 9293 §3.1; options of RFC 2018 and RFC 7323).

Owns the layout of the header and its options and the checksum. Knows no connection and no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from nsemu.wire.checksum import checksum, ones_complement_sum, pseudo_header_sum
from nsemu.wire.errors import MalformedPacket

PROTOCOL: Final = 6
HEADER_LENGTH: Final = 20
MAXIMUM_OPTIONS_LENGTH: Final = 40

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20

_HEADER = Struct("!HHIIBBHHH")
_FLAG_NAMES: Final = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"), (URG, "URG"))

_END: Final = 0
_NO_OPERATION: Final = 1
_MSS: Final = 2
_WINDOW_SCALE: Final = 3
_SACK_PERMITTED: Final = 4
_SACK: Final = 5
_TIMESTAMPS: Final = 8
_FIXED_LENGTHS: Final = {_MSS: 4, _WINDOW_SCALE: 3, _SACK_PERMITTED: 2, _TIMESTAMPS: 10}


@dataclass(frozen=True, slots=True)
class TcpOptions:
    """The options of one segment. `unknown` keeps (kind, data) of those without a field, in their order."""

    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    sack_blocks: tuple[tuple[int, int], ...] = ()
    timestamps: tuple[int, int] | None = None
    unknown: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> TcpOptions:
        """Options area → fields; a repeated option counts the last time. Raises MalformedPacket."""
        if not data:
            return NO_OPTIONS
        known: dict[int, bytes] = {}
        unknown: list[tuple[int, bytes]] = []
        for kind, body in _split(data):
            if kind in _FIXED_LENGTHS or kind == _SACK:
                known[kind] = body
            else:
                unknown.append((kind, body))
        stamps = known.get(_TIMESTAMPS)
        return cls(
            mss=int.from_bytes(known[_MSS], "big") if _MSS in known else None,
            window_scale=known[_WINDOW_SCALE][0] if _WINDOW_SCALE in known else None,
            sack_permitted=_SACK_PERMITTED in known,
            sack_blocks=_sack_blocks(known.get(_SACK, b"")),
            timestamps=(int.from_bytes(stamps[:4], "big"), int.from_bytes(stamps[4:], "big")) if stamps else None,
            unknown=tuple(unknown),
        )

    def build(self) -> bytes:
        """Fields → options area, padded to a multiple of four octets. Raises ValueError above 40 octets."""
        parts: list[tuple[int, bytes]] = []
        if self.mss is not None:
            parts.append((_MSS, self.mss.to_bytes(2, "big")))
        if self.window_scale is not None:
            parts.append((_WINDOW_SCALE, bytes([self.window_scale])))
        if self.sack_permitted:
            parts.append((_SACK_PERMITTED, b""))
        if self.timestamps is not None:
            parts.append((_TIMESTAMPS, b"".join(value.to_bytes(4, "big") for value in self.timestamps)))
        if self.sack_blocks:
            edges = (edge for block in self.sack_blocks for edge in block)
            parts.append((_SACK, b"".join(edge.to_bytes(4, "big") for edge in edges)))
        parts.extend(self.unknown)
        octets = b"".join(bytes([kind, len(body) + 2]) + body for kind, body in parts)
        octets += bytes(-len(octets) % 4)
        if len(octets) > MAXIMUM_OPTIONS_LENGTH:
            raise ValueError(f"TCP options take {len(octets)} octets, {MAXIMUM_OPTIONS_LENGTH} fit")
        return octets


NO_OPTIONS: Final = TcpOptions()


def _split(data: bytes) -> list[tuple[int, bytes]]:
    """Kind and body of each option up to the end-of-list."""
    found: list[tuple[int, bytes]] = []
    offset = 0
    while offset < len(data) and data[offset] != _END:
        kind = data[offset]
        if kind == _NO_OPERATION:
            offset += 1
            continue
        if offset + 1 >= len(data):
            raise MalformedPacket(f"TCP option {kind} has no length")
        length = data[offset + 1]
        if length < 2 or offset + length > len(data):
            raise MalformedPacket(f"TCP option {kind} has length {length}")
        if _FIXED_LENGTHS.get(kind, length) != length:
            raise MalformedPacket(f"TCP option {kind} has length {length}, must be {_FIXED_LENGTHS[kind]}")
        found.append((kind, data[offset + 2 : offset + length]))
        offset += length
    return found


def _sack_blocks(body: bytes) -> tuple[tuple[int, int], ...]:
    if len(body) % 8:
        raise MalformedPacket(f"TCP SACK option carries {len(body)} octets, no multiple of 8")
    edges = [int.from_bytes(body[at : at + 4], "big") for at in range(0, len(body), 4)]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class TcpSegment:
    """One segment. `sequence` and `acknowledgment` are 32-bit values, `window` is as on the wire (unscaled)."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    urgent: int = 0
    options: TcpOptions = NO_OPTIONS
    payload: bytes = b""

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview, source: int, destination: int) -> TcpSegment:
        """IPv4 payload → segment; checks the checksum with the two addresses. Raises MalformedPacket."""
        size = len(data)
        if size < HEADER_LENGTH:
            raise MalformedPacket(f"TCP header needs {HEADER_LENGTH} octets, got {size}")
        fields = _HEADER.unpack_from(data)
        header_length = (fields[4] >> 4) * 4
        if not HEADER_LENGTH <= header_length <= size:
            raise MalformedPacket(f"TCP data offset {header_length} in a segment of {size} octets")
        if ones_complement_sum(data, pseudo_header_sum(source, destination, PROTOCOL, size)) != 0xFFFF:
            raise MalformedPacket("TCP checksum is wrong")
        return cls(
            source_port=fields[0],
            destination_port=fields[1],
            sequence=fields[2],
            acknowledgment=fields[3],
            flags=fields[5],
            window=fields[6],
            urgent=fields[8],
            options=TcpOptions.parse(bytes(data[HEADER_LENGTH:header_length])),
            payload=bytes(data[header_length:]),
        )

    def build(self, source: int, destination: int) -> bytes:
        """Segment → IPv4 payload with its checksum for the two addresses."""
        options = self.options.build()
        octets = bytearray(HEADER_LENGTH)
        _HEADER.pack_into(
            octets,
            0,
            self.source_port,
            self.destination_port,
            self.sequence,
            self.acknowledgment,
            (HEADER_LENGTH + len(options)) << 2,
            self.flags,
            self.window,
            0,
            self.urgent,
        )
        octets += options
        octets += self.payload
        value = checksum(octets, pseudo_header_sum(source, destination, PROTOCOL, len(octets)))
        octets[16:18] = value.to_bytes(2, "big")
        return bytes(octets)

    @property
    def length(self) -> int:
        """Sequence numbers the segment takes: SEG.LEN of RFC 9293 §3.4, SYN and FIN counted."""
        return len(self.payload) + (self.flags & FIN) + ((self.flags & SYN) >> 1)

    def __str__(self) -> str:
        ports = f"{self.source_port} > {self.destination_port}"
        return f"{ports} {flag_names(self.flags)} seq {self.sequence} ack {self.acknowledgment}"


def flag_names(flags: int) -> str:
    """`SYN+ACK`; `none` for a null segment."""
    return "+".join(name for bit, name in _FLAG_NAMES if flags & bit) or "none"


def parse_quoted_start(data: bytes | memoryview) -> tuple[int, int, int]:
    """The 8 octets that an ICMP error quotes → source port, destination port, sequence. Raises MalformedPacket."""
    if len(data) < 8:
        raise MalformedPacket(f"quoted TCP header of {len(data)} octets, needs 8")
    return (
        int.from_bytes(data[:2], "big"),
        int.from_bytes(data[2:4], "big"),
        int.from_bytes(data[4:8], "big"),
    )
