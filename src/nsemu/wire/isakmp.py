"""ISAKMP messages: the header and the payload chain (RFC 2408 §3.1, §3.2).

Bytes to fields and back; ciphers, hashes and the legality of a payload in an exchange belong to `ike`.
The insides of the payloads are in `isakmp_payloads`. Payload numbers are those of RFC 2408 §3.1, not the bit masks that
Vol. 5, "IKE Packets" lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from nsemu.wire.errors import MalformedPacket

HEADER_SIZE: Final = 28
COOKIE_SIZE: Final = 8
VERSION: Final = 0x10
ZERO_COOKIE: Final = bytes(COOKIE_SIZE)

FLAG_ENCRYPTED: Final = 1
FLAG_COMMIT: Final = 2
FLAG_AUTHENTICATION_ONLY: Final = 4

_HEADER = Struct("!8s8sBBBBII")
_GENERIC = Struct("!BBH")
_GENERIC_SIZE: Final = 4


class PayloadType(IntEnum):
    """The next-payload values (RFC 2408 §3.1; mode-cfg §3.1; RFC 3947 §3.2, §5.2 and its drafts 00 to 03)."""

    NONE = 0
    SA = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KEY_EXCHANGE = 4
    IDENTIFICATION = 5
    CERTIFICATE = 6
    CERTIFICATE_REQUEST = 7
    HASH = 8
    SIGNATURE = 9
    NONCE = 10
    NOTIFICATION = 11
    DELETE = 12
    VENDOR_ID = 13
    ATTRIBUTES = 14
    NAT_D = 20
    NAT_OA = 21
    NAT_D_DRAFT = 130
    NAT_OA_DRAFT = 131


class ExchangeType(IntEnum):
    """The exchange types (RFC 2408 §3.1, RFC 2409 §5.5, draft-dukes-ike-mode-cfg-02 §3)."""

    MAIN = 2
    AGGRESSIVE = 4
    INFORMATIONAL = 5
    TRANSACTION = 6
    QUICK = 32


class Header(NamedTuple):
    """The ISAKMP header; `length` counts header and payloads."""

    initiator_cookie: bytes
    responder_cookie: bytes
    next_payload: int
    version: int
    exchange: int
    flags: int
    message_id: int
    length: int


class Payload(NamedTuple):
    """One payload: its body, and where it lies with its generic header in the text it was cut from."""

    type: int
    body: bytes
    start: int
    end: int


def parse_header(data: bytes) -> Header:
    """The header of the datagram `data`. Raises MalformedPacket if the length field is not the datagram's length."""
    if len(data) < HEADER_SIZE:
        raise MalformedPacket(f"ISAKMP: {len(data)} octets are no header")
    header = Header._make(_HEADER.unpack_from(data))
    if header.length != len(data):
        raise MalformedPacket(f"ISAKMP: length field {header.length}, datagram {len(data)}")
    return header


def parse_payloads(first: int, text: bytes, offset: int, padded: bool = False) -> list[Payload]:
    """The payload chain of `text` from `offset` on; `first` is the type of the first payload.

    With `padded` (an encrypted message, RFC 2409 Appendix B), octets after the last payload are padding. Raises
    MalformedPacket for a chain that breaks off, a nonzero RESERVED field, or octets left over.
    """
    payloads: list[Payload] = []
    end = len(text)
    unpack = _GENERIC.unpack_from
    kind = first
    while kind:
        if end - offset < _GENERIC_SIZE:
            raise MalformedPacket(f"ISAKMP: payload {kind} breaks off at octet {offset}")
        following, reserved, length = unpack(text, offset)
        stop = offset + length
        if length < _GENERIC_SIZE or stop > end:
            raise MalformedPacket(f"ISAKMP: payload {kind} at octet {offset} has length {length}")
        if reserved:
            raise MalformedPacket(f"ISAKMP: payload {kind} at octet {offset} has RESERVED {reserved}")
        payloads.append(Payload(kind, text[offset + _GENERIC_SIZE : stop], offset, stop))
        kind, offset = following, stop
    if offset != end and not padded:
        raise MalformedPacket(f"ISAKMP: {end - offset} octets after the last payload")
    return payloads


def build_payloads(payloads: Iterable[tuple[int, bytes]]) -> bytes:
    """The chain of (type, body) pairs; the type of the first one goes into the header."""
    pieces: list[bytes] = []
    pack = _GENERIC.pack
    body: bytes | None = None
    for kind, following in payloads:
        if body is not None:
            pieces += (pack(kind, 0, len(body) + _GENERIC_SIZE), body)
        body = following
    if body is not None:
        pieces += (pack(0, 0, len(body) + _GENERIC_SIZE), body)
    return b"".join(pieces)


def build_message(cookies: bytes, exchange: int, message_id: int, first: int, chain: bytes, *, flags: int = 0) -> bytes:
    """A whole message. `cookies` is both cookies, 16 octets; `chain` is the payloads, encrypted or not."""
    length = HEADER_SIZE + len(chain)
    return _HEADER.pack(cookies[:8], cookies[8:], first, VERSION, exchange, flags, message_id, length) + chain
