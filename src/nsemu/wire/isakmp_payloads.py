"""The insides of ISAKMP payloads: SA, proposal, transform, attribute, ID, notification, delete.

RFC 2408 §3.3 to §3.15, with the numbers of the IPsec DOI (RFC 2407) and of IKE (RFC 2409 Appendix A).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from nsemu.wire.errors import MalformedPacket

DOI_ISAKMP: Final = 0
DOI_IPSEC: Final = 1
SITUATION_IDENTITY_ONLY: Final = 1

PROTOCOL_ISAKMP: Final = 1
PROTOCOL_AH: Final = 2
PROTOCOL_ESP: Final = 3

_LONG_PAIR = Struct("!II")
_GENERIC = Struct("!BBH")
_PROPOSAL = Struct("!BBHBBBB")
_TRANSFORM = Struct("!BBHBBH")
_TRANSFORM_FIELDS = Struct("!BBH")
_ATTRIBUTE = Struct("!HH")
_IDENTIFICATION = Struct("!BBH")
_NOTIFICATION = Struct("!IBBH")
_BASIC: Final = 0x8000


class NotifyType(IntEnum):
    """Notify message types (RFC 2408 §3.14.1, RFC 2407 §4.6.3, RFC 3706 §5.3); HEARTBEAT is private to this project."""

    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30
    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578
    R_U_THERE = 36136
    R_U_THERE_ACK = 36137
    NHTB_INFORM = 40001
    HEARTBEAT = 40501


LAST_ERROR_NOTIFY: Final = 16383
"""Notify types up to this one are errors, those above are status (RFC 2408 §3.14.1)."""


class Transform(NamedTuple):
    """A transform payload. `attributes` in order of arrival; `body` is what follows its generic header, unchanged."""

    number: int
    id: int
    attributes: tuple[tuple[int, int], ...]
    body: bytes


class Proposal(NamedTuple):
    """A proposal payload with its transforms."""

    number: int
    protocol: int
    spi: bytes
    transforms: tuple[Transform, ...]


class SecurityAssociation(NamedTuple):
    """The body of an SA payload."""

    doi: int
    situation: int
    proposals: tuple[Proposal, ...]


class Identification(NamedTuple):
    """The body of an ID payload (RFC 2407 §4.6.2)."""

    type: int
    protocol: int
    port: int
    data: bytes


class Notification(NamedTuple):
    """The body of a notification payload."""

    doi: int
    protocol: int
    type: int
    spi: bytes
    data: bytes


class Delete(NamedTuple):
    """The body of a delete payload. The SPIs are the sender's inbound ones (RFC 2408 §3.15)."""

    doi: int
    protocol: int
    spis: tuple[bytes, ...]


def parse_attributes(data: bytes, offset: int = 0) -> tuple[tuple[int, int], ...]:
    """(type, value) pairs of both encodings (RFC 2408 §3.3). Raises MalformedPacket."""
    attributes: list[tuple[int, int]] = []
    end = len(data)
    unpack = _ATTRIBUTE.unpack_from
    while offset < end:
        if end - offset < 4:
            raise MalformedPacket("ISAKMP: attribute breaks off")
        kind, value = unpack(data, offset)
        offset += 4
        if kind & _BASIC:
            attributes.append((kind ^ _BASIC, value))
            continue
        if value > end - offset:
            raise MalformedPacket(f"ISAKMP: attribute {kind} has length {value}")
        attributes.append((kind, int.from_bytes(data[offset : offset + value], "big")))
        offset += value
    return tuple(attributes)


def build_attributes(attributes: Iterable[tuple[int, int]]) -> bytes:
    """Attributes in the short encoding where the value fits into 16 bits, else in the long one with whole words."""
    pieces: list[bytes] = []
    for kind, value in attributes:
        if value <= 0xFFFF:
            pieces.append(_ATTRIBUTE.pack(kind | _BASIC, value))
        else:
            size = -(-value.bit_length() // 32) * 4
            pieces.append(_ATTRIBUTE.pack(kind, size) + value.to_bytes(size, "big"))
    return b"".join(pieces)


def build_transform(number: int, transform_id: int, attributes: Sequence[tuple[int, int]]) -> Transform:
    """A transform to send."""
    body = _TRANSFORM_FIELDS.pack(number, transform_id, 0) + build_attributes(attributes)
    return Transform(number, transform_id, tuple(attributes), body)


def parse_security_association(body: bytes) -> SecurityAssociation:
    """The body of an SA payload, down to the attributes. Raises MalformedPacket.

    A situation other than identity-only may bring fields of its own (RFC 2407 §4.6.1): then `proposals` is empty.
    """
    if len(body) < 8:
        raise MalformedPacket(f"ISAKMP: SA payload of {len(body)} octets")
    doi, situation = _LONG_PAIR.unpack_from(body)
    if doi != DOI_IPSEC or situation != SITUATION_IDENTITY_ONLY:
        return SecurityAssociation(doi, situation, ())
    proposals: list[Proposal] = []
    offset, end, following = 8, len(body), 2
    while following:
        if following != 2:
            raise MalformedPacket(f"ISAKMP: payload {following} where a proposal belongs")
        if end - offset < 8:
            raise MalformedPacket("ISAKMP: proposal breaks off")
        following, reserved, length, number, protocol, spi_size, count = _PROPOSAL.unpack_from(body, offset)
        stop = offset + length
        if length < 8 + spi_size or stop > end or reserved:
            raise MalformedPacket(f"ISAKMP: proposal {number} has length {length}, RESERVED {reserved}")
        spi_end = offset + 8 + spi_size
        transforms = _parse_transforms(body[spi_end:stop], count)
        proposals.append(Proposal(number, protocol, body[offset + 8 : spi_end], transforms))
        offset = stop
    if offset != end:
        raise MalformedPacket(f"ISAKMP: {end - offset} octets after the last proposal")
    return SecurityAssociation(doi, situation, tuple(proposals))


def _parse_transforms(data: bytes, count: int) -> tuple[Transform, ...]:
    transforms: list[Transform] = []
    offset, end, following = 0, len(data), 3
    while following:
        if following != 3:
            raise MalformedPacket(f"ISAKMP: payload {following} where a transform belongs")
        if end - offset < 8:
            raise MalformedPacket("ISAKMP: transform breaks off")
        following, reserved, length, number, transform_id, reserved_2 = _TRANSFORM.unpack_from(data, offset)
        stop = offset + length
        if length < 8 or stop > end or reserved or reserved_2:
            raise MalformedPacket(f"ISAKMP: transform {number} has length {length}")
        body = data[offset + 4 : stop]
        transforms.append(Transform(number, transform_id, parse_attributes(body, 4), body))
        offset = stop
    if offset != end or len(transforms) != count:
        raise MalformedPacket(f"ISAKMP: {count} transforms announced, {len(transforms)} found")
    return tuple(transforms)


def build_security_association(proposals: Sequence[Proposal]) -> bytes:
    """The body of an SA payload of the IPsec DOI. Transforms are sent as they are (RFC 2408 §4.2)."""
    pieces = [_LONG_PAIR.pack(DOI_IPSEC, SITUATION_IDENTITY_ONLY)]
    last = len(proposals) - 1
    for index, proposal in enumerate(proposals):
        transforms = _build_transforms(proposal.transforms)
        length = 8 + len(proposal.spi) + len(transforms)
        pieces.append(
            _PROPOSAL.pack(
                2 if index < last else 0,
                0,
                length,
                proposal.number,
                proposal.protocol,
                len(proposal.spi),
                len(proposal.transforms),
            )
        )
        pieces += (proposal.spi, transforms)
    return b"".join(pieces)


def _build_transforms(transforms: Sequence[Transform]) -> bytes:
    last = len(transforms) - 1
    return b"".join(
        _GENERIC.pack(3 if index < last else 0, 0, len(transform.body) + 4) + transform.body
        for index, transform in enumerate(transforms)
    )


def parse_identification(body: bytes) -> Identification:
    """The body of an ID payload. Raises MalformedPacket."""
    if len(body) < 4:
        raise MalformedPacket(f"ISAKMP: ID payload of {len(body)} octets")
    kind, protocol, port = _IDENTIFICATION.unpack_from(body)
    return Identification(kind, protocol, port, body[4:])


def build_identification(kind: int, protocol: int, port: int, data: bytes) -> bytes:
    """The body of an ID payload."""
    return _IDENTIFICATION.pack(kind, protocol, port) + data


def parse_notification(body: bytes) -> Notification:
    """The body of a notification payload. Raises MalformedPacket."""
    if len(body) < 8:
        raise MalformedPacket(f"ISAKMP: notification of {len(body)} octets")
    doi, protocol, spi_size, kind = _NOTIFICATION.unpack_from(body)
    if len(body) < 8 + spi_size:
        raise MalformedPacket(f"ISAKMP: notification with an SPI of {spi_size} octets breaks off")
    return Notification(doi, protocol, kind, body[8 : 8 + spi_size], body[8 + spi_size :])


def build_notification(protocol: int, kind: int, spi: bytes = b"", data: bytes = b"") -> bytes:
    """The body of a notification payload of the IPsec DOI."""
    return _NOTIFICATION.pack(DOI_IPSEC, protocol, len(spi), kind) + spi + data


def parse_delete(body: bytes) -> Delete:
    """The body of a delete payload. Raises MalformedPacket."""
    if len(body) < 8:
        raise MalformedPacket(f"ISAKMP: delete payload of {len(body)} octets")
    doi, protocol, size, count = _NOTIFICATION.unpack_from(body)
    if len(body) != 8 + size * count or not size:
        raise MalformedPacket(f"ISAKMP: delete payload with {count} SPIs of {size} octets has {len(body)} octets")
    return Delete(doi, protocol, tuple(body[at : at + size] for at in range(8, len(body), size)))


def build_delete(protocol: int, spis: Sequence[bytes]) -> bytes:
    """The body of a delete payload of the IPsec DOI; the SPIs all have one size."""
    return _NOTIFICATION.pack(DOI_IPSEC, protocol, len(spis[0]), len(spis)) + b"".join(spis)
