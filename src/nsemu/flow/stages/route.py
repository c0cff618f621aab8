"""Route lookup: the ingress interface gives the virtual router, the route the egress and its zone (B152, B165)."""

from __future__ import annotations

from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import RouteLookup
from nsemu.routing.entry import RouteEntry
from nsemu.routing.resolve import RoutingFailure, resolve, why_unresolved
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import format_ipv4


def route(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide egress interface, next hop and destination zone."""
    vrouter = setup.vrouter
    destination = setup.routed_destination
    resolution = resolve(state.routes, vrouter, destination)
    if setup.trace is not None:
        setup.add(lookup_step(state, setup.ingress.name, (setup.source, destination), vrouter))
    if resolution is None:
        failure = why_unresolved(state.routes, vrouter, destination)
        where = failure.vrouter if failure is not None else vrouter
        setup.detail = f"{format_ipv4(destination)} in {where}"
        if failure is not None and failure.failure is RoutingFailure.LOOP:
            return DropReason.ROUTE_LOOP
        return DropReason.NO_ROUTE
    entry = resolution.entry
    setup.route_id = entry.id
    if entry.discards:
        setup.subject = entry.subject
        setup.detail = str(entry.prefix)
        return DropReason.NULL_ROUTE
    egress = state.interfaces[entry.interface or ""]
    setup.egress = egress
    setup.next_hop = entry.next_hop(destination)
    setup.to_zone = egress.zone
    return None


def lookup_step(
    state: FlowState, interface: str, addresses: tuple[int, int], vrouter: str, reverse: bool = False
) -> RouteLookup:
    """The trace step of a lookup of (source, destination), with what the other candidates lacked."""
    source, destination = addresses
    resolution = resolve(state.routes, vrouter, destination)
    failure = why_unresolved(state.routes, vrouter, destination)
    path = resolution.path if resolution is not None else failure.path if failure is not None else ()
    entry = resolution.entry if resolution is not None else None
    return RouteLookup(
        interface,
        vrouter,
        source,
        destination,
        reverse,
        entry.id if entry is not None else None,
        str(entry.prefix) if entry is not None else "",
        (entry.interface or "") if entry is not None else "",
        entry.gateway if entry is not None else 0,
        tuple((hop.vrouter, hop.subject) for hop in path[:-1]),
        entry.subject if entry is not None else (),
        _losers(state, vrouter, destination, path),
    )


def _losers(
    state: FlowState, vrouter: str, destination: int, path: tuple[RouteEntry, ...]
) -> tuple[tuple[str, str], ...]:
    tables = [vrouter, *(hop.next_vrouter for hop in path if hop.next_vrouter)]
    found = []
    for name in tables:
        table = state.routes.get(name)
        for entry, why in table.explain(destination) if table is not None else ():
            if entry not in path:
                found.append((f"{name}: {describe(entry)}", why))
    return tuple(found)


def describe(entry: RouteEntry) -> str:
    """`10.2.2.0/24 interface null metric 10`: a route in a few words."""
    target = f"vrouter {entry.next_vrouter}" if entry.next_vrouter else f"interface {entry.interface}"
    gateway = f" gateway {format_ipv4(entry.gateway)}" if entry.gateway else ""
    return f"{entry.prefix} {target}{gateway} preference {entry.preference} metric {entry.metric}"
