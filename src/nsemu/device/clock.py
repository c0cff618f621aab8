"""A device's calendar clock on top of virtual time."""

from __future__ import annotations

from datetime import datetime, timedelta

from nsemu.config.clock import UTC, TimeZone
from nsemu.sim.scheduler import SECOND, Instant, Scheduler

EPOCH = datetime(2008, 5, 1, 10, 0, 0)
"""What every lab's clocks show when it starts: fixed, so that two runs print the same."""


class DeviceClock:
    """Turns virtual instants into dates. `set clock` moves it; the time zone is the configuration's."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._offset = timedelta()

    def date(self, at: Instant, zone: TimeZone = UTC) -> datetime:
        """The local date at a virtual instant."""
        return zone.local(EPOCH + self._offset + timedelta(microseconds=at // 1000))

    def now(self, zone: TimeZone = UTC) -> datetime:
        """The local date now."""
        return self.date(self._scheduler.now, zone)

    def instant(self, utc: datetime) -> Instant:
        """The virtual instant at which it will be, or was, `utc`."""
        return (utc - EPOCH - self._offset) // timedelta(microseconds=1) * 1000

    def set(self, date: datetime, zone: TimeZone = UTC) -> None:
        """Make the local date now be `date`."""
        self._offset += zone.utc(date) - self.now()

    def uptime_seconds(self, since: Instant) -> int:
        """Whole seconds since an instant."""
        return (self._scheduler.now - since) // SECOND
