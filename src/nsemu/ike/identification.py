"""Identification payloads: IKE IDs of Phase 1 and proxy IDs of Phase 2 (RFC 2407 §4.6.2; B056, B064, B133)."""

from __future__ import annotations

from typing import Final, NamedTuple

from nsemu.config.ike import Identity, IdentityType
from nsemu.ike.errors import PeerError
from nsemu.ike.events import Refusal
from nsemu.ike.parameters import ISAKMP_PORT
from nsemu.wire.address import Prefix, format_ipv4, mask_of
from nsemu.wire.isakmp_payloads import (
    Identification,
    NotifyType,
    build_identification,
    parse_identification,
)

ID_IPV4: Final = 1
ID_FQDN: Final = 2
ID_U_FQDN: Final = 3
ID_IPV4_SUBNET: Final = 4
ID_IPV4_RANGE: Final = 7
ID_ASN1_DN: Final = 9
_UDP: Final = 17
_NAMES: Final = {ID_IPV4: "IP address", ID_FQDN: "FQDN", ID_U_FQDN: "U-FQDN", ID_ASN1_DN: "ASN1-DN"}


class Selector(NamedTuple):
    """One half of a proxy ID."""

    prefix: Prefix
    protocol: int
    port: int


def encode_identity(identity: Identity | None, address: int) -> bytes:
    """The body of an ID payload for Phase 1; None means the IP address (B133). Raises ValueError for an ASN1-DN.

    Distinguished names exist with certificates only (B135).
    """
    if identity is None:
        return build_identification(ID_IPV4, _UDP, ISAKMP_PORT, address.to_bytes(4, "big"))
    if identity.type is IdentityType.ASN1_DN:
        raise ValueError(f"IKE ID {identity.text!r} of type ASN1-DN needs a certificate")
    return build_identification(identity.type.value, _UDP, ISAKMP_PORT, identity.encoded)


def identity_key(body: bytes) -> tuple[int, bytes]:
    """Type and data of an ID payload: what one peer is told from another by. Raises MalformedPacket for a stump."""
    identification = parse_identification(body)
    return identification.type, identification.data


def check_identity(body: bytes, expected: bytes) -> None:
    """Raise PeerError unless the peer's ID payload has the type and data of `expected`.

    Protocol and port must be 0 and 0, or UDP with 500 or 0 (RFC 2407 §4.6.2). Raises MalformedPacket for a stump.
    """
    received, wanted = parse_identification(body), parse_identification(expected)
    if (received.protocol, received.port) not in ((0, 0), (_UDP, 0), (_UDP, ISAKMP_PORT)):
        raise PeerError(NotifyType.INVALID_ID_INFORMATION, Refusal.IDENTITY, describe(received), describe(wanted))
    if received.type != wanted.type or received.data != wanted.data:
        raise PeerError(NotifyType.INVALID_ID_INFORMATION, Refusal.IDENTITY, describe(received), describe(wanted))


def describe(identification: Identification) -> str:
    """An IKE ID as the event log shows it: `IP address 2.2.2.2`."""
    kind = _NAMES.get(identification.type, f"ID type {identification.type}")
    if identification.type == ID_IPV4:
        data = identification.data
        return f"{kind} {format_ipv4(int.from_bytes(data, 'big')) if len(data) == 4 else data.hex()}"
    text = identification.data.decode("ascii", "replace")
    return f"{kind} {''.join(letter if letter.isprintable() else '?' for letter in text)}"


def encode_selector(selector: Selector) -> bytes:
    """The body of an ID payload for quick mode, always in subnet form."""
    prefix = selector.prefix.network
    data = prefix.address.to_bytes(4, "big") + prefix.mask.to_bytes(4, "big")
    return build_identification(ID_IPV4_SUBNET, selector.protocol, selector.port, data)


def decode_selector(body: bytes) -> Selector:
    """A proxy ID of the peer: an address, a subnet or a range that is a subnet.

    Raises PeerError (INVALID-ID-INFORMATION) for others, MalformedPacket for a stump.
    """
    kind, protocol, port, data = parse_identification(body)
    prefix: Prefix | None = None
    if kind == ID_IPV4 and len(data) == 4:
        prefix = Prefix(int.from_bytes(data, "big"), 32)
    elif kind == ID_IPV4_SUBNET and len(data) == 8:
        prefix = _subnet(int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big"))
    elif kind == ID_IPV4_RANGE and len(data) == 8:
        first, last = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")
        prefix = _subnet(first, first ^ last ^ 0xFFFFFFFF) if first <= last else None
    if prefix is None or prefix != prefix.network:
        raise PeerError(NotifyType.INVALID_ID_INFORMATION, Refusal.PROXY_ID)
    return Selector(prefix, protocol, port)


def _subnet(address: int, mask: int) -> Prefix | None:
    length = mask.bit_count()
    return Prefix(address, length) if mask_of(length) == mask else None
