"""Checks that several settings share. Each raises a ConfigError that names the word and what would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import TypeVar

from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, ConfigError, NotFoundError, ObjectInUseError
from nsemu.config.interface import Interface
from nsemu.config.references import resolve_address
from nsemu.config.zone import Zone

V = TypeVar("V")


def not_emulated(what: str) -> str:
    """What the console says of a setting that is kept and shown but has no effect here."""
    return f"Note: {what} is kept in the configuration but not emulated."


def require(table: Mapping[str, V], name: str, what: str) -> V:
    """The record called `name`. Raises NotFoundError that says what is missing."""
    if name not in table:
        raise NotFoundError(f"{what} {name} does not exist")
    return table[name]


def require_address(editor: Editor, zone: str, name: str) -> None:
    """An address or group of the zone's book, or a predefined address. Raises NotFoundError."""
    if resolve_address(editor, zone, name) != name:
        raise NotFoundError(f"address {name} does not exist in zone {zone}")


def require_service(editor: Editor, name: str) -> None:
    """A service or service group. Raises NotFoundError."""
    if name not in editor.services and name not in editor.service_groups:
        raise NotFoundError(f"service {name} does not exist")


def policy_zone(editor: Editor, name: str) -> Zone:
    """A zone that has an address book and can stand in policies. Raises ConfigError."""
    zone = require(editor.zones, name, "zone")
    if not zone.policy_configurable:
        raise ConfigError(f"zone {name} cannot have addresses or policies (a security zone expected)")
    return zone


def check_capacity(table: Sized, most: int, what: str) -> None:
    """Raises CapacityError when the platform holds no more of a kind."""
    if len(table) >= most:
        raise CapacityError(f"no more {what} (this platform holds {most})")


def refuse_if_used(what: str, users: list[str]) -> None:
    """Raises ObjectInUseError that names the first user of the object."""
    if users:
        more = f" and {len(users) - 1} more" if len(users) > 1 else ""
        raise ObjectInUseError(f"{what} is in use by {users[0]}{more}")


def vrouter_of(editor: Editor, interface: Interface) -> str:
    """The virtual router of an interface: the one of its zone."""
    return editor.zones[interface.zone].vrouter
