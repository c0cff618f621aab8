"""The address books of the zones (`set address …`, `set group address …`)."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.wire.address import Prefix

ANY = "Any"
DIALUP_VPN = "Dial-Up VPN"

ANY_PREFIX = Prefix(0, 0)
DIALUP_PREFIX = Prefix(0xFFFFFFFF, 32)

AddressKey = tuple[str, str]
"""(zone, name)."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address book entry. `prefix` has its host bits cleared; an entry by domain name has `fqdn` and no prefix."""

    zone: str
    name: str
    prefix: Prefix | None
    fqdn: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """A group of addresses (and groups) of one zone."""

    zone: str
    name: str
    members: tuple[str, ...] = ()
    comment: str = ""


PREDEFINED_ADDRESSES: dict[str, Prefix] = {ANY: ANY_PREFIX, DIALUP_VPN: DIALUP_PREFIX}
"""Entries that every zone's book holds (B236)."""
