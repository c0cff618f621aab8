"""Routing tables compiled from a configuration: entries, IDs, what is usable and what is active."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.interface import Interface, InterfaceKind
from nsemu.config.vrouter import STATIC_PREFERENCE, RouteKey, StaticRoute, VirtualRouter
from nsemu.config.zone import Zone, ZoneKind
from nsemu.routing.compile import compile_tables, interface_vrouter
from nsemu.routing.entry import EntryKey, RouteEntry, RouteProtocol
from nsemu.routing.table import RoutingTable
from nsemu.wire.address import Prefix, parse_ipv4

TRUST = "trust-vr"
UNTRUST = "untrust-vr"


def up(interface: str) -> bool:
    return True


def down(*names: str) -> Callable[[str], bool]:
    return lambda interface: interface not in names


def editor() -> Editor:
    """ethernet1 10.1.1.1/24 in Trust; ethernet3 1.1.1.1/24 and tunnel.1, unnumbered, in Untrust; all in trust-vr."""
    edit = Editor(factory_configuration())
    address(edit, "ethernet1", "10.1.1.1/24")
    address(edit, "ethernet3", "1.1.1.1/24")
    edit.interfaces.put("tunnel.1", Interface("tunnel.1", InterfaceKind.TUNNEL, "Untrust", unnumbered="ethernet3"))
    return edit


def address(edit: Editor, name: str, prefix: str, zone: str | None = None) -> None:
    record = edit.interfaces[name]
    edit.interfaces.put(name, replace(record, address=Prefix.parse(prefix), zone=zone or record.zone))


def static(
    edit: Editor,
    prefix: str,
    interface: str | None = None,
    gateway: str | None = None,
    next_vrouter: str | None = None,
    vrouter: str = TRUST,
    metric: int = 1,
    preference: int = 20,
    permanent: bool = False,
) -> RouteKey:
    number = parse_ipv4(gateway) if gateway is not None else None
    key = RouteKey(vrouter, Prefix.parse(prefix), interface, number, next_vrouter)
    edit.routes.put(key, StaticRoute(key, preference, metric, permanent))
    return key


def compiled(
    config: DeviceConfig | Editor,
    interface_up: Callable[[str], bool] = up,
    previous: Mapping[str, RoutingTable] | None = None,
) -> dict[str, RoutingTable]:
    return compile_tables(config.finish() if isinstance(config, Editor) else config, interface_up, previous)


def rows(table: RoutingTable) -> list[tuple[bool, int, str, str | None, str]]:
    return [(e.active, e.id, str(e.prefix), e.interface, e.protocol.value) for e in table.entries]


def find(table: RoutingTable, prefix: str, interface: str | None) -> RouteEntry:
    return next(e for e in table.entries if str(e.prefix) == prefix and e.interface == interface)


def lookup(table: RoutingTable, destination: str) -> str | None:
    found = table.lookup(parse_ipv4(destination))
    return found.interface if found is not None else None


def test_connected_networks_are_c_and_own_addresses_h_with_preference_and_metric_0() -> None:
    """B185"""
    table = compiled(editor())[TRUST]
    assert rows(table) == [
        (True, 1, "10.1.1.0/24", "ethernet1", "C"),
        (True, 2, "10.1.1.1/32", "ethernet1", "H"),
        (True, 3, "1.1.1.0/24", "ethernet3", "C"),
        (True, 4, "1.1.1.1/32", "ethernet3", "H"),
    ]
    assert {(entry.preference, entry.metric, entry.gateway) for entry in table.entries} == {(0, 0, 0)}
    assert table.entries[0].subject == ("interface", "ethernet1")


def test_a_32_bit_interface_adds_its_host_route_alone_and_an_unnumbered_one_nothing() -> None:
    edit = editor()
    edit.interfaces.put(
        "loopback.1", Interface("loopback.1", InterfaceKind.LOOPBACK, "Trust", Prefix.parse("10.9.9.9/32"))
    )
    table = compiled(edit)[TRUST]
    assert [(str(e.prefix), e.protocol) for e in table.entries if e.interface == "loopback.1"] == [
        ("10.9.9.9/32", RouteProtocol.HOST)
    ]
    assert not [e for e in table.entries if e.interface == "tunnel.1"]


def test_a_numbered_tunnel_interface_has_connected_routes() -> None:
    edit = editor()
    edit.interfaces.put(
        "tunnel.2", Interface("tunnel.2", InterfaceKind.TUNNEL, "Untrust", Prefix.parse("10.10.1.1/24"))
    )
    assert lookup(compiled(edit)[TRUST], "10.10.1.77") == "tunnel.2"


def test_connected_routes_are_in_the_virtual_router_of_the_zone() -> None:
    """B152"""
    edit = editor()
    edit.zones.put("Untrust", replace(edit.zones["Untrust"], vrouter=UNTRUST))
    config = edit.finish()
    tables = compiled(config)
    assert lookup(tables[TRUST], "1.1.1.9") is None
    assert lookup(tables[UNTRUST], "1.1.1.9") == "ethernet3"
    assert interface_vrouter(config, "tunnel.1") == UNTRUST
    assert interface_vrouter(config, "ethernet1") == TRUST
    assert interface_vrouter(config, "ethernet99") is None


def test_an_interface_in_the_null_zone_has_no_routes() -> None:
    edit = editor()
    address(edit, "ethernet4", "10.4.4.1/24", "Null")
    key = static(edit, "10.44.0.0/16", "ethernet4")
    config = edit.finish()
    tables = compiled(config)
    assert interface_vrouter(config, "ethernet4") is None
    assert all(lookup(table, "10.4.4.4") is None for table in tables.values())
    entry = next(e for e in tables[TRUST].entries if e.key == key)
    assert (entry.active, entry.fault) == (False, "interface ethernet4 is not in trust-vr")


def test_static_routes_default_to_preference_20_and_metric_1() -> None:
    """B182"""
    edit = editor()
    key = static(edit, "10.2.2.0/24", "ethernet3", "1.1.1.250")
    entry = find(compiled(edit)[TRUST], "10.2.2.0/24", "ethernet3")
    assert (entry.preference, entry.metric, entry.protocol) == (20, 1, RouteProtocol.STATIC)
    assert entry.subject == ("route", TRUST, key)
    assert entry.next_hop(parse_ipv4("10.2.2.5")) == parse_ipv4("1.1.1.250")


def test_the_next_hop_of_a_route_without_gateway_is_the_destination() -> None:
    entry = compiled(editor())[TRUST].lookup(parse_ipv4("1.1.1.7"))
    assert entry is not None
    assert entry.next_hop(parse_ipv4("1.1.1.7")) == parse_ipv4("1.1.1.7")


def test_host_bits_of_a_route_do_not_matter() -> None:
    edit = editor()
    static(edit, "10.2.2.77/24", "ethernet3", "1.1.1.250")
    assert find(compiled(edit)[TRUST], "10.2.2.0/24", "ethernet3").active


def test_a_null_route_takes_over_when_the_tunnel_is_down() -> None:
    """B179, B183, B184"""
    edit = editor()
    static(edit, "0.0.0.0/0", "ethernet3", "1.1.1.250")
    static(edit, "10.2.2.0/24", "tunnel.1")
    static(edit, "10.2.2.0/24", "null", metric=10)
    config = edit.finish()
    table = compiled(config)[TRUST]
    assert lookup(table, "10.2.2.5") == "tunnel.1"
    assert not find(table, "10.2.2.0/24", "null").active
    table = compiled(config, down("tunnel.1"))[TRUST]
    entry = table.lookup(parse_ipv4("10.2.2.5"))
    assert entry is not None
    assert entry.discards
    assert not find(table, "10.2.2.0/24", "tunnel.1").active
    assert find(table, "10.2.2.0/24", "tunnel.1").fault == "interface tunnel.1 is down"


def test_without_a_null_route_the_default_route_takes_the_traffic() -> None:
    """B180"""
    edit = editor()
    static(edit, "0.0.0.0/0", "ethernet3", "1.1.1.250")
    static(edit, "10.2.2.0/24", "tunnel.1")
    assert lookup(compiled(edit, down("tunnel.1"))[TRUST], "10.2.2.5") == "ethernet3"


def test_tunnel_leased_line_null_are_used_in_the_order_of_their_metrics() -> None:
    """B186, B187"""
    edit = editor()
    address(edit, "ethernet4", "1.2.2.1/24", "Untrust")
    static(edit, "10.2.2.0/24", "null", metric=10)
    static(edit, "10.2.2.0/24", "ethernet4", "1.2.2.5", metric=2)
    static(edit, "10.2.2.0/24", "tunnel.1", metric=1)
    config = edit.finish()
    tables = compiled(config)
    for state, chosen in [
        (up, "tunnel.1"),
        (down("tunnel.1"), "ethernet4"),
        (down("tunnel.1", "ethernet4"), "null"),
        (down("ethernet4"), "tunnel.1"),
        (up, "tunnel.1"),
    ]:
        tables = compiled(config, state, tables)
        assert lookup(tables[TRUST], "10.2.2.5") == chosen


def test_a_tunnel_interface_in_a_tunnel_zone_is_in_the_virtual_router_of_that_zone() -> None:
    """B188: the decoy's route is usable as long as the interface says that it is up."""
    edit = editor()
    edit.interfaces.put("tunnel.2", Interface("tunnel.2", InterfaceKind.TUNNEL, "Untrust-Tun"))
    static(edit, "10.2.2.0/24", "tunnel.1", metric=1)
    static(edit, "10.2.2.0/24", "tunnel.2", metric=10)
    assert lookup(compiled(edit, down("tunnel.1"))[TRUST], "10.2.2.5") == "tunnel.2"


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ({"preference": 20}, {"preference": 10}, "second"),
        ({"preference": 10, "metric": 50}, {"preference": 20, "metric": 1}, "first"),
        ({"metric": 5}, {"metric": 4}, "second"),
        ({}, {}, "first"),
    ],
)
def test_preference_before_metric_before_the_order_of_entry(
    first: dict[str, int], second: dict[str, int], winner: str
) -> None:
    edit = editor()
    for gateway, options in (("1.1.1.11", first), ("1.1.1.12", second)):
        key = static(edit, "10.2.2.0/24", "ethernet3", gateway)
        edit.routes.put(key, StaticRoute(key, options.get("preference", 20), options.get("metric", 1)))
    entry = compiled(edit)[TRUST].lookup(parse_ipv4("10.2.2.2"))
    assert entry is not None
    assert entry.gateway == parse_ipv4("1.1.1.11" if winner == "first" else "1.1.1.12")


def test_a_longer_prefix_wins_over_any_preference() -> None:
    edit = editor()
    static(edit, "10.0.0.0/8", "ethernet3", "1.1.1.11", preference=1)
    static(edit, "10.2.0.0/16", "ethernet3", "1.1.1.12", preference=200, metric=200)
    entry = compiled(edit)[TRUST].lookup(parse_ipv4("10.2.2.2"))
    assert entry is not None
    assert entry.gateway == parse_ipv4("1.1.1.12")


def test_a_connected_network_wins_over_a_static_route_of_the_same_prefix() -> None:
    edit = editor()
    static(edit, "10.1.1.0/24", "ethernet3", "1.1.1.11", preference=1)
    assert lookup(compiled(edit)[TRUST], "10.1.1.9") == "ethernet1"


def test_a_gateway_outside_the_network_of_the_interface_is_accepted() -> None:
    edit = editor()
    static(edit, "10.2.2.0/24", "ethernet3", "9.9.9.9")
    assert lookup(compiled(edit)[TRUST], "10.2.2.2") == "ethernet3"


def test_a_route_by_gateway_alone_finds_the_interface_whose_network_holds_the_gateway() -> None:
    edit = editor()
    static(edit, "10.2.2.0/24", gateway="10.1.1.254")
    key = static(edit, "10.3.3.0/24", gateway="9.9.9.9")
    config = edit.finish()
    table = compiled(config)[TRUST]
    assert lookup(table, "10.2.2.2") == "ethernet1"
    lost = next(e for e in table.entries if e.key == key)
    assert (lost.interface, lost.active, lost.fault) == (None, False, "gateway 9.9.9.9 is on no connected network")
    assert lookup(compiled(config, down("ethernet1"))[TRUST], "10.2.2.2") is None


def test_a_permanent_route_stays_active_while_its_interface_is_down() -> None:
    edit = editor()
    static(edit, "10.2.2.0/24", "ethernet3", "1.1.1.250", permanent=True)
    static(edit, "10.3.3.0/24", "ethernet3", "1.1.1.250")
    table = compiled(edit, down("ethernet3"))[TRUST]
    assert lookup(table, "10.2.2.2") == "ethernet3"
    assert lookup(table, "10.3.3.3") is None


def test_a_permanent_route_to_an_interface_that_is_gone_or_elsewhere_is_not_used() -> None:
    edit = editor()
    edit.vrouters.put("lab-vr", VirtualRouter("lab-vr", 1025))
    static(edit, "10.2.2.0/24", "ethernet77", permanent=True)
    static(edit, "10.2.2.0/24", "ethernet3", vrouter="lab-vr", permanent=True)
    tables = compiled(edit)
    assert tables[TRUST].entries[-1].fault == "interface ethernet77 does not exist"
    assert tables["lab-vr"].entries[0].fault == "interface ethernet3 is not in lab-vr"
    assert not tables["lab-vr"].entries[0].usable


def test_the_null_interface_serves_every_virtual_router() -> None:
    edit = editor()
    static(edit, "10.2.2.0/24", "null", vrouter=UNTRUST)
    assert lookup(compiled(edit, down("null"))[UNTRUST], "10.2.2.2") == "null"


def test_routes_of_interfaces_that_are_down_stay_listed_without_asterisk() -> None:
    config = editor().finish()
    before = compiled(config)
    after = compiled(config, down("ethernet1"), before)
    assert [(e.id, e.active) for e in after[TRUST].entries] == [(1, False), (2, False), (3, True), (4, True)]
    assert lookup(after[TRUST], "10.1.1.5") is None


def test_ids_stay_when_the_state_or_other_routes_change() -> None:
    edit = editor()
    a = static(edit, "10.2.2.0/24", "tunnel.1")
    b = static(edit, "10.3.3.0/24", "ethernet3", "1.1.1.250")
    config = edit.finish()
    first = compiled(config)
    ids = {entry.key: entry.id for entry in first[TRUST].entries}
    edit = Editor(config)
    edit.routes.remove(a)
    c = static(edit, "10.4.4.0/24", "ethernet3", "1.1.1.250")
    second = compiled(edit, down("tunnel.1"), first)
    assert {entry.key: entry.id for entry in second[TRUST].entries} == {
        **{key: number for key, number in ids.items() if key != a},
        c: max(ids.values()) + 1,
    }
    assert second[TRUST].entry(ids[b]) is first[TRUST].entry(ids[b])
    assert second[TRUST].entry(ids[a]) is None


def test_a_route_that_was_removed_and_added_again_gets_a_new_id() -> None:
    edit = editor()
    key = static(edit, "10.2.2.0/24", "tunnel.1")
    config = edit.finish()
    tables = compiled(config)
    old = find(tables[TRUST], "10.2.2.0/24", "tunnel.1").id
    edit = Editor(config)
    edit.routes.remove(key)
    without = edit.finish()
    tables = compiled(without, up, tables)
    edit = Editor(without)
    static(edit, "10.2.2.0/24", "tunnel.1")
    tables = compiled(edit, up, tables)
    assert find(tables[TRUST], "10.2.2.0/24", "tunnel.1").id == old + 1


def test_a_changed_metric_keeps_the_id_and_shows() -> None:
    edit = editor()
    key = static(edit, "10.2.2.0/24", "tunnel.1")
    config = edit.finish()
    tables = compiled(config)
    before = find(tables[TRUST], "10.2.2.0/24", "tunnel.1")
    edit = Editor(config)
    edit.routes.put(key, StaticRoute(key, metric=7))
    after = find(compiled(edit, up, tables)[TRUST], "10.2.2.0/24", "tunnel.1")
    assert (after.id, after.metric) == (before.id, 7)


def test_a_table_in_which_nothing_changed_is_the_same_object() -> None:
    config = editor().finish()
    tables = compiled(config)
    edit = Editor(config)
    static(edit, "10.2.2.0/24", "null", vrouter=UNTRUST)
    again = compiled(edit, up, tables)
    assert again[TRUST] is tables[TRUST]
    assert again[UNTRUST] is not tables[UNTRUST]


def test_all_tables_stay_when_nothing_they_depend_on_changed() -> None:
    edit = editor()
    static(edit, "10.2.2.0/24", "tunnel.1")
    config = edit.finish()
    tables = compiled(config)
    edit = Editor(config)
    edit.system = replace(edit.system, hostname="other")
    config = edit.finish()
    assert compiled(config, up, tables) is tables
    after = compiled(config, down("tunnel.1"), tables)
    assert lookup(after[TRUST], "10.2.2.5") is None
    assert lookup(compiled(config, up, after)[TRUST], "10.2.2.5") == "tunnel.1"


def test_an_interface_is_asked_once() -> None:
    edit = editor()
    for number in range(20):
        static(edit, f"10.2.{number}.0/24", "tunnel.1")
    asked: list[str] = []

    def ask(interface: str) -> bool:
        asked.append(interface)
        return True

    compiled(edit, ask)
    assert sorted(asked) == ["ethernet1", "ethernet3", "tunnel.1"]


def test_a_removed_virtual_router_has_no_table() -> None:
    edit = editor()
    edit.vrouters.put("lab-vr", VirtualRouter("lab-vr", 1025))
    edit.zones.put("lab", Zone("lab", 100, ZoneKind.LAYER3, vrouter="lab-vr"))
    config = edit.finish()
    tables = compiled(config)
    assert set(tables) == {TRUST, UNTRUST, "lab-vr"}
    edit = Editor(config)
    edit.zones.remove("lab")
    edit.vrouters.remove("lab-vr")
    assert set(compiled(edit, up, tables)) == {TRUST, UNTRUST}


INTERFACES = ("ethernet1", "ethernet2", "ethernet3", "tunnel.1", "null")
route_rows = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from([0, 8, 9, 10, 24]),
        st.sampled_from(INTERFACES),
        st.integers(19, 21),
        st.integers(1, 2),
        st.booleans(),
    ),
    max_size=16,
)
states = st.sets(st.sampled_from(INTERFACES))


def expected(config: DeviceConfig, lost: set[str], destination: int, ids: Mapping[EntryKey, int]) -> object:
    """The key of the winner by a scan of the records."""
    candidates: list[tuple[tuple[int, int, int, int], object]] = []
    for name, record in config.interfaces.items():
        if record.address is not None and record.zone != "Null" and name not in lost:
            for protocol, prefix in (
                (RouteProtocol.CONNECTED, record.address.network),
                (RouteProtocol.HOST, Prefix(record.address.address, 32)),
            ):
                if destination in prefix:
                    key: EntryKey = (name, protocol, prefix)
                    candidates.append(((-prefix.length, 0, 0, ids[key]), key))
    for route in config.routes.values():
        name = str(route.key.interface)
        bound = name == "null" or config.interfaces[name].zone != "Null"
        alive = name == "null" or name not in lost or route.permanent
        if destination in route.key.prefix and bound and alive:
            preference = STATIC_PREFERENCE if route.preference is None else route.preference
            rank = (-route.key.prefix.length, preference, route.metric, ids[route.key])
            candidates.append((rank, route.key))
    return min(candidates, key=lambda pair: pair[0])[1] if candidates else None


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(route_rows, states), min_size=1, max_size=4), st.lists(st.integers(0, 7 << 21), max_size=8))
def test_any_run_of_changes_gives_what_a_scan_of_the_records_gives(
    steps: list[tuple[list[tuple[int, int, str, int, int, bool]], set[str]]], offsets: list[int]
) -> None:
    config = editor().finish()
    tables: dict[str, RoutingTable] | None = None
    used: dict[int, object] = {}
    for routes, lost in steps:
        edit = Editor(config)
        for key in list(edit.routes):
            edit.routes.remove(key)
        for high, length, interface, preference, metric, permanent in routes:
            key = RouteKey(TRUST, Prefix((10 << 24) + (high << 21), length).network, interface)
            edit.routes.put(key, StaticRoute(key, preference, metric, permanent))
        config = edit.finish()
        before = {entry.key: entry.id for entry in tables[TRUST].entries} if tables is not None else {}
        tables = compiled(config, down(*lost), tables)
        ids = {entry.key: entry.id for entry in tables[TRUST].entries}
        assert {key: ids[key] for key in before if key in ids} == {key: before[key] for key in before if key in ids}
        assert not [number for key, number in ids.items() if key not in before and number in used]
        used |= {number: key for key, number in ids.items()}
        for destination in [(10 << 24) + offset for offset in offsets] + [parse_ipv4("10.1.1.1"), 0x01010105, 5]:
            found = tables[TRUST].lookup(destination)
            assert (found.key if found is not None else None) == expected(config, lost, destination, ids)
