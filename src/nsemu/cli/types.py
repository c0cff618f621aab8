"""Argument types of ScreenOS objects, shared by settings, `get` commands and actions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nsemu.cli.grammar.errors import InvalidWordError
from nsemu.cli.grammar.types import (
    AddressType,
    ArgumentType,
    NumberType,
    PrefixType,
    ReferenceType,
    Scope,
)
from nsemu.cli.grammar.words import Word
from nsemu.config import references
from nsemu.config.address import PREDEFINED_ADDRESSES
from nsemu.config.kept import names_of_kind
from nsemu.config.mapped import mapped_names
from nsemu.config.zone import ZoneKind

_INTERFACE = re.compile(r"([A-Za-z][A-Za-z-]*)([0-9./]*)", re.ASCII)
_CREATED_STEMS = ("tunnel", "loopback")


@dataclass(frozen=True, slots=True)
class InterfaceType(ArgumentType[str]):
    """The name of an interface; `e1/1`, `eth3`, `tun.1` stand for the full name (screenos-cli §4.4).

    The value is the name written out, whether the interface exists or not.
    """

    hint: str = "<string>"

    def parse(self, word: Word, scope: Scope) -> str:
        """The full name."""
        text = word.text.lower()
        interfaces = scope.config.interfaces
        if text in interfaces:
            return text
        match = _INTERFACE.fullmatch(text)
        if match is None:
            raise InvalidWordError(f"invalid interface {word.text} (interface name expected)")
        typed, number = match.groups()
        stems = dict.fromkeys([*(stem_of(name) for name in interfaces), *_CREATED_STEMS])
        full = [stem + number for stem in stems if stem.startswith(typed)]
        existing = [name for name in full if name in interfaces]
        if len(existing) == 1:
            return existing[0]
        return full[0] if len(full) == 1 else text

    def show(self, value: str) -> str:
        """The name, without quotes."""
        return value

    def complete(self, scope: Scope) -> Iterable[str]:
        """The interfaces of the device."""
        return list(scope.config.interfaces)


@dataclass(frozen=True, slots=True)
class OutgoingType(InterfaceType):
    """The name of an interface, or in transparent mode of a layer 2 zone (Vol. 5, example in transparent mode)."""

    def parse(self, word: Word, scope: Scope) -> str:
        """The full name of the interface, or the name of the zone in lower case."""
        zone = references.resolve_zone(scope.config, word.text)
        if zone is not None and scope.config.zones[zone].kind is ZoneKind.LAYER2:
            return zone.lower()
        return InterfaceType.parse(self, word, scope)


def stem_of(interface: str) -> str:
    """`ethernet0/1` → `ethernet`, `tunnel.1` → `tunnel`."""
    return interface.rstrip("0123456789./")


def _address(zone: str) -> ReferenceType:
    """An address or address group of the zone that the argument `zone` names; `any` in any case."""

    def resolve(scope: Scope, text: str) -> str | None:
        return references.resolve_address(scope.config, scope.arguments.get(zone, ""), text)

    def names(scope: Scope) -> Iterable[str]:
        here = scope.arguments.get(zone, "")
        books = (scope.config.addresses, scope.config.address_groups)
        own = (name for book in books for key_zone, name in book if key_zone == here)
        return [*PREDEFINED_ADDRESSES, *own, *mapped_names(scope.config)]

    return ReferenceType(resolve, names)


def exact(_scope: Scope, text: str) -> str:
    """A name that means itself: case-sensitive, as most are (B007)."""
    return text


@dataclass(frozen=True, slots=True)
class ReconnectType(ArgumentType[int]):
    """Seconds between attempts to reach a peer again: 0 for none, else 60 or more (E134)."""

    hint: str = "<number>"

    def parse(self, word: Word, scope: Scope) -> int:
        """0, or 60 to 9999."""
        if word.text == "0":
            return 0
        return NumberType(60, 9999).parse(word, scope)

    def show(self, value: int) -> str:
        """Decimal digits."""
        return str(value)


def kept_reference(kind: str) -> ReferenceType:
    """The name of an object that only kept settings make: an authentication server, a scheduler, a pool."""
    return ReferenceType(exact, lambda scope: [str(name) for name in names_of_kind(scope.config, kind)])


IP = AddressType()
PREFIX = PrefixType()
INTERFACE_ADDRESS = PrefixType(host_bits=True)
INTERFACE = InterfaceType()
OUTGOING = OutgoingType()
ZONE = ReferenceType(lambda scope, text: references.resolve_zone(scope.config, text), lambda scope: scope.config.zones)
VROUTER = ReferenceType(
    lambda scope, text: references.resolve_vrouter(scope.config, text), lambda scope: scope.config.vrouters
)
SERVICE = ReferenceType(
    lambda scope, text: references.resolve_service(scope.config, text),
    lambda scope: [*scope.config.services, *scope.config.service_groups],
)
ZONE_ADDRESS, FROM_ADDRESS, TO_ADDRESS = _address("zone"), _address("from"), _address("to")
GATEWAY = ReferenceType(exact, lambda scope: scope.config.gateways)
VPN = ReferenceType(exact, lambda scope: scope.config.vpns)
P1_PROPOSAL = ReferenceType(
    lambda scope, text: references.resolve_p1_proposal(scope.config, text), lambda scope: scope.config.p1_proposals
)
P2_PROPOSAL = ReferenceType(
    lambda scope, text: references.resolve_p2_proposal(scope.config, text), lambda scope: scope.config.p2_proposals
)
OWN_P1_PROPOSAL = ReferenceType(exact, lambda scope: scope.config.p1_proposals)
OWN_P2_PROPOSAL = ReferenceType(exact, lambda scope: scope.config.p2_proposals)
RECONNECT = ReconnectType()
POLICY_ID = NumberType(0, 65535)  # 5.0 begins with 0 (captured `get policy`)
PORT = NumberType(0, 65535)


@dataclass(frozen=True, slots=True)
class TunnelIdType(ArgumentType[int]):
    """The ID of a tunnel: a decimal number, or a hexadecimal one after `0x` as `get sa` prints it."""

    hint: str = "<number>"

    def parse(self, word: Word, _scope: Scope) -> int:
        """The number. Raises InvalidWordError."""
        text = word.text.lower()
        digits, base = (text[2:], 16) if text.startswith("0x") else (text, 10)
        allowed = "0123456789abcdef"[:base]
        if not digits or len(digits) > 10 or any(digit not in allowed for digit in digits):
            raise InvalidWordError(f"invalid number {word.text} (a tunnel ID expected)")
        number = int(digits, base)
        if not 0 < number <= 0xFFFFFF:
            raise InvalidWordError(f"invalid number {word.text} (a tunnel ID from 1 to 0xffffff expected)")
        return number

    def show(self, value: int) -> str:
        """`0x` and hexadecimal digits."""
        return f"0x{value:x}"


TUNNEL_ID = TunnelIdType()


@dataclass(frozen=True, slots=True)
class MacType(ArgumentType[bytes]):
    """A MAC address: twelve hexadecimal digits, as sessions show it, with separators or without."""

    hint: str = "<mac>"

    def parse(self, word: Word, _scope: Scope) -> bytes:
        """Six octets. Raises InvalidWordError."""
        digits = re.sub(r"[:.-]", "", word.text)
        if not re.fullmatch(r"[0-9A-Fa-f]{12}", digits, re.ASCII):
            raise InvalidWordError(f"invalid MAC address {word.text} (twelve hexadecimal digits expected)")
        return bytes.fromhex(digits)

    def show(self, value: bytes) -> str:
        """Twelve hexadecimal digits."""
        return value.hex()


MAC = MacType()
