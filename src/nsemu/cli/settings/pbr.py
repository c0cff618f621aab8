"""Policy-based routing: extended access lists, match groups, action groups, policies, and where they are bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    NameType,
    Node,
    NumberType,
    Row,
    Setting,
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
from nsemu.cli.grammar.types import RangeType, ReferenceType
from nsemu.cli.settings.checks import refuse_if_used, require
from nsemu.cli.settings.interface import find
from nsemu.cli.settings.vrouter_routing import change, vrouter_of_line
from nsemu.cli.types import INTERFACE, IP, PREFIX, exact
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.pbr import ActionEntry, ExtendedEntry, MatchEntry, PbrRule, PolicyBasedRouting

_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}


def _pbr(editor: Editor, arguments: Arguments) -> PolicyBasedRouting:
    return vrouter_of_line(editor, arguments).pbr


def _put(editor: Editor, arguments: Arguments, **fields: Any) -> None:
    change(editor, arguments, pbr=replace(_pbr(editor, arguments), **fields))


def _numbered(
    name: str,
    field: str,
    make: Callable[[Editor, Arguments], Any],
    row: Callable[[Any], Arguments],
    used: Callable[[PolicyBasedRouting, Any, bool], list[str]] = lambda _pbr, _entry, _last: [],
) -> Setting:
    """Entries with an owner (first field) and a number (second). `unset` without number removes all of the owner.

    `used` tells who needs an entry that goes; it is asked with whether it is the last of its owner.
    """

    def key(entry: Any) -> tuple[Any, int]:
        return (getattr(entry, _OWNER[type(entry)]), entry.sequence)

    def set_(editor: Editor, arguments: Arguments) -> None:
        entry = make(editor, arguments)
        held = [old for old in getattr(_pbr(editor, arguments), field) if key(old) != key(entry)]
        _put(editor, arguments, **{field: tuple(sorted([*held, entry], key=key))})

    def unset(editor: Editor, arguments: Arguments) -> None:
        pbr = _pbr(editor, arguments)
        held = getattr(pbr, field)
        wanted = arguments["owner"]
        gone = [entry for entry in held if key(entry) == (wanted, arguments.get("sequence", entry.sequence))]
        if not gone:
            raise NotFoundError(f"{name} {wanted} does not exist")
        left = tuple(entry for entry in held if entry not in gone)
        last = all(key(entry)[0] != wanted for entry in left)
        refuse_if_used(f"{name} {wanted}", used(pbr, gone[0], last))
        _put(editor, arguments, **{field: left})

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        for entry in getattr(config.vrouters[scope["vrouter"]].pbr, field):
            owner, number = key(entry)
            found = {**scope, "owner": owner, **row(entry), "sequence": number}
            yield Row({word: value for word, value in found.items() if value is not None})

    return Setting(f"vrouter {name}", set_, unset, rows)


_OWNER = {ExtendedEntry: "list_id", MatchEntry: "group", ActionEntry: "group", PbrRule: "policy"}


def _named(
    name: str, field: str, parts: str, part_owner: str, used: Callable[[PolicyBasedRouting, str], list[str]]
) -> Setting:
    """Objects that have a name and entries: `unset` removes both."""

    def set_(editor: Editor, arguments: Arguments) -> None:
        held = getattr(_pbr(editor, arguments), field)
        if arguments["owner"] not in held:
            _put(editor, arguments, **{field: (*held, arguments["owner"])})

    def unset(editor: Editor, arguments: Arguments) -> None:
        pbr = _pbr(editor, arguments)
        wanted = arguments["owner"]
        if wanted not in getattr(pbr, field):
            raise NotFoundError(f"{name} {wanted} does not exist")
        users = used(pbr, wanted) if name != "pbr policy" else _users_of_policy(editor, arguments, wanted)
        refuse_if_used(f"{name} {wanted}", users)
        names = tuple(other for other in getattr(pbr, field) if other != wanted)
        entries = tuple(entry for entry in getattr(pbr, parts) if getattr(entry, part_owner) != wanted)
        _put(editor, arguments, **{field: names, parts: entries})

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        for held in getattr(config.vrouters[scope["vrouter"]].pbr, field):
            yield Row({**scope, "owner": held})

    return Setting(f"vrouter {name}", set_, unset, rows)


def _users_of_policy(editor: Editor, arguments: Arguments, policy: str) -> list[str]:
    here = vrouter_of_line(editor, arguments)
    elsewhere = any(policy in other.pbr.policies for other in editor.vrouters.values() if other.name != here.name)
    users = [f"vrouter {here.name}"] if here.pbr.bound == policy else []
    if elsewhere:
        return users
    users += [f"interface {record.name}" for record in editor.interfaces.values() if record.pbr == policy]
    return users + [f"zone {zone.name}" for zone in editor.zones.values() if zone.pbr == policy]


# --- the parts


def _extended(_editor: Editor, arguments: Arguments) -> ExtendedEntry:
    return ExtendedEntry(
        arguments["owner"],
        arguments["sequence"],
        arguments["src-ip"].network if "src-ip" in arguments else None,
        arguments["dst-ip"].network if "dst-ip" in arguments else None,
        arguments.get("src-port"),
        arguments.get("dst-port"),
        arguments.get("protocol"),
        arguments.get("tos"),
    )


def _match(editor: Editor, arguments: Arguments) -> MatchEntry:
    pbr = _pbr(editor, arguments)
    _require_name(pbr.match_groups, arguments["owner"], "match group")
    if all(entry.list_id != arguments["list"] for entry in pbr.lists):
        raise NotFoundError(f"extended access list {arguments['list']} does not exist")
    return MatchEntry(arguments["owner"], arguments["sequence"], arguments["list"])


def _action(editor: Editor, arguments: Arguments) -> ActionEntry:
    _require_name(_pbr(editor, arguments).action_groups, arguments["owner"], "action group")
    interface, next_hop = arguments.get("next-interface"), arguments.get("next-hop")
    if interface is None and next_hop is None:
        raise ConfigError("an action needs next-interface, next-hop, or both")
    if interface is not None:
        require(editor.interfaces, interface, "interface")
    return ActionEntry(arguments["owner"], arguments["sequence"], interface, next_hop)


def _policy_rule(editor: Editor, arguments: Arguments) -> PbrRule:
    pbr = _pbr(editor, arguments)
    _require_name(pbr.policies, arguments["owner"], "pbr policy")
    _require_name(pbr.match_groups, arguments["match-group"], "match group")
    _require_name(pbr.action_groups, arguments["action-group"], "action group")
    return PbrRule(arguments["owner"], arguments["sequence"], arguments["match-group"], arguments["action-group"])


def _require_name(names: Iterable[str], name: str, what: str) -> None:
    if name not in names:
        raise NotFoundError(f"{what} {name} does not exist")


EXTENDED = _numbered(
    "extended access list",
    "lists",
    _extended,
    lambda entry: {
        "src-ip": entry.source,
        "dst-ip": entry.destination,
        "src-port": entry.source_ports,
        "dst-port": entry.destination_ports,
        "protocol": entry.protocol,
        "tos": entry.tos,
    },
    lambda pbr, entry, last: [
        f"match group {match.group}" for match in pbr.match_entries if last and match.list_id == entry.list_id
    ],
)
MATCH_ENTRY = _numbered("match-group entry", "match_entries", _match, lambda entry: {"list": entry.list_id})
ACTION_ENTRY = _numbered(
    "action-group entry",
    "action_entries",
    _action,
    lambda entry: {"next-interface": entry.interface, "next-hop": entry.next_hop},
)
RULE = _numbered(
    "pbr rule",
    "rules",
    _policy_rule,
    lambda entry: {"match-group": entry.match_group, "action-group": entry.action_group},
)
MATCH_GROUP = _named(
    "match-group",
    "match_groups",
    "match_entries",
    "group",
    lambda pbr, name: [f"pbr policy {rule.policy}" for rule in pbr.rules if rule.match_group == name],
)
ACTION_GROUP = _named(
    "action-group",
    "action_groups",
    "action_entries",
    "group",
    lambda pbr, name: [f"pbr policy {rule.policy}" for rule in pbr.rules if rule.action_group == name],
)
POLICY = _named("pbr policy", "policies", "rules", "policy", lambda _pbr, _name: [])

# --- where policies are bound


def _require_policy(editor: Editor, name: str) -> None:
    if all(name not in record.pbr.policies for record in editor.vrouters.values()):
        raise NotFoundError(f"pbr policy {name} does not exist")


def _bind_vrouter(editor: Editor, arguments: Arguments) -> None:
    _require_name(_pbr(editor, arguments).policies, arguments["pbr"], "pbr policy")
    _put(editor, arguments, bound=arguments["pbr"])


def _vrouter_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    bound = config.vrouters[scope["vrouter"]].pbr.bound
    if bound is not None:
        yield Row({**scope, "pbr": bound})


def _bind_interface(editor: Editor, arguments: Arguments) -> None:
    _require_policy(editor, arguments["pbr"])
    record = find(editor, arguments["interface"])
    editor.interfaces.put(record.name, replace(record, pbr=arguments["pbr"]))


def _unbind_interface(editor: Editor, arguments: Arguments) -> None:
    record = require(editor.interfaces, arguments["interface"], "interface")
    editor.interfaces.put(record.name, replace(record, pbr=None))


def _interface_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    bound = config.interfaces[scope["interface"]].pbr
    if bound is not None:
        yield Row({**scope, "pbr": bound})


def _put_zone(editor: Editor, arguments: Arguments, policy: str | None) -> None:
    if policy is not None:
        _require_policy(editor, policy)
    zone = require(editor.zones, arguments["zone"], "zone")
    editor.zones.put(zone.name, replace(zone, pbr=policy))


def _zone_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    bound = config.zones[scope["zone"]].pbr
    if bound is not None:
        yield Row({**scope, "pbr": bound})


BOUND = Setting(
    "vrouter pbr",
    _bind_vrouter,
    lambda editor, arguments: _put(editor, arguments, bound=None),
    _vrouter_rows,
)
INTERFACE_PBR = Setting("interface pbr", _bind_interface, _unbind_interface, _interface_rows)
ZONE_PBR = Setting(
    "zone pbr",
    lambda editor, arguments: _put_zone(editor, arguments, arguments["pbr"]),
    lambda editor, arguments: _put_zone(editor, arguments, None),
    _zone_rows,
)

# --- words

_POLICY_NAME = ReferenceType(
    exact, lambda scope: [name for record in scope.config.vrouters.values() for name in record.pbr.policies]
)
_NAME = NameType()
_NUMBER = NumberType(1, 255)
_PORTS = RangeType(0, 65535)


def _own(help_: str) -> Node:
    return argument("owner", _NAME, help_)


def _entry(word: str, *what: Node) -> Node:
    """The words of an entry for `set`, its number alone for `unset`."""
    number = keyword(word, "number of the entry", argument("sequence", _NUMBER, "number"))
    return sequence(when_set(*what, number), when_unset(optional(number)))


_UNUSED = 0
EXTENDED_NODE = keyword(
    "extended",
    "list of packets",
    argument("owner", NumberType(1, 99), "access list ID"),
    _entry(
        "entry",
        any_order(
            keyword("src-ip", "source", argument("src-ip", PREFIX, "network")),
            keyword("dst-ip", "destination", argument("dst-ip", PREFIX, "network")),
            keyword("src-port", "source ports", argument("src-port", _PORTS, "lowest and highest port")),
            keyword("dst-port", "destination ports", argument("dst-port", _PORTS, "lowest and highest port")),
            keyword(
                "protocol",
                "IP protocol",
                choice(
                    *(flag(word, word, "protocol", value) for word, value in _PROTOCOLS.items()),
                    argument("protocol", NumberType(0, 255), "number"),
                ),
            ),
            keyword("tos", "type of service", argument("tos", NumberType(0, 255), "octet")),
        ),
    ),
    EXTENDED,
)


def _group(word: str, help_: str, group: Setting, entry: Setting, *what: Node) -> Node:
    return keyword(
        word,
        help_,
        choice(
            keyword("name", "the group itself", _own("name"), group),
            argument(
                "owner",
                _NAME,
                "name",
                choice(when_unset(group), sequence(*what, entry)),
            ),
        ),
    )


NODES: tuple[Node, ...] = (
    _group(
        "match-group",
        "what packets look like",
        MATCH_GROUP,
        MATCH_ENTRY,
        when_set(
            keyword("ext-acl", "extended access list", argument("list", NumberType(1, 99), "access list ID")),
        ),
        keyword("match-entry", "number of the entry", argument("sequence", _NUMBER, "number")),
    ),
    _group(
        "action-group",
        "where packets go",
        ACTION_GROUP,
        ACTION_ENTRY,
        when_set(
            any_order(
                keyword(
                    "next-interface", "outgoing interface", argument("next-interface", INTERFACE, "interface name")
                ),
                keyword("next-hop", "next hop", argument("next-hop", IP, "IP address")),
            )
        ),
        keyword("action-entry", "number of the entry", argument("sequence", _NUMBER, "number")),
    ),
    keyword(
        "pbr",
        "policy-based routing",
        choice(
            keyword(
                "policy",
                "a policy",
                choice(
                    keyword("name", "the policy itself", _own("name"), POLICY),
                    argument(
                        "owner",
                        _NAME,
                        "name",
                        choice(
                            when_unset(POLICY),
                            sequence(
                                when_set(
                                    keyword("match-group", "what packets", argument("match-group", _NAME, "name")),
                                    keyword("action-group", "where they go", argument("action-group", _NAME, "name")),
                                ),
                                argument("sequence", _NUMBER, "number of the rule"),
                                RULE,
                            ),
                        ),
                    ),
                ),
            ),
            when_set(argument("pbr", _POLICY_NAME, "policy of the virtual router", BOUND)),
            when_unset(BOUND),
        ),
    ),
)


def _binding(help_: str, setting: Setting) -> Node:
    return keyword("pbr", help_, when_set(argument("pbr", _POLICY_NAME, "policy")), setting)


INTERFACE_NODE = _binding("policy-based routing of what comes in", INTERFACE_PBR)
ZONE_NODE = _binding("policy-based routing of what comes in from the zone", ZONE_PBR)
ITEMS = (EXTENDED, MATCH_GROUP, MATCH_ENTRY, ACTION_GROUP, ACTION_ENTRY, POLICY, RULE, BOUND)
