"""L2TP messages and their attribute-value pairs (RFC 2661 §3.1, §4). Hidden values stay hidden here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from nsemu.wire.errors import MalformedPacket

VERSION: Final = 2
_TYPE, _LENGTH, _SEQUENCE, _OFFSET = 0x8000, 0x4000, 0x0800, 0x0200
_VERSION_MASK: Final = 0x000F
_CONTROL_FLAGS: Final = _TYPE | _LENGTH | _SEQUENCE | VERSION
_MANDATORY, _HIDDEN, _AVP_LENGTH = 0x8000, 0x4000, 0x03FF
_AVP_RESERVED: Final = 0x3C00

_CONTROL: Final = Struct("!HHHHHH")
_DATA: Final = Struct("!HHHH")
_WORD: Final = Struct("!H")
_AVP: Final = Struct("!HHH")
LONGEST_VALUE: Final = _AVP_LENGTH - _AVP.size


class MessageType(IntEnum):
    """Control messages (RFC 2661 §3.2)."""

    SCCRQ = 1
    SCCRP = 2
    SCCCN = 3
    STOP_CCN = 4
    HELLO = 6
    OCRQ = 7
    OCRP = 8
    OCCN = 9
    ICRQ = 10
    ICRP = 11
    ICCN = 12
    CDN = 14
    WEN = 15
    SLI = 16


class AvpType(IntEnum):
    """Attributes (RFC 2661 §4.4) that have a meaning here."""

    MESSAGE_TYPE = 0
    RESULT_CODE = 1
    PROTOCOL_VERSION = 2
    FRAMING_CAPABILITIES = 3
    BEARER_CAPABILITIES = 4
    TIE_BREAKER = 5
    FIRMWARE_REVISION = 6
    HOST_NAME = 7
    VENDOR_NAME = 8
    ASSIGNED_TUNNEL_ID = 9
    RECEIVE_WINDOW_SIZE = 10
    CHALLENGE = 11
    CHALLENGE_RESPONSE = 13
    ASSIGNED_SESSION_ID = 14
    CALL_SERIAL_NUMBER = 15
    BEARER_TYPE = 18
    FRAMING_TYPE = 19
    CONNECT_SPEED = 24
    RANDOM_VECTOR = 36
    PROXY_AUTHEN_TYPE = 29


class Avp(NamedTuple):
    """One attribute of the IETF (`vendor` 0) or of a vendor; `value` is as on the wire, ciphered when `hidden`."""

    type: int
    value: bytes
    mandatory: bool = True
    hidden: bool = False
    vendor: int = 0


@dataclass(frozen=True, slots=True)
class ControlMessage:
    """A control message; one without AVPs is a ZLB, a mere acknowledgment (RFC 2661 §5.8)."""

    tunnel: int
    session: int
    ns: int
    nr: int
    avps: tuple[Avp, ...] = ()

    def build(self) -> bytes:
        """The UDP payload."""
        body = b"".join(_build_avp(avp) for avp in self.avps)
        return _CONTROL.pack(_CONTROL_FLAGS, 12 + len(body), self.tunnel, self.session, self.ns, self.nr) + body


@dataclass(frozen=True, slots=True)
class DataMessage:
    """A PPP frame of a call."""

    tunnel: int
    session: int
    frame: bytes

    def build(self) -> bytes:
        """The UDP payload, with a length and without sequence numbers."""
        return _DATA.pack(_LENGTH | VERSION, 8 + len(self.frame), self.tunnel, self.session) + self.frame


def _build_avp(avp: Avp) -> bytes:
    if len(avp.value) > LONGEST_VALUE:
        raise ValueError(f"AVP {avp.type} has {len(avp.value)} octets")
    flags = _MANDATORY * avp.mandatory | _HIDDEN * avp.hidden | (_AVP.size + len(avp.value))
    return _AVP.pack(flags, avp.vendor, avp.type) + avp.value


def word(value: int) -> bytes:
    """A 16-bit value."""
    return _WORD.pack(value)


def parse(data: bytes) -> ControlMessage | DataMessage:
    """The message in a UDP payload. Raises MalformedPacket."""
    if len(data) < 6:
        raise MalformedPacket(f"L2TP: {len(data)} octets are no header")
    (flags,) = _WORD.unpack_from(data)
    if flags & _VERSION_MASK != VERSION:
        raise MalformedPacket(f"L2TP: version {flags & _VERSION_MASK}")
    return _parse_control(flags, data) if flags & _TYPE else _parse_data(flags, data)


def _parse_control(flags: int, data: bytes) -> ControlMessage:
    if flags & _CONTROL_FLAGS != _CONTROL_FLAGS or flags & _OFFSET or len(data) < _CONTROL.size:
        raise MalformedPacket(f"L2TP: control message with flags {flags:04x}")
    _, length, tunnel, session, ns, nr = _CONTROL.unpack_from(data)
    if not _CONTROL.size <= length <= len(data):
        raise MalformedPacket(f"L2TP: length {length} of {len(data)} octets")
    return ControlMessage(tunnel, session, ns, nr, _parse_avps(data[_CONTROL.size : length]))


def _parse_avps(body: bytes) -> tuple[Avp, ...]:
    found: list[Avp] = []
    offset = 0
    while offset < len(body):
        if len(body) - offset < _AVP.size:
            raise MalformedPacket("L2TP: an AVP breaks off")
        flags, vendor, kind = _AVP.unpack_from(body, offset)
        length = flags & _AVP_LENGTH
        if not _AVP.size <= length <= len(body) - offset or flags & _AVP_RESERVED:
            raise MalformedPacket(f"L2TP: AVP {kind} with flags and length {flags:04x}")
        value = body[offset + _AVP.size : offset + length]
        found.append(Avp(kind, value, bool(flags & _MANDATORY), bool(flags & _HIDDEN), vendor))
        offset += length
    return tuple(found)


def _parse_data(flags: int, data: bytes) -> DataMessage:
    offset, end = 2, len(data)
    if flags & _LENGTH:
        (end,) = _WORD.unpack_from(data, offset)
        offset += 2
    size = offset + 4 + 4 * bool(flags & _SEQUENCE) + 2 * bool(flags & _OFFSET)
    if not size <= end <= len(data):
        raise MalformedPacket(f"L2TP: data message of {len(data)} octets")
    tunnel, session = _WORD.unpack_from(data, offset)[0], _WORD.unpack_from(data, offset + 2)[0]
    if flags & _OFFSET:
        size += _WORD.unpack_from(data, size - 2)[0]
        if size > end:
            raise MalformedPacket("L2TP: the offset leads beyond the message")
    return DataMessage(tunnel, session, data[size:end])


def first(avps: Sequence[Avp], kind: AvpType) -> bytes | None:
    """The value of the first attribute of a type of the IETF."""
    return next((avp.value for avp in avps if avp.type == kind and not avp.vendor), None)
