"""Logging in at the firewall by telnet (RFC 854, RFC 857): name, password, then the server's own login.

The client echoes itself but for the password. Before the connection goes on, the option is taken back, so that the
server finds the client as if nobody had spoken to it.
"""

from __future__ import annotations

from typing import Final

from nsemu.auth.dialogue import Banners, Check, Dialogue, Outcome
from nsemu.config.authentication import BannerMoment
from nsemu.runtime.telnet import DONT, ECHO, WILL, WONT, TelnetDecoder, command, escape

DEFAULT_BANNERS: Final = {
    BannerMoment.LOGIN: "Firewall user authentication",
    BannerMoment.SUCCESS: "Firewall user authentication accepted",
    BannerMoment.FAIL: "Firewall user authentication failed",
}
_LONGEST_LINE: Final = 256
_NUL, _LF, _CR = 0, 10, 13
_ERASE: Final = frozenset({8, 127})


class TelnetLogin(Dialogue):
    """A terminal up to the login."""

    def __init__(self, check: Check, banners: Banners) -> None:
        super().__init__(check, banners)
        self._decoder = TelnetDecoder(frozenset({ECHO}), frozenset(), offered=frozenset({ECHO}))
        self._typed = bytearray()
        self._after_return = False
        self._name: str | None = None
        self._settling = False

    def begin(self) -> None:
        """Greet, ask for the name."""
        self._print(f"{self._banners[BannerMoment.LOGIN]}\r\nUsername: ")

    def _take(self, data: bytes) -> None:
        for at in range(len(data)):
            if self._settling:
                self._settle(data[at:])
                return
            if self.outcome is not Outcome.TALKING:
                self.unread += data[at:] if self.outcome is Outcome.GRANTED else b""
                return
            text, answers = self._decoder.feed(data[at : at + 1])
            self.out += answers
            for octet in text:
                self._key(octet)

    def _key(self, octet: int) -> None:
        # RFC 854: a line ends with CR LF or CR NUL; some send LF alone. It is over when all of its end is here.
        returned, self._after_return = self._after_return, octet == _CR
        if octet == _LF or (octet == _NUL and returned):
            self._end_line()
        elif octet in _ERASE:
            del self._typed[-1:]
        elif octet >= 32:
            self._typed.append(octet)
            if len(self._typed) > _LONGEST_LINE:
                self.outcome = Outcome.ENDED

    def _end_line(self) -> None:
        line = self._typed.decode("utf-8", "replace")
        self._typed.clear()
        if self._name is None:
            if line:
                self._name = line
                self.out += command(WILL, ECHO)
            self._print("Password: " if line else "Username: ")
            return
        self._password(self._name, line)

    def _password(self, name: str, password: str) -> None:
        self._name = None
        agreed = ECHO in self._decoder.enabled
        right = self._right(name, password)
        self.out += command(WONT, ECHO)
        moment = BannerMoment.SUCCESS if right else BannerMoment.FAIL
        self._print(f"\r\n{self._banners[moment]}\r\n")
        if right:
            self._settling = agreed
            self.outcome = Outcome.TALKING if agreed else Outcome.GRANTED
        elif self._exhausted:
            self.outcome = Outcome.ENDED
        else:
            self._decoder = TelnetDecoder(frozenset({ECHO}), frozenset(), offered=frozenset({ECHO}))
            self._print("Username: ")

    def _settle(self, data: bytes) -> None:
        """The client confirms that it echoes again; what it types meanwhile is for the server."""
        self.unread += data
        confirmation = command(DONT, ECHO)
        if self.unread.startswith(confirmation):
            del self.unread[: len(confirmation)]
        elif confirmation.startswith(self.unread):
            return
        self._settling = False
        self.outcome = Outcome.GRANTED

    def _print(self, text: str) -> None:
        self.out += escape(text.encode("latin-1", "replace"))
