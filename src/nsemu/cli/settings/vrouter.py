"""`set vrouter …` and `set route …`: virtual routers, their flags and static routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nsemu.cli.grammar import (
    Arguments,
    Body,
    Enter,
    NameType,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
    when_unset,
)
from nsemu.cli.settings import routing_protocols
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require, vrouter_of
from nsemu.cli.types import INTERFACE, IP, PREFIX, VROUTER
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.interface import InterfaceKind
from nsemu.config.references import users_of_vrouter
from nsemu.config.vrouter import (
    FIRST_USER_VROUTER_ID,
    PREDEFINED_VROUTERS,
    STATIC_METRIC,
    TRUST_VR,
    RouteKey,
    RouteTableKind,
    StaticRoute,
    VirtualRouter,
)

_LAST_VROUTER_ID = 4095
_PREDEFINED = {vrouter.name: vrouter for vrouter in PREDEFINED_VROUTERS}


# --- the virtual router itself


def _create(editor: Editor, arguments: Arguments) -> None:
    name = arguments["vrouter"]
    same = [vrouter for vrouter in editor.vrouters.values() if vrouter.name.lower() == name.lower()]
    if same and not (arguments.get("id") == same[0].id and same[0].name == name):
        raise DuplicateError(f"virtual router {same[0].name} already exists")
    if same:
        return
    check_capacity(editor.vrouters, editor.platform.capacity.vrouters, "virtual routers")
    used = {vrouter.id: vrouter.name for vrouter in editor.vrouters.values()}
    free = (number for number in range(FIRST_USER_VROUTER_ID, _LAST_VROUTER_ID + 1) if number not in used)
    number = arguments.get("id") or next(free)
    if number in used:
        raise DuplicateError(f"virtual router ID {number} is taken by {used[number]}")
    editor.vrouters.put(name, VirtualRouter(name, number))


def _delete(editor: Editor, arguments: Arguments) -> None:
    vrouter = require(editor.vrouters, arguments["vrouter"], "virtual router")
    if vrouter.predefined:
        raise ConfigError(f"virtual router {vrouter.name} is predefined and cannot be removed")
    refuse_if_used(f"virtual router {vrouter.name}", users_of_vrouter(editor, vrouter.name))
    editor.vrouters.remove(vrouter.name)


def _vrouter_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for vrouter in config.vrouters.values():
        if not vrouter.predefined:
            yield Row({"vrouter": vrouter.name, "id": vrouter.id})


# --- flags


def _put_sharable(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    vrouter = require(editor.vrouters, arguments["vrouter"], "virtual router")
    editor.vrouters.put(vrouter.name, replace(vrouter, sharable=on))


def _sharable_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for vrouter in config.vrouters.values():
        default = vrouter.name in _PREDEFINED and _PREDEFINED[vrouter.name].sharable
        if vrouter.sharable != default:
            yield Row({"vrouter": vrouter.name}, unset=not vrouter.sharable)


def _put_export(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    vrouter = require(editor.vrouters, arguments["vrouter"], "virtual router")
    editor.vrouters.put(vrouter.name, replace(vrouter, auto_route_export=on))


def _export_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    vrouter = config.vrouters[scope["vrouter"]]
    if vrouter.auto_route_export or vrouter.name == TRUST_VR:
        yield Row(scope, unset=not vrouter.auto_route_export)


# --- static routes


def _set_route(editor: Editor, arguments: Arguments) -> None:
    key = _key(arguments)
    require(editor.vrouters, key.vrouter, "virtual router")
    if key.next_vrouter is not None:
        require(editor.vrouters, key.next_vrouter, "virtual router")
        if key.next_vrouter == key.vrouter:
            raise ConfigError(f"virtual router {key.vrouter} cannot be its own next hop")
    if key.in_interface is not None:
        require(editor.interfaces, key.in_interface, "interface")
    if key.interface is not None:
        _check_interface(editor, key)
    if key not in editor.routes:
        check_capacity(editor.routes, editor.platform.capacity.routes, "static routes")
    editor.routes.put(
        key,
        StaticRoute(
            key,
            arguments.get("preference"),
            arguments.get("metric", STATIC_METRIC),
            arguments.get("permanent", False),
            arguments.get("description", ""),
        ),
    )


def _check_interface(editor: Editor, key: RouteKey) -> None:
    assert key.interface is not None
    interface = require(editor.interfaces, key.interface, "interface")
    if interface.kind is InterfaceKind.NULL:
        if key.gateway is not None:
            raise ConfigError("a route to interface null takes no gateway")
        return
    if interface.zone == "Null":
        raise ConfigError(f"interface {interface.name} is in no zone (set interface {interface.name} zone first)")
    vrouter = vrouter_of(editor, interface)
    if vrouter != key.vrouter:
        raise ConfigError(f"interface {interface.name} is in virtual router {vrouter}, not in {key.vrouter}")


def _key(arguments: Arguments) -> RouteKey:
    return RouteKey(
        arguments.get("vrouter", TRUST_VR),
        arguments["prefix"],
        arguments.get("interface"),
        arguments.get("gateway"),
        arguments.get("next_vrouter"),
        _table_of(arguments),
        arguments.get("in_interface"),
    )


def _table_of(arguments: Arguments) -> RouteTableKind:
    if "in_interface" in arguments:
        return RouteTableKind.INGRESS
    return RouteTableKind.SOURCE if "source" in arguments else RouteTableKind.DESTINATION


def _unset_route(editor: Editor, arguments: Arguments) -> None:
    wanted = _key(arguments)
    require(editor.vrouters, wanted.vrouter, "virtual router")
    found = [key for key in editor.routes if _covers(wanted, key)] if wanted not in editor.routes else [wanted]
    if not found:
        raise NotFoundError(f"route {wanted.prefix} does not exist in {wanted.vrouter}")
    for key in found:
        editor.routes.remove(key)


def _covers(wanted: RouteKey, key: RouteKey) -> bool:
    """Whether `key` is among the routes that `wanted` names; next hops left out match any."""
    return (
        (key.vrouter, key.prefix, key.by) == (wanted.vrouter, wanted.prefix, wanted.by)
        and key.in_interface == wanted.in_interface
        and wanted.interface in {None, key.interface}
        and wanted.gateway in {None, key.gateway}
        and wanted.next_vrouter in {None, key.next_vrouter}
    )


def route_row(route: StaticRoute) -> Row:
    """The arguments that write a route."""
    key = route.key
    row = {
        "vrouter": key.vrouter,
        "prefix": key.prefix,
        "interface": key.interface,
        "gateway": key.gateway,
        "next_vrouter": key.next_vrouter,
        "source": True if key.by is not RouteTableKind.DESTINATION else None,
        "in_interface": key.in_interface,
        "preference": route.preference,
        "metric": route.metric if route.metric != STATIC_METRIC else None,
        "permanent": route.permanent,
        "description": route.description or None,
    }
    return Row({name: value for name, value in row.items() if value is not None})


def _route_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    return _rows_of(config, scope, by_source=False)


def _source_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    return _rows_of(config, scope, by_source=True)


def _rows_of(config: DeviceConfig, scope: Arguments, *, by_source: bool) -> Iterator[Row]:
    for key, route in config.routes.items():
        if key.vrouter == scope["vrouter"] and (key.by is not RouteTableKind.DESTINATION) == by_source:
            yield route_row(route)


def vrouter_scopes(config: DeviceConfig) -> Iterable[Arguments]:
    """One scope a virtual router."""
    return ({"vrouter": name} for name in config.vrouters)


def _enter(editor: Editor, arguments: Arguments) -> Arguments:
    return {"vrouter": require(editor.vrouters, arguments["vrouter"], "virtual router").name}


VROUTER_OBJECT = Setting("virtual router", _create, _delete, _vrouter_rows)
SHARABLE = Setting(
    "vrouter sharable",
    lambda editor, arguments: _put_sharable(editor, arguments, on=True),
    lambda editor, arguments: _put_sharable(editor, arguments, on=False),
    _sharable_rows,
)
AUTO_ROUTE_EXPORT = Setting(
    "vrouter auto-route-export",
    lambda editor, arguments: _put_export(editor, arguments, on=True),
    lambda editor, arguments: _put_export(editor, arguments, on=False),
    _export_rows,
)
ROUTE = Setting("route", _set_route, _unset_route, _route_rows)
SOURCE_ROUTE = Setting("route source", _set_route, _unset_route, _source_rows)

_NEXT_HOP = choice(
    keyword("vrouter", "another virtual router", argument("next_vrouter", VROUTER, "virtual router name")),
    keyword(
        "interface",
        "outgoing interface",
        argument("interface", INTERFACE, "interface name"),
        optional(keyword("gateway", "next hop", argument("gateway", IP, "next hop address"))),
    ),
    keyword("gateway", "next hop", argument("gateway", IP, "next hop address")),
)
_OPTIONS = any_order(
    keyword("preference", "the lower, the better", argument("preference", NumberType(0, 255), "preference")),
    keyword(
        "metric",
        "the lower, the better, among equal preferences",
        argument("metric", NumberType(1, 65535), "metric"),
    ),
    flag("permanent", "active even while its interface is down"),
    keyword("description", "a text about the route", argument("description", TextType(32, quoted=True), "text")),
)


def _route_to(help_: str, setting: Setting) -> Node:
    """The network, where it goes, and the options of a route."""
    return argument("prefix", PREFIX, help_, when_set(_NEXT_HOP, _OPTIONS), when_unset(optional(_NEXT_HOP)), setting)


_ROUTE = keyword(
    "route",
    "static route",
    choice(
        keyword(
            "source",
            "route by source address",
            choice(
                keyword(
                    "in-interface",
                    "for one ingress interface",
                    argument("in_interface", INTERFACE, "ingress interface"),
                    _route_to("source", SOURCE_ROUTE),
                ),
                _route_to("source", SOURCE_ROUTE),
            ),
            binds=("source", True),
        ),
        _route_to("destination", ROUTE),
    ),
)
_INSIDE = (
    keyword("sharable", "usable by virtual systems", SHARABLE),
    keyword("auto-route-export", "export interface routes to untrust-vr", AUTO_ROUTE_EXPORT),
    _ROUTE,
)
ENTER_VROUTER = Enter(
    "vrouter",
    Body(lambda known: str(known["vrouter"]), (*_INSIDE, *routing_protocols.IN_CONTEXT)),
    _enter,
)

NODES = (
    keyword(
        "vrouter",
        "virtual router",
        choice(
            when_set(
                keyword(
                    "name",
                    "new virtual router",
                    argument("vrouter", NameType(), "virtual router name"),
                    optional(
                        keyword(
                            "id",
                            "with a given ID",
                            argument("id", NumberType(FIRST_USER_VROUTER_ID, _LAST_VROUTER_ID), "ID"),
                        )
                    ),
                    VROUTER_OBJECT,
                )
            ),
            argument(
                "vrouter",
                VROUTER,
                "virtual router name",
                choice(when_unset(VROUTER_OBJECT), when_set(ENTER_VROUTER), *_INSIDE, *routing_protocols.ONE_LINE),
            ),
        ),
    ),
    _ROUTE,
)
