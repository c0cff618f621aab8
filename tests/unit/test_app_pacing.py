"""The pacer: virtual time against a wall clock that the test moves."""

from __future__ import annotations

import os

import pytest

from nsemu.sim.pacing import SLICE, Pacer
from nsemu.sim.realtime import RealTimeScheduler
from nsemu.sim.scheduler import MILLISECOND, SECOND, LivelockError, Scheduler
from nsemu.sim.wait import Wait, satisfy


class Wall:
    """A clock that stands until it is moved; `cost` is what every look at it takes."""

    def __init__(self, cost: int = 0) -> None:
        self.now = 5 * SECOND
        self.cost = cost

    def __call__(self) -> int:
        self.now += self.cost
        return self.now


def paced(rate: float = 1.0, cost: int = 0) -> tuple[Scheduler, Wall, Pacer]:
    scheduler, wall = Scheduler(), Wall(cost)
    return scheduler, wall, Pacer(scheduler, rate, wall)


@pytest.mark.parametrize(("rate", "expected"), [(1.0, 2 * SECOND), (60.0, 120 * SECOND), (0.5, SECOND)])
def test_virtual_time_follows_the_wall_at_the_rate(rate: float, expected: int) -> None:
    scheduler, wall, pacer = paced(rate)
    wall.now += 2 * SECOND
    pacer.run_due()
    assert scheduler.now == expected


def test_events_run_when_they_are_due_and_not_before() -> None:
    scheduler, wall, pacer = paced()
    ran: list[int] = []
    scheduler.at(3 * SECOND, lambda: ran.append(scheduler.now))
    wall.now += 3 * SECOND - 1
    pacer.run_due()
    assert ran == []
    wall.now += 1
    pacer.run_due()
    assert ran == [3 * SECOND]


def test_the_sleep_ends_when_the_next_event_is_due() -> None:
    scheduler, _, pacer = paced(rate=10.0)
    scheduler.at(SECOND, lambda: None)
    assert pacer.run_due() == pytest.approx(0.1)


def test_paused_time_stands_and_the_pause_is_not_made_up_for() -> None:
    scheduler, wall, pacer = paced()
    pacer.pause()
    assert pacer.rate == 0
    wall.now += 100 * SECOND
    assert pacer.run_due() > 0
    assert scheduler.now == 0
    pacer.resume()
    wall.now += SECOND
    pacer.run_due()
    assert scheduler.now == SECOND


def test_rate_0_is_a_pause_and_resume_returns_to_the_rate_of_before() -> None:
    _, _, pacer = paced()
    pacer.set_rate(60)
    pacer.set_rate(0)
    assert pacer.rate == 0
    pacer.resume()
    assert pacer.rate == 60


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf"), 2e6])
def test_a_rate_that_is_none_is_refused_and_changes_nothing(rate: float) -> None:
    _, _, pacer = paced(rate=3.0)
    with pytest.raises(ValueError, match="rate"):
        pacer.set_rate(rate)
    assert pacer.rate == 3.0


def test_time_stops_at_the_limit_and_at_the_event_that_ends_the_wait() -> None:
    scheduler, wall, pacer = paced()
    ran: list[int] = []
    for second in (1, 2, 3):
        scheduler.at(second * SECOND, ran.append, second)
    wall.now += 10 * SECOND
    pacer.run_due(over=lambda: 2 in ran)
    assert (ran, scheduler.now) == ([1, 2], 2 * SECOND)
    pacer.run_due(limit=5 * SECOND)
    assert (ran, scheduler.now) == ([1, 2, 3], 5 * SECOND)


def _busy(scheduler: Scheduler) -> None:
    """An event every virtual microsecond, for ever."""

    def again() -> None:
        scheduler.after(1_000, again)

    again()


def test_a_lab_that_cannot_keep_up_returns_after_a_slice_and_loses_the_time() -> None:
    scheduler, wall, pacer = paced(cost=MILLISECOND)
    _busy(scheduler)
    wall.now += 3600 * SECOND
    before = wall.now
    assert pacer.run_due() == 0.0
    assert wall.now - before < SLICE + 10 * MILLISECOND
    stood = scheduler.now
    assert stood < SECOND
    pacer.run_due()
    assert scheduler.now - stood < SECOND, "the hour that was lost is not made up for"


def test_hurry_reaches_its_end_in_slices_and_the_wall_counts_from_there() -> None:
    scheduler, wall, pacer = paced(cost=MILLISECOND)
    _busy(scheduler)
    calls = 1
    while not pacer.hurry(SECOND // 100):
        calls += 1
    assert calls > 1
    assert scheduler.now == SECOND // 100
    wall.cost = 0
    pacer.anchor()
    wall.now += 5 * MILLISECOND
    pacer.run_due()
    assert scheduler.now == SECOND // 100 + 5 * MILLISECOND


def test_hurry_stops_at_the_event_that_ends_the_wait() -> None:
    scheduler, _, pacer = paced()
    ran: list[int] = []
    scheduler.at(7 * SECOND, ran.append, 7)
    assert pacer.hurry(3600 * SECOND, lambda: bool(ran))
    assert scheduler.now == 7 * SECOND


def test_a_batch_wait_notices_that_time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of switches makes events for ever, all at one instant."""
    monkeypatch.setattr("nsemu.sim.wait._EVENTS_AT_ONE_INSTANT", 1000)
    scheduler = Scheduler()

    def again() -> None:
        scheduler.after(0, again)

    again()
    with pytest.raises(LivelockError):
        satisfy(Wait(SECOND, lambda: False), scheduler)


def test_a_batch_wait_lets_any_number_of_events_pass_while_time_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nsemu.sim.wait._EVENTS_AT_ONE_INSTANT", 10)
    scheduler = Scheduler()
    _busy(scheduler)
    satisfy(Wait(MILLISECOND, lambda: False), scheduler)
    assert scheduler.now == MILLISECOND


def tied() -> tuple[RealTimeScheduler, Wall, Pacer]:
    """A joined lab's scheduler, which starts to count before its pacer does."""
    wall = Wall()
    scheduler = RealTimeScheduler(wall)
    wall.now += 3 * SECOND
    return scheduler, wall, Pacer(scheduler, 1.0, wall)


def test_a_tied_lab_stands_where_the_wall_clock_stands_however_long_it_took_to_start() -> None:
    scheduler, wall, pacer = tied()
    ran: list[int] = []
    scheduler.at(4 * SECOND, lambda: ran.append(scheduler.now))
    pacer.run_due()
    assert (scheduler.now, ran) == (3 * SECOND, [])
    wall.now += SECOND
    pacer.run_due()
    assert ran == [4 * SECOND]


def test_what_a_frame_from_outside_sets_going_is_done_at_once() -> None:
    """The frame arrives later than the lab was last looked at; what follows at that instant does not wait."""
    scheduler, wall, pacer = tied()
    reader, writer = os.pipe()
    ran: list[int] = []

    def arrived() -> None:
        os.read(reader, 1)
        scheduler.after(0, lambda: ran.append(scheduler.now))

    try:
        scheduler.watch(reader, arrived)
        os.write(writer, b"x")
        wall.cost = 1000
        pacer.run_due()
    finally:
        os.close(reader)
        os.close(writer)
    assert len(ran) == 1


@pytest.mark.parametrize("rate", [0, 0.5, 60])
def test_a_tied_lab_has_no_other_rate(rate: float) -> None:
    _, _, pacer = tied()
    with pytest.raises(ValueError, match="runs in real time, at rate 1"):
        pacer.set_rate(rate)
    with pytest.raises(ValueError, match="runs in real time, at rate 1"):
        pacer.pause()
    pacer.set_rate(1)
    assert pacer.rate == 1
