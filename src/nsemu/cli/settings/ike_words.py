"""The words of `set ike …`; what they do is in `ike`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from nsemu.cli import types
from nsemu.cli.grammar import (
    HostType,
    Node,
    NumberType,
    ReferenceType,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    repeat,
    sequence,
    when_set,
)
from nsemu.cli.settings.ike import (
    GATEWAY,
    GROUPS,
    INITIAL_CONTACT,
    P1_PROPOSAL,
    P2_PROPOSAL,
    RESPOND_BAD_SPI,
    SOFT_LIFETIME_BUFFER,
    UNITS,
)
from nsemu.config.algorithms import AuthenticationMethod, Encryption, ExchangeMode, Integrity, IpsecProtocol
from nsemu.config.ike import MAXIMUM_PROPOSALS, SecurityLevel

E = TypeVar("E", bound=Enum)

_CIPHERS = {
    Encryption.NULL: "no encryption",
    Encryption.DES: "DES",
    Encryption.TRIPLE_DES: "triple DES",
    Encryption.AES128: "AES with a 128-bit key",
    Encryption.AES192: "AES with a 192-bit key",
    Encryption.AES256: "AES with a 256-bit key",
}
_HASHES = {
    Integrity.NULL: "no authentication",
    Integrity.MD5: "MD5",
    Integrity.SHA1: "SHA-1",
    Integrity.SHA2_256: "SHA-256",
}
_METHODS = {
    AuthenticationMethod.PRESHARE: "preshared key",
    AuthenticationMethod.RSA_SIG: "RSA signatures",
    AuthenticationMethod.DSA_SIG: "DSA signatures",
}
_LEVELS = {
    SecurityLevel.STANDARD: "AES and triple DES with SHA-1",
    SecurityLevel.COMPATIBLE: "triple DES and DES with SHA-1 and MD5",
    SecurityLevel.BASIC: "DES with SHA-1 and MD5",
}
_IDENTITY = TextType(255, quoted=True)


def _words(name: str, helps: Mapping[E, str], leave_out: Iterable[E] = ()) -> Node:
    """One keyword for each value of an enumeration whose values are the words."""
    return choice(*(flag(value.value, text, name, value) for value, text in helps.items() if value not in leave_out))


_DH_GROUPS = {word: (group, f"Diffie-Hellman group {group.value}") for word, group in GROUPS.items()}


def _groups(name: str) -> tuple[Node, ...]:
    return tuple(flag(word, text, name, group) for word, (group, text) in _DH_GROUPS.items())


_LIFETIME = optional(
    choice(
        *(keyword(unit, f"lifetime in {unit}s", argument(unit, NumberType(1, 2**31 - 1), "lifetime")) for unit in UNITS)
    )
)
_LIFESIZE = optional(
    keyword("kbyte", "lifetime in kilobytes", argument("lifesize", NumberType(1, 2**32 - 1), "kilobytes"))
)

_P1 = keyword(
    "p1-proposal",
    "IKE phase 1 proposal",
    argument("name", types.OWN_P1_PROPOSAL, "proposal name"),
    when_set(
        _words("method", _METHODS),
        choice(*_groups("group")),
        keyword("esp", "encryption"),
        _words("encryption", _CIPHERS, {Encryption.NULL}),
        _words("hash", _HASHES, {Integrity.NULL}),
        _LIFETIME,
    ),
    P1_PROPOSAL,
)
_P2 = keyword(
    "p2-proposal",
    "IKE phase 2 proposal",
    argument("name", types.OWN_P2_PROPOSAL, "proposal name"),
    when_set(
        choice(flag("no-pfs", "no perfect forward secrecy"), *_groups("pfs")),
        choice(
            sequence(
                flag("esp", "Encapsulating Security Payload", "protocol", IpsecProtocol.ESP),
                _words("encryption", _CIPHERS),
                _words("hash", _HASHES),
            ),
            sequence(
                flag("ah", "Authentication Header", "protocol", IpsecProtocol.AH),
                _words("hash", _HASHES, {Integrity.NULL}),
            ),
        ),
        _LIFETIME,
        _LIFESIZE,
    ),
    P2_PROPOSAL,
)


def security(proposals: ReferenceType) -> Node:
    """`proposal P [P2 [P3 [P4]]]` or `sec-level LEVEL`, or neither: gateways and VPNs (B035, B051)."""
    return optional(
        choice(
            keyword(
                "proposal",
                "proposals, the preferred one first",
                repeat("proposals", argument("proposal", proposals, "proposal name"), MAXIMUM_PROPOSALS),
            ),
            keyword("sec-level", "a predefined set of proposals", _words("level", _LEVELS)),
        )
    )


_GATEWAY = keyword(
    "gateway",
    "IKE gateway",
    argument("gateway", types.GATEWAY, "gateway name"),
    when_set(
        choice(keyword("address", "address of the peer"), keyword("ip", "address of the peer", hidden=True)),
        argument("address", HostType(), "address or domain name of the peer"),
        optional(
            choice(
                flag("main", "Main mode", "mode", ExchangeMode.MAIN, printed="Main"),
                flag("aggressive", "Aggressive mode", "mode", ExchangeMode.AGGRESSIVE, printed="Aggr"),
            )
        ),
        any_order(
            keyword("id", "IKE ID of the peer", argument("peer_id", _IDENTITY, "IKE ID")),
            keyword("local-id", "own IKE ID", argument("local_id", _IDENTITY, "IKE ID")),
            keyword(
                "outgoing-interface",
                "interface towards the peer",
                argument("interface", types.INTERFACE, "interface name"),
            ),
            keyword("preshare", "preshared key", argument("preshare", TextType(128, quoted=True), "key")),
        ),
        security(types.P1_PROPOSAL),
    ),
    GATEWAY,
)

NODES = (
    keyword(
        "ike",
        "IKE",
        choice(
            _P1,
            _P2,
            _GATEWAY,
            keyword(
                "respond-bad-spi",
                "notify the sender of packets with an unknown SPI",
                when_set(optional(argument("number", NumberType(1, 10), "notifications a second"))),
                RESPOND_BAD_SPI,
            ),
            keyword(
                "soft-lifetime-buffer",
                "seconds before its end at which a key is renewed",
                when_set(argument("buffer", NumberType(1, 3600), "seconds")),
                SOFT_LIFETIME_BUFFER,
            ),
            keyword(
                "initial-contact",
                "send initial contact to every peer",
                when_set(optional(keyword("all-peers", "to every peer"))),
                INITIAL_CONTACT,
            ),
        ),
    ),
)
