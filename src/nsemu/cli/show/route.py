"""`get route …` and `get vrouter …` (screenos-cli §1.5, §1.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, NumberType, argument, choice, flag, keyword
from nsemu.cli.settings import vrouter
from nsemu.cli.settings.checks import require
from nsemu.cli.settings.layout import write
from nsemu.cli.settings.routing_protocols import BLOCKS, ROUTING_ITEMS, VROUTER_SHELF
from nsemu.cli.show.kept import kept_value
from nsemu.cli.show.layout import Layout, cut, layout_of, lines
from nsemu.cli.show.routing_protocols import VROUTER_PROTOCOL
from nsemu.cli.show.vrouter_routing import SOURCE_NODE, VROUTER_NODES, switches
from nsemu.cli.types import IP, PREFIX, VROUTER
from nsemu.config.errors import NotFoundError
from nsemu.device.views.routing import (
    LookupView,
    RouteView,
    VrouterView,
    lookup_views,
    vrouter_view,
    vrouter_views,
)
from nsemu.wire.address import format_ipv4

Wanted = Callable[[RouteView], bool]

_LEGEND = (
    "H: Host C: Connected S: Static A: Auto-Exported",
    "I: Imported R: RIP P: Permanent D: Auto-Discovered",
)
_LEGEND_END = (
    "iB: IBGP eB: EBGP O: OSPF E1: OSPF external type 1",
    "E2: OSPF external type 2",
)
_PROTOCOL_NAMES = {"C": "connected", "H": "host", "S": "static", "A": "auto-exported", "I": "imported"}


def _everything(_route: RouteView) -> bool:
    return True


# --- tables


def _all(context: Context, _arguments: Arguments) -> str:
    return _tables(context, vrouter_views(context.device), _everything)


def _by_prefix(context: Context, arguments: Arguments) -> str:
    prefix = arguments["prefix"]
    return _tables(context, _chosen(context, arguments), lambda route: route.prefix == prefix)


def _by_protocol(context: Context, arguments: Arguments) -> str:
    letters = arguments["protocol"]
    return _tables(context, _chosen(context, arguments), lambda route: route.protocol in letters)


def _of_one(context: Context, arguments: Arguments) -> str:
    return _tables(context, _chosen(context, arguments), _everything)


def _chosen(context: Context, arguments: Arguments) -> tuple[VrouterView, ...]:
    """The virtual router of the line, or all."""
    if "vrouter" not in arguments:
        return vrouter_views(context.device)
    return (_vrouter(context, arguments["vrouter"]),)


def _vrouter(context: Context, name: str) -> VrouterView:
    require(context.device.config.vrouters, name, "vrouter")
    view = vrouter_view(context.device, name)
    assert view is not None  # every configured virtual router has a view
    return view


def _tables(context: Context, views: Iterable[VrouterView], wanted: Wanted) -> str:
    layout = layout_of(context.device.config)
    chosen = [(view, [route for route in view.routes if wanted(route)]) for view in views]
    return lines(*_table_lines(chosen, layout))


def _table_lines(chosen: list[tuple[VrouterView, list[RouteView]]], layout: Layout) -> Iterator[str]:
    """The legend comes first, or in the place of the first table when that is empty."""
    gap = [""] * layout.table_gap
    legend = [*_LEGEND, "N: NHRP", *_LEGEND_END] if layout.legend_nhrp else [*_LEGEND, *_LEGEND_END]
    if layout.legend_nhrp:
        legend[-1] += " trailing B: backup route"
    late = not chosen[0][1]
    if not late:
        yield from legend
        yield from gap
    for place, (view, routes) in enumerate(chosen):
        if place:
            yield from gap
        yield f"IPv4 Dest-Routes for <{view.record.name}> ({len(routes)} entries)"
        yield "-" * layout.route_rule
        if routes:
            yield _header(layout)
            yield "-" * layout.route_rule
            yield from (_row(route, layout) for route in routes)
        elif late and not place:
            yield from legend


def _header(layout: Layout) -> str:
    return f" {'ID':>{layout.route_id}}{'IP-Prefix':>19}{'Interface':>15}{'Gateway':>16}{'P':>4} Pref    Mtr     Vsys"


def _row(route: RouteView, layout: Layout) -> str:
    metric = 0 if route.next_vrouter is not None else route.metric
    return (
        f"{'*' if route.active else ' '}{route.id:>{layout.route_id}}{route.prefix!s:>19}{_interface(route):>15}"
        f"{_gateway(route):>16}{_letters(route):>4}{route.preference:>5}{metric:>7}{'Root':>9}"
    )


def _interface(route: RouteView) -> str:
    return cut(route.short_interface, 14).rstrip() if route.short_interface is not None else "n/a"


def _gateway(route: RouteView) -> str:
    if route.next_vrouter is not None:
        return cut(route.next_vrouter, 15).rstrip()
    return format_ipv4(route.gateway)


def _letters(route: RouteView) -> str:
    return route.protocol + ("P" if route.permanent else "")


# --- one address, one route


def _by_address(context: Context, arguments: Arguments) -> str:
    address = arguments["ip"]
    views = lookup_views(context.device, address)
    if "vrouter" in arguments:
        require(context.device.config.vrouters, arguments["vrouter"], "vrouter")
        views = tuple(view for view in views if view.vrouter == arguments["vrouter"])
    rule = "-" * layout_of(context.device.config).route_rule
    return lines(f" Dest for {format_ipv4(address)}", rule, *(line for view in views for line in _lookup(view)))


def _lookup(view: LookupView) -> Iterator[str]:
    name = cut(view.vrouter, 15)
    last = view.last
    if view.first is None or last is None:
        yield f"{name}: => no route"
        return
    yield f"{name}: => {view.first.prefix} (id={view.first.id}) via {format_ipv4(last.gateway)} (vr: {last.vrouter})"
    yield f"{'':20}Interface {last.interface or 'n/a'} , metric {last.metric}"


def _by_id(context: Context, arguments: Arguments) -> str:
    number = arguments["id"]
    views = _chosen(context, arguments)
    found = [(view, route) for view in views for route in view.routes if route.id == number]
    if not found:
        raise NotFoundError(f"route {number} does not exist")
    return lines(*(line for view, route in found for line in _detail(view, route)))


def _detail(view: VrouterView, route: RouteView) -> Iterator[str]:
    gateway = route.next_vrouter if route.next_vrouter is not None else format_ipv4(route.gateway)
    status = "active" if route.active else f"inactive{f' ({route.fault})' if route.fault else ''}"
    rows = (
        ("id", route.id),
        ("IP address/mask", route.prefix),
        ("next hop (gateway)", gateway),
        ("preference", route.preference),
        ("metric", route.metric),
        ("description", route.description),
        ("outgoing interface", route.interface or "n/a"),
        ("vsys name/id", "Root/0"),
        ("type", _PROTOCOL_NAMES.get(route.protocol, route.protocol) + (", permanent" if route.permanent else "")),
        ("status", status),
    )
    yield f"route in {view.record.name}:"
    yield "-" * 48
    yield from (f"{f'{name}:':<24}{value}".rstrip() for name, value in rows)


# --- virtual routers


def _vrouters(context: Context, _arguments: Arguments) -> str:
    views = vrouter_views(context.device)
    own = sum(not view.record.predefined for view in views)
    return lines(
        "* indicates default vrouter ",
        "A - AutoExport, R - RIP, N- NHRP, O - OSPF, B - BGP, P - PIM",
        "",
        f"   ID {'Name':<24} {'Vsys':<20} Owner     Routes    MRoutes     Flags",
        *(_vrouter_row(view) for view in views),
        "",
        f"total {len(views)} vrouters shown and {own} of them defined by user",
    )


def _vrouter_row(view: VrouterView) -> str:
    record = view.record
    owner = "shared" if record.predefined or record.sharable else "user"
    flags = "A" if record.auto_route_export else ""
    return (
        f"{'*' if view.default else ' '}{record.id:>4} {cut(record.name, 24)} {'Root':<20} {owner:<6}"
        f"{f'{len(view.routes)}/max':>11}{'0/max':>12}   {flags:<4}"
    )


def _one(context: Context, arguments: Arguments) -> str:
    view = _vrouter(context, arguments["vrouter"])
    record = view.record
    default_route = any(route.prefix.length == 0 for route in view.routes)
    return lines(
        "Routing Table",
        "-" * layout_of(context.device.config).route_rule,
        *_table_lines([(view, list(view.routes))], layout_of(context.device.config)),
        "",
        f"Zones: {', '.join(view.zones)}",
        f"Interfaces: {', '.join(view.interfaces)}",
        f"Auto-exporting: {'Enabled' if record.auto_route_export else 'Disabled'}",
        f"Default-vrouter: {'Yes' if view.default else 'No'}",
        f"Shared-vrouter: {'Yes' if record.sharable else 'No'}",
        f"System-Default-route: {'Present' if default_route else 'Not present'}",
        *switches(record),
    )


def _interfaces(context: Context, arguments: Arguments) -> str:
    view = _vrouter(context, arguments["vrouter"])
    return lines(f"Interfaces of vrouter {view.record.name}:", *(f"  {name}" for name in view.interfaces))


def _zones(context: Context, arguments: Arguments) -> str:
    view = _vrouter(context, arguments["vrouter"])
    return lines(f"Zones of vrouter {view.record.name}:", *(f"  {name}" for name in view.zones))


def _configuration(context: Context, arguments: Arguments) -> str:
    """The lines of a virtual router as `get config` writes them."""
    record = _vrouter(context, arguments["vrouter"]).record
    inside = vrouter.ENTER_VROUTER.body.nodes
    own = (vrouter.AUTO_ROUTE_EXPORT, vrouter.ROUTE, vrouter.SOURCE_ROUTE)
    items = (*own, *ROUTING_ITEMS, *VROUTER_SHELF.items, *BLOCKS)
    return lines(*write(context.device.config, choice(*inside), items, {"vrouter": record.name}))


def _statistics(context: Context, arguments: Arguments) -> str:
    view = _vrouter(context, arguments["vrouter"])
    return lines(f"vrouter {view.record.name}: {len(view.routes)} routes", *_by_source((view,)))


def _default(context: Context, arguments: Arguments) -> str:
    _vrouter(context, arguments["vrouter"])
    default = next(view.record.name for view in vrouter_views(context.device) if view.default)
    return f"Default vrouter: {default}\n"


def _router_id(context: Context, arguments: Arguments) -> str:
    """The configured one, or the highest address of its interfaces."""
    view = _vrouter(context, arguments["vrouter"])
    owner = ("virtual router", view.record.name)
    own = kept_value(context.device.config, "vrouter router-id", "router_id", None, owner)
    hosts = [route.prefix.address for route in view.routes if route.protocol == "H"]
    shown = format_ipv4(own if own is not None else max(hosts, default=0))
    return f"Router ID: {shown} ({'configured' if own is not None else 'chosen by the device'})\n"


def _summary(context: Context, _arguments: Arguments) -> str:
    blocks = ((f"<{view.record.name}>", *_by_source((view,))) for view in vrouter_views(context.device))
    return lines(*(line for block in blocks for line in block))


def _by_source(views: Iterable[VrouterView]) -> Iterator[str]:
    """How many routes of each protocol there are, and how many of them are active."""
    routes = [route for view in views for route in view.routes]
    for letter, name in _PROTOCOL_NAMES.items():
        found = [route for route in routes if route.protocol == letter]
        if found:
            yield f"  {name:<16}{len(found):>6}, active {sum(route.active for route in found)}"
    yield f"  {'total':<16}{len(routes):>6}, active {sum(route.active for route in routes)}"


_OF_VROUTER: tuple[Node, ...] = (
    keyword("config", "show the configuration", Command(_configuration)),
    keyword("default-vrouter", "show the default vrouter", Command(_default)),
    keyword("interface", "show the interfaces", Command(_interfaces)),
    keyword("router-id", "show the ID in routing protocols", Command(_router_id)),
    keyword("statistics", "show how many routes there are", Command(_statistics)),
    keyword("zone", "show the zones", Command(_zones)),
)


def _filters() -> tuple[Node, ...]:
    return (
        keyword("ip", "show the route to an IP address", argument("ip", IP, "IP address", Command(_by_address))),
        keyword("prefix", "show the routes of a prefix", argument("prefix", PREFIX, "IP prefix", Command(_by_prefix))),
        keyword("id", "show one route", argument("id", NumberType(1, 0x7FFFFFFF), "route ID", Command(_by_id))),
        keyword(
            "protocol",
            "show the routes of a protocol",
            choice(
                flag("connected", "connected routes", "protocol", frozenset("CH")),
                flag("static", "static routes", "protocol", frozenset("S")),
                flag("imported", "imported routes", "protocol", frozenset("I")),
                flag("bgp", "BGP routes", "protocol", frozenset({"iB", "eB"})),
                flag("ospf", "OSPF routes", "protocol", frozenset({"O", "E1", "E2"})),
                flag("rip", "RIP routes", "protocol", frozenset("R")),
                flag("auto-exported", "auto-exported routes", "protocol", frozenset("A")),
            ),
            Command(_by_protocol),
        ),
        SOURCE_NODE,
    )


_SUMMARY = keyword("summary", "show how many routes there are", Command(_summary))
ROUTE = keyword("route", "show routes", choice(Command(_all), _SUMMARY, *_filters()))
VROUTER_NODE = keyword(
    "vrouter",
    "show vrouter info",
    choice(
        Command(_vrouters),
        keyword("all", "show all vrouters", Command(_vrouters)),
        argument(
            "vrouter",
            VROUTER,
            "vrouter name",
            choice(
                Command(_one),
                keyword("route", "show the routes", choice(Command(_of_one), *_filters())),
                *VROUTER_NODES,
                *_OF_VROUTER,
                VROUTER_PROTOCOL,
            ),
        ),
    ),
)
