"""Access lists, route maps, import and export rules of a virtual router."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    Body,
    Enter,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings.checks import refuse_if_used, require
from nsemu.cli.settings.layout import Item, block
from nsemu.cli.settings.vrouter_routing import change, vrouter_of_line
from nsemu.cli.types import INTERFACE, PREFIX, VROUTER
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.route_filter import PROTOCOLS, AccessEntry, RouteMapEntry, RouteRule

# --- access lists


def _set_access(editor: Editor, arguments: Arguments) -> None:
    record = vrouter_of_line(editor, arguments)
    entry = AccessEntry(
        arguments["list"],
        arguments["sequence"],
        arguments["permit"],
        arguments["prefix"].network if "prefix" in arguments else None,
    )
    change(editor, arguments, access_lists=_with(record.access_lists, entry, "list_id"))


def _with(held: Iterable[Any], entry: Any, owner: str) -> tuple[Any, ...]:
    """The entries with one more, or one instead of that of the same number, in their order."""
    same = (getattr(entry, owner), entry.sequence)
    others = [old for old in held if (getattr(old, owner), old.sequence) != same]
    return tuple(sorted([*others, entry], key=lambda one: (getattr(one, owner), one.sequence)))


def _unset_access(editor: Editor, arguments: Arguments) -> None:
    record = vrouter_of_line(editor, arguments)
    number = arguments["list"]
    left = tuple(
        entry
        for entry in record.access_lists
        if entry.list_id != number or entry.sequence != arguments.get("sequence", entry.sequence)
    )
    if len(left) == len(record.access_lists):
        raise NotFoundError(f"access list {number} does not exist in {record.name}")
    if all(entry.list_id != number for entry in left):
        used = [f"route map {entry.name}" for entry in record.route_maps if number in {entry.ip, entry.next_hop}]
        refuse_if_used(f"access list {number}", used)
    change(editor, arguments, access_lists=left)


def _access_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for entry in config.vrouters[scope["vrouter"]].access_lists:
        what = {"prefix": entry.prefix} if entry.prefix is not None else {"default_route": True}
        yield Row({**scope, "list": entry.list_id, "permit": entry.permit, **what, "sequence": entry.sequence})


ACCESS_LIST = Setting("vrouter access-list", _set_access, _unset_access, _access_rows)


def permission() -> Node:
    """`permit` or `deny`."""
    return choice(flag("permit", "permit", "permit", True), flag("deny", "deny", "permit", False))


_SEQUENCE = argument("sequence", NumberType(1, 65535), "sequence number")
_ACCESS = sequence(
    permission(),
    choice(
        keyword("ip", "a network", argument("prefix", PREFIX, "network")), flag("default-route", "the default route")
    ),
    _SEQUENCE,
)
ACCESS_NODE = argument(
    "list", NumberType(1, 99), "access list ID", when_set(_ACCESS), when_unset(optional(_ACCESS)), ACCESS_LIST
)

# --- route maps


def _enter_map(editor: Editor, arguments: Arguments) -> Arguments:
    record = vrouter_of_line(editor, arguments)
    name, sequence_ = arguments["map"], arguments["sequence"]
    held = _entry(record.route_maps, name, sequence_) or RouteMapEntry(name, sequence_, True)
    entry = replace(held, permit=arguments["permit"])
    change(editor, arguments, route_maps=_with(record.route_maps, entry, "name"))
    return {"vrouter": record.name, "map": name, "permit": entry.permit, "sequence": sequence_}


def _entry(entries: Iterable[RouteMapEntry], name: str, sequence_: int) -> RouteMapEntry | None:
    return next((entry for entry in entries if (entry.name, entry.sequence) == (name, sequence_)), None)


def _unset_map(editor: Editor, arguments: Arguments) -> None:
    record = vrouter_of_line(editor, arguments)
    name = arguments["map"]
    left = tuple(
        entry
        for entry in record.route_maps
        if entry.name != name or entry.sequence != arguments.get("sequence", entry.sequence)
    )
    if len(left) == len(record.route_maps):
        raise NotFoundError(f"route map {name} does not exist in {record.name}")
    if all(entry.name != name for entry in left):
        used = [f"the rule for {rule.vrouter}" for rule in (*record.exports, *record.imports) if rule.route_map == name]
        refuse_if_used(f"route map {name}", used)
    change(editor, arguments, route_maps=left)


ROUTE_MAP = Setting("vrouter route-map", None, _unset_map)


def _map_setting(
    name: str, field: str, given: str = "", check: Callable[[Editor, Arguments], None] | None = None
) -> Setting:
    """A field of an entry of a route map. `given` is the argument with its value, "" for a switch."""

    def put(editor: Editor, arguments: Arguments, value: Any) -> None:
        record = vrouter_of_line(editor, arguments)
        entry = _entry(record.route_maps, arguments["map"], arguments["sequence"])
        if entry is None:
            raise NotFoundError(f"route map {arguments['map']} {arguments['sequence']} does not exist")
        change(editor, arguments, route_maps=_with(record.route_maps, replace(entry, **{field: value}), "name"))

    def put_given(editor: Editor, arguments: Arguments) -> None:
        if check is not None:
            check(editor, arguments)
        put(editor, arguments, arguments[given] if given else True)

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        entry = _entry(config.vrouters[scope["vrouter"]].route_maps, scope["map"], scope["sequence"])
        held = getattr(entry, field)
        if held is not None and held is not False:
            yield Row({**scope, given: held} if given else scope)

    nothing = None if given else False
    return Setting(name, put_given, lambda editor, arguments: put(editor, arguments, nothing), rows)


def _has_list(editor: Editor, arguments: Arguments) -> None:
    record = vrouter_of_line(editor, arguments)
    if all(entry.list_id != arguments["list"] for entry in record.access_lists):
        raise NotFoundError(f"access list {arguments['list']} does not exist in {record.name}")


def _has_interface(editor: Editor, arguments: Arguments) -> None:
    require(editor.interfaces, arguments["interface"], "interface")


MATCH_IP = _map_setting("route-map match ip", "ip", "list", _has_list)
MATCH_NEXT_HOP = _map_setting("route-map match next-hop", "next_hop", "list", _has_list)
MATCH_INTERFACE = _map_setting("route-map match interface", "interface", "interface", _has_interface)
MATCH_METRIC = _map_setting("route-map match metric", "metric", "metric")
NEW_METRIC = _map_setting("route-map metric", "new_metric", "metric")
PRESERVE = _map_setting("route-map preserve preference", "preserve_preference")
_LIST = argument("list", NumberType(1, 99), "access list ID")
_METRIC = argument("metric", NumberType(1, 65535), "metric")
_IN_MAP: tuple[Node, ...] = (
    keyword(
        "match",
        "what a route must have",
        choice(
            keyword("ip", "a network of an access list", when_set(_LIST), MATCH_IP),
            keyword("next-hop", "a gateway of an access list", when_set(_LIST), MATCH_NEXT_HOP),
            keyword(
                "interface",
                "an outgoing interface",
                when_set(argument("interface", INTERFACE, "interface name")),
                MATCH_INTERFACE,
            ),
            keyword("metric", "a metric", when_set(_METRIC), MATCH_METRIC),
        ),
    ),
    keyword("metric", "give it a metric", when_set(_METRIC), NEW_METRIC),
    keyword("preserve", "leave it as it is", keyword("preference", "its preference", PRESERVE)),
)
ENTER_MAP = Enter(
    "route map",
    Body(lambda known: f"{known['vrouter']}/{known['map']}-{known['sequence']}", _IN_MAP),
    _enter_map,
    frozenset({"map"}),
)
_NAME = TextType(31, quoted=True)
_MAP_ENTRY = sequence(permission(), _SEQUENCE)
_MAP = argument("map", _NAME, "route map")


def _map_scopes(config: DeviceConfig, scope: Arguments) -> Iterable[Arguments]:
    return (
        {**scope, "map": entry.name, "permit": entry.permit, "sequence": entry.sequence}
        for entry in config.vrouters[scope["vrouter"]].route_maps
    )


MAP_BLOCK: Item = block(
    ENTER_MAP, MATCH_IP, MATCH_NEXT_HOP, MATCH_INTERFACE, MATCH_METRIC, NEW_METRIC, PRESERVE, scopes=_map_scopes
)

# --- rules between virtual routers


def _rules(name: str, field: str) -> Setting:
    def set_(editor: Editor, arguments: Arguments) -> None:
        record = vrouter_of_line(editor, arguments)
        rule = _rule(arguments)
        require(editor.vrouters, rule.vrouter, "virtual router")
        if rule.vrouter == record.name:
            raise ConfigError(f"virtual router {record.name} cannot exchange routes with itself")
        if all(entry.name != rule.route_map for entry in record.route_maps):
            raise NotFoundError(f"route map {rule.route_map} does not exist in {record.name}")
        held = getattr(record, field)
        if rule not in held:
            change(editor, arguments, **{field: (*held, rule)})

    def unset(editor: Editor, arguments: Arguments) -> None:
        held = getattr(vrouter_of_line(editor, arguments), field)
        rule = _rule(arguments)
        if rule not in held:
            raise NotFoundError(f"there is no such rule for {rule.vrouter}")
        change(editor, arguments, **{field: tuple(other for other in held if other != rule)})

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        for rule in getattr(config.vrouters[scope["vrouter"]], field):
            yield Row({**scope, "other": rule.vrouter, "map": rule.route_map, "protocol": rule.protocol})

    return Setting(name, set_, unset, rows)


def _rule(arguments: Arguments) -> RouteRule:
    return RouteRule(arguments["other"], arguments["map"], arguments["protocol"])


EXPORT = _rules("vrouter export-to", "exports")
IMPORT = _rules("vrouter import-from", "imports")


def _rule_node(word: str, help_: str, setting: Setting) -> Node:
    return keyword(
        word,
        help_,
        keyword("vrouter", "the other virtual router", argument("other", VROUTER, "virtual router name")),
        keyword("route-map", "which routes", _MAP),
        keyword(
            "protocol", "routes of", choice(*(flag(name, f"{name} routes", "protocol", name) for name in PROTOCOLS))
        ),
        setting,
    )


NODES: tuple[Node, ...] = (
    keyword(
        "route-map",
        "choice of routes",
        choice(
            when_set(keyword("name", "an entry of a route map", _MAP, _MAP_ENTRY, ENTER_MAP)),
            when_unset(choice(keyword("name", "a route map", _MAP, optional(_SEQUENCE), ROUTE_MAP))),
            when_unset(argument("map", _NAME, "route map", optional(_SEQUENCE), ROUTE_MAP)),
        ),
    ),
    _rule_node("export-to", "give routes to another virtual router", EXPORT),
    _rule_node("import-from", "take routes of another", IMPORT),
)
ITEMS: tuple[Item, ...] = (ACCESS_LIST, MAP_BLOCK, EXPORT, IMPORT)
