"""Logging in at the firewall by FTP (RFC 959 §4.1.1, §5.4): 220, 331, then 230 or 530.

The reply to the right PASS begins here (`230-…`); its last line is the greeting of the server, which comes as soon as
the connection has gone on to it (`flow.login_handover`). The client then has one reply to each of its commands, and
logs in at the server by another USER.
"""

from __future__ import annotations

from typing import Final

from nsemu.auth.dialogue import Dialogue, Outcome
from nsemu.config.authentication import BannerMoment

DEFAULT_BANNERS: Final = {
    BannerMoment.LOGIN: "Firewall user authentication",
    BannerMoment.SUCCESS: "Firewall user authentication accepted, log in to the server",
    BannerMoment.FAIL: "Firewall user authentication failed",
}
_LONGEST_LINE: Final = 1024


class FtpLogin(Dialogue):
    """A control connection up to the login."""

    _input = b""
    _name: str | None = None

    def begin(self) -> None:
        """The server speaks first."""
        self._say("220", self._banners[BannerMoment.LOGIN])

    def _take(self, data: bytes) -> None:
        self._input += data
        while self.outcome is Outcome.TALKING:
            line, newline, rest = self._input.partition(b"\n")
            if not newline:
                if len(line) > _LONGEST_LINE:
                    self._end("500", "Line too long")
                return
            self._input = rest
            self._command(line.removesuffix(b"\r").decode("utf-8", "replace"))
        if self.outcome is Outcome.GRANTED:
            self.unread += self._input

    def _command(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if verb == "USER":
            self._name = rest
            self._say("331", "Password required")
        elif verb == "PASS" and self._name is None:
            self._say("503", "Give USER first")
        elif verb == "PASS":
            self._password(self._name or "", rest)
        elif verb == "QUIT":
            self._end("221", "Goodbye")
        elif verb in {"AUTH", "FEAT", "OPTS"}:
            self._say("502", "Not implemented before login")
        else:
            self._say("530", "Log in with USER and PASS first")

    def _password(self, name: str, password: str) -> None:
        self._name = None
        if self._right(name, password):
            self.out += f"230-{self._banners[BannerMoment.SUCCESS]}\r\n".encode("latin-1", "replace")
            self.outcome = Outcome.GRANTED
        elif self._exhausted:
            self._end("421", self._banners[BannerMoment.FAIL])
        else:
            self._say("530", self._banners[BannerMoment.FAIL])

    def _say(self, code: str, text: str) -> None:
        self.out += f"{code} {text}\r\n".encode("latin-1", "replace")

    def _end(self, code: str, text: str) -> None:
        self._say(code, text)
        self.outcome = Outcome.ENDED
