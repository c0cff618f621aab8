"""Selection over all tables against a naive reading of the configuration, and exchange between virtual routers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.pbr import ActionEntry, ExtendedEntry, MatchEntry, PbrRule, PolicyBasedRouting
from nsemu.config.route_filter import RouteMapEntry, RouteRule
from nsemu.config.vrouter import TRUST_VR, UNTRUST_VR, RouteKey, RouteTableKind, StaticRoute, VirtualRouter
from nsemu.routing.compile import compile_tables
from nsemu.routing.entry import RouteProtocol
from nsemu.routing.policy_based import RoutedFlow
from nsemu.routing.resolve import resolve
from nsemu.routing.selection import compile_selection
from nsemu.wire.address import Prefix

INTERFACES = ("ethernet1", "ethernet2", "ethernet3")
ADDRESSES = tuple((first << 24) + last for first in (8, 9) for last in range(4))
Up = Callable[[str], bool]

prefixes = st.builds(
    lambda address, length: Prefix(address, length).network,
    st.sampled_from(ADDRESSES),
    st.sampled_from((0, 8, 30, 31, 32)),
)
vrouters = st.sampled_from((TRUST_VR, UNTRUST_VR))
kinds = st.sampled_from(tuple(RouteTableKind))


@st.composite
def routes(draw: st.DrawFn) -> StaticRoute:
    vrouter, by = draw(vrouters), draw(kinds)
    other = UNTRUST_VR if vrouter == TRUST_VR else TRUST_VR
    ingress = draw(st.sampled_from(INTERFACES)) if by is RouteTableKind.INGRESS else None
    onward = draw(st.integers(0, 3)) == 0
    interface = None if onward else draw(st.sampled_from(INTERFACES))
    key = RouteKey(vrouter, draw(prefixes), interface, None, other if onward else None, by, ingress)
    return StaticRoute(key, draw(st.sampled_from((None, 5, 20))), draw(st.integers(1, 2)))


@st.composite
def configurations(draw: st.DrawFn) -> DeviceConfig:
    edit = Editor(factory_configuration())
    for number, name in enumerate(INTERFACES):
        zone = draw(st.sampled_from(("Trust", "Untrust")))
        edit.interfaces.put(
            name, replace(edit.interfaces[name], zone=zone, address=Prefix((20 + number << 24) + 1, 24))
        )
    edit.zones.put("Untrust", replace(edit.zones["Untrust"], vrouter=draw(vrouters)))
    for name in (TRUST_VR, UNTRUST_VR):
        order = draw(st.permutations((1, 2, 3)))
        record = replace(
            edit.vrouters[name],
            source_routing=draw(st.booleans()),
            sibr_routing=draw(st.booleans()),
            lookup_order=tuple(zip(RouteTableKind, order, strict=True)),
        )
        edit.vrouters.put(name, record)
    for route in draw(st.lists(routes(), max_size=12)):
        edit.routes.put(route.key, route)
    return edit.finish()


def naive(config: DeviceConfig, up: Up, flow: RoutedFlow, vrouter: str, seen: frozenset[str]) -> str | None:
    """The egress interface, read from the configuration alone; None when there is none."""
    if vrouter in seen:
        return None
    record = config.vrouters[vrouter]
    on = {RouteTableKind.SOURCE: record.source_routing, RouteTableKind.INGRESS: record.sibr_routing}
    for kind, _ in sorted(record.lookup_order, key=lambda item: item[1], reverse=True):
        if not on.get(kind, True):
            continue
        wanted = flow.destination if kind is RouteTableKind.DESTINATION else flow.source
        found = [
            (
                -route.key.prefix.length,
                20 if route.preference is None else route.preference,
                route.metric,
                place,
                route.key,
            )
            for place, route in enumerate(config.routes.values())
            if route.key.by is kind
            and route.key.vrouter == vrouter
            and wanted in route.key.prefix
            and (kind is not RouteTableKind.INGRESS or route.key.in_interface == flow.interface)
            and usable(config, up, route.key)
        ]
        if kind is RouteTableKind.DESTINATION:
            found += connected(config, up, vrouter, wanted)
        if found:
            key = min(found, key=lambda row: row[:4])[4]
            if key.next_vrouter is not None:
                return naive(config, up, flow, key.next_vrouter, seen | {vrouter})
            return key.interface
    return None


def usable(config: DeviceConfig, up: Up, key: RouteKey) -> bool:
    if key.interface is None:
        return True
    return config.zones[config.interfaces[key.interface].zone].vrouter == key.vrouter and up(key.interface)


def connected(config: DeviceConfig, up: Up, vrouter: str, wanted: int) -> list[tuple[int, int, int, int, RouteKey]]:
    rows = []
    for record in config.interfaces.values():
        if record.address is not None and config.zones[record.zone].vrouter == vrouter and up(record.name):
            for prefix in (record.address.network, Prefix(record.address.address, 32)):
                if wanted in prefix:
                    rows.append((-prefix.length, 0, 0, -1, RouteKey(vrouter, prefix, record.name)))
    return rows


@settings(deadline=None, max_examples=150)
@given(
    configurations(),
    st.frozensets(st.sampled_from(INTERFACES)),
    st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES)), min_size=1, max_size=8),
    st.sampled_from(INTERFACES),
)
def test_the_tables_say_what_the_configuration_says(
    config: DeviceConfig, down: frozenset[str], ends: list[tuple[int, int]], ingress: str
) -> None:
    def up(name: str) -> bool:
        return name not in down

    tables = compile_tables(config, up)
    selection = compile_selection(config, tables, up)
    zone = config.interfaces[ingress].zone
    vrouter = config.zones[zone].vrouter
    for source, destination in ends:
        flow = RoutedFlow(vrouter, ingress, zone, source, destination, 17, (1, 2))
        expected = naive(config, up, flow, vrouter, frozenset())
        if selection is None:
            found = resolve(tables, vrouter, destination)
            assert (found.entry.interface if found is not None else None) == expected
        else:
            chosen = selection.choose(flow)
            assert (chosen.entry.interface if chosen.entry is not None else None) == expected
            assert (chosen.entry is None) == (chosen.failure is not None)


entries = st.builds(
    ExtendedEntry,
    st.integers(1, 3),
    st.integers(1, 9),
    st.none() | prefixes,
    st.none() | prefixes,
    st.none() | st.sampled_from(((0, 80), (80, 80), (81, 65535))),
    st.none() | st.sampled_from(((0, 80), (80, 80), (81, 65535))),
    st.none() | st.sampled_from((1, 6, 17)),
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(entries, max_size=6, unique_by=lambda entry: (entry.list_id, entry.sequence)),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3)), max_size=4),
    st.lists(st.sampled_from("ab"), max_size=3),
    st.frozensets(st.sampled_from(INTERFACES)),
    st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES), st.sampled_from((1, 6, 17, 47))),
    st.tuples(st.sampled_from((79, 80, 81)), st.sampled_from((79, 80, 81))),
)
def test_policies_say_what_the_configuration_says(
    lists: list[ExtendedEntry],
    matches: list[tuple[str, int]],
    rules: list[str],
    down: frozenset[str],
    ends: tuple[int, int, int],
    ports: tuple[int, int],
) -> None:
    edit = Editor(factory_configuration())
    pbr = PolicyBasedRouting(
        tuple(lists),
        ("a", "b"),
        tuple(MatchEntry(group, number, list_id) for number, (group, list_id) in enumerate(matches)),
        ("a", "b"),
        (ActionEntry("a", 1, "ethernet1"), ActionEntry("a", 2, "ethernet2"), ActionEntry("b", 1, "ethernet3")),
        ("split",),
        tuple(PbrRule("split", number, group, group) for number, group in enumerate(rules)),
        "split",
    )
    edit.vrouters.put(TRUST_VR, replace(edit.vrouters[TRUST_VR], pbr=pbr))
    config = edit.finish()
    selection = compile_selection(config, compile_tables(config, lambda _name: True), lambda name: name not in down)
    chosen = (
        selection.choose(RoutedFlow(TRUST_VR, "ethernet4", "Trust", *ends, ports)) if selection is not None else None
    )
    expected = None
    for group in rules:
        wanted = {list_id for name, list_id in matches if name == group}
        if any(entry.list_id in wanted and fits_by_hand(entry, ends, ports) for entry in lists):
            ways = ("ethernet1", "ethernet2") if group == "a" else ("ethernet3",)
            expected = next((name for name in ways if name not in down), None)
            break
    assert (chosen.entry.interface if chosen is not None and chosen.entry is not None else None) == expected


def fits_by_hand(entry: ExtendedEntry, ends: tuple[int, int, int], ports: tuple[int, int]) -> bool:
    source, destination, protocol = ends
    for prefix, address in ((entry.source, source), (entry.destination, destination)):
        if prefix is not None and address >> (32 - prefix.length) != prefix.address >> (32 - prefix.length):
            return False
    if entry.protocol not in {None, protocol}:
        return False
    for wanted, port in ((entry.source_ports, ports[0]), (entry.destination_ports, ports[1])):
        if wanted is not None and (protocol not in {6, 17} or port not in range(wanted[0], wanted[1] + 1)):
            return False
    return True


NAMES = ("v0", "v1", "v2", "v3")


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(("static", "imported"))), max_size=10
    )
)
def test_exchange_ends_and_no_route_comes_back(rules: list[tuple[str, str, str]]) -> None:
    edit = Editor(factory_configuration())
    for number, name in enumerate(NAMES):
        exports = tuple(
            RouteRule(there, "all", protocol) for here, there, protocol in dict.fromkeys(rules) if here == name != there
        )
        edit.vrouters.put(
            name, VirtualRouter(name, 1025 + number, route_maps=(RouteMapEntry("all", 1, True),), exports=exports)
        )
        key = RouteKey(name, Prefix(number + 1 << 24, 8), "null")
        edit.routes.put(key, StaticRoute(key))
    tables = compile_tables(edit.finish(), lambda _name: True)
    given_on = {
        name: {there for here, there, protocol in rules if here == name and protocol == "imported"} for name in NAMES
    }
    for number, name in enumerate(NAMES):
        reached = {there for here, there, protocol in rules if here == name != there and protocol == "static"}
        waiting = list(reached)
        while waiting:
            for there in given_on[waiting.pop()] - reached - {name}:
                reached.add(there)
                waiting.append(there)
        for other in NAMES:
            found = [entry for entry in tables[other].entries if entry.prefix.address == number + 1 << 24]
            assert len(found) == (other in reached or other == name)
            assert all((entry.protocol is RouteProtocol.STATIC) == (other == name) for entry in found)
