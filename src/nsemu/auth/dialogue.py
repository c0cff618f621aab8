"""What the login dialogues have in common: octets in, octets out, an outcome. Sans-IO.

A dialogue is conducted in the name of the server that the client asked for. What the client sent beyond it is for that
server: `unread` is the end of the client's stream that the dialogue did not take.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from nsemu.config.authentication import AuthSettings, BannerMoment, LoginProtocol

ATTEMPTS: Final = 3
"""Wrong passwords after which the connection ends."""

Check = Callable[[str, str], bool]
"""Takes name and password; whether they are right. Logs what came of it, and enters the user in the table."""


class Outcome(Enum):
    """How far a dialogue is. GRANTED: the connection goes on to the server; ENDED: it closes when all is sent."""

    TALKING = auto()
    GRANTED = auto()
    ENDED = auto()


class Banners:
    """The texts of one protocol: those of the admin, else the given ones."""

    def __init__(self, settings: AuthSettings, protocol: LoginProtocol, default: dict[BannerMoment, str]) -> None:
        own = {moment: text for (one, moment), text in settings.banners if one is protocol}
        self.own = frozenset(own)
        self._texts = {**default, **own}

    def __getitem__(self, moment: BannerMoment) -> str:
        return self._texts[moment]


class Dialogue:
    """One login. Feed it; take `out` and look at `outcome` after each call."""

    def __init__(self, check: Check, banners: Banners) -> None:
        self.out = bytearray()
        self.unread = bytearray()
        self.outcome = Outcome.TALKING
        self.failures = 0
        self._check = check
        self._banners = banners

    def begin(self) -> None:
        """The connection is established: greet, if the server speaks first."""

    def feed(self, data: bytes) -> None:
        """Take what the client sent, cut anywhere."""
        if self.outcome is Outcome.GRANTED:
            self.unread += data
        elif self.outcome is Outcome.TALKING:
            self._take(data)

    def _take(self, data: bytes) -> None:
        raise NotImplementedError

    def _right(self, name: str, password: str) -> bool:
        """Check a login, and count a wrong one."""
        if self._check(name, password):
            return True
        self.failures += 1
        return False

    @property
    def _exhausted(self) -> bool:
        return self.failures >= ATTEMPTS
