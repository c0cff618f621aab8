"""`set address …` and `set group address …`: the address books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nsemu.cli.grammar import (
    Arguments,
    PrefixType,
    Row,
    Scope,
    Setting,
    TextType,
    argument,
    choice,
    keyword,
    optional,
    when_set,
    when_unset,
)
from nsemu.cli.grammar.errors import InvalidWordError
from nsemu.cli.grammar.types import ArgumentType, ReferenceType, is_domain_name
from nsemu.cli.grammar.words import Word
from nsemu.cli.settings.checks import check_capacity, policy_zone, refuse_if_used
from nsemu.cli.settings.order import members_first
from nsemu.cli.types import IP, ZONE, ZONE_ADDRESS
from nsemu.config.address import PREDEFINED_ADDRESSES, Address, AddressGroup
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.references import address_group_reaches, resolve_address, users_of_address
from nsemu.wire.address import AddressError, Prefix, format_ipv4, mask_of, parse_mask

FQDN_NOTE = "Note: {} is a domain name; it matches no packet while no DNS server is set."


@dataclass(frozen=True, slots=True)
class MaskType(ArgumentType[int]):
    """A netmask, as its length."""

    hint: str = "<a.b.c.d>"

    def parse(self, word: Word, _scope: Scope) -> int:
        """A dotted netmask without holes."""
        try:
            return parse_mask(word.text)
        except AddressError:
            raise InvalidWordError(f"invalid netmask {word.text} (<a.b.c.d> expected)") from None

    def show(self, value: int) -> str:
        """The dotted mask."""
        return format_ipv4(mask_of(value))


@dataclass(frozen=True, slots=True)
class AddressPrefixType(PrefixType):
    """A prefix, or whatever has a slash and fails to be one."""

    def parse(self, word: Word, scope: Scope) -> Prefix:
        """A prefix."""
        if "/" not in word.text:
            raise InvalidWordError(f"invalid address {word.text} (<a.b.c.d/n> or domain name expected)")
        return PrefixType.parse(self, word, scope)


@dataclass(frozen=True, slots=True)
class DomainNameType(ArgumentType[str]):
    """A domain name with at least one dot."""

    hint: str = "<domain>"

    def parse(self, word: Word, _scope: Scope) -> str:
        """Dotted labels."""
        if not is_domain_name(word.text) or "." not in word.text:
            raise InvalidWordError(f"invalid domain name {word.text}")
        return word.text

    def show(self, value: str) -> str:
        """The name."""
        return value


_PREDEFINED = {name.lower(): name for name in PREDEFINED_ADDRESSES}


def _check_name(name: str) -> None:
    if name.lower() in _PREDEFINED:
        raise DuplicateError(f"address {_PREDEFINED[name.lower()]} is predefined")


# --- addresses


def _set_address(editor: Editor, arguments: Arguments) -> str | None:
    zone, name = policy_zone(editor, arguments["zone"]).name, arguments["name"]
    _check_name(name)
    if (zone, name) in editor.address_groups:
        raise DuplicateError(f"{name} is already an address group of zone {zone}")
    if (zone, name) not in editor.addresses:
        check_capacity(editor.addresses, editor.platform.capacity.addresses, "addresses")
    fqdn = arguments.get("fqdn", "")
    record = Address(zone, name, _prefix(arguments), fqdn, arguments.get("comment", ""))
    editor.addresses.put((zone, name), record)
    return FQDN_NOTE.format(fqdn) if fqdn and not editor.system.dns_servers else None


def _prefix(arguments: Arguments) -> Prefix | None:
    if "address" in arguments:
        return Prefix(arguments["address"], arguments["mask"]).network
    prefix: Prefix | None = arguments.get("prefix")
    return prefix


def _unset_address(editor: Editor, arguments: Arguments) -> None:
    key = (arguments["zone"], arguments["name"])
    if key not in editor.addresses:
        raise NotFoundError(f"address {key[1]} does not exist in zone {key[0]}")
    refuse_if_used(f"address {key[1]}", users_of_address(editor, *key))
    editor.addresses.remove(key)


def _address_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for record in config.addresses.values():
        row: dict[str, object] = {"zone": record.zone, "name": record.name}
        if record.prefix is None:
            row["fqdn"] = record.fqdn
        else:
            row |= {"address": record.prefix.address, "mask": record.prefix.length}
        yield Row(row | ({"comment": record.comment} if record.comment else {}))


# --- groups


def _group(editor: Editor, arguments: Arguments) -> AddressGroup:
    """The group to add to; made when it is new."""
    zone, name = policy_zone(editor, arguments["zone"]).name, arguments["group"]
    if (zone, name) in editor.address_groups:
        return editor.address_groups[(zone, name)]
    _check_name(name)
    if (zone, name) in editor.addresses:
        raise DuplicateError(f"{name} is already an address of zone {zone}")
    check_capacity(editor.address_groups, editor.platform.capacity.addresses, "address groups")
    return AddressGroup(zone, name)


def _existing_group(editor: Editor, arguments: Arguments) -> AddressGroup:
    key = (arguments["zone"], arguments["group"])
    if key not in editor.address_groups:
        raise NotFoundError(f"address group {key[1]} does not exist in zone {key[0]}")
    return editor.address_groups[key]


def _put(editor: Editor, group: AddressGroup) -> None:
    editor.address_groups.put((group.zone, group.name), group)


def _set_group(editor: Editor, arguments: Arguments) -> None:
    group = _group(editor, arguments)
    _put(editor, replace(group, comment=arguments.get("comment", group.comment)))


def _unset_group(editor: Editor, arguments: Arguments) -> None:
    group = _existing_group(editor, arguments)
    refuse_if_used(f"address group {group.name}", users_of_address(editor, group.zone, group.name))
    editor.address_groups.remove((group.zone, group.name))


def _group_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    group = config.address_groups[(scope["zone"], scope["group"])]
    yield Row({**scope, "comment": group.comment} if group.comment else scope)


def _add_member(editor: Editor, arguments: Arguments) -> None:
    group, member = _group(editor, arguments), arguments["member"]
    if member in PREDEFINED_ADDRESSES:
        raise ConfigError(f"address {member} cannot be a member of a group")
    if resolve_address(editor, group.zone, member) != member:
        raise NotFoundError(f"address {member} does not exist in zone {group.zone}")
    if address_group_reaches(editor, group.zone, member, group.name):
        raise ConfigError(f"address group {group.name} cannot contain itself (through {member})")
    if member not in group.members:
        _put(editor, replace(group, members=(*group.members, member)))


def _remove_member(editor: Editor, arguments: Arguments) -> None:
    group, member = _existing_group(editor, arguments), arguments["member"]
    if member not in group.members:
        raise NotFoundError(f"address {member} is not in group {group.name}")
    _put(editor, replace(group, members=tuple(name for name in group.members if name != member)))


def _member_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for member in config.address_groups[(scope["zone"], scope["group"])].members:
        yield Row({**scope, "member": member})


def group_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a group, members that are groups before the groups they are in."""
    members = {key: [(key[0], name) for name in group.members] for key, group in config.address_groups.items()}
    for zone, name in members_first(members):
        yield {"zone": zone, "group": name}


ADDRESS = Setting("address", _set_address, _unset_address, _address_rows)
ADDRESS_GROUP = Setting("address group", _set_group, _unset_group, _group_rows)
ADDRESS_GROUP_MEMBER = Setting("address group member", _add_member, _remove_member, _member_rows)

_COMMENT = TextType(64, quoted=True, empty=True)
_GROUP_NAME = ReferenceType(
    lambda _scope, text: text,
    lambda scope: [name for zone, name in scope.config.address_groups if zone == scope.arguments.get("zone")],
)
_MEMBER = argument("member", ZONE_ADDRESS, "address name")

NODES = (
    keyword(
        "address",
        "address book entry",
        argument("zone", ZONE, "zone name"),
        argument("name", ZONE_ADDRESS, "address name"),
        when_set(
            choice(
                argument("prefix", AddressPrefixType(), "address and mask"),
                argument("address", IP, "address", argument("mask", MaskType(), "netmask")),
                argument("fqdn", DomainNameType(), "domain name"),
            ),
            optional(argument("comment", _COMMENT, "comment")),
        ),
        ADDRESS,
    ),
)
GROUP_NODE = keyword(
    "address",
    "address group",
    argument("zone", ZONE, "zone name"),
    argument("group", _GROUP_NAME, "group name"),
    choice(
        when_set(optional(keyword("comment", "a text", argument("comment", _COMMENT, "text"))), ADDRESS_GROUP),
        when_unset(ADDRESS_GROUP),
        when_set(keyword("add", "add a member", _MEMBER, ADDRESS_GROUP_MEMBER)),
        when_unset(keyword("remove", "remove a member", _MEMBER, ADDRESS_GROUP_MEMBER)),
    ),
)
"""Stands in `group`, beside the service groups."""
