"""IPv4 options (RFC 791 §3.1, RFC 1108 for security): the list, and the contents of those with a structure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nsemu.wire.errors import MalformedPacket

END_OF_LIST: Final = 0
NO_OPERATION: Final = 1
RECORD_ROUTE: Final = 7
TIMESTAMP: Final = 68
SECURITY: Final = 130
LOOSE_SOURCE_ROUTE: Final = 131
STREAM_ID: Final = 136
STRICT_SOURCE_ROUTE: Final = 137
ROUTER_ALERT: Final = 148

MAXIMUM_LENGTH: Final = 40
_ROUTES: Final = frozenset({RECORD_ROUTE, LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE})


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its type octet and what follows the length octet (nothing for types 0 and 1)."""

    kind: int
    data: bytes = b""

    @property
    def copied(self) -> bool:
        """Whether every fragment carries it."""
        return bool(self.kind & 0x80)

    @property
    def option_class(self) -> int:
        """0 control, 2 debugging and measurement."""
        return self.kind >> 5 & 3

    @property
    def number(self) -> int:
        """The option number within its class."""
        return self.kind & 0x1F

    def build(self) -> bytes:
        """Option → octets."""
        if self.kind in (END_OF_LIST, NO_OPERATION):
            return bytes([self.kind])
        return bytes([self.kind, len(self.data) + 2]) + self.data


@dataclass(frozen=True, slots=True)
class RouteOption:
    """Record route, loose or strict source route. `pointer` counts octets from 1, the first address is at 4."""

    kind: int
    pointer: int
    addresses: tuple[int, ...]

    @classmethod
    def parse(cls, option: Option) -> RouteOption:
        """Raises MalformedPacket when the option is of another type or not a list of addresses."""
        if option.kind not in _ROUTES:
            raise MalformedPacket(f"IPv4 option {option.kind} is not a route")
        data = option.data
        if len(data) < 1 or (len(data) - 1) % 4:
            raise MalformedPacket(f"IPv4 route option of {len(data) + 2} octets, must be 3 more than a multiple of 4")
        if data[0] < 4:
            raise MalformedPacket(f"IPv4 route option pointer {data[0]}, must be at least 4")
        addresses = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(1, len(data), 4))
        return cls(option.kind, data[0], addresses)

    @property
    def exhausted(self) -> bool:
        """Whether the pointer is past the last address: a source route is at its end, a recorded one is full."""
        return self.pointer > 3 + 4 * len(self.addresses)

    def option(self) -> Option:
        """Back to an option of the list."""
        return Option(self.kind, bytes([self.pointer]) + b"".join(a.to_bytes(4, "big") for a in self.addresses))


@dataclass(frozen=True, slots=True)
class TimestampOption:
    """Internet timestamp. `flag` 0: times only; 1: address and time; 3: addresses given by the sender."""

    pointer: int
    overflow: int
    flag: int
    words: tuple[int, ...]

    @classmethod
    def parse(cls, option: Option) -> TimestampOption:
        """Raises MalformedPacket when the option is of another type, cut short or points before its data."""
        data = option.data
        if option.kind != TIMESTAMP:
            raise MalformedPacket(f"IPv4 option {option.kind} is not a timestamp")
        if len(data) < 2 or (len(data) - 2) % 4:
            raise MalformedPacket(f"IPv4 timestamp option of {len(data) + 2} octets, must be a multiple of 4")
        if data[0] < 5:
            raise MalformedPacket(f"IPv4 timestamp option pointer {data[0]}, must be at least 5")
        words = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(2, len(data), 4))
        return cls(data[0], data[1] >> 4, data[1] & 15, words)

    def option(self) -> Option:
        """Back to an option of the list."""
        words = b"".join(word.to_bytes(4, "big") for word in self.words)
        return Option(TIMESTAMP, bytes([self.pointer, self.overflow << 4 | self.flag]) + words)


def stream_identifier(option: Option) -> int:
    """The SATNET stream identifier of a stream ID option. Raises MalformedPacket."""
    if option.kind != STREAM_ID or len(option.data) != 2:
        raise MalformedPacket(f"IPv4 option {option.kind} of {len(option.data) + 2} octets is not a stream identifier")
    return int.from_bytes(option.data, "big")


def parse_options(data: bytes | memoryview) -> tuple[Option, ...]:
    """The options of a header, without end-of-list and what follows it. Raises MalformedPacket."""
    options = []
    at = 0
    while at < len(data) and data[at] != END_OF_LIST:
        length = _length_at(data, at)
        options.append(Option(data[at], bytes(data[at + 2 : at + length])))
        at += length
    return tuple(options)


def _length_at(data: bytes | memoryview, at: int) -> int:
    kind = data[at]
    if kind == NO_OPERATION:
        return 1
    if at + 1 >= len(data):
        raise MalformedPacket(f"IPv4 option {kind} has no length octet")
    length = data[at + 1]
    if length < 2 or at + length > len(data):
        raise MalformedPacket(f"IPv4 option {kind} has length {length} with {len(data) - at} octets left")
    return length


def build_options(options: Iterable[Option]) -> bytes:
    """Options → octets, padded with end-of-list to a multiple of 4. Raises ValueError beyond 40 octets."""
    data = b"".join(option.build() for option in options)
    data += bytes(-len(data) % 4)
    if len(data) > MAXIMUM_LENGTH:
        raise ValueError(f"IPv4 options of {len(data)} octets, at most {MAXIMUM_LENGTH} fit")
    return data


def copied_options(data: bytes) -> bytes:
    """The options that fragments after the first carry (RFC 791 §3.1, copied flag). Raises MalformedPacket."""
    return build_options(option for option in parse_options(data) if option.copied)
