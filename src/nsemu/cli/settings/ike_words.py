"""The words of `set ike …`; what they do is in `ike`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from nsemu.cli import types
from nsemu.cli.grammar import (
    Node,
    NumberType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
)
from nsemu.cli.settings import ike_gateway_words, ike_globals, ike_more
from nsemu.cli.settings.ike import (
    GROUPS,
    P1_PROPOSAL,
    P2_PROPOSAL,
    RESPOND_BAD_SPI,
    SOFT_LIFETIME_BUFFER,
    UNITS,
)
from nsemu.config.algorithms import AuthenticationMethod, Encryption, Integrity, IpsecProtocol

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


def _words(name: str, helps: Mapping[E, str], leave_out: Iterable[E] = ()) -> Node:
    """One keyword for each value of an enumeration whose values are the words."""
    return choice(*(flag(value.value, text, name, value) for value, text in helps.items() if value not in leave_out))


_DH_GROUPS = {word: (group, f"Diffie-Hellman group {group.value}") for word, group in GROUPS.items()}


def _groups(name: str) -> tuple[Node, ...]:
    return tuple(flag(word, text, name, group) for word, (group, text) in _DH_GROUPS.items())


_LIFETIME = optional(
    choice(
        *(
            keyword(
                word, f"lifetime in {unit}s", argument(unit, NumberType(1, 2**31 - 1), "lifetime"), hidden=word != unit
            )
            for unit in UNITS
            for word in (unit, f"{unit}s")
        )
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


NODES = (
    keyword(
        "ike",
        "IKE",
        choice(
            _P1,
            _P2,
            ike_gateway_words.GATEWAY_NODE,
            *ike_more.NODES,
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
            *ike_globals.NODES,
        ),
    ),
)
