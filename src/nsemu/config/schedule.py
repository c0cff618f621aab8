"""Schedules: the times at which policies that name them are in effect (`set scheduler …`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""The words for the days of a week, in the order of `date.weekday`."""

Slot = tuple[time, time]
"""From the first time of a day, up to and without the second."""


@dataclass(frozen=True, slots=True)
class OnceEntry:
    """`once start … stop …`: open from `start`, up to and without `stop`, in local time."""

    start: datetime
    stop: datetime
    comment: str = ""


@dataclass(frozen=True, slots=True)
class DayEntry:
    """`recurrent DAY start … stop … [start … stop …]`: open on that day of every week."""

    day: str
    slots: tuple[Slot, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule is open when one of its entries is."""

    name: str
    once: OnceEntry | None = None
    days: tuple[DayEntry, ...] = ()

    def is_open(self, local: datetime) -> bool:
        """Whether it is open at a local time."""
        if self.once is not None and self.once.start <= local < self.once.stop:
            return True
        today, now = DAYS[local.weekday()], local.time()
        return any(start <= now < stop for entry in self.days if entry.day == today for start, stop in entry.slots)

    def changes(self, today: date) -> Iterator[datetime]:
        """The local times at which it may open or close: the once entry, and a week and a day from `today` on."""
        if self.once is not None:
            yield from (self.once.start, self.once.stop)
        for ahead in range(8):
            day = today + timedelta(days=ahead)
            for entry in self.days:
                if entry.day == DAYS[day.weekday()]:
                    yield from (datetime.combine(day, moment) for slot in entry.slots for moment in slot)

    def day(self, name: str) -> DayEntry | None:
        """What is said of a day of the week."""
        return next((entry for entry in self.days if entry.day == name), None)
