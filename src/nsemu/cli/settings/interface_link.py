"""`set interface …`: VLAN tags of sub-interfaces, ports of bridge groups, secondary addresses, `route-deny`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from nsemu.cli.grammar import Arguments, Node, Row, Setting, argument, keyword, optional, when_set
from nsemu.cli.grammar.types import NumberType
from nsemu.cli.settings import interface
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require
from nsemu.cli.types import INTERFACE, ZONE
from nsemu.config.bridge import is_layer2
from nsemu.config.device import DeviceConfig, default_mode
from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, ConfigError, DuplicateError, NotFoundError
from nsemu.config.interface import GROUP_STEM, Interface, InterfaceKind
from nsemu.config.references import users_of_interface
from nsemu.wire.address import Prefix

LAST_VLAN = 4094  # IEEE 802.1Q §9.6: 0 is no VLAN, 4095 is reserved.


# --- tag


def _set_tag(editor: Editor, arguments: Arguments) -> None:
    """`tag N [zone Z]`: makes the sub-interface, gives it the tag, and puts it into the zone."""
    if Interface(arguments["interface"], InterfaceKind.ETHERNET).parent is None:
        raise ConfigError(
            f"interface {arguments['interface']} has no VLAN tag (a sub-interface like ethernet1.1 expected)"
        )
    record = interface.find(editor, arguments["interface"])
    if record.parent is None:
        raise ConfigError(f"interface {record.name} has no VLAN tag (a sub-interface like ethernet1.1 expected)")
    _check_tag(editor, record, arguments["tag"])
    editor.interfaces.put(record.name, replace(record, tag=arguments["tag"]))
    if "zone" in arguments:
        if is_layer2(editor, arguments["zone"]):
            raise ConfigError(f"interface {record.name} cannot be in layer 2 zone {arguments['zone']}")
        assert interface.INTERFACE_ZONE.set is not None
        interface.INTERFACE_ZONE.set(editor, arguments)


def _check_tag(editor: Editor, record: Interface, tag: int) -> None:
    others = [other for other in editor.interfaces.values() if other.tag and other.name != record.name]
    for other in others:
        if other.parent == record.parent and other.tag == tag:
            raise DuplicateError(f"VLAN tag {tag} is taken by interface {other.name}")
    check_capacity(others, editor.platform.capacity.vlans, "VLAN tags")


def _unset_tag(editor: Editor, arguments: Arguments) -> None:
    record = require(editor.interfaces, arguments["interface"], "interface")
    if not record.tag:
        raise NotFoundError(f"interface {record.name} has no VLAN tag")
    editor.interfaces.put(record.name, replace(record, tag=0))


def _tag_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    record = config.interfaces[scope["interface"]]
    if record.tag:
        row = {"interface": record.name, "tag": record.tag}
        yield Row(row if record.zone == interface.UNBOUND else {**row, "zone": record.zone})


# --- ports of a bridge group


def _set_port(editor: Editor, arguments: Arguments) -> None:
    group, member = _group(editor, arguments), require(editor.interfaces, arguments["member"], "interface")
    if member.name not in editor.platform.interfaces:
        raise ConfigError(f"interface {member.name} cannot be a port of {group.name} (a physical interface expected)")
    if member.port_group == group.name:
        return
    if member.port_group is not None:
        raise DuplicateError(f"interface {member.name} is a port of {member.port_group}")
    _check_idle(editor, member)
    editor.interfaces.put(
        member.name,
        replace(member, port_group=group.name, zone=interface.UNBOUND, mode=default_mode(interface.UNBOUND)),
    )


def _group(editor: Editor, arguments: Arguments) -> Interface:
    name: str = arguments["interface"]
    if not name.startswith(GROUP_STEM):
        raise ConfigError(f"interface {name} has no ports (a bridge group like {GROUP_STEM}0 expected)")
    return interface.find(editor, name)


def _check_idle(editor: Editor, member: Interface) -> None:
    """A port has neither a zone of the admin's choice nor anything that a zone gives; the factory's zone is left."""
    by_factory = dict(editor.platform.bindings).get(member.name)
    if member.zone not in {interface.UNBOUND, by_factory}:
        raise ConfigError(
            f"interface {member.name} is in zone {member.zone} (unset interface {member.name} zone first)"
        )
    if member.address is not None or member.dhcp_client:
        raise ConfigError(f"interface {member.name} has an IP address (unset interface {member.name} ip first)")
    refuse_if_used(f"interface {member.name}", users_of_interface(editor, member.name))


def _unset_port(editor: Editor, arguments: Arguments) -> None:
    group, member = _group(editor, arguments), require(editor.interfaces, arguments["member"], "interface")
    if member.port_group != group.name:
        raise NotFoundError(f"interface {member.name} is no port of {group.name}")
    editor.interfaces.put(member.name, replace(member, port_group=None))


def _port_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for record in config.interfaces.values():
        if record.port_group is not None:
            yield Row({"interface": record.port_group, "member": record.name})


# --- secondary addresses


def _set_secondary(editor: Editor, arguments: Arguments) -> None:
    record, address = interface.configurable(editor, arguments), arguments["address"]
    if record.address is None:
        raise ConfigError(f"interface {record.name} has no IP address (set interface {record.name} ip first)")
    interface.check_host(address)
    if address in record.secondary:
        return
    if record.zone == "Untrust" and record.secondary:
        raise CapacityError(f"interface {record.name} in zone Untrust has a secondary IP address (one there at most)")
    if address.overlaps(record.address):
        raise DuplicateError(f"IP address {address} overlaps with {record.address} of interface {record.name}")
    if any(address.overlaps(other) for other in record.secondary):
        raise DuplicateError(f"IP address {address} overlaps with a secondary one of interface {record.name}")
    interface.check_overlap(editor, record, address)
    editor.interfaces.put(record.name, replace(record, secondary=(*record.secondary, address)))


def _unset_secondary(editor: Editor, arguments: Arguments) -> None:
    record = require(editor.interfaces, arguments["interface"], "interface")
    address: Prefix = arguments["address"]
    if address not in record.secondary:
        raise NotFoundError(f"interface {record.name} has no secondary IP address {address}")
    left = tuple(other for other in record.secondary if other != address)
    editor.interfaces.put(record.name, replace(record, secondary=left))


def _secondary_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for address in config.interfaces[scope["interface"]].secondary:
        yield Row({**scope, "address": address})


# --- route-deny


def _route_deny(on: bool) -> Callable[[Editor, Arguments], None]:
    def change(editor: Editor, arguments: Arguments) -> None:
        record = require(editor.interfaces, arguments["interface"], "interface")
        editor.interfaces.put(record.name, replace(record, route_deny=on))

    return change


def _route_deny_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    if config.interfaces[scope["interface"]].route_deny:
        yield Row(scope)


INTERFACE_TAG = Setting("interface tag", _set_tag, _unset_tag, _tag_rows, interface.QUOTED)
GROUP_PORT = Setting("interface port", _set_port, _unset_port, _port_rows)
SECONDARY = Setting("interface ip secondary", _set_secondary, _unset_secondary, _secondary_rows)
ROUTE_DENY = Setting("interface route-deny", _route_deny(True), _route_deny(False), _route_deny_rows)

NODES: tuple[Node, ...] = (
    keyword(
        "tag",
        "VLAN tag of a sub-interface",
        when_set(
            argument("tag", NumberType(1, LAST_VLAN), "VLAN tag"),
            optional(keyword("zone", "zone of the interface", argument("zone", ZONE, "zone name"))),
        ),
        INTERFACE_TAG,
    ),
    keyword("port", "a port of the group", argument("member", INTERFACE, "interface name"), GROUP_PORT),
    keyword("route-deny", "no packets back out of the interface", ROUTE_DENY),
)
AFTER_ADDRESS: Node = keyword("secondary", "one more address", SECONDARY)
