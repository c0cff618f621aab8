"""Limits of what one address may hold: sessions, and connections that the TCP proxy has accepted but not yet joined."""

from __future__ import annotations

from nsemu.config.screen import ScreenOption, ScreenOptions, Threshold
from nsemu.screen.attack import Attack


class Holdings:
    """How many things each address holds; addresses that hold none are forgotten."""

    __slots__ = ("_counts", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._counts: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def full(self, address: int) -> bool:
        """Whether the address may have no more."""
        return self._counts.get(address, 0) >= self.limit

    def take(self, address: int) -> None:
        """One more."""
        self._counts[address] = self._counts.get(address, 0) + 1

    def give(self, address: int) -> None:
        """One less."""
        left = self._counts.get(address, 0) - 1
        if left > 0:
            self._counts[address] = left
        else:
            self._counts.pop(address, None)


class SessionLimits:
    """Sessions that one zone may begin: by source and by destination address."""

    __slots__ = ("_destinations", "_sources")

    def __init__(self, options: ScreenOptions) -> None:
        active = options.active
        by_source = ScreenOption.LIMIT_SOURCE in active
        by_destination = ScreenOption.LIMIT_DESTINATION in active
        self._sources = Holdings(options.value(Threshold.LIMIT_SOURCE)) if by_source else None
        self._destinations = Holdings(options.value(Threshold.LIMIT_DESTINATION)) if by_destination else None

    def refuses(self, source: int, destination: int) -> Attack | None:
        """Why another session may not begin."""
        if self._sources is not None and self._sources.full(source):
            return Attack.LIMIT_SOURCE
        if self._destinations is not None and self._destinations.full(destination):
            return Attack.LIMIT_DESTINATION
        return None

    def opened(self, source: int, destination: int) -> None:
        """A session began."""
        if self._sources is not None:
            self._sources.take(source)
        if self._destinations is not None:
            self._destinations.take(destination)

    def closed(self, source: int, destination: int) -> None:
        """A session ended."""
        if self._sources is not None:
            self._sources.give(source)
        if self._destinations is not None:
            self._destinations.give(destination)
