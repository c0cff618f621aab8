"""Which way a flow takes when its destination alone does not say.

Asked in this order: policy-based routing, then in each virtual router its tables by ingress interface, by source and
by destination, ranked by `route-lookup preference`. A table in which nothing matches passes the question on. A route to
another virtual router continues there, and a virtual router that comes up again is a loop.

`compile_selection` gives None for a device that has none of this, so that its flows take the short way (`resolve`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from nsemu.config.device import DeviceConfig
from nsemu.config.vrouter import RouteTableKind
from nsemu.routing.draft import Draft, Ground, make_table, static_draft
from nsemu.routing.entry import RouteEntry, RouteProtocol
from nsemu.routing.policy_based import PolicyRoute, PolicyRouter, RoutedFlow
from nsemu.routing.resolve import RoutingFailure
from nsemu.routing.table import RoutingTable

_BY_DESTINATION = (RouteTableKind.DESTINATION,)
IngressKey = tuple[str, str]
"""(virtual router, ingress interface)."""


class Chosen(NamedTuple):
    """The outcome of a selection.

    `entry` is the way, None with a `failure`, which happened in `vrouter`. `path` are all entries followed, the last
    one included. `asked` are the tables that were asked, as (virtual router, kind); the last of them decided.
    `policy` is what policy-based routing said; it decided when it has an entry. `equals` are the equal-cost paths.
    """

    entry: RouteEntry | None
    vrouter: str
    path: tuple[RouteEntry, ...]
    asked: tuple[tuple[str, RouteTableKind], ...]
    policy: PolicyRoute | None = None
    equals: tuple[RouteEntry, ...] = ()
    failure: RoutingFailure | None = None


class RouteSelection:
    """The tables beside those by destination, and the order of all."""

    __slots__ = ("ingresses", "orders", "router", "sources", "tables")

    def __init__(self, tables: Mapping[str, RoutingTable], router: PolicyRouter | None) -> None:
        self.tables = tables
        self.router = router
        self.sources: dict[str, RoutingTable] = {}
        self.ingresses: dict[IngressKey, RoutingTable] = {}
        self.orders: dict[str, tuple[RouteTableKind, ...]] = {}

    def choose(self, flow: RoutedFlow) -> Chosen:
        """The way of a flow; of equal-cost paths the first."""
        policy = self.router.route(flow) if self.router is not None else None
        if policy is not None and policy.entry is not None:
            return Chosen(policy.entry, flow.vrouter, (policy.entry,), (), policy, (policy.entry,))
        path: list[RouteEntry] = []
        asked: list[tuple[str, RouteTableKind]] = []
        seen: set[str] = set()
        vrouter: str | None = flow.vrouter
        while vrouter is not None:
            failure = self._unusable(vrouter, seen)
            found = None if failure is not None else self._ask(flow, vrouter, asked)
            if found is None:
                return Chosen(None, vrouter, tuple(path), tuple(asked), policy, (), failure or RoutingFailure.NO_ROUTE)
            seen.add(vrouter)
            table, entry = found
            path.append(entry)
            if entry.next_vrouter is None:
                return Chosen(entry, vrouter, tuple(path), tuple(asked), policy, table.equals(entry))
            vrouter = entry.next_vrouter
        raise AssertionError("a flow has a virtual router")

    def table(self, kind: RouteTableKind, vrouter: str, interface: str) -> RoutingTable | None:
        """The table of a kind; those by ingress interface need its name."""
        if kind is RouteTableKind.DESTINATION:
            return self.tables.get(vrouter)
        return self.sources.get(vrouter) if kind is RouteTableKind.SOURCE else self.ingresses.get((vrouter, interface))

    def _unusable(self, vrouter: str, seen: set[str]) -> RoutingFailure | None:
        if vrouter in seen:
            return RoutingFailure.LOOP
        return None if vrouter in self.tables else RoutingFailure.NO_VROUTER

    def _ask(
        self, flow: RoutedFlow, vrouter: str, asked: list[tuple[str, RouteTableKind]]
    ) -> tuple[RoutingTable, RouteEntry] | None:
        for kind in self.orders.get(vrouter, _BY_DESTINATION):
            asked.append((vrouter, kind))
            table = self.table(kind, vrouter, flow.interface)
            wanted = flow.destination if kind is RouteTableKind.DESTINATION else flow.source
            entry = table.lookup(wanted) if table is not None else None
            if table is not None and entry is not None:
                return table, entry
        return None


def compile_selection(
    config: DeviceConfig,
    tables: Mapping[str, RoutingTable],
    interface_up: Callable[[str], bool],
    previous: RouteSelection | None = None,
) -> RouteSelection | None:
    """The selection of a device; None when destination routing with one path a network is all it has.

    Tables are made for source routes that are there but not asked as well: `get route source` lists them. With
    `previous`, their entries keep their IDs.
    """
    router = PolicyRouter(config, tables, interface_up) if _has_policies(config) else None
    selection = RouteSelection(tables, router)
    for record in config.vrouters.values():
        if record.source_routing or record.sibr_routing:
            selection.orders[record.name] = record.tables
    _source_tables(config, interface_up, selection, previous)
    several = any(table.multipath for table in tables.values())
    if router is None and not several and not selection.orders and not selection.sources and not selection.ingresses:
        return None
    return selection


def _has_policies(config: DeviceConfig) -> bool:
    return any(record.pbr.rules for record in config.vrouters.values())


def _source_tables(
    config: DeviceConfig,
    interface_up: Callable[[str], bool],
    selection: RouteSelection,
    previous: RouteSelection | None,
) -> None:
    routes = [route for route in config.routes.values() if route.key.by is not RouteTableKind.DESTINATION]
    if not routes:
        return
    ground = Ground(config, interface_up)
    by_source: dict[str, list[Draft]] = {}
    by_ingress: dict[IngressKey, list[Draft]] = {}
    for route in routes:
        key = route.key
        draft = static_draft(ground, route, _connected(selection.tables.get(key.vrouter)))
        if key.in_interface is not None:
            by_ingress.setdefault((key.vrouter, key.in_interface), []).append(draft)
        else:
            by_source.setdefault(key.vrouter, []).append(draft)
    for vrouter, drafts in by_source.items():
        known = previous.sources.get(vrouter) if previous is not None else None
        selection.sources[vrouter] = make_table(vrouter, drafts, known, config.vrouters[vrouter].max_ecmp_routes)
    for place, drafts in by_ingress.items():
        known = previous.ingresses.get(place) if previous is not None else None
        paths = config.vrouters[place[0]].max_ecmp_routes
        selection.ingresses[place] = make_table(place[0], drafts, known, paths)


def _connected(table: RoutingTable | None) -> tuple[Draft, ...]:
    """The usable connected networks of a virtual router, by which gateways find their interface."""
    if table is None:
        return ()
    return tuple(
        Draft(
            entry.vrouter,
            entry.prefix,
            entry.interface,
            0,
            None,
            entry.protocol,
            entry.preference,
            entry.metric,
            False,
            "",
            entry.key,
        )
        for entry in table.entries
        if entry.protocol in {RouteProtocol.CONNECTED, RouteProtocol.HOST} and entry.usable
    )
