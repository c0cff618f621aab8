"""`set service …` and `set group service …`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    NumberType,
    RangeType,
    Row,
    Setting,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.grammar.nodes import Node
from nsemu.cli.grammar.types import ReferenceType
from nsemu.cli.settings.checks import check_capacity, not_emulated, refuse_if_used, require, require_service
from nsemu.cli.settings.order import members_first
from nsemu.cli.types import SERVICE, exact
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, ConfigError, DuplicateError, NotFoundError
from nsemu.config.predefined_services import PREDEFINED_SERVICES
from nsemu.config.references import resolve_service, service_group_reaches, users_of_service
from nsemu.config.service import ICMP, NEVER, TCP, UDP, Service, ServiceEntry, ServiceGroup

MOST_ENTRIES = 8
"""Matches a service can hold."""
_ANY_PORT = (0, 65535)
_MINUTE = 60


# --- services


def _check_name(editor: Editor, name: str) -> None:
    """Names are case-sensitive (B007): the book's own service "ident" is not the predefined IDENT."""
    for table in (editor.services, editor.service_groups):
        if name in table and table[name].predefined:
            raise DuplicateError(f"service {name} is predefined")


def _known(editor: Editor, arguments: Arguments) -> Service:
    """The service that a name means, a predefined one in any case. Raises NotFoundError."""
    name: str = arguments["service"]
    return require(editor.services, resolve_service(editor, name) or name, "service")


def _entry(arguments: Arguments) -> ServiceEntry:
    protocol: int = arguments["protocol"]
    if protocol == ICMP:
        return ServiceEntry(ICMP, arguments.get("type", -1), arguments.get("code", -1), 0, 0)
    low, high = arguments.get("dst_port", _ANY_PORT)
    source_low, source_high = arguments.get("src_port", _ANY_PORT)
    return ServiceEntry(protocol, low, high, source_low, source_high)


def _timeout(arguments: Arguments) -> int | None:
    timeout: int | None = arguments.get("timeout")
    return timeout * _MINUTE if timeout is not None else None


def _program(arguments: Arguments) -> tuple[tuple[str, str], ...]:
    """The RPC service that a line names."""
    return ((arguments["rpc"], arguments["program"]),) if "rpc" in arguments else ()


def _set_service(editor: Editor, arguments: Arguments) -> str | None:
    name = arguments["service"]
    _check_name(editor, name)
    if name in editor.service_groups:
        raise DuplicateError(f"{name} is already a service group")
    if name not in editor.services:
        own = editor.platform.capacity.services + len(PREDEFINED_SERVICES)
        check_capacity(editor.services, own, "services")
    programs = _program(arguments)
    entries = () if programs else (_entry(arguments),)
    editor.services.put(name, Service(name, entries, _timeout(arguments), programs=programs))
    return not_emulated("service rpc") if programs else None


def _add_entry(editor: Editor, arguments: Arguments) -> str | None:
    service = require(editor.services, arguments["service"], "service")
    if service.predefined:
        raise ConfigError(f"service {service.name} is predefined and cannot be changed")
    programs = _program(arguments)
    entries = () if programs else (_entry(arguments),)
    if set(programs) <= set(service.programs) and set(entries) <= set(service.entries):
        return None
    if len(service.entries) + len(service.programs) >= MOST_ENTRIES:
        raise CapacityError(f"service {service.name} holds no more than {MOST_ENTRIES} port ranges")
    changed = replace(service, entries=(*service.entries, *entries), programs=(*service.programs, *programs))
    editor.services.put(service.name, changed)
    return not_emulated("service rpc") if programs else None


def _unset_service(editor: Editor, arguments: Arguments) -> None:
    service = require(editor.services, arguments["service"], "service")
    if service.predefined:
        raise ConfigError(f"service {service.name} is predefined and cannot be removed")
    refuse_if_used(f"service {service.name}", users_of_service(editor, service.name))
    editor.services.remove(service.name)


def _entry_row(service: Service, entry: ServiceEntry) -> dict[str, Any]:
    row: dict[str, Any] = {"service": service.name, "protocol": entry.protocol}
    if entry.protocol == ICMP:
        row |= {"type": entry.destination_low} if entry.destination_low >= 0 else {}
        return row | ({"code": entry.destination_high} if entry.destination_high >= 0 else {})
    return row | {
        "src_port": (entry.source_low, entry.source_high),
        "dst_port": (entry.destination_low, entry.destination_high),
    }


def _matches(service: Service) -> Iterator[dict[str, Any]]:
    """What a service matches, a row each."""
    yield from (_entry_row(service, entry) for entry in service.entries)
    yield from ({"service": service.name, "rpc": family, "program": what} for family, what in service.programs)


def _service_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    service = config.services[scope["service"]]
    if not service.predefined:
        row = next(_matches(service))
        yield Row(row | ({"timeout": service.timeout // _MINUTE} if service.timeout is not None else {}))


def _entry_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    service = config.services[scope["service"]]
    if not service.predefined:
        yield from (Row(row) for row in list(_matches(service))[1:])


def _set_timeout(editor: Editor, arguments: Arguments) -> None:
    service = _known(editor, arguments)
    editor.services.put(service.name, replace(service, timeout=_timeout(arguments)))


def _unset_timeout(editor: Editor, arguments: Arguments) -> None:
    service = _known(editor, arguments)
    default = PREDEFINED_SERVICES[service.name].timeout if service.predefined else None
    editor.services.put(service.name, replace(service, timeout=default))


def _timeout_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    service = config.services[scope["service"]]
    if service.predefined and service.timeout is not None:
        yield Row({"service": service.name, "timeout": service.timeout // _MINUTE})


def service_scopes(config: DeviceConfig) -> Iterable[Arguments]:
    """One scope a service that is not as the factory made it."""
    return (
        {"service": name} for name, service in config.services.items() if PREDEFINED_SERVICES.get(name) is not service
    )


# --- groups


def _group(editor: Editor, arguments: Arguments) -> ServiceGroup:
    """The group to add to; made when it is new."""
    name = arguments["group"]
    if name in editor.service_groups and not editor.service_groups[name].predefined:
        return editor.service_groups[name]
    _check_name(editor, name)
    if name in editor.services:
        raise DuplicateError(f"{name} is already a service")
    check_capacity(editor.service_groups, editor.platform.capacity.services, "service groups")
    return ServiceGroup(name)


def _existing_group(editor: Editor, arguments: Arguments) -> ServiceGroup:
    group = require(editor.service_groups, arguments["group"], "service group")
    if group.predefined:
        raise ConfigError(f"service group {group.name} is predefined and cannot be changed")
    return group


def _set_group(editor: Editor, arguments: Arguments) -> None:
    group = _group(editor, arguments)
    editor.service_groups.put(group.name, replace(group, comment=arguments.get("comment", group.comment)))


def _unset_group(editor: Editor, arguments: Arguments) -> None:
    group = _existing_group(editor, arguments)
    refuse_if_used(f"service group {group.name}", users_of_service(editor, group.name))
    editor.service_groups.remove(group.name)


def _group_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    group = config.service_groups[scope["group"]]
    yield Row({**scope, "comment": group.comment} if group.comment else scope)


def _add_member(editor: Editor, arguments: Arguments) -> None:
    group, member = _group(editor, arguments), arguments["service"]
    require_service(editor, member)
    if service_group_reaches(editor, member, group.name):
        raise ConfigError(f"service group {group.name} cannot contain itself (through {member})")
    if member not in group.members:
        editor.service_groups.put(group.name, replace(group, members=(*group.members, member)))


def _remove_member(editor: Editor, arguments: Arguments) -> None:
    group, member = _existing_group(editor, arguments), arguments["service"]
    if member not in group.members:
        raise NotFoundError(f"service {member} is not in group {group.name}")
    members = tuple(name for name in group.members if name != member)
    editor.service_groups.put(group.name, replace(group, members=members))


def _member_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for member in config.service_groups[scope["group"]].members:
        yield Row({**scope, "service": member})


def service_group_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope an own group, members that are groups before the groups they are in."""
    own = {name: group.members for name, group in config.service_groups.items() if not group.predefined}
    return ({"group": name} for name in members_first(own))


SERVICE_OBJECT = Setting("service", _set_service, _unset_service, _service_rows)
SERVICE_ENTRY = Setting("service entry", _add_entry, None, _entry_rows)
SERVICE_TIMEOUT = Setting("service timeout", _set_timeout, _unset_timeout, _timeout_rows)
SERVICE_GROUP = Setting("service group", _set_group, _unset_group, _group_rows)
SERVICE_GROUP_MEMBER = Setting("service group member", _add_member, _remove_member, _member_rows)

_PORTS = RangeType(0, 65535)
_UUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_TIMEOUT_VALUE = choice(
    flag("never", "sessions do not time out", "timeout", NEVER),
    argument("timeout", NumberType(1, 2160), "minutes"),
)
_TIMEOUT = keyword("timeout", "session time-out", _TIMEOUT_VALUE)


def _ports(name: str, help_: str) -> Node:
    return keyword(name, help_, argument(name.replace("-", "_"), _PORTS, "lowest and highest port"))


_PORT_OPTIONS = any_order(_ports("src-port", "source ports"), _ports("dst-port", "destination ports"))
_ICMP_OPTIONS = optional(
    keyword("type", "ICMP type", argument("type", NumberType(0, 255), "type")),
    optional(keyword("code", "ICMP code", argument("code", NumberType(0, 255), "code"))),
)
_MATCH = choice(
    sequence(flag("tcp", "TCP", "protocol", TCP), _PORT_OPTIONS),
    sequence(flag("udp", "UDP", "protocol", UDP), _PORT_OPTIONS),
    sequence(flag("icmp", "ICMP", "protocol", ICMP), _ICMP_OPTIONS),
    sequence(
        flag("sun-rpc", "Sun RPC", "rpc", "sun-rpc"),
        keyword(
            "program", "programs", argument("program", TextType(21, "[0-9]+(-[0-9]+)?", "numbers"), "lowest-highest")
        ),
    ),
    sequence(
        flag("ms-rpc", "Microsoft RPC", "rpc", "ms-rpc"),
        keyword("uuid", "interface", argument("program", TextType(36, _UUID, "UUID"), "UUID")),
    ),
    argument("protocol", NumberType(1, 255), "IP protocol number", _PORT_OPTIONS),
)
_SERVICE_NAME = ReferenceType(exact, lambda scope: scope.config.services)
_GROUP_NAME = ReferenceType(exact, lambda scope: scope.config.service_groups)
_COMMENT = TextType(64, quoted=True, empty=True)

NODES = (
    keyword(
        "service",
        "service",
        argument(
            "service",
            _SERVICE_NAME,
            "service name",
            choice(
                when_unset(SERVICE_OBJECT),
                when_set(keyword("protocol", "what it matches", _MATCH, optional(_TIMEOUT), SERVICE_OBJECT)),
                when_set(keyword("+", "one more match", _MATCH, SERVICE_ENTRY)),
                keyword("timeout", "session time-out", when_set(_TIMEOUT_VALUE), SERVICE_TIMEOUT),
            ),
        ),
    ),
)
GROUP_NODE = keyword(
    "service",
    "service group",
    argument("group", _GROUP_NAME, "group name"),
    choice(
        when_set(optional(keyword("comment", "a text", argument("comment", _COMMENT, "text"))), SERVICE_GROUP),
        when_unset(SERVICE_GROUP),
        when_set(keyword("add", "add a member", argument("service", SERVICE, "service name"), SERVICE_GROUP_MEMBER)),
        when_unset(
            keyword("remove", "remove a member", argument("service", SERVICE, "service name"), SERVICE_GROUP_MEMBER)
        ),
    ),
)
"""Stands in `group`, beside the address groups."""
