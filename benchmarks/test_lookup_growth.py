"""How route and policy lookup grow from 10 entries to 10,000, as ratios measured in one run.

`test_routes_grow` and `test_policies_grow` hold the ratios to the goals: 1.3 for a destination that is known, 3 for
first packets. The others time compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import cycle

import pytest
from figures import at_most, costs
from pytest_benchmark.fixture import BenchmarkFixture

from nsemu.config.address import Address
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.service import TCP
from nsemu.config.vrouter import TRUST_VR, RouteKey, StaticRoute
from nsemu.policy.decision import Traffic
from nsemu.policy.table import PolicyTable, compile_policies
from nsemu.routing.compile import compile_tables
from nsemu.routing.resolve import resolve
from nsemu.routing.table import RoutingTable
from nsemu.sim.entropy import Entropy
from nsemu.wire.address import Prefix

FEW, MANY = 10, 10_000
SAMPLES = 4000
KNOWN_GOAL, FIRST_GOAL = 1.3, 3.0
OUT = ("Trust", "Untrust")
RANDOM = Entropy(1).stream("lookup")


def up(interface: str) -> bool:
    return True


def down(interface: str) -> bool:
    return False


def routed(count: int) -> DeviceConfig:
    """A configuration with `count` static routes to different /24 networks."""
    edit = Editor(factory_configuration())
    edit.interfaces.put("ethernet3", replace(edit.interfaces["ethernet3"], address=Prefix.parse("1.1.1.1/24")))
    for number in range(count):
        key = RouteKey(TRUST_VR, Prefix((10 << 24) + (number << 8), 24), "ethernet3", 0x010101FA)
        edit.routes.put(key, StaticRoute(key))
    return edit.finish()


def policed(count: int, distinct_addresses: bool) -> DeviceConfig:
    """A configuration with `count` policies, told apart by their addresses or by their services alone."""
    config = factory_configuration()
    books = (("Trust", 10), ("Untrust", 20))
    addresses = {
        (zone, f"n{number}"): Address(zone, f"n{number}", Prefix((high << 24) + (number << 8), 24))
        for zone, high in books
        for number in range(count if distinct_addresses else 1)
    }
    names = [f"n{number if distinct_addresses else 0}" for number in range(count)]
    services = ("HTTP", "FTP", "TELNET", "SMTP", "POP3", "SSH", "DNS", "LDAP", "RSH", "WHOIS")
    policies = {
        number: Policy(number, *OUT, (name,), (name,), (services[(number - 1) % 10],), PolicyAction.PERMIT)
        for number, name in enumerate(names, 1)
    }
    return replace(config, addresses=addresses, policies=policies, policy_order={OUT: tuple(policies)})


def destinations(count: int) -> list[int]:
    return [(10 << 24) + RANDOM.integer(0, (count << 8) - 1) for _ in range(SAMPLES)]


def packets(count: int, hit: bool) -> list[Traffic]:
    """Packets that match a policy by their addresses, or find source and destination in different policies."""
    found = []
    for _ in range(SAMPLES):
        source = RANDOM.integer(0, count - 1)
        destination = source if hit else RANDOM.integer(0, count - 1)
        port = (80, 21, 23, 25, 110, 22, 53, 389, 514, 43)[source % 10]
        found.append(Traffic((10 << 24) + (source << 8) + 5, (20 << 24) + (destination << 8) + 5, TCP, 40000, port))
    return found


def compared(subject: str, few: Callable[[], object], many: Callable[[], object], goal: float) -> None:
    """Two ways to look up all samples: the figure is what a lookup among many costs beside one among few."""
    cost = costs({"few": (few, 1), "many": (many, 1)})
    detail = f"{cost['few'] / SAMPLES:.2f} and {cost['many'] / SAMPLES:.2f} us"
    at_most(f"{subject}, {FEW} to {MANY:,}", cost["many"] / cost["few"], goal, detail)


def known_lookups(count: int) -> Callable[[], object]:
    tables = compile_tables(routed(count), up)
    wanted = destinations(count)[:200] * (SAMPLES // 200)
    return lambda: [resolve(tables, TRUST_VR, destination) for destination in wanted]


def first_lookups(count: int) -> Callable[[], object]:
    config = routed(count)
    fresh: list[tuple[dict[str, RoutingTable], list[int]]] = []
    for _ in range(10):  # a new table for each turn: it knows no destination yet
        tables = compile_tables(config, up)
        resolve(tables, TRUST_VR, 0)  # the first lookup of all orders the routes; see the times of compilation
        fresh.append((tables, destinations(count)))

    def once() -> object:
        tables, wanted = fresh.pop()
        return [resolve(tables, TRUST_VR, destination) for destination in wanted]

    return once


def test_routes_grow() -> None:
    compared("route lookup, known destinations", known_lookups(FEW), known_lookups(MANY), KNOWN_GOAL)
    compared("route lookup, new destinations", first_lookups(FEW), first_lookups(MANY), FIRST_GOAL)


def policy_lookups(count: int, hit: bool, distinct_addresses: bool = True) -> Callable[[], object]:
    table = compile_policies(policed(count, distinct_addresses))
    samples = packets(count if distinct_addresses else 1, hit)
    return lambda: [table.lookup(*OUT, sample) for sample in samples]


@pytest.mark.parametrize(
    ("subject", "hit", "distinct"),
    [
        ("policy lookup, matches", True, True),
        ("policy lookup, default deny", False, True),
        ("policy lookup, one address in all policies", True, False),
    ],
)
def test_policies_grow(subject: str, hit: bool, distinct: bool) -> None:
    compared(subject, policy_lookups(FEW, hit, distinct), policy_lookups(MANY, hit, distinct), FIRST_GOAL)


def test_compile_routes(benchmark: BenchmarkFixture) -> None:
    config = routed(MANY)
    assert benchmark(lambda: resolve(compile_tables(config, up), TRUST_VR, 10 << 24)) is not None


def test_recompile_routes_after_a_link_change(benchmark: BenchmarkFixture) -> None:
    config = routed(MANY)
    tables: dict[str, RoutingTable] = compile_tables(config, up)
    states = cycle([down, up])

    def once() -> None:
        nonlocal tables
        tables = compile_tables(config, next(states), tables)
        resolve(tables, TRUST_VR, 10 << 24)

    benchmark(once)


def test_compile_policies(benchmark: BenchmarkFixture) -> None:
    config, sample = policed(MANY, True), packets(MANY, True)[0]
    decision = benchmark(lambda: compile_policies(config).lookup(*OUT, sample))
    assert decision.policy is not None


def test_append_a_policy_to_a_long_list(benchmark: BenchmarkFixture) -> None:
    config, sample = policed(MANY, True), packets(MANY, True)[0]
    previous: PolicyTable = compile_policies(config)
    previous.lookup(*OUT, sample)

    def once() -> None:
        nonlocal config, previous
        edit = Editor(config)
        number = max(edit.policy_order[OUT]) + 1
        edit.policies.put(number, Policy(number, *OUT, ("Any",), ("Any",), ("SSH",), PolicyAction.PERMIT))
        edit.policy_order.put(OUT, (*edit.policy_order[OUT], number))
        config = edit.finish()
        previous = compile_policies(config, previous)
        previous.lookup(*OUT, sample)

    benchmark.pedantic(once, rounds=20)  # type: ignore[no-untyped-call]
