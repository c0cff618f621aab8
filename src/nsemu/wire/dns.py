"""DNS messages (RFC 1035 §4): one question, resource records, names with compression.

Names are text in lower case without the final dot, "" for the root. Record data stays octets; `address_record` makes
those of type A.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nsemu.wire.errors import MalformedPacket

PORT: Final = 53
TYPE_A: Final = 1
TYPE_CNAME: Final = 5
CLASS_IN: Final = 1

NO_ERROR: Final = 0
FORMAT_ERROR: Final = 1
NAME_ERROR: Final = 3
NOT_IMPLEMENTED: Final = 4

_HEADER: Final = struct.Struct("!HHHHHH")
_QUESTION: Final = struct.Struct("!HH")
_RECORD: Final = struct.Struct("!HHIH")
_RESPONSE: Final = 0x8000
_AUTHORITATIVE: Final = 0x0400
_TRUNCATED: Final = 0x0200
_RECURSION_DESIRED: Final = 0x0100
_LONGEST_NAME: Final = 255
_LONGEST_LABEL: Final = 63
_POINTER: Final = 0xC0


@dataclass(frozen=True, slots=True)
class DnsQuestion:
    """What is asked: a name, a type and a class."""

    name: str
    type: int = TYPE_A
    class_: int = CLASS_IN


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A resource record; `ttl` in seconds."""

    name: str
    type: int
    ttl: int
    data: bytes
    class_: int = CLASS_IN

    @property
    def address(self) -> int | None:
        """The address of an A record; None for any other record."""
        if (self.type, self.class_, len(self.data)) != (TYPE_A, CLASS_IN, 4):
            return None
        return int.from_bytes(self.data, "big")


def address_record(name: str, address: int, ttl: int) -> DnsRecord:
    """An A record."""
    return DnsRecord(name, TYPE_A, ttl, address.to_bytes(4, "big"))


@dataclass(frozen=True, slots=True)
class DnsMessage:
    """A query or a response. `code` is the RCODE, `opcode` 0 for a standard query."""

    identifier: int
    response: bool = False
    opcode: int = 0
    authoritative: bool = False
    truncated: bool = False
    recursion_desired: bool = True
    code: int = NO_ERROR
    questions: tuple[DnsQuestion, ...] = ()
    answers: tuple[DnsRecord, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> DnsMessage:
        """Octets → message; authority and additional records are left out. Raises MalformedPacket."""
        if len(data) < _HEADER.size:
            raise MalformedPacket(f"DNS message of {len(data)} octets, the header has {_HEADER.size}")
        identifier, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        reader = _Reader(data, _HEADER.size)
        asked = tuple(reader.question() for _ in range(questions))
        found = tuple(reader.record() for _ in range(answers))
        return cls(
            identifier,
            bool(flags & _RESPONSE),
            flags >> 11 & 15,
            bool(flags & _AUTHORITATIVE),
            bool(flags & _TRUNCATED),
            bool(flags & _RECURSION_DESIRED),
            flags & 15,
            asked,
            found,
        )

    def build(self) -> bytes:
        """Message → octets, names compressed. Raises ValueError for a name that cannot be written."""
        flags = self.opcode << 11 | self.code
        for bit, on in (
            (_RESPONSE, self.response),
            (_AUTHORITATIVE, self.authoritative),
            (_TRUNCATED, self.truncated),
            (_RECURSION_DESIRED, self.recursion_desired),
        ):
            flags |= bit * on
        out = bytearray(_HEADER.pack(self.identifier, flags, len(self.questions), len(self.answers), 0, 0))
        places: dict[str, int] = {}
        for question in self.questions:
            _write_name(out, question.name, places)
            out += _QUESTION.pack(question.type, question.class_)
        for record in self.answers:
            _write_name(out, record.name, places)
            out += _RECORD.pack(record.type, record.class_, record.ttl, len(record.data)) + record.data
        return bytes(out)


class _Reader:
    """Reads one part after the other."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset

    def question(self) -> DnsQuestion:
        name = self._name()
        kind, class_ = self._fields(_QUESTION)
        return DnsQuestion(name, kind, class_)

    def record(self) -> DnsRecord:
        name = self._name()
        kind, class_, ttl, length = self._fields(_RECORD)
        start = self._offset
        if start + length > len(self._data):
            raise MalformedPacket(f"DNS record data of {length} octets, {len(self._data) - start} are there")
        self._offset = start + length
        # RFC 2181 §8: a TTL with the highest bit set counts as 0.
        return DnsRecord(name, kind, ttl if ttl < 1 << 31 else 0, self._data[start : self._offset], class_)

    def _fields(self, layout: struct.Struct) -> tuple[int, ...]:
        if self._offset + layout.size > len(self._data):
            raise MalformedPacket("DNS message ends within a record")
        values = layout.unpack_from(self._data, self._offset)
        self._offset += layout.size
        return values

    def _name(self) -> str:
        name, self._offset = _read_name(self._data, self._offset)
        return name


def _read_name(data: bytes, offset: int) -> tuple[str, int]:
    """A name and where what follows it begins (RFC 1035 §4.1.4). A pointer must point back, so there is no loop."""
    labels: list[str] = []
    size, following, limit = 1, -1, offset
    while True:
        if offset >= len(data):
            raise MalformedPacket("DNS name ends within the message's last octet")
        length = data[offset]
        if length & _POINTER == _POINTER:
            if offset + 1 >= len(data):
                raise MalformedPacket("DNS name ends within a pointer")
            target = (length & ~_POINTER) << 8 | data[offset + 1]
            following = following if following >= 0 else offset + 2
            if target >= limit:
                raise MalformedPacket(f"DNS pointer to {target} does not point back")
            offset = limit = target
            continue
        if length & _POINTER:
            raise MalformedPacket(f"DNS label of kind {length >> 6}")
        offset += 1
        if not length:
            return ".".join(labels), following if following >= 0 else offset
        size += length + 1
        if offset + length > len(data) or size > _LONGEST_NAME:
            raise MalformedPacket("DNS label that is cut off, or makes the name too long")
        label = data[offset : offset + length]
        if b"." in label or not label.isascii():
            raise MalformedPacket("DNS label with a dot or beyond ASCII")
        labels.append(label.decode("ascii").lower())
        offset += length


def _write_name(out: bytearray, name: str, places: dict[str, int]) -> None:
    if len(name) > _LONGEST_NAME - 2:
        raise ValueError(f"name of {len(name)} characters")
    rest = name.lower().rstrip(".")
    while rest:
        place = places.get(rest)
        if place is not None:
            out += (_POINTER << 8 | place).to_bytes(2, "big")
            return
        if len(out) < 0x4000:
            places[rest] = len(out)
        label, _, rest = rest.partition(".")
        octets = label.encode("ascii")
        if not 0 < len(octets) <= _LONGEST_LABEL:
            raise ValueError(f"label of {len(octets)} octets in {name!r}")
        out += bytes((len(octets),)) + octets
    out.append(0)
