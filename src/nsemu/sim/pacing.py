"""How fast virtual time runs while a person watches. The only reader of the wall clock.

The pacer never sleeps and starts no thread: whoever owns the terminal calls `run_due` and sleeps as long as it says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from nsemu.sim.scheduler import MILLISECOND, SECOND, Duration, Instant, Scheduler

SLICE: Final[Duration] = 20 * MILLISECOND
"""Wall time that one call may use, so that a terminal stays lively."""

_LONGEST_SLEEP: Final = 0.25
_TOLERATED_LAG: Final[Duration] = 250 * MILLISECOND
_EVENTS_PER_LOOK: Final = 16
FASTEST: Final = 1_000_000.0


def wall_clock() -> int:
    """Nanoseconds of wall time, from an arbitrary start; never goes back."""
    return time.monotonic_ns()


def never() -> bool:
    """The condition of a run that has no end of its own."""
    return False


class Pacer:
    """Keeps virtual time at `rate` virtual seconds a wall second, from where it stands when the rate is chosen.

    A lab that cannot keep up loses the time: it runs as fast as it can and does not try to catch up. With a scheduler
    that is `tied` to the wall clock (`sim.realtime`) there is rate 1 alone.
    """

    __slots__ = ("_clock", "_paused", "_rate", "_scheduler", "_virtual", "_wall", "tied")

    def __init__(self, scheduler: Scheduler, rate: float = 1.0, clock: Callable[[], int] = wall_clock) -> None:
        """Raises ValueError for a rate that is none."""
        self._scheduler = scheduler
        self._clock = clock
        self.tied = scheduler.wall_now() is not None
        self._rate = 1.0
        self._paused = False
        self.set_rate(rate)

    @property
    def rate(self) -> float:
        """Virtual seconds a wall second; 0.0 while time stands still."""
        return 0.0 if self._paused else self._rate

    def set_rate(self, rate: float) -> None:
        """Choose the rate; 0 stops time. Raises ValueError for one below 0 or above FASTEST, or when tied all but 1."""
        if not math.isfinite(rate) or not 0 <= rate <= FASTEST:
            raise ValueError(f"rate {rate:g} is not from 0 to {FASTEST:g}")
        if rate != 1:
            self._refuse_when_tied()
        self._paused = rate == 0
        if rate:
            self._rate = rate
        self.anchor()

    def pause(self) -> None:
        """Stop time; `resume` goes on at the rate of before. Raises ValueError when tied."""
        self._refuse_when_tied()
        self._paused = True

    def resume(self) -> None:
        """Let time run again at the last rate that was not 0."""
        self._paused = False
        self.anchor()

    def anchor(self) -> None:
        """Count from here: after virtual time was moved by other means, the wall clock does not have it waiting."""
        self._wall, self._virtual = self._clock(), self._scheduler.now

    def run_due(self, limit: Instant | None = None, over: Callable[[], bool] = never) -> float:
        """Run what is due by the wall clock, for at most SLICE of wall time.

        Virtual time does not pass `limit`, and stops at the event that makes `over()` true. Returns the wall seconds
        after which to call again, at most a quarter of a second; 0.0 when there is more to do at once.
        """
        if self._paused:
            return _LONGEST_SLEEP
        scheduler, start = self._scheduler, self._clock()
        target = self._target(start, limit)
        events = 0
        while scheduler.step(target):
            if over():
                return 0.0
            events += 1
            if self.tied:
                target = self._target(start, limit)
            if events % _EVENTS_PER_LOOK == 0 and self._clock() - start > SLICE:
                if target - scheduler.now > self._rate * _TOLERATED_LAG:
                    self.anchor()
                return 0.0
        scheduler.now = max(scheduler.now, target)
        return self._sleep()

    def hurry(self, limit: Instant, over: Callable[[], bool] = never) -> bool:
        """Run on to `limit`, or until `over()`, as fast as possible, for at most SLICE of wall time.

        Tells whether the end was reached.
        """
        scheduler, start = self._scheduler, self._clock()
        events = 0
        while not over():
            if not scheduler.step(limit):
                scheduler.now = max(scheduler.now, limit)
                break
            events += 1
            if events % _EVENTS_PER_LOOK == 0 and self._clock() - start > SLICE:
                return False
        self.anchor()
        return True

    def _refuse_when_tied(self) -> None:
        if self.tied:
            raise ValueError("a lab that is joined to the machine's networks runs in real time, at rate 1")

    def _target(self, clock: int, limit: Instant | None) -> Instant:
        """How far virtual time may go by now."""
        tied = self._scheduler.wall_now()
        target = self._virtual + int((clock - self._wall) * self._rate) if tied is None else tied
        return target if limit is None else min(target, limit)

    def _sleep(self) -> float:
        deadline = self._scheduler.next_deadline()
        if deadline is None:
            return _LONGEST_SLEEP
        tied = self._scheduler.wall_now()
        if tied is None:
            wall = (deadline - self._virtual) / self._rate - (self._clock() - self._wall)
        else:
            wall = deadline - tied
        return min(max(wall / SECOND, 0.001), _LONGEST_SLEEP)
