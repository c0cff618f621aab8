"""Virtual time: integer nanoseconds and a heap of timers.

Owns the only clock of a lab. Knows nothing of networks, devices or the wall clock (see `pacing`).
Same-instant events run in the order in which they were scheduled, so a lab repeats exactly.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final

Instant = int
"""A point of virtual time, in nanoseconds since the lab started."""

Duration = int
"""A length of virtual time, in nanoseconds."""

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000


class LivelockError(RuntimeError):
    """A run executed more events than its budget allows without reaching its end."""


class Timer:
    """A pending call. Cancelling is cheap: the heap entry stays and is skipped when its time comes."""

    __slots__ = ("_args", "_callback", "at")

    def __init__(self, at: Instant, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.at = at
        self._callback: Callable[..., None] | None = callback
        self._args = args

    @property
    def active(self) -> bool:
        """Whether the call is still to come."""
        return self._callback is not None

    def cancel(self) -> None:
        """Forget the call. Cancelling twice, or after it ran, does nothing."""
        self._callback = None
        self._args = ()

    def fire(self) -> None:
        """Run the call once."""
        callback, args = self._callback, self._args
        self._callback = None
        if callback is not None:
            callback(*args)


class Scheduler:
    """The event loop of a lab. `now` only moves inside the run methods."""

    __slots__ = ("_heap", "_sequence", "now")

    def __init__(self, start: Instant = 0) -> None:
        self.now: Instant = start
        self._heap: list[tuple[Instant, int, Timer]] = []
        self._sequence = 0

    def at(self, when: Instant, callback: Callable[..., None], *args: Any) -> Timer:
        """Call `callback(*args)` at `when`; an instant that has passed means now."""
        when = max(when, self.now)
        timer = Timer(when, callback, args)
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, timer))
        return timer

    def after(self, delay: Duration, callback: Callable[..., None], *args: Any) -> Timer:
        """Call `callback(*args)` when `delay` nanoseconds have passed."""
        return self.at(self.now + delay, callback, *args)

    def wall_now(self) -> Instant | None:
        """Where the wall clock stands in virtual time, of a scheduler that is tied to it; None of any other."""
        return None

    def next_deadline(self) -> Instant | None:
        """When the next event is due, or None when nothing is pending."""
        heap = self._heap
        while heap and not heap[0][2].active:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def step(self, limit: Instant | None = None) -> bool:
        """Run the next event if it is due by `limit`; tell whether one ran."""
        deadline = Scheduler.next_deadline(self)
        if deadline is None or (limit is not None and deadline > limit):
            return False
        timer = heapq.heappop(self._heap)[2]
        self.now = deadline
        timer.fire()
        return True

    def run_until(self, when: Instant, *, budget: int = 50_000_000) -> None:
        """Run every event due by `when`, then stand at `when`.

        Raises LivelockError when more than `budget` events run first.
        """
        while self.step(when):
            budget -= 1
            if budget < 0:
                raise LivelockError(f"too many events before t={when} ns; the lab stands at t={self.now} ns")
        self.now = max(self.now, when)

    def run_for(self, duration: Duration, *, budget: int = 50_000_000) -> None:
        """Run `duration` nanoseconds of virtual time."""
        self.run_until(self.now + duration, budget=budget)
