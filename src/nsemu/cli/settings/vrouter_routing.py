"""How a virtual router chooses routes: preferences, equal-cost paths, its tables and their order, its default route."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
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
    when_set,
)
from nsemu.cli.settings.checks import require
from nsemu.cli.types import VROUTER
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.vrouter import (
    DEFAULT_LOOKUP_ORDER,
    DEFAULT_PREFERENCES,
    MOST_ECMP_ROUTES,
    UNTRUST_VR,
    RouteTableKind,
    VirtualRouter,
)


def vrouter_of_line(editor: Editor, arguments: Arguments) -> VirtualRouter:
    """The virtual router that a line is about."""
    return require(editor.vrouters, arguments["vrouter"], "virtual router")


def change(editor: Editor, arguments: Arguments, **fields: Any) -> None:
    """Give the virtual router of a line other fields."""
    record = vrouter_of_line(editor, arguments)
    editor.vrouters.put(record.name, replace(record, **fields))


def _simple(name: str, field: str, default: Any, value: Callable[[Arguments], Any], argument_name: str = "") -> Setting:
    """A field with a default; `argument_name` binds its value in the printed line, "" for a switch."""

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        record = config.vrouters[scope["vrouter"]]
        held = getattr(record, field)
        if held != default:
            yield Row({**scope, argument_name: held} if argument_name else scope)

    return Setting(
        name,
        lambda editor, arguments: change(editor, arguments, **{field: value(arguments)}),
        lambda editor, arguments: change(editor, arguments, **{field: default}),
        rows,
    )


MAX_ECMP = _simple("vrouter max-ecmp-routes", "max_ecmp_routes", 1, lambda given: given["routes"], "routes")
SOURCE_ROUTING = _simple("vrouter source-routing", "source_routing", False, lambda _given: True)
SIBR_ROUTING = _simple("vrouter sibr-routing", "sibr_routing", False, lambda _given: True)


def _set_preference(editor: Editor, arguments: Arguments) -> None:
    _put_preference(editor, arguments, arguments["value"])


def _unset_preference(editor: Editor, arguments: Arguments) -> None:
    _put_preference(editor, arguments, DEFAULT_PREFERENCES[arguments["source"]])


def _put_preference(editor: Editor, arguments: Arguments, value: int) -> None:
    held = dict(vrouter_of_line(editor, arguments).preferences)
    held[arguments["source"]] = value
    other = tuple(sorted(item for item in held.items() if item[1] != DEFAULT_PREFERENCES[item[0]]))
    change(editor, arguments, preferences=other)


def _preference_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for source, value in config.vrouters[scope["vrouter"]].preferences:
        yield Row({**scope, "source": source, "value": value})


PREFERENCE = Setting("vrouter preference", _set_preference, _unset_preference, _preference_rows)


def _set_order(editor: Editor, arguments: Arguments) -> None:
    given = {kind: arguments[kind.value] for kind in RouteTableKind if kind.value in arguments}
    if not given:
        raise ConfigError("route-lookup preference needs destination-routing, sibr-routing or source-routing")
    order = {**dict(vrouter_of_line(editor, arguments).lookup_order), **given}
    if len(set(order.values())) < len(order):
        raise ConfigError("two routing tables cannot have the same route-lookup preference")
    change(editor, arguments, lookup_order=tuple((kind, order[kind]) for kind in RouteTableKind))


def _order_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    order = config.vrouters[scope["vrouter"]].lookup_order
    if order != DEFAULT_LOOKUP_ORDER:
        yield Row({**scope, **{kind.value: value for kind, value in order}})


LOOKUP_ORDER = Setting(
    "vrouter route-lookup preference",
    _set_order,
    lambda editor, arguments: change(editor, arguments, lookup_order=DEFAULT_LOOKUP_ORDER),
    _order_rows,
)


def _set_default(editor: Editor, arguments: Arguments) -> None:
    record = vrouter_of_line(editor, arguments)
    other = require(editor.vrouters, arguments.get("default_vrouter", UNTRUST_VR), "virtual router")
    if other.name == record.name:
        raise ConfigError(f"virtual router {record.name} cannot be its own next hop")
    change(editor, arguments, default_vrouter=other.name)


def _default_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    other = config.vrouters[scope["vrouter"]].default_vrouter
    if other is not None:
        yield Row({**scope, "default_vrouter": other})


DEFAULT_ROUTE = Setting(
    "vrouter add-default-route",
    _set_default,
    lambda editor, arguments: change(editor, arguments, default_vrouter=None),
    _default_rows,
)

_DEFAULT_TO = keyword("vrouter", "to", argument("default_vrouter", VROUTER, "virtual router name"))
_ORDER_HELP = {
    RouteTableKind.DESTINATION: "by destination",
    RouteTableKind.SOURCE: "by source",
    RouteTableKind.INGRESS: "by ingress interface and source",
}
NODES: tuple[Node, ...] = (
    keyword(
        "max-ecmp-routes",
        "equal routes used at a time",
        when_set(argument("routes", NumberType(1, MOST_ECMP_ROUTES), "routes")),
        MAX_ECMP,
    ),
    keyword("source-routing", "routing by source", keyword("enable", "use it", SOURCE_ROUTING)),
    keyword("sibr-routing", "routing by ingress interface and source", keyword("enable", "use it", SIBR_ROUTING)),
    keyword(
        "route-lookup",
        "order of the routing tables",
        keyword(
            "preference",
            "the table with the highest number is asked first",
            when_set(
                any_order(
                    *(
                        keyword(kind.value, help_, argument(kind.value, NumberType(1, 255), "preference"))
                        for kind, help_ in _ORDER_HELP.items()
                    )
                )
            ),
            LOOKUP_ORDER,
        ),
    ),
    keyword(
        "preference",
        "preference of a kind of routes",
        choice(*(flag(word, f"{word} routes", "source", word) for word in DEFAULT_PREFERENCES)),
        when_set(argument("value", NumberType(0, 255), "preference")),
        PREFERENCE,
    ),
    keyword(
        "add-default-route",
        "add a default route to another virtual router",
        optional(_DEFAULT_TO),
        DEFAULT_ROUTE,
    ),
)
ITEMS = (DEFAULT_ROUTE, PREFERENCE, MAX_ECMP, SOURCE_ROUTING, SIBR_ROUTING, LOOKUP_ORDER)
