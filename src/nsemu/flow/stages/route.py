"""Route lookup: the ingress interface gives the virtual router, the route the egress and its zone (B152, B165).

A device that routes by destination alone takes the short way. One with policy-based routing, tables by source or
ingress interface, or equal-cost paths asks its `RouteSelection`.
"""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.config.vrouter import RouteTableKind
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import PolicyRouting, RouteLookup, Subject
from nsemu.routing.entry import RouteEntry
from nsemu.routing.policy_based import RoutedFlow
from nsemu.routing.resolve import RoutingFailure, resolve, why_unresolved
from nsemu.routing.selection import Chosen, RouteSelection
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.wire.address import format_ipv4


def route(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide egress interface, next hop and destination zone."""
    if state.selection is not None:
        return _selected(state, state.selection, setup)
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
    return _take(state, setup, resolution.entry)


def _take(state: FlowState, setup: FlowSetup, entry: RouteEntry) -> DropReason | None:
    setup.route_id = entry.id
    if entry.discards:
        setup.subject = entry.subject
        setup.detail = str(entry.prefix)
        return DropReason.NULL_ROUTE
    egress = state.interfaces[entry.interface or ""]
    if egress.config.route_deny and egress is setup.ingress:
        setup.subject = ("interface", egress.name)
        setup.detail = egress.name
        return DropReason.ROUTE_DENIED
    setup.egress = egress
    setup.next_hop = entry.next_hop(setup.routed_destination)
    setup.to_zone = egress.zone
    return None


def _selected(state: FlowState, selection: RouteSelection, setup: FlowSetup) -> DropReason | None:
    """The same with all tables there are."""
    destination = setup.routed_destination
    ports = (setup.source_port, setup.routed_port)
    ingress = setup.ingress.name
    ends = (setup.source, destination, setup.protocol, ports, setup.tos)
    flow = RoutedFlow(setup.vrouter, ingress, setup.from_zone, *ends)
    chosen = selection.choose(flow)
    entry = _path(state, setup, chosen)
    if setup.trace is not None:
        for step in selection_steps(selection, flow, chosen, entry):
            setup.add(step)
    if entry is not None:
        return _take(state, setup, entry)
    setup.detail = f"{format_ipv4(destination)} in {chosen.vrouter}"
    return DropReason.ROUTE_LOOP if chosen.failure is RoutingFailure.LOOP else DropReason.NO_ROUTE


def _path(state: FlowState, setup: FlowSetup, chosen: Chosen) -> RouteEntry | None:
    """One of the equal-cost paths: sessions take turns, and a session stays on its path while that is one of them."""
    equals = chosen.equals
    if chosen.entry is None or len(equals) < 2:
        return chosen.entry
    if setup.renews is not None:
        held = setup.renews.forward.route_id
        kept = next((entry for entry in equals if entry.id == held), None)
        if kept is not None:
            return kept
    setup.multipath = (chosen.vrouter, equals[0].prefix)
    return equals[state.turns.get(setup.multipath, 0) % len(equals)]


def way_back(state: FlowState, vrouter: str, source: int, ingress: RunInterface) -> RouteEntry | None:
    """The route back to a source, by destination alone; of equal-cost paths the one by which it came."""
    resolution = resolve(state.routes, vrouter, source)
    if resolution is None or state.selection is None:
        return resolution.entry if resolution is not None else None
    equals = state.routes[resolution.entry.vrouter].equals(resolution.entry)
    return next((entry for entry in equals if entry.interface == ingress.name), resolution.entry)


def selection_steps(
    selection: RouteSelection, flow: RoutedFlow, chosen: Chosen, entry: RouteEntry | None
) -> Iterator[PolicyRouting | RouteLookup]:
    """The trace steps of a selection whose outcome is `entry`."""
    policy = chosen.policy
    if policy is not None:
        way = policy.entry
        yield PolicyRouting(
            flow.vrouter,
            policy.bound,
            policy.key.policy,
            policy.key.rule,
            policy.key.action_group,
            (way.interface or "") if way is not None else "",
            way.gateway if way is not None else 0,
            policy.fault,
            ("pbr", policy.key),
        )
        if way is not None:
            return
    last = chosen.asked[-1][1] if chosen.asked else RouteTableKind.DESTINATION
    followed = (*chosen.path[:-1], entry) if entry is not None else chosen.path
    yield RouteLookup(
        flow.interface,
        flow.vrouter,
        flow.source,
        flow.destination,
        False,
        entry.id if entry is not None else None,
        str(entry.prefix) if entry is not None else "",
        (entry.interface or "") if entry is not None else "",
        entry.gateway if entry is not None else 0,
        tuple((hop.vrouter, hop.subject) for hop in chosen.path[: len(chosen.path) - (entry is not None)]),
        entry.subject if entry is not None else (),
        tuple(_passed_over(selection, flow, chosen, followed)),
        chosen.vrouter,
        last.value,
        selection_subjects(chosen),
    )


def selection_subjects(chosen: Chosen) -> tuple[Subject, ...]:
    """What made a table other than the one by destination be asked, and sessions take turns."""
    kinds = [(name, kind) for name, kind in chosen.asked if kind is not RouteTableKind.DESTINATION]
    subjects: list[Subject] = [("route-table", name, kind) for name, kind in dict.fromkeys(kinds)]
    if len(chosen.equals) > 1:
        subjects.append(("ecmp", chosen.vrouter))
    return tuple(subjects)


def _passed_over(
    selection: RouteSelection, flow: RoutedFlow, chosen: Chosen, path: tuple[RouteEntry | None, ...]
) -> Iterator[tuple[str, str]]:
    for vrouter, kind in chosen.asked:
        table = selection.table(kind, vrouter, flow.interface)
        by_destination = kind is RouteTableKind.DESTINATION
        wanted = flow.destination if by_destination else flow.source
        name = vrouter if by_destination else f"{vrouter} {kind.value}"
        for entry, why in table.explain(wanted) if table is not None else ():
            if entry not in path:
                reason = "equal-cost path, not its turn" if entry in chosen.equals else why
                yield f"{name}: {describe(entry)}", reason


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
        tuple((hop.vrouter, hop.subject) for hop in (path[:-1] if entry is not None else path)),
        entry.subject if entry is not None else (),
        _losers(state, vrouter, destination, path),
        entry.vrouter if entry is not None else failure.vrouter if failure is not None else vrouter,
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
