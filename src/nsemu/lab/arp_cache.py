"""The neighbours of one interface: IPv4 → MAC address, and the packets that wait for an answer (RFC 1122 §2.3.2).

Owns no port: it asks, delivers and gives up through the callbacks of its interface. Ageing is lazy, on look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import SECOND, Duration, Instant, Scheduler, Timer

LIFETIME: Final[Duration] = 300 * SECOND
RETRY_INTERVAL: Final[Duration] = 1 * SECOND
ATTEMPTS: Final = 3
QUEUE_LIMIT: Final = 64
"""Packets that wait for one address, room for the fragments of the longest; the oldest goes when another comes."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A packet whose next hop is being resolved. `forwarded` tells whether it came from another node."""

    packet: bytes
    trace: PacketTrace | None
    forwarded: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry. A static one never ages."""

    mac: bytes
    learnt_at: Instant
    static: bool = False


@dataclass(slots=True)
class _Resolution:
    timer: Timer
    attempts: int = 1
    queue: list[Waiting] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ArpActions:
    """What the interface does for its cache."""

    ask: Callable[[int], None]
    deliver: Callable[[bytes, Waiting], None]
    give_up: Callable[[int, list[Waiting]], None]
    overflow: Callable[[Waiting], None]


class ArpCache:
    """Resolves next hops. `lifetime` is how long an entry counts after it was last confirmed."""

    __slots__ = ("_actions", "_entries", "_pending", "_scheduler", "lifetime")

    def __init__(self, scheduler: Scheduler, actions: ArpActions, *, lifetime: Duration = LIFETIME) -> None:
        self._scheduler = scheduler
        self._actions = actions
        self._entries: dict[int, Neighbour] = {}
        self._pending: dict[int, _Resolution] = {}
        self.lifetime = lifetime

    def lookup(self, address: int) -> bytes | None:
        """The MAC address of a neighbour, or None when it is unknown or too old."""
        entry = self._entries.get(address)
        if entry is None:
            return None
        if not entry.static and self._scheduler.now - entry.learnt_at >= self.lifetime:
            del self._entries[address]
            return None
        return entry.mac

    def entries(self) -> Iterator[tuple[int, Neighbour]]:
        """The live entries, by address."""
        for address in sorted(self._entries):
            if self.lookup(address) is not None:
                yield address, self._entries[address]

    def pending(self) -> list[int]:
        """The addresses that have been asked for and not answered, in order."""
        return sorted(self._pending)

    def resolve(self, address: int, waiting: Waiting) -> None:
        """Deliver at once when the neighbour is known; else ask, and keep the packet."""
        mac = self.lookup(address)
        if mac is not None:
            self._actions.deliver(mac, waiting)
            return
        resolution = self._pending.get(address)
        if resolution is None:
            resolution = _Resolution(self._scheduler.after(RETRY_INTERVAL, self._retry, address))
            self._pending[address] = resolution
            self._actions.ask(address)
        elif len(resolution.queue) >= QUEUE_LIMIT:
            self._actions.overflow(resolution.queue.pop(0))
        resolution.queue.append(waiting)

    def learn(self, address: int, mac: bytes, *, insert: bool) -> None:
        """A neighbour spoke. With `insert` false only what is known or asked for is taken over (RFC 826)."""
        known = self._entries.get(address)
        if known is not None and known.static:
            return
        resolution = self._pending.pop(address, None)
        if known is None and resolution is None and not insert:
            return
        self._entries[address] = Neighbour(mac, self._scheduler.now)
        if resolution is not None:
            resolution.timer.cancel()
            for waiting in resolution.queue:
                self._actions.deliver(mac, waiting)

    def add_static(self, address: int, mac: bytes) -> None:
        """An entry of the admin."""
        self._entries[address] = Neighbour(mac, self._scheduler.now, static=True)

    def flush(self) -> None:
        """Forget what was learnt and give up what waits (the carrier went away)."""
        self._entries = {address: entry for address, entry in self._entries.items() if entry.static}
        for address in list(self._pending):
            self._fail(address)

    def _retry(self, address: int) -> None:
        resolution = self._pending[address]
        if resolution.attempts >= ATTEMPTS:
            self._fail(address)
            return
        resolution.attempts += 1
        resolution.timer = self._scheduler.after(RETRY_INTERVAL, self._retry, address)
        self._actions.ask(address)

    def _fail(self, address: int) -> None:
        resolution = self._pending.pop(address)
        resolution.timer.cancel()
        self._actions.give_up(address, resolution.queue)
