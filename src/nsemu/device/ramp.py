"""How fast sessions are made: what `get performance` reports.

Counts the sessions of the last minute by second, of the last hour by minute and of the last day by hour, without a
timer: a slot is emptied when the time comes round to it again.
"""

from __future__ import annotations

from nsemu.sim.scheduler import SECOND, Instant

SECONDS, MINUTES, HOURS = 1, 60, 3600
_SIZES = {SECONDS: 60, MINUTES: 60, HOURS: 24}


class SessionRamp:
    """Sessions made, by second, minute and hour. Instants in nanoseconds, counted from the start of the lab."""

    __slots__ = ("_slots", "total")

    def __init__(self) -> None:
        self.total = 0
        self._slots: dict[int, dict[int, int]] = {unit: {} for unit in _SIZES}

    def count(self, now: Instant) -> None:
        """A session was made."""
        self.total += 1
        for unit, slots in self._slots.items():
            place = now // (unit * SECOND)
            slots[place] = slots.get(place, 0) + 1
            if len(slots) > 2 * _SIZES[unit]:
                self._trim(unit, place)

    def recent(self, unit: int, now: Instant) -> tuple[int, ...]:
        """Sessions of the last 60 seconds, 60 minutes or 24 hours, the newest first."""
        place = now // (unit * SECOND)
        slots = self._slots[unit]
        return tuple(slots.get(place - back, 0) for back in range(_SIZES[unit]))

    def _trim(self, unit: int, place: int) -> None:
        oldest = place - _SIZES[unit]
        self._slots[unit] = {at: number for at, number in self._slots[unit].items() if at > oldest}
