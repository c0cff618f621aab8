"""A scheduler for labs that are joined to real networks: virtual time is wall time, and frames come from outside.

It is driven like any other: whoever calls `step`, `run_for` or `satisfy` waits as long as the wall clock says, and
frames that arrive meanwhile are delivered in between.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Final

from nsemu.sim.pacing import wall_clock
from nsemu.sim.scheduler import MILLISECOND, SECOND, Instant, Scheduler

_LOOK_AGAIN: Final = 2 * MILLISECOND
_LONGEST_SLEEP: Final = SECOND // 4


class RealTimeScheduler(Scheduler):
    """Events come due by the wall clock; `watch` adds a file descriptor whose readiness is an event too."""

    __slots__ = ("_clock", "_readers", "_start")

    def __init__(self, clock: Callable[[], int] = wall_clock) -> None:
        super().__init__()
        self._clock = clock
        self._start = clock()
        self._readers: dict[int, Callable[[], None]] = {}

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call `ready` whenever `descriptor` can be read."""
        self._readers[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        """Look at it no longer."""
        self._readers.pop(descriptor, None)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The file descriptors that are watched."""
        return tuple(self._readers)

    def wall_now(self) -> Instant:
        """Where virtual time should stand."""
        return self._elapsed()

    def next_deadline(self) -> Instant | None:
        """When to look again: the next event, or soon, as a frame may come at any time."""
        deadline = super().next_deadline()
        soon = max(self.now, self._elapsed()) + _LOOK_AGAIN
        return soon if deadline is None else min(deadline, soon)

    def step(self, limit: Instant | None = None) -> bool:
        """Deliver frames from outside or run the next event, waiting for either until `limit` by the wall clock."""
        while True:
            deadline = super().next_deadline()
            target = min((at for at in (deadline, limit) if at is not None), default=self.now + SECOND)
            wait = max(0, target - self._elapsed())
            if self._poll(min(wait, _LONGEST_SLEEP)):
                return True
            if wait > _LONGEST_SLEEP:
                continue
            if deadline is not None and deadline <= target:
                return self._run_next()
            return False

    def _run_next(self) -> bool:
        self.now = max(self.now, min(self._elapsed(), super().next_deadline() or self.now))
        return super().step(None)

    def _elapsed(self) -> Instant:
        return self._clock() - self._start

    def _poll(self, wait: int) -> bool:
        if not self._readers:
            if wait:
                select.select([], [], [], wait / SECOND)
            return False
        readable, _, _ = select.select(list(self._readers), [], [], wait / SECOND)
        if not readable:
            return False
        self.now = max(self.now, self._elapsed())
        for descriptor in readable:
            ready = self._readers.get(descriptor)
            if ready is not None:
                ready()
        return True
