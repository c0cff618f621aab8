"""DIP pools and port translation by themselves."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.nat import DipPool
from nsemu.nat.pools import PoolLease, SourcePool, lease_port
from nsemu.nat.ports import FIRST_PORT, LAST_PORT, PortTranslator

TCP, UDP, GRE = 6, 17, 47
LOW = 0x01010114


def pool(size: int = 3, *, sticky: bool = False, fixed: bool = False, shift: int | None = None) -> SourcePool:
    record = DipPool(5, "ethernet3", LOW, LOW + size - 1, fixed, shift)
    return SourcePool(record, PortTranslator(), sticky=sticky)


def taken(found: PoolLease | None) -> PoolLease:
    assert found is not None
    return found


def test_port_translation_gives_every_session_its_own_source() -> None:
    one = pool()
    sources = {taken(one.allocate((1, 4000), TCP)).source for _ in range(1000)}
    assert len(sources) == 1000
    assert {address for address, _ in sources} == {LOW, LOW + 1, LOW + 2}
    assert all(FIRST_PORT <= port <= LAST_PORT for _, port in sources)
    assert one.in_use == 1000


def test_protocols_do_not_share_ports() -> None:
    one = pool(1)
    assert taken(one.allocate((1, 1), TCP)).source == taken(one.allocate((1, 1), UDP)).source


def test_a_sticky_pool_keeps_a_host_on_its_address_while_it_has_sessions() -> None:
    one = pool(sticky=True)
    first = [taken(one.allocate((host, 1), TCP)) for host in (1, 2, 3)]
    again = [taken(one.allocate((host, 2), TCP)) for host in (1, 2, 3)]
    assert [lease.source[0] for lease in first] == [lease.source[0] for lease in again]
    for lease in (first[0], again[0]):
        lease.release()
    assert taken(one.allocate((1, 3), TCP)).source[0] == LOW, "the next in turn, which happens to be the first"
    assert taken(one.allocate((4, 1), TCP)).source[0] == LOW + 1


def test_without_stickiness_addresses_take_turns() -> None:
    one = pool()
    assert [taken(one.allocate((1, 1), TCP)).source[0] - LOW for _ in range(4)] == [0, 1, 2, 0]


def test_an_address_without_ports_is_passed_over_and_an_empty_pool_gives_nothing() -> None:
    one = pool(2)
    ports = LAST_PORT - FIRST_PORT + 1
    leases = [taken(one.allocate((1, 1), TCP)) for _ in range(2 * ports)]
    assert len({lease.source for lease in leases}) == 2 * ports
    assert one.allocate((1, 1), TCP) is None
    assert one.allocate((1, 1), UDP) is not None
    leases[7].release()
    leases[7].release()
    assert taken(one.allocate((9, 9), TCP)).source == leases[7].source
    assert one.allocate((1, 1), TCP) is None


def test_fixed_ports_stay_and_give_each_host_an_address_of_its_own() -> None:
    one = pool(2, fixed=True)
    first, second = taken(one.allocate((1, 4000), TCP)), taken(one.allocate((2, 4000), TCP))
    assert (first.source, second.source) == ((LOW, 4000), (LOW + 1, 4000))
    assert taken(one.allocate((1, 4001), TCP)).source == (LOW, 4001)
    assert taken(one.allocate((1, 4000), TCP)).source == (LOW, 4000), "the same port to another destination"
    assert one.allocate((3, 4000), TCP) is None, "both addresses use the port"
    assert taken(one.allocate((3, 4002), TCP)).source[1] == 4002, "shared, since no host uses this port"
    second.release()
    assert taken(one.allocate((4, 4000), TCP)).source == (LOW + 1, 4000)


def test_what_has_no_ports_is_not_shared_by_two_hosts() -> None:
    one = pool(2)
    assert taken(one.allocate((1, 0), GRE, has_ports=False)).source == (LOW, 0)
    assert taken(one.allocate((2, 0), GRE, has_ports=False)).source == (LOW + 1, 0)
    assert one.allocate((3, 0), GRE, has_ports=False) is None


@pytest.mark.parametrize(("host", "expected"), [(99, None), (100, LOW), (102, LOW + 2), (103, None)])
def test_shifting_keeps_the_distance_and_refuses_what_has_no_counterpart(host: int, expected: int | None) -> None:
    found = pool(3, shift=100).allocate((host, 77), UDP)
    assert (found.source if found is not None else None) == ((expected, 77) if expected is not None else None)


def test_a_connection_of_the_same_session_gets_the_same_address() -> None:
    shared = pool()
    lease = taken(shared.allocate((1, 1), TCP))
    more = taken(lease.another(20))
    assert more.source[0] == lease.source[0]
    assert more.source[1] != lease.source[1]
    fixed = taken(pool(fixed=True).allocate((1, 1), TCP))
    assert taken(fixed.another(20)).source == (fixed.source[0], 20)
    shifted = taken(pool(shift=1).allocate((2, 1), TCP))
    assert taken(shifted.another(20)).source == (LOW + 1, 20)
    port = lease_port(PortTranslator(), 9, TCP)
    assert port is not None
    second = port.another(20)
    assert second is not None
    assert second.source == (9, port.source[1] + 1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.booleans(), st.booleans(), st.integers(1, 4))
def test_no_two_living_sessions_to_one_destination_share_a_source(
    seed: int, sticky: bool, fixed: bool, size: int
) -> None:
    """The replies must tell whose they are: the same source for two (host, port) is never out at once."""
    chance = random.Random(seed)
    one = pool(size, sticky=sticky, fixed=fixed)
    living: dict[PoolLease, tuple[int, int, int]] = {}
    for _ in range(200):
        if living and chance.random() < 0.4:
            lease = chance.choice(list(living))
            lease.release()
            del living[lease]
            continue
        wish = (chance.randint(1, 5), chance.randint(4000, 4003), chance.choice((TCP, UDP)))
        lease_found = one.allocate(wish[:2], wish[2])
        if lease_found is not None:
            assert lease_found.source[0] in one.record
            living[lease_found] = wish
    owners: dict[tuple[tuple[int, int], int], set[tuple[int, int, int]]] = {}
    for lease, wish in living.items():
        owners.setdefault((lease.source, wish[2]), set()).add(wish)
    assert all(len(wishes) == 1 for wishes in owners.values())
    assert one.in_use == len(living)
    for lease in living:
        lease.release()
    assert one.in_use == 0
