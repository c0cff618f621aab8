"""The administrators that are logged in over the network, and those that are locked out for a while.

Owned by the device, filled by the consoles: a session is there from its login until its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nsemu.sim.scheduler import SECOND, Instant


@dataclass(frozen=True, slots=True)
class AdminSession:
    """One login. `service` is `Telnet` or `SSH`; `end` closes it from outside."""

    name: str
    privilege: str
    service: str
    address: str
    port: int
    since: Instant
    end: Callable[[], None]


class AdminSessions:
    """Sessions by number, the lowest free one for each; and the hosts that failed too often."""

    __slots__ = ("_locked", "_sessions")

    def __init__(self) -> None:
        self._sessions: dict[int, AdminSession] = {}
        self._locked: dict[str, Instant] = {}

    def enter(self, session: AdminSession) -> int:
        """Take a session in; its number."""
        number = next(number for number in range(1, len(self._sessions) + 2) if number not in self._sessions)
        self._sessions[number] = session
        return number

    def leave(self, number: int) -> None:
        """It is over; twice does nothing."""
        self._sessions.pop(number, None)

    def items(self) -> Iterator[tuple[int, AdminSession]]:
        """By number."""
        yield from sorted(self._sessions.items())

    def values(self) -> Iterator[AdminSession]:
        """By number."""
        yield from (session for _, session in self.items())

    def end(self, wanted: Callable[[AdminSession], bool]) -> int:
        """Close the sessions that a filter picks; how many."""
        found = [session for session in self.values() if wanted(session)]
        for session in found:
            session.end()
        return len(found)

    def lock(self, address: str, minutes: int, now: Instant) -> None:
        """Let nobody in from an address for some minutes."""
        self._locked[address] = now + minutes * 60 * SECOND

    def is_locked(self, address: str, now: Instant) -> bool:
        """Whether an address has failed too often."""
        until = self._locked.get(address)
        if until is not None and until <= now:
            del self._locked[address]
            return False
        return until is not None
