"""The schedules of a device on its calendar clock: which are closed, and when that next changes.

One timer stands at the next moment at which one of the schedules that policies name may open or close, or at which the
clocks are changed. `set clock`, the time zone and daylight saving time move these moments; then everything is looked
at anew.
"""

from __future__ import annotations

from collections.abc import Callable

from nsemu.config.clock import UTC, TimeZone
from nsemu.config.device import DeviceConfig
from nsemu.config.schedule import Schedule
from nsemu.device.clock import DeviceClock
from nsemu.flow.state import FlowState
from nsemu.sim.scheduler import Scheduler, Timer


class PolicySchedules:
    """`closed` are the schedules in use that are not open now; `changed` is called when that has changed by itself."""

    def __init__(self, scheduler: Scheduler, clock: DeviceClock, changed: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._changed = changed
        self._used: tuple[Schedule, ...] = ()
        self._zone: TimeZone = UTC
        self._timer: Timer | None = None
        self.closed: frozenset[str] = frozenset()

    def configure(self, config: DeviceConfig) -> None:
        """Follow a configuration; the caller asks for `closed` afterwards."""
        named = {policy.schedule for policy in config.policies.values()} if config.schedules else set()
        self._used = tuple(schedule for name, schedule in config.schedules.items() if name in named)
        self._zone = config.system.zone
        self.closed = self._closed_now()
        self._wait()

    def look(self) -> None:
        """See what is open now, and wait for what comes next."""
        before = self.closed
        self.closed = self._closed_now()
        self._wait()
        if self.closed != before:
            self._changed()

    def stop(self) -> None:
        """The device powers off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _closed_now(self) -> frozenset[str]:
        if not self._used:
            return frozenset()
        now = self._clock.now(self._zone)
        return frozenset(schedule.name for schedule in self._used if not schedule.is_open(now))

    def _wait(self) -> None:
        self.stop()
        if not self._used:
            return
        utc = self._clock.now()
        today = self._zone.local(utc).date()
        moments = [self._zone.utc(local) for schedule in self._used for local in schedule.changes(today)]
        moments += self._zone.changes(utc)
        ahead = [moment for moment in moments if moment > utc]
        if ahead:
            self._timer = self._scheduler.at(self._clock.instant(min(ahead)), self.look)


def end_sessions(state: FlowState, closed: frozenset[str]) -> None:
    """End the sessions of policies whose schedule is closed: they time out with it.

    The successor of ScreenOS documents this; for ScreenOS itself it is unverified (docs/fidelity.md).
    """
    if not closed:
        return
    policies = state.config.policies
    over = {number for number, policy in policies.items() if policy.schedule in closed}
    for session in list(state.sessions):
        if session.policy is not None and session.policy.id in over:
            state.sessions.remove(session, "Close - AGE OUT")
