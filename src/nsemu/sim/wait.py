"""What a command says when it needs virtual time to pass.

Commands (console, host, lab) are generators that yield text and waits: they never touch the scheduler themselves.
Whoever drives them (batch run, interactive shell) lets time pass and resumes them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from nsemu.sim.scheduler import Instant, LivelockError, Scheduler

_EVENTS_AT_ONE_INSTANT: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Wait:
    """Resume at `until`, or as soon as `ready()` is true when it is given."""

    until: Instant
    ready: Callable[[], bool] | None = None


Progress = Generator["str | Wait", None, None]
"""A running command: text to print, and waits."""


def satisfy(wait: Wait, scheduler: Scheduler) -> None:
    """Run the scheduler, event by event, until the wait is over (batch drivers).

    Raises LivelockError when time stands still for very many events, as in a loop of switches.
    """
    if wait.ready is None:
        scheduler.run_until(wait.until)
        return
    standing, budget = scheduler.now, _EVENTS_AT_ONE_INSTANT
    while not wait.ready():
        if not scheduler.step(wait.until):
            scheduler.now = max(scheduler.now, wait.until)
            return
        if scheduler.now != standing:
            standing, budget = scheduler.now, _EVENTS_AT_ONE_INSTANT
        budget -= 1
        if budget < 0:
            raise LivelockError(f"more than {_EVENTS_AT_ONE_INSTANT} events at t={standing} ns")


def run_to_end(progress: Progress, scheduler: Scheduler) -> str:
    """Drive a command to its end in virtual time and return all it printed."""
    pieces: list[str] = []
    for item in progress:
        if isinstance(item, Wait):
            satisfy(item, scheduler)
        else:
            pieces.append(item)
    return "".join(pieces)
