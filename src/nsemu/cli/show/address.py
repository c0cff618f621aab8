"""`get address …` and `get group address …` (screenos-cli §1.12)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import cut, lines
from nsemu.cli.types import ZONE, ZONE_ADDRESS
from nsemu.config.address import PREDEFINED_ADDRESSES, Address, AddressGroup
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.wire.address import Prefix, format_ipv4

_HEADER = f"{'Name':<20} {'Address':<15} {'Netmask':<15} Flag  Comments"
_GROUP_HEADER = f"{'Group Name':<29} Count Comment"
_PREDEFINED_FLAG, _OWN_FLAG = "02", "00"
_FIRST_ZONES = ("Trust", "Untrust")


def _books(config: DeviceConfig) -> list[str]:
    """The zones that have an address book: Trust and Untrust first, the others by ID."""
    zones = sorted((zone for zone in config.zones.values() if zone.policy_configurable), key=lambda zone: zone.id)
    names = [zone.name for zone in zones]
    return [*_FIRST_ZONES, *(name for name in names if name not in _FIRST_ZONES)]


def _all(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    zones = _books(config)
    total = len(config.addresses) + len(PREDEFINED_ADDRESSES) * len(zones)
    title = f"Total {total} addresses and {len(config.address_groups)} groups in address book."
    return lines(title, "", *(line for zone in zones for line in _book(config, zone)))


def _book(config: DeviceConfig, zone: str) -> Iterator[str]:
    yield f"addr zone name {zone}"
    yield from _addresses(config, zone)
    yield ""


def _addresses(config: DeviceConfig, zone: str) -> Iterator[str]:
    yield f"{zone} Addresses:"
    yield _HEADER
    for name, prefix in PREDEFINED_ADDRESSES.items():
        yield _row(name, prefix, "", _PREDEFINED_FLAG, "All Addr" if name == "Any" else f"{name} Addr")
    for address in config.addresses.values():
        if address.zone == zone:
            yield _address_row(address)


def _address_row(address: Address) -> str:
    return _row(address.name, address.prefix, address.fqdn, _OWN_FLAG, address.comment)


def _row(name: str, prefix: Prefix | None, fqdn: str, flag: str, comment: str) -> str:
    where = format_ipv4(prefix.address) if prefix is not None else fqdn
    mask = format_ipv4(prefix.mask) if prefix is not None else ""
    return f"{cut(name, 20)} {cut(where, 15)} {mask:<15} {flag:>4}  {comment}".rstrip()


def _zone(context: Context, arguments: Arguments) -> str:
    config = context.device.config
    zone = _book_of(context, arguments)
    groups = [group for group in config.address_groups.values() if group.zone == zone]
    return lines(*_addresses(config, zone), "", f"{zone} Address Groups:", _GROUP_HEADER, *map(_group_row, groups))


def _book_of(context: Context, arguments: Arguments) -> str:
    zone = require(context.device.config.zones, arguments["zone"], "zone")
    if not zone.policy_configurable:
        raise ConfigError(f"zone {zone.name} has no address book (a security zone expected)")
    return zone.name


def _one(context: Context, arguments: Arguments) -> str:
    zone, name = _book_of(context, arguments), arguments["name"]
    config = context.device.config
    address = config.addresses.get((zone, name))
    if address is not None:
        return lines(_HEADER, _address_row(address))
    group = config.address_groups.get((zone, name))
    if group is not None:
        return lines(*_group_detail(group))
    if name in PREDEFINED_ADDRESSES:
        return lines(*[row for row in _addresses(config, zone) if row.startswith((_HEADER, cut(name, 20)))])
    raise NotFoundError(f"address {name} does not exist in zone {zone}")


def _groups(context: Context, arguments: Arguments) -> str:
    config = context.device.config
    zones = [_book_of(context, arguments)] if "zone" in arguments else _books(config)
    found = [group for zone in zones for group in config.address_groups.values() if group.zone == zone]
    return lines(_GROUP_HEADER, *map(_group_row, found))


def _one_group(context: Context, arguments: Arguments) -> str:
    zone, name = _book_of(context, arguments), arguments["name"]
    group = context.device.config.address_groups.get((zone, name))
    if group is None:
        raise NotFoundError(f"address group {name} does not exist in zone {zone}")
    return lines(*_group_detail(group))


def _group_row(group: AddressGroup) -> str:
    return f"{cut(group.name, 29)} {len(group.members):>5} {group.comment}".rstrip()


def _group_detail(group: AddressGroup) -> Iterator[str]:
    yield f"Group Name: {group.name}, Comment: {group.comment}".rstrip()
    yield f"Group Items: {len(group.members)} Type: User-defined"
    yield " Members: " + " ".join(f'"{member}"' for member in group.members)


_GROUPS_OF_ZONE = choice(Command(_groups), argument("name", ZONE_ADDRESS, "address group name", Command(_one_group)))
_IN_ZONE = choice(
    Command(_zone),
    keyword("name", "show one address", argument("name", ZONE_ADDRESS, "address name", Command(_one))),
    keyword("group", "show address groups", _GROUPS_OF_ZONE),
    argument("name", ZONE_ADDRESS, "address name", Command(_one)),
)

ADDRESS = keyword("address", "show address book", choice(Command(_all), argument("zone", ZONE, "zone name", _IN_ZONE)))
ADDRESS_GROUP: Node = keyword(
    "address", "show address groups", choice(Command(_groups), argument("zone", ZONE, "zone name", _GROUPS_OF_ZONE))
)
