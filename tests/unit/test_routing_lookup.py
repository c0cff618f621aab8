"""Lookup in one table and across virtual routers, against a plain scan of all entries."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.vrouter import RouteKey
from nsemu.routing.entry import RouteEntry, RouteProtocol
from nsemu.routing.resolve import Resolution, RoutingFailure, resolve, why_unresolved
from nsemu.routing.table import RoutingTable
from nsemu.wire.address import Prefix, parse_ipv4

# Few bits on top and at the bottom, so that networks nest, touch and repeat.
addresses = st.builds(
    lambda high, low: high << 28 | low,
    st.integers(0, 15),
    st.integers(0, 15) | st.sampled_from([0, 0x0FFFFFFF, 0x0FFFFFF0, 0x08000000]),
)
lengths = st.sampled_from([0, 1, 2, 3, 4, 5, 28, 29, 30, 31, 32])


@st.composite
def tables(draw: st.DrawFn) -> RoutingTable:
    rows = draw(
        st.lists(st.tuples(addresses, lengths, st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=24)
    )
    entries = []
    for number, (address, length, preference, metric, usable) in enumerate(rows, 1):
        prefix = Prefix(address, length).network
        entries.append(entry(number, str(prefix), f"ethernet{number}", preference, metric, usable=usable))
    return RoutingTable("vr", activated(entries), len(entries) + 1)


def entry(
    number: int,
    prefix: str,
    interface: str | None = None,
    preference: int = 20,
    metric: int = 1,
    usable: bool = True,
    next_vrouter: str | None = None,
    vrouter: str = "vr",
) -> RouteEntry:
    return RouteEntry(
        number,
        vrouter,
        Prefix.parse(prefix),
        interface,
        0,
        next_vrouter,
        RouteProtocol.STATIC,
        preference,
        metric,
        permanent=False,
        active=usable,
        fault="" if usable else "interface is down",
        key=RouteKey(vrouter, Prefix.parse(prefix), interface, None, next_vrouter),
    )


def activated(entries: list[RouteEntry]) -> list[RouteEntry]:
    """As `compile_tables` would have it: of one prefix, the best usable entry is active."""
    return [replace(one, active=one.usable and not any(_beats(other, one) for other in entries)) for one in entries]


def _beats(other: RouteEntry, one: RouteEntry) -> bool:
    return other.usable and other.prefix == one.prefix and other.rank < one.rank


def scan(table: RoutingTable, destination: int) -> RouteEntry | None:
    covering = [e for e in table.entries if e.usable and destination in e.prefix]
    return min(covering, key=lambda e: (-e.prefix.length, e.preference, e.metric, e.id), default=None)


@settings(deadline=None, max_examples=150)
@given(tables(), st.lists(addresses, min_size=1, max_size=20))
def test_lookup_finds_what_a_scan_finds(table: RoutingTable, destinations: list[int]) -> None:
    edges = [e.prefix.address for e in table.entries] + [e.prefix.broadcast for e in table.entries]
    near = [number + step for number in edges for step in (-1, 0, 1) if 0 <= number + step <= 0xFFFFFFFF]
    for destination in destinations + near + [0, 0xFFFFFFFF]:
        expected = scan(table, destination)
        assert table.lookup(destination) is expected
        assert table.lookup(destination) is expected  # the second answer comes from the known destinations


@settings(deadline=None, max_examples=100)
@given(tables(), addresses)
def test_explain_lists_all_that_cover_and_names_the_winner(table: RoutingTable, destination: int) -> None:
    told = table.explain(destination)
    assert {e.id for e, _ in told} == {e.id for e in table.entries if destination in e.prefix}
    assert [e for e, why in told if why == "longest match"] == [e for e in [scan(table, destination)] if e is not None]
    assert [e.rank for e, _ in told] == sorted(e.rank for e, _ in told)
    assert all(why == "interface is down" for e, why in told if not e.usable)


def test_explain_gives_the_reason_of_every_loser() -> None:
    table = RoutingTable(
        "vr",
        activated(
            [
                entry(1, "0.0.0.0/0", "ethernet3"),
                entry(2, "10.2.2.0/24", "null", metric=10),
                entry(3, "10.2.2.0/24", "ethernet4", metric=2),
                entry(4, "10.2.2.0/24", "tunnel.1", usable=False),
                entry(5, "10.2.2.0/24", "ethernet5", preference=30),
                entry(6, "10.2.2.0/24", "ethernet6", metric=2),
                entry(7, "10.3.3.0/24", "ethernet7"),
            ]
        ),
    )
    assert [(e.id, why) for e, why in table.explain(parse_ipv4("10.2.2.9"))] == [
        (4, "interface is down"),
        (3, "longest match"),
        (6, "as good as route 3, but entered later"),
        (2, "metric 10 is not below 2"),
        (5, "preference 30 is not below 20"),
        (1, "/0 is shorter than /24"),
    ]


def test_a_scan_of_many_destinations_does_not_fill_the_memory() -> None:
    table = RoutingTable("vr", [entry(1, "0.0.0.0/0", "ethernet3")])
    for destination in range(20_000):
        assert table.lookup(destination) is table.entries[0]
    assert len(table._known) <= 8192


def vrouters(**routes: list[RouteEntry]) -> dict[str, RoutingTable]:
    return {name.replace("_", "-"): RoutingTable(name.replace("_", "-"), of_one) for name, of_one in routes.items()}


def test_a_route_to_another_virtual_router_continues_the_lookup_there() -> None:
    """B373, B189, B190"""
    hop = entry(1, "0.0.0.0/0", next_vrouter="untrust-vr", vrouter="trust-vr")
    default = entry(1, "0.0.0.0/0", "ethernet3", vrouter="untrust-vr")
    tables_ = vrouters(trust_vr=[hop], untrust_vr=[default])
    assert resolve(tables_, "trust-vr", parse_ipv4("10.3.3.5")) == Resolution(default, (hop, default))
    assert resolve(tables_, "untrust-vr", parse_ipv4("10.3.3.5")) == Resolution(default, (default,))
    assert why_unresolved(tables_, "trust-vr", parse_ipv4("10.3.3.5")) is None


def test_no_route_in_the_second_virtual_router_is_no_route() -> None:
    """B189: a tunnel that is down leaves no matching route in its own virtual router."""
    hop = entry(1, "10.2.2.0/24", next_vrouter="vpn-vr", vrouter="trust-vr")
    tunnel = entry(1, "10.2.2.0/24", "tunnel.1", usable=False, vrouter="vpn-vr")
    default = entry(2, "0.0.0.0/0", "ethernet3", vrouter="trust-vr")
    tables_ = vrouters(trust_vr=[hop, default], vpn_vr=[tunnel])
    assert resolve(tables_, "trust-vr", parse_ipv4("10.2.2.5")) is None
    why = why_unresolved(tables_, "trust-vr", parse_ipv4("10.2.2.5"))
    assert why is not None
    assert (why.failure, why.vrouter, why.path) == (RoutingFailure.NO_ROUTE, "vpn-vr", (hop,))


def test_a_loop_between_virtual_routers_ends_and_is_told() -> None:
    there = entry(1, "0.0.0.0/0", next_vrouter="b", vrouter="a")
    back = entry(1, "0.0.0.0/0", next_vrouter="a", vrouter="b")
    tables_ = vrouters(a=[there], b=[back])
    assert resolve(tables_, "a", 1) is None
    why = why_unresolved(tables_, "a", 1)
    assert why is not None
    assert (why.failure, why.vrouter, why.path) == (RoutingFailure.LOOP, "a", (there, back))


def test_an_unknown_virtual_router_is_told() -> None:
    hop = entry(1, "0.0.0.0/0", next_vrouter="gone", vrouter="a")
    for start, path in (("nowhere", ()), ("a", (hop,))):
        why = why_unresolved(vrouters(a=[hop]), start, 1)
        assert why is not None
        assert (why.failure, why.path) == (RoutingFailure.NO_VROUTER, path)
        assert resolve(vrouters(a=[hop]), start, 1) is None
