"""The attributes payload of the transaction exchange: Mode Config and XAuth.

draft-dukes-ike-mode-cfg-02 §3 (payload, message types, attributes) and draft-ietf-ipsec-isakmp-xauth-06 §3 (attributes
of logins). Values are octets here, in either encoding of RFC 2408 §3.3; who may say what is the business of `ike`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from nsemu.wire.errors import MalformedPacket

_HEAD: Final = Struct("!BBH")
_ATTRIBUTE: Final = Struct("!HH")
_BASIC: Final = 0x8000


class ConfigType(IntEnum):
    """What an attributes payload asks for or says (mode-cfg §3.2)."""

    REQUEST = 1
    REPLY = 2
    SET = 3
    ACK = 4


class ConfigAttribute(IntEnum):
    """Attribute types (mode-cfg §3.3, xauth §3.2)."""

    INTERNAL_IP4_ADDRESS = 1
    INTERNAL_IP4_NETMASK = 2
    INTERNAL_IP4_DNS = 3
    INTERNAL_IP4_NBNS = 4
    INTERNAL_ADDRESS_EXPIRY = 5
    APPLICATION_VERSION = 7
    XAUTH_TYPE = 16520
    XAUTH_USER_NAME = 16521
    XAUTH_USER_PASSWORD = 16522
    XAUTH_PASSCODE = 16523
    XAUTH_MESSAGE = 16524
    XAUTH_CHALLENGE = 16525
    XAUTH_DOMAIN = 16526
    XAUTH_STATUS = 16527
    XAUTH_NEXT_PIN = 16528
    XAUTH_ANSWER = 16529


BASIC_ATTRIBUTES: Final = frozenset((ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_STATUS))
"""Those that are sent in the short form, two octets instead of a length (xauth §3.2)."""

Attribute = tuple[int, bytes]
"""(type, value); an empty value asks for it."""


class ConfigPayload(NamedTuple):
    """The body of an attributes payload. `identifier` ties a reply to its request."""

    type: int
    identifier: int
    attributes: tuple[Attribute, ...]

    def value(self, kind: int) -> bytes | None:
        """The first value of a type, None when it is not there."""
        return next((value for found, value in self.attributes if found == kind), None)

    def values(self, kind: int) -> list[bytes]:
        """All values of a type, in order."""
        return [value for found, value in self.attributes if found == kind]


def parse_config(body: bytes) -> ConfigPayload:
    """The body of an attributes payload. Raises MalformedPacket."""
    if len(body) < _HEAD.size:
        raise MalformedPacket(f"ISAKMP: attributes payload of {len(body)} octets")
    kind, reserved, identifier = _HEAD.unpack_from(body)
    if reserved:
        raise MalformedPacket(f"ISAKMP: attributes payload with RESERVED {reserved}")
    attributes: list[Attribute] = []
    offset = _HEAD.size
    while offset < len(body):
        if len(body) - offset < _ATTRIBUTE.size:
            raise MalformedPacket("ISAKMP: configuration attribute breaks off")
        found, value = _ATTRIBUTE.unpack_from(body, offset)
        offset += _ATTRIBUTE.size
        if found & _BASIC:
            attributes.append((found ^ _BASIC, value.to_bytes(2, "big")))
            continue
        if value > len(body) - offset:
            raise MalformedPacket(f"ISAKMP: configuration attribute {found} has length {value}")
        attributes.append((found, bytes(body[offset : offset + value])))
        offset += value
    return ConfigPayload(kind, identifier, tuple(attributes))


def build_config(kind: int, identifier: int, attributes: Iterable[Attribute]) -> bytes:
    """The body of an attributes payload."""
    pieces = [_HEAD.pack(kind, 0, identifier)]
    for found, value in attributes:
        if found in BASIC_ATTRIBUTES and value:
            pieces.append(_ATTRIBUTE.pack(found | _BASIC, int.from_bytes(value, "big")))
        else:
            pieces += (_ATTRIBUTE.pack(found, len(value)), value)
    return b"".join(pieces)
