"""Counting by key within short windows of virtual time, in bounded memory.

A window begins with the first event of its key. When the table is full of live windows, further keys share a few
windows by their hash: a spray of forged addresses can neither fill the memory nor hide a flood.
"""

from __future__ import annotations

from typing import Final

from nsemu.sim.scheduler import SECOND, Duration, Instant

CAPACITY: Final = 16_384
_SHARED: Final = 1_024
_NEVER: Final = -1


class Window:
    """What is counted of one key since `start`."""

    __slots__ = ("count", "start", "targets")

    def __init__(self, start: Instant) -> None:
        self.start = start
        self.count = 0
        self.targets: set[int] = set()


class Windows:
    """The windows of a kind; none is older than `lifetime` when it is used."""

    __slots__ = ("_capacity", "_lifetime", "_swept", "_windows")

    def __init__(self, lifetime: Duration, capacity: int = CAPACITY) -> None:
        self._lifetime = lifetime
        self._capacity = capacity
        self._windows: dict[int, Window] = {}
        self._swept: Instant = _NEVER

    def __len__(self) -> int:
        return len(self._windows)

    def find(self, key: int, now: Instant) -> Window:
        """The live window of a key, a new one if need be."""
        window = self._windows.get(key)
        if window is None and len(self._windows) >= self._capacity:
            self._sweep(now)
            if len(self._windows) >= self._capacity:
                key = -1 - hash(key) % _SHARED
                window = self._windows.get(key)
        if window is None or now - window.start >= self._lifetime:
            window = self._windows[key] = Window(now)
        return window

    def _sweep(self, now: Instant) -> None:
        """Forget what has run out; at most once in a lifetime, so that a flood pays for it only now and then."""
        if self._swept != _NEVER and now - self._swept < self._lifetime:
            return
        self._swept = now
        self._windows = {key: item for key, item in self._windows.items() if now - item.start < self._lifetime}


class Rate:
    """Events a second of each key."""

    __slots__ = ("_windows",)

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._windows = Windows(SECOND, capacity)

    def count(self, key: int, now: Instant) -> int:
        """Count an event; how many there are in its second."""
        window = self._windows.find(key, now)
        window.count += 1
        return window.count


class FloodGate:
    """A rate that, once exceeded, stays shut for the rest of the second and the next one."""

    __slots__ = ("_windows",)

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._windows = Windows(2 * SECOND, capacity)

    def exceeds(self, key: int, threshold: int, now: Instant) -> bool:
        """Count an event of a key; whether it is one too many."""
        window = self._windows.find(key, now)
        if window.count <= threshold and now - window.start >= SECOND:
            window.start = now
            window.count = 0
        window.count += 1
        return window.count > threshold


class DistinctTargets:
    """How many different targets a key has had within an interval; `most` of them are a scan."""

    __slots__ = ("_most", "_windows")

    def __init__(self, interval: Duration, most: int, capacity: int = CAPACITY) -> None:
        self._windows = Windows(interval, capacity)
        self._most = most

    def reached(self, key: int, target: int, now: Instant) -> bool:
        """Note a target; whether the key has had as many as make a scan, until its interval ends."""
        targets = self._windows.find(key, now).targets
        if len(targets) < self._most:
            targets.add(target)
        return len(targets) >= self._most
