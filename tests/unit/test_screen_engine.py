"""The SCREEN engine without a device: windows, queues, cookies, tables of checks, and their bounds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.screen import MaliciousUrl, ScreenOption, ScreenOptions, SpoofingMode, Threshold
from nsemu.runtime.drop import DropReason
from nsemu.screen.alarms import AlarmLog
from nsemu.screen.attack import Action, Attack
from nsemu.screen.facts import ACK, FIN, RST, SYN, URG
from nsemu.screen.fragments import TearDrop
from nsemu.screen.headers import flag_attack
from nsemu.screen.limits import Holdings, SessionLimits
from nsemu.screen.rates import DistinctTargets, FloodGate, Rate, Windows
from nsemu.screen.runtime import Screening
from nsemu.screen.syn_proxy import Accepted, SynCookies, SynQueue
from nsemu.screen.zone import ZoneScreen, compile_screen
from nsemu.sim.scheduler import MILLISECOND, SECOND

ALL = frozenset(ScreenOption)
FLOW = (b"abcdefghijkl", 0)


@dataclass
class Facts:
    """A packet as the engine sees it."""

    data: bytes = bytes(20)
    header_length: int = 20
    protocol: int = 17
    fragment: int = 0
    source: int = 1
    destination: int = 2
    source_port: int = 1024
    destination_port: int = 53


# The table of attacks


def test_each_attack_has_a_reason_of_its_own() -> None:
    """Those that drop have one reason each, and each reason has its attack."""
    dropping = [attack.info.reason for attack in Attack if attack.info.action is Action.DROP]
    assert len(dropping) == len(set(dropping))
    assert {reason for reason in DropReason if reason.name.startswith("SCREEN_")} == set(dropping)


def test_each_option_is_found_by_some_attack() -> None:
    found = {attack.info.option for attack in Attack}
    assert set(ScreenOption) - found == {ScreenOption.CODE_RED}


# Options


def test_a_default_threshold_leaves_no_trace() -> None:
    options = ScreenOptions().with_threshold(Threshold.ICMP_FLOOD, 7)
    assert options.value(Threshold.ICMP_FLOOD) == 7
    assert options.with_threshold(Threshold.ICMP_FLOOD, Threshold.ICMP_FLOOD.default) == ScreenOptions()


def test_tables_of_options_are_equal_however_they_came_about() -> None:
    one = ScreenOptions().with_threshold(Threshold.SYN_QUEUE, 50).with_threshold(Threshold.UDP_FLOOD, 5)
    other = ScreenOptions().with_threshold(Threshold.UDP_FLOOD, 5).with_threshold(Threshold.SYN_QUEUE, 50)
    assert one == other
    assert hash(one) == hash(other)
    hosts = ScreenOptions().with_udp_flood_host(2, 5).with_udp_flood_host(1, 6)
    assert hosts == ScreenOptions().with_udp_flood_host(1, 6).with_udp_flood_host(2, 5)
    assert hosts.with_udp_flood_host(1, None).with_udp_flood_host(2, None) == ScreenOptions()


@pytest.mark.parametrize("threshold", Threshold)
def test_defaults_are_within_their_bounds(threshold: Threshold) -> None:
    low, high = threshold.bounds
    assert low <= threshold.default <= high


# Windows


def test_a_rate_counts_from_the_first_event_of_a_key() -> None:
    rate = Rate()
    at = 700 * MILLISECOND
    assert [rate.count(1, at), rate.count(1, at + SECOND - 1), rate.count(1, at + SECOND)] == [1, 2, 1]
    assert rate.count(2, at) == 1


@pytest.mark.parametrize("threshold", [1, 5])
def test_a_gate_shuts_through_the_next_second(threshold: int) -> None:
    gate = FloodGate()
    assert [gate.exceeds(1, threshold, 0) for _ in range(threshold + 1)] == [False] * threshold + [True]
    assert gate.exceeds(1, threshold, 2 * SECOND - 1)
    assert not gate.exceeds(1, threshold, 2 * SECOND)


def test_distinct_targets_do_not_count_twice() -> None:
    scan = DistinctTargets(5 * MILLISECOND, 3)
    assert [scan.reached(1, target, 0) for target in (1, 1, 2, 2, 3, 1)] == [False, False, False, False, True, True]
    assert not scan.reached(1, 9, 5 * MILLISECOND)


def test_windows_are_bounded_and_swept() -> None:
    windows = Windows(SECOND, capacity=100)
    for key in range(10_000):
        windows.find(key, 0).count += 1
    assert len(windows) <= 100 + 1024
    windows.find(10**6, 2 * SECOND)
    assert len(windows) == 1


def test_a_flood_of_keys_does_not_hide_a_flood() -> None:
    rate = Rate(capacity=100)
    for key in range(5_000):
        rate.count(key, 0)
    assert max(rate.count(77_777, 1) for _ in range(50)) >= 50


# Tables of flags


@pytest.mark.parametrize("flags", range(64))
def test_flags_that_are_an_attack_by_themselves(flags: int) -> None:
    expected = None
    if flags & SYN and flags & FIN:
        expected = Attack.SYN_FIN
    elif flags & FIN and not flags & ACK:
        expected = Attack.FIN_NO_ACK
    elif flags == 0:
        expected = Attack.TCP_NO_FLAG
    assert flag_attack(flags, ALL) is expected
    assert flag_attack(flags, frozenset()) is None


@pytest.mark.parametrize("flags", range(64))
def test_only_requests_meet_the_checks_of_requests(flags: int) -> None:
    """What TCP carries after the handshake meets no check with the options of a new device."""
    active = frozenset({ScreenOption.SYN_FLOOD, ScreenOption.LAND, ScreenOption.PORT_SCAN, ScreenOption.WINNUKE})
    checks = len(ZoneScreen("Untrust", ScreenOptions(active)).by_flags[flags])
    expected = 0
    if flags & SYN and not flags & RST:
        expected = 1 if flags & ACK else 3
    assert checks == expected + bool(flags & URG)


def test_a_zone_without_options_compiles_to_nothing() -> None:
    assert compile_screen("Trust", ScreenOptions()) is None
    assert compile_screen("Trust", ScreenOptions(alarm_without_drop=True)) is None
    assert compile_screen("Trust", ScreenOptions(urls=(MaliciousUrl("x", "GET /x", 3),))) is not None


def test_a_screen_is_kept_while_its_options_are() -> None:
    options = ScreenOptions(frozenset({ScreenOption.SYN_FLOOD}))
    first = compile_screen("Trust", options)
    assert first is not None
    assert compile_screen("Trust", options, first) is first
    changed = compile_screen("Trust", options.with_threshold(Threshold.SYN_QUEUE, 10), first)
    assert changed is not None
    assert changed is not first
    assert changed.queue is first.queue
    assert changed.queue is not None
    assert changed.queue.size == 10


@pytest.mark.parametrize(
    ("modes", "way_back", "spoofed"),
    [
        (frozenset(), ("e1", "Trust"), False),
        (frozenset(), ("e2", "Trust"), True),
        (frozenset(), ("e3", "Untrust"), True),
        (frozenset(), None, False),
        (frozenset({SpoofingMode.ZONE_BASED}), ("e2", "Trust"), False),
        (frozenset({SpoofingMode.ZONE_BASED}), ("e3", "Untrust"), True),
        (frozenset({SpoofingMode.ZONE_BASED}), None, False),
        (frozenset({SpoofingMode.DROP_NO_RPF_ROUTE}), None, True),
    ],
)
def test_spoofing(modes: frozenset[SpoofingMode], way_back: tuple[str, str] | None, spoofed: bool) -> None:
    screen = ZoneScreen("Trust", ScreenOptions(frozenset({ScreenOption.IP_SPOOFING}), spoofing_modes=modes))
    assert screen.spoofed(("e1", "Trust"), way_back) is spoofed


# Teardrop


def piece(number: int, offset: int, size: int, more: bool = True) -> Facts:
    header = bytes(4) + number.to_bytes(2, "big") + bytes(14)
    return Facts(header + bytes(size), fragment=offset // 8 | (0x2000 if more else 0))


def test_teardrop_memory_is_bounded() -> None:
    check = TearDrop(most=50)
    for number in range(10_000):
        assert check(piece(number, 0, 16), number) is None
        assert len(check) <= 50


def test_teardrop_forgets_in_time() -> None:
    check = TearDrop()
    check(piece(1, 0, 16), 0)
    assert check(piece(1, 8, 16), 31 * SECOND) is None
    assert check(piece(1, 16, 16), 32 * SECOND) is Attack.TEAR_DROP


@settings(deadline=None, max_examples=60)
@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=4))
def test_whole_packets_in_any_order_with_copies_are_no_teardrop(order: list[int], copies: list[int]) -> None:
    check = TearDrop()
    for number in [*copies, *order]:
        assert check(piece(3, number * 16, 16 if number < 5 else 5, number < 5), 0) is None


# Limits


def test_holdings_forget_who_holds_nothing() -> None:
    holdings = Holdings(2)
    holdings.take(1)
    holdings.take(1)
    assert holdings.full(1)
    holdings.give(1)
    assert not holdings.full(1)
    holdings.give(1)
    holdings.give(1)
    assert len(holdings) == 0


def test_both_limits_of_a_zone() -> None:
    options = ScreenOptions(frozenset({ScreenOption.LIMIT_SOURCE, ScreenOption.LIMIT_DESTINATION}))
    limits = SessionLimits(options.with_threshold(Threshold.LIMIT_SOURCE, 1))
    assert limits.refuses(1, 2) is None
    limits.opened(1, 2)
    assert limits.refuses(1, 3) is Attack.LIMIT_SOURCE
    for source in range(10, 137):
        limits.opened(source, 2)
    assert limits.refuses(500, 2) is Attack.LIMIT_DESTINATION
    limits.closed(1, 2)
    assert limits.refuses(1, 2) is None


# The proxy


def test_a_queue_is_bounded_in_number_and_time() -> None:
    queue = SynQueue(3, 20 * SECOND)
    flows = [(bytes([number] * 12), 0) for number in range(4)]
    offers = [queue.request(flow, Accepted(1, 2, 1460), number) for number, flow in enumerate(flows)]
    assert [offer is not None for offer in offers] == [True, True, True, False]
    assert queue.request(flows[3], Accepted(1, 2, 1460), 20 * SECOND) is not None
    assert len(queue) == 3


def test_a_queue_takes_the_right_acknowledgment_once() -> None:
    queue = SynQueue(3, 20 * SECOND)
    queue.request(FLOW, Accepted(0xFFFFFFFF, 0xFFFFFFFF, 1460), 0)
    assert queue.acknowledge(FLOW, 1, 0, 1) is None
    assert queue.acknowledge((FLOW[0], 5), 0, 0, 1) is None, "another tunnel"
    assert queue.acknowledge(FLOW, 0, 0, 1) == Accepted(0xFFFFFFFF, 0xFFFFFFFF, 1460)
    assert queue.acknowledge(FLOW, 0, 0, 1) is None


@settings(deadline=None, max_examples=100)
@given(
    st.binary(min_size=12, max_size=12),
    st.integers(0, 2**32 - 1),
    st.integers(0, 65535),
    st.integers(0, 10**13),
    st.integers(0, 32 * SECOND),
)
def test_a_cookie_comes_back(octets: bytes, isn: int, mss: int, now: int, later: int) -> None:
    cookies = SynCookies(b"key")
    accepted = cookies.make((octets, 0), isn, mss, now)
    again = cookies.check((octets, 0), isn + 1 & 0xFFFFFFFF, accepted.own_isn + 1 & 0xFFFFFFFF, now + later)
    assert again == accepted
    assert accepted.mss <= max(mss, 536)


def test_a_cookie_is_good_for_its_connection_and_its_time_alone() -> None:
    cookies, other = SynCookies(b"key"), SynCookies(b"other key")
    accepted = cookies.make(FLOW, 1000, 1460, 0)
    other.make(FLOW, 1000, 1460, 0)
    answer = accepted.own_isn + 1 & 0xFFFFFFFF
    assert cookies.check(FLOW, 1001, answer, 0) is not None
    assert cookies.check((FLOW[0], 1), 1001, answer, 0) is None
    assert cookies.check((b"x" * 12, 0), 1001, answer, 0) is None
    assert cookies.check(FLOW, 1002, answer, 0) is None
    assert cookies.check(FLOW, 1001, answer ^ 1 << 24, 0) is None, "another MSS"
    assert cookies.check(FLOW, 1001, answer ^ 1 << 27, 0) is None, "another time"
    assert other.check(FLOW, 1001, answer, 0) is None
    assert cookies.check(FLOW, 1001, answer, 64 * SECOND) is None


def test_nothing_is_a_cookie_before_one_was_given() -> None:
    assert SynCookies(b"key").check(FLOW, 1, 1, 0) is None


def test_sequence_numbers_depend_on_the_key() -> None:
    one, other = Screening(b"1" * 32), Screening(b"2" * 32)
    assert one.initial_sequence(FLOW, 5, 0) != other.initial_sequence(FLOW, 5, 0)
    assert one.initial_sequence(FLOW, 5, 0) == Screening(b"1" * 32).initial_sequence(FLOW, 5, 0)


def test_ways_back_are_bounded() -> None:
    screening = Screening()
    for source in range(20_000):
        screening.keep_way(("e1", "Trust", source), False)
    assert len(screening.ways_back) <= 8192


# Alarms


def test_alarms_are_counted_by_what_is_alike() -> None:
    log = AlarmLog()
    assert log.record(Attack.SYN_FIN, Facts(protocol=6), "Trust", "e1")
    assert not log.record(Attack.SYN_FIN, Facts(protocol=6, source_port=5), "Trust", "e1")
    assert not log.record(Attack.SYN_FIN, Facts(protocol=6), "Trust", "e2")
    assert not log.record(Attack.UDP_FLOOD, Facts(source=8), "Trust", "e1")
    assert not log.record(Attack.UDP_FLOOD, Facts(source=9), "Trust", "e1")
    texts = [alarm.text for alarm in log.take()]
    assert texts == [
        "SYN and FIN bits! From 0.0.0.1:1024 to 0.0.0.2:53, proto TCP (zone Trust, int e1). Occurred 2 times.",
        "SYN and FIN bits! From 0.0.0.1:1024 to 0.0.0.2:53, proto TCP (zone Trust, int e2). Occurred 1 times.",
        "UDP flood! From 0.0.0.8:1024 to 0.0.0.2:53, proto UDP (zone Trust, int e1). Occurred 2 times.",
    ]
    assert log.take() == []
    assert log.record(Attack.SYN_FIN, Facts(protocol=6), "Trust", "e1")
