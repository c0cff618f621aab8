"""`get route source …`, and what `get vrouter X` says of preferences, lists, rules and policy-based routing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, argument, choice, keyword
from nsemu.cli.settings import pbr, route_filter, vrouter
from nsemu.cli.settings.checks import require
from nsemu.cli.settings.layout import Item, write
from nsemu.cli.show.layout import cut, layout_of, lines
from nsemu.cli.types import INTERFACE
from nsemu.config.vrouter import DEFAULT_PREFERENCES, RouteTableKind, VirtualRouter
from nsemu.device.views.routing import RouteView, SourceTableView, source_table_views
from nsemu.wire.address import format_ipv4

_TITLES = {
    "auto-exported": "Auto-Exported",
    "connected": "Host or Connected",
    "ebgp": "EBGP",
    "ibgp": "IBGP",
    "imported": "Imported",
    "nhrp": "NHRP",
    "ospf": "OSPF",
    "ospf-e2": "OSPF External Type 2",
    "rip": "RIP",
    "static": "Static",
}


def _sources(context: Context, arguments: Arguments) -> str:
    wanted = arguments.get("in_interface")
    name = arguments.get("vrouter")
    if name is not None:
        require(context.device.config.vrouters, name, "vrouter")
    views = [
        view for view in source_table_views(context.device) if view.interface == wanted and name in {None, view.vrouter}
    ]
    width = layout_of(context.device.config).route_rule
    return lines(*(line for view in views for line in _table(view, width)))


def _table(view: SourceTableView, width: int) -> Iterator[str]:
    kind = (
        f"IPv4 Src-Routes for <{view.vrouter}>"
        if view.interface is None
        else (f"IPv4 SIBR-Routes for <{view.vrouter}> in-interface {view.interface}")
    )
    yield f"{kind} ({len(view.routes)} entries)"
    if not view.routes:
        return
    yield "-" * width
    yield f"  {'ID':>4}{'IP-Prefix':>19}{'Interface':>15}{'Gateway':>16}{'P':>4} Pref    Mtr     Vsys"
    yield "-" * width
    for route in view.routes:
        interface = cut(route.short_interface or "n/a", 14).rstrip()
        yield (
            f"{'*' if route.active else ' '}{route.id:>5}{route.prefix!s:>19}{interface:>15}"
            f"{_gateway(route):>16}{route.protocol + ('P' if route.permanent else ''):>4}"
            f"{route.preference:>5}{route.metric:>7}{'Root':>9}"
        )


def _gateway(route: RouteView) -> str:
    return cut(route.next_vrouter, 15).rstrip() if route.next_vrouter is not None else format_ipv4(route.gateway)


def _record(context: Context, arguments: Arguments) -> VirtualRouter:
    return require(context.device.config.vrouters, arguments["vrouter"], "vrouter")


def _preferences(context: Context, arguments: Arguments) -> str:
    record = _record(context, arguments)
    ranked = sorted((record.preference(source), _TITLES[source]) for source in DEFAULT_PREFERENCES)
    return lines(
        f"vrouter {record.name} route preference table",
        "-" * 45,
        *(f"{title + ' Routes:':<32}{preference:>6}" for preference, title in ranked),
    )


def _order(context: Context, arguments: Arguments) -> str:
    record = _record(context, arguments)
    asked = {kind: place for place, kind in enumerate(record.tables, 1)}
    held = dict(record.lookup_order)
    return lines(
        f"vrouter {record.name} route-lookup preference",
        *(
            f"{kind.value:<22}{held[kind]:>4}   {f'asked as number {asked[kind]}' if kind in asked else 'not enabled'}"
            for kind in RouteTableKind
        ),
    )


def _lines_of(*items: Item) -> Callable[[Context, Arguments], str]:
    """The lines of the configuration about some settings of the virtual router."""

    def show(context: Context, arguments: Arguments) -> str:
        record = _record(context, arguments)
        inside = vrouter.ENTER_VROUTER.body.nodes
        return lines(*write(context.device.config, choice(*inside), items, {"vrouter": record.name}))

    return show


def switches(record: VirtualRouter) -> tuple[str, ...]:
    """The last lines of `get vrouter X`."""
    paths = f"Enabled, at most {record.max_ecmp_routes} routes" if record.max_ecmp_routes > 1 else "Disabled"
    return (
        f"Source-Based-Routing: {'Enabled' if record.source_routing else 'Disabled'}",
        f"SIBR-Routing: {'Enabled' if record.sibr_routing else 'Disabled'}",
        f"ECMP Routing: {paths}",
    )


SOURCE_NODE: Node = keyword(
    "source",
    "show routes by source",
    choice(
        Command(_sources),
        keyword(
            "in-interface",
            "of an ingress interface",
            argument("in_interface", INTERFACE, "interface name", Command(_sources)),
        ),
    ),
)
VROUTER_NODES: tuple[Node, ...] = (
    keyword("preference", "show route preferences", Command(_preferences)),
    keyword("route-lookup", "show the order of tables", keyword("preference", "of the tables", Command(_order))),
    keyword("access-list", "show access lists", Command(_lines_of(route_filter.ACCESS_LIST, pbr.EXTENDED))),
    keyword("route-map", "show route maps", Command(_lines_of(route_filter.MAP_BLOCK))),
    keyword("rule", "show import and export rules", Command(_lines_of(route_filter.EXPORT, route_filter.IMPORT))),
    keyword("match-group", "show match groups", Command(_lines_of(pbr.MATCH_GROUP, pbr.MATCH_ENTRY))),
    keyword("action-group", "show action groups", Command(_lines_of(pbr.ACTION_GROUP, pbr.ACTION_ENTRY))),
    keyword("pbr", "show policy-based routing", Command(_lines_of(pbr.POLICY, pbr.RULE, pbr.BOUND))),
)
