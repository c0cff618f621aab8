"""Local time with daylight saving, and schedules against a minute-by-minute search."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.config.clock import DaylightSaving, TimeZone, YearlyMoment
from nsemu.config.schedule import DAYS, DayEntry, OnceEntry, Schedule

EUROPE = DaylightSaving(YearlyMoment(5, 0, 3, time(2)), YearlyMoment(5, 0, 10, time(3)))
SOUTH = DaylightSaving(YearlyMoment(1, 0, 10, time(2)), YearlyMoment(1, 0, 4, time(3)))


@pytest.mark.parametrize(
    ("zone", "utc", "local"),
    [
        (TimeZone(), "2008-07-01 12:00", "2008-07-01 12:00"),
        (TimeZone(-8), "2008-07-01 12:00", "2008-07-01 04:00"),
        (TimeZone(-8, DaylightSaving()), "2008-03-09 09:59", "2008-03-09 01:59"),
        (TimeZone(-8, DaylightSaving()), "2008-03-09 10:00", "2008-03-09 03:00"),
        (TimeZone(-8, DaylightSaving()), "2008-11-02 08:59", "2008-11-02 01:59"),
        (TimeZone(-8, DaylightSaving()), "2008-11-02 09:00", "2008-11-02 01:00"),
        (TimeZone(1, EUROPE), "2008-03-30 00:59", "2008-03-30 01:59"),
        (TimeZone(1, EUROPE), "2008-03-30 01:00", "2008-03-30 03:00"),
        (TimeZone(1, EUROPE), "2008-10-26 00:59", "2008-10-26 02:59"),
        (TimeZone(1, EUROPE), "2008-10-26 01:00", "2008-10-26 02:00"),
        (TimeZone(10, SOUTH), "2008-01-01 00:00", "2008-01-01 11:00"),
        (TimeZone(10, SOUTH), "2008-07-01 00:00", "2008-07-01 10:00"),
    ],
)
def test_local_time_around_the_changes(zone: TimeZone, utc: str, local: str) -> None:
    assert zone.local(datetime.fromisoformat(utc)) == datetime.fromisoformat(local)


ZONES = [TimeZone(), TimeZone(9), TimeZone(-8, DaylightSaving()), TimeZone(1, EUROPE), TimeZone(10, SOUTH)]


@given(st.sampled_from(ZONES), st.integers(0, 3 * 366 * 24 * 4))
@settings(deadline=None)
def test_utc_undoes_local_or_names_the_second_of_two_such_moments(zone: TimeZone, quarters: int) -> None:
    utc = datetime(2007, 1, 1) + timedelta(minutes=15 * quarters)
    back = zone.utc(zone.local(utc))
    assert zone.local(back) == zone.local(utc)
    assert back - utc in {timedelta(), timedelta(hours=1)}


@given(st.sampled_from(ZONES[2:]), st.integers(0, 2 * 366 * 24))
@settings(deadline=None)
def test_the_offset_changes_only_where_a_change_is_told(zone: TimeZone, hours: int) -> None:
    utc = datetime(2007, 1, 1) + timedelta(hours=hours)
    after = utc + timedelta(hours=1)
    moved = zone.local(after) - zone.local(utc) != timedelta(hours=1)
    assert moved == any(utc < change <= after for change in zone.changes(utc))


def slots() -> st.SearchStrategy[tuple[time, time]]:
    minutes = st.integers(0, 23 * 60 + 59)
    ends = st.lists(minutes, min_size=2, max_size=2, unique=True).map(sorted)
    return ends.map(lambda pair: (time(pair[0] // 60, pair[0] % 60), time(pair[1] // 60, pair[1] % 60)))


def entries() -> st.SearchStrategy[DayEntry]:
    both = st.lists(slots(), min_size=1, max_size=2).map(tuple)
    return st.builds(DayEntry, st.sampled_from(DAYS), both)


@given(st.lists(entries(), max_size=3, unique_by=lambda one: one.day), st.booleans(), st.integers(0, 6))
@settings(deadline=None, max_examples=25)
def test_a_schedule_changes_only_at_the_moments_it_tells(days: list[DayEntry], once: bool, ahead: int) -> None:
    start = datetime(2008, 5, 1, 10) + timedelta(days=ahead)
    entry = OnceEntry(start + timedelta(hours=3), start + timedelta(hours=40)) if once else None
    schedule = Schedule("s", entry, tuple(days))
    told = set(schedule.changes(start.date()))
    before = schedule.is_open(start)
    for minute in range(1, 7 * 24 * 60):
        moment = start + timedelta(minutes=minute)
        now = schedule.is_open(moment)
        assert now == before or moment in told
        before = now


def test_a_day_of_a_week_of_a_month() -> None:
    first = date(2008, 5, 1)
    found = [YearlyMoment(week, 4, 5, time(2)).of_year(first.year).day for week in (1, 2, 3, 4, 5)]
    assert found == [1, 8, 15, 22, 29]
    assert YearlyMoment(5, 3, 4, time(2)).of_year(2008) == datetime(2008, 4, 30, 2)
    assert YearlyMoment(5, 5, 2, time(2)).of_year(2008) == datetime(2008, 2, 29, 2)
