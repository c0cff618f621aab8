"""The MAC addresses that a bridging device has seen, and behind which interface each of them is (IEEE 802.1D §7.9)."""

from __future__ import annotations

from typing import Final

from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import SECOND, Duration, Instant

AGEING: Final[Duration] = 300 * SECOND
"""How long an address is remembered after its last frame (the standard's recommendation)."""
CAPACITY: Final = 8192


class MacEntry:
    """One address: where it is, and when it was last seen."""

    __slots__ = ("interface", "mac", "seen")

    def __init__(self, mac: bytes, interface: RunInterface, seen: Instant) -> None:
        self.mac = mac
        self.interface = interface
        self.seen = seen


class MacTable:
    """Addresses are learned from the source of frames and forgotten when they have been silent for `AGEING`."""

    __slots__ = ("_entries", "_swept", "capacity")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._entries: dict[bytes, MacEntry] = {}
        self._swept: Instant = 0
        self.capacity = capacity

    def learn(self, mac: bytes, interface: RunInterface, now: Instant) -> bool:
        """A frame from `mac` came in; whether the address had been behind another interface. A full table learns no
        new address until old ones have aged.
        """
        entry = self._entries.get(mac)
        if entry is not None:
            moved = entry.interface is not interface and entry.seen + AGEING > now
            entry.interface = interface
            entry.seen = now
            return moved
        if len(self._entries) >= self.capacity and self._swept + SECOND <= now:
            self._expire(now)  # not for every frame of a flood of made-up addresses
        if len(self._entries) < self.capacity:
            self._entries[mac] = MacEntry(mac, interface, now)
        return False

    def find(self, mac: bytes, now: Instant) -> RunInterface | None:
        """The interface behind which an address is; None when that is not known."""
        entry = self._entries.get(mac)
        return entry.interface if entry is not None and entry.seen + AGEING > now else None

    def forget(self, interface: RunInterface) -> None:
        """The link of an interface is gone: so is what was behind it."""
        self._entries = {mac: entry for mac, entry in self._entries.items() if entry.interface is not interface}

    def clear(self) -> int:
        """Forget all; how many there were."""
        count = len(self._entries)
        self._entries = {}
        return count

    def entries(self, now: Instant) -> list[MacEntry]:
        """What is known, by address."""
        self._expire(now)
        return sorted(self._entries.values(), key=lambda entry: entry.mac)

    def _expire(self, now: Instant) -> None:
        self._swept = now
        self._entries = {mac: entry for mac, entry in self._entries.items() if entry.seen + AGEING > now}
