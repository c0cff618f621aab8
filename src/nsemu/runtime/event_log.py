"""The event log of a device: a ring of entries (`get event`, screenos-cli §1.15 and §3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from nsemu.sim.scheduler import Instant

CAPACITY = 4096


class Level(Enum):
    """Severity; the value is the word in `get event`."""

    EMERGENCY = "emer"
    ALERT = "alert"
    CRITICAL = "crit"
    ERROR = "error"
    WARNING = "warn"
    NOTIFICATION = "notif"
    INFORMATION = "info"
    DEBUG = "debug"


ALARM_LEVELS = frozenset({Level.EMERGENCY, Level.ALERT, Level.CRITICAL})
"""The levels of events that are alarms (`get alarm event`)."""


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event. `type` is the five-digit message type."""

    at: Instant
    level: Level
    type: int
    text: str
    module: str = "system"


class EventLog:
    """The newest `CAPACITY` events; `listener` is told of each."""

    __slots__ = ("_entries", "listener", "total")

    def __init__(self) -> None:
        self._entries: deque[EventEntry] = deque(maxlen=CAPACITY)
        self.total = 0
        self.listener: Callable[[EventEntry], None] | None = None

    def add(self, at: Instant, type_: int, level: Level, text: str) -> None:
        """Log an event."""
        entry = EventEntry(at, level, type_, text)
        self._entries.append(entry)
        self.total += 1
        if self.listener is not None:
            self.listener(entry)

    def newest_first(self) -> Iterator[EventEntry]:
        """The entries as `get event` lists them."""
        return reversed(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def clear_alarms(self) -> None:
        """Forget those that are alarms (`clear alarm event`)."""
        kept = [entry for entry in self._entries if entry.level not in ALARM_LEVELS]
        self._entries = deque(kept, maxlen=CAPACITY)

    def clear(self) -> None:
        """Forget all (`clear event`)."""
        self._entries.clear()
