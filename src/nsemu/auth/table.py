"""The table of users who are logged in (`get auth table`): by where they are, until a time-out takes them out.

A login holds for the source address: whoever uses it then is let through. It is of no use to the same address in
another zone, or in clear where it came through a VPN. Idle time begins with the end of the last session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from nsemu.sim.scheduler import Duration, Instant

CAPACITY: Final = 4096


class Origin(NamedTuple):
    """Where a user is: the source address, its zone, and the VPN through which it comes ("" in clear)."""

    address: int
    zone: str
    vpn: str


class Login(NamedTuple):
    """Who logged in: `used` is D for the default server, A for one that the policy names, W for WebAuth."""

    user: str
    group: str
    server: str
    used: str
    to_zone: str

    @property
    def webauth(self) -> bool:
        """Whether it was at the web page."""
        return self.used == "W"


class AuthEntry:
    """One user who is logged in. `sessions` live by it; instants in nanoseconds."""

    __slots__ = ("created", "id", "last_used", "login", "origin", "sessions")

    def __init__(self, number: int, origin: Origin, login: Login, now: Instant) -> None:
        self.id = number
        self.origin = origin
        self.login = login
        self.created = now
        self.last_used = now
        self.sessions = 0

    def hold(self) -> None:
        """A session begins: time does not count until it ends."""
        self.sessions += 1

    def release(self, now: Instant) -> None:
        """A session ended."""
        self.sessions -= 1
        self.last_used = now


class AuthTable:
    """All logins. `idle` and `forced` are the time-outs, 0 for no end."""

    __slots__ = ("_by_origin", "_next", "forced", "idle")

    def __init__(self) -> None:
        self._by_origin: dict[Origin, list[AuthEntry]] = {}
        self._next = 1
        self.idle: Duration = 0
        self.forced: Duration = 0

    def __iter__(self) -> Iterator[AuthEntry]:
        """All entries, oldest login first."""
        entries = [entry for entries in self._by_origin.values() for entry in entries]
        return iter(sorted(entries, key=lambda entry: entry.id))

    def __len__(self) -> int:
        return sum(map(len, self._by_origin.values()))

    def at(self, origin: Origin, now: Instant) -> list[AuthEntry]:
        """The logins at a place that have not run out."""
        return [entry for entry in self._by_origin.get(origin, ()) if not self.over(entry, now)]

    def add(self, origin: Origin, login: Login, now: Instant) -> AuthEntry | None:
        """Somebody logged in, or did so again: then the times begin anew. None when the table is full."""
        for entry in self._by_origin.get(origin, ()):
            if entry.login[:1] + entry.login[2:4] == login[:1] + login[2:4]:
                entry.login, entry.created, entry.last_used = login, now, now
                return entry
        if len(self) >= CAPACITY:
            return None
        entry = AuthEntry(self._next, origin, login, now)
        self._next += 1
        self._by_origin.setdefault(origin, []).append(entry)
        return entry

    def remove(self, entry: AuthEntry) -> None:
        """Forget a login. Twice does nothing."""
        entries = self._by_origin.get(entry.origin, [])
        if entry in entries:
            entries.remove(entry)
        if not entries:
            self._by_origin.pop(entry.origin, None)

    def deadline(self, entry: AuthEntry) -> Instant | None:
        """When a login ends by itself; None while nothing ends it."""
        ends = []
        if self.forced:
            ends.append(entry.created + self.forced)
        if self.idle and not entry.sessions:
            ends.append(entry.last_used + self.idle)
        return min(ends, default=None)

    def over(self, entry: AuthEntry, now: Instant) -> bool:
        """Whether a login has run out."""
        deadline = self.deadline(entry)
        return deadline is not None and deadline <= now

    def next_deadline(self) -> Instant | None:
        """The earliest end of a login."""
        return min((end for entry in self if (end := self.deadline(entry)) is not None), default=None)
