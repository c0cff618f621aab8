"""The time of day where a device stands: hours east of UTC, and daylight saving time (`set clock timezone | dst`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

LAST_WEEK: Final = 5
"""The week of a `YearlyMoment` that means the last one of its month."""


@dataclass(frozen=True, slots=True)
class YearlyMoment:
    """A moment that comes every year: a day of a week of a month. `week` 1 to 4 or `LAST_WEEK`, `day` 0 for Sunday."""

    week: int
    day: int
    month: int
    time: time

    def of_year(self, year: int) -> datetime:
        """When it is, in the wall time that holds just before it."""
        first = datetime.combine(datetime(year, self.month, 1), self.time)
        wanted = first + timedelta(days=(self.day - first.isoweekday()) % 7 + 7 * (self.week - 1))
        return wanted if wanted.month == self.month else wanted - timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DaylightSaving:
    """From `start` to `stop` of every year the clocks are `minutes` ahead.

    The defaults are the rules of the United States since 2007, which a device takes when it is given none.
    """

    start: YearlyMoment = YearlyMoment(2, 0, 3, time(2))
    stop: YearlyMoment = YearlyMoment(1, 0, 11, time(2))
    minutes: int = 60


@dataclass(frozen=True, slots=True)
class TimeZone:
    """What makes a wall clock out of UTC. Dates are naive; which of the two they are says each name."""

    hours: int = 0
    saving: DaylightSaving | None = None

    def local(self, utc: datetime) -> datetime:
        """The wall time at an instant."""
        standard = utc + timedelta(hours=self.hours)
        return standard + self._ahead(standard)

    def utc(self, local: datetime) -> datetime:
        """When a wall clock shows `local`: the later instant where it does so twice, and what would follow where never.

        A moment of the hour that is left out in spring comes when that hour has been left out.
        """
        standard = local - timedelta(hours=self.hours)
        if self.local(standard) == local or self.saving is None:
            return standard
        advanced = standard - timedelta(minutes=self.saving.minutes)
        return advanced if self.local(advanced) == local else standard

    def changes(self, utc: datetime) -> tuple[datetime, ...]:
        """The instants of this year and the next at which the clocks are changed."""
        saving = self.saving
        if saving is None:
            return ()
        years = (utc.year, utc.year + 1)
        ahead, zone = timedelta(minutes=saving.minutes), timedelta(hours=self.hours)
        moments = [saving.start.of_year(year) - zone for year in years]
        return tuple(moments + [saving.stop.of_year(year) - ahead - zone for year in years])

    def _ahead(self, standard: datetime) -> timedelta:
        saving = self.saving
        if saving is None:
            return timedelta()
        ahead = timedelta(minutes=saving.minutes)
        start = saving.start.of_year(standard.year)
        stop = saving.stop.of_year(standard.year) - ahead
        holds = start <= standard < stop if start < stop else not stop <= standard < start
        return ahead if holds else timedelta()


UTC: Final = TimeZone()
