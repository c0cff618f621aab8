"""Argument types of ScreenOS objects, shared by settings, `get` commands and actions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nsemu.cli.grammar.errors import InvalidWordError
from nsemu.cli.grammar.types import (
    AddressType,
    ArgumentType,
    NameType,
    NumberType,
    PrefixType,
    ReferenceType,
    Scope,
)
from nsemu.cli.grammar.words import Word
from nsemu.config.address import PREDEFINED_ADDRESSES

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


def stem_of(interface: str) -> str:
    """`ethernet0/1` → `ethernet`, `tunnel.1` → `tunnel`."""
    return interface.rstrip("0123456789./")


def _zones(scope: Scope) -> Collection[str]:
    return scope.config.zones


def _vrouters(scope: Scope) -> Collection[str]:
    return scope.config.vrouters


def _services(scope: Scope) -> Collection[str]:
    config = scope.config
    return {*config.services, *config.service_groups}


def _gateways(scope: Scope) -> Collection[str]:
    return scope.config.gateways


def _vpns(scope: Scope) -> Collection[str]:
    return scope.config.vpns


def _p1_proposals(scope: Scope) -> Collection[str]:
    return scope.config.p1_proposals


def _p2_proposals(scope: Scope) -> Collection[str]:
    return scope.config.p2_proposals


@dataclass(frozen=True, slots=True)
class AddressNameType(ArgumentType[str]):
    """The name of an address or address group of the zone that `zone` (an argument before it) names.

    Names are case-sensitive (B007), but the predefined `Any` and `Dial-Up VPN` are known in any case, as the book's
    `any` requires.
    """

    zone: str
    longest: int = 31
    hint: str = "<string>"

    def parse(self, word: Word, scope: Scope) -> str:
        """The name as the address book writes it."""
        if not word.text:
            raise InvalidWordError('empty name ""')
        if len(word.text) > self.longest:
            raise InvalidWordError(f"name {word.text} too long (at most {self.longest} characters)")
        zone = scope.arguments.get(self.zone, "")
        if (zone, word.text) in scope.config.addresses or (zone, word.text) in scope.config.address_groups:
            return word.text
        return _PREDEFINED.get(word.text.lower(), word.text)

    def show(self, value: str) -> str:
        """The name between quotes."""
        return f'"{value}"'

    def complete(self, scope: Scope) -> Iterable[str]:
        """The entries of the zone's book."""
        zone = scope.arguments.get(self.zone, "")
        books = (scope.config.addresses, scope.config.address_groups)
        return [*PREDEFINED_ADDRESSES, *(name for book in books for key_zone, name in book if key_zone == zone)]


_PREDEFINED = {name.lower(): name for name in PREDEFINED_ADDRESSES}


@dataclass(frozen=True, slots=True)
class ServiceNameType(ArgumentType[str]):
    """The name of a service or service group; predefined ones are known in any case (`any`, `http`)."""

    longest: int = 31
    hint: str = "<string>"

    def parse(self, word: Word, scope: Scope) -> str:
        """The name as the configuration writes it."""
        if not word.text:
            raise InvalidWordError('empty name ""')
        if len(word.text) > self.longest:
            raise InvalidWordError(f"name {word.text} too long (at most {self.longest} characters)")
        config, text = scope.config, word.text
        if text in config.services or text in config.service_groups:
            return text
        return _predefined_service(scope, text)

    def show(self, value: str) -> str:
        """The name between quotes."""
        return f'"{value}"'

    def complete(self, scope: Scope) -> Iterable[str]:
        """All services and groups."""
        return sorted(_services(scope))


def _predefined_service(scope: Scope, text: str) -> str:
    lower = text.lower()
    for table in (scope.config.services, scope.config.service_groups):
        for name, record in table.items():
            if record.predefined and name.lower() == lower:
                return name
    return text


IP = AddressType()
PREFIX = PrefixType()
INTERFACE_ADDRESS = PrefixType(host_bits=True)
INTERFACE = InterfaceType()
ZONE = ReferenceType(_zones)
VROUTER = ReferenceType(_vrouters)
SERVICE = ServiceNameType()
GATEWAY = NameType(existing=_gateways)
VPN = NameType(existing=_vpns)
P1_PROPOSAL = ReferenceType(_p1_proposals)
P2_PROPOSAL = ReferenceType(_p2_proposals)
POLICY_ID = NumberType(1, 65535)
PORT = NumberType(0, 65535)
