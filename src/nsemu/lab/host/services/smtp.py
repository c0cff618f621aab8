"""A mail server (RFC 5321, the minimum of §4.5.1 and EHLO). Delivers to the mailboxes of its own host.

With the option `ident` it asks the client's port 113 who connects (RFC 1413) before it greets, as mail servers of
the time did.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from nsemu.lab.host.services.context import ServiceContext
from nsemu.lab.host.services.ident import PORT as IDENT_PORT
from nsemu.runtime.tcp.channel import Channel, LineConversation
from nsemu.runtime.tcp.states import Endpoint, TcpFailure
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.wire.address import format_ipv4

PORT: Final = 25
IDENT_OPTION: Final = "ident"
IDENT_WAIT: Final[Duration] = 5 * SECOND
"""How long the greeting waits for the answer to the IDENT query."""

MAXIMUM_MESSAGE: Final = 10 << 20
_PATH: Final = re.compile(r"<([^<>\s]*)>(?: .*)?")


class IdentQuery(LineConversation):
    """Asks who owns the connection `client` → `server`; calls back with the user, or "" when it does not learn it."""

    def __init__(self, channel: Channel, client: Endpoint, server: Endpoint, tell: Callable[[str], None]) -> None:
        super().__init__(channel)
        self._ports = f"{client.port} , {server.port}"
        self._tell = tell

    def connected(self) -> None:
        """Ask: first the port of the side that is asked."""
        self.say(self._ports)

    def line(self, text: str) -> None:
        """`port , port : USERID : system : user`."""
        parts = [part.strip() for part in text.split(":", 3)]
        self._tell(parts[3] if len(parts) == 4 and parts[1] == "USERID" else "")
        self.channel.close()

    def closed(self, failure: TcpFailure | None) -> None:
        """No answer will come (if one has come, this counts no more)."""
        del failure
        self._tell("")


class SmtpService(LineConversation):
    """One session."""

    def __init__(self, channel: Channel, context: ServiceContext) -> None:
        super().__init__(channel)
        self._context = context
        self._client = ""
        self._ident: str | None = None
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._message: list[str] | None = None
        self._size = 0

    def connected(self) -> None:
        """Greet, after the IDENT query if that is asked for."""
        if IDENT_OPTION not in self._context.options:
            self._learn_user("")
            return
        local, remote = self.channel.local, self.channel.remote
        query = self._context.tcp.connect(
            Endpoint(remote.address, IDENT_PORT),
            lambda channel: IdentQuery(channel, remote, local, self._learn_user),
            source=local.address,
        )

        def give_up() -> None:
            if self._ident is None:
                query.abort()

        self._context.after(IDENT_WAIT, give_up)

    def _learn_user(self, user: str) -> None:
        if self._ident is None:
            self._ident = user
            self.say(f"220 {self._context.host} ESMTP ready")

    def line(self, text: str) -> None:
        """A command, or a line of the message."""
        if self._message is not None:
            self._take_text(text)
            return
        word, _, argument = text.partition(" ")
        handler = _COMMANDS.get(word.upper())
        if handler is None:
            self.say(f"500 5.5.2 {word[:16]!r}: command not recognized")
        else:
            handler(self, argument.strip())

    def _hello(self, argument: str, *, extended: bool) -> None:
        if not argument:
            self.say("501 5.5.4 a name is needed")
            return
        self._client = argument
        self._reset()
        greeting = f"{self._context.host} greets {argument}"
        if extended:
            self.say(f"250-{greeting}")
            self.say(f"250 SIZE {MAXIMUM_MESSAGE}")
        else:
            self.say(f"250 {greeting}")

    def _mail(self, argument: str) -> None:
        path = _PATH.fullmatch(argument[5:].strip()) if argument.upper().startswith("FROM:") else None
        if path is None:
            self.say("501 5.5.4 MAIL FROM:<address>")
        elif not self._client:
            self.say("503 5.5.1 HELO or EHLO first")
        elif self._sender is not None:
            self.say("503 5.5.1 the sender is given already")
        else:
            self._sender = path[1]
            self.say("250 2.1.0 sender ok")

    def _rcpt(self, argument: str) -> None:
        path = _PATH.fullmatch(argument[3:].strip()) if argument.upper().startswith("TO:") else None
        if path is None or not path[1]:
            self.say("501 5.5.4 RCPT TO:<address>")
        elif self._sender is None:
            self.say("503 5.5.1 MAIL first")
        else:
            self._recipients.append(path[1])
            self.say("250 2.1.5 recipient ok")

    def _data(self, _argument: str) -> None:
        if not self._recipients:
            self.say("503 5.5.1 RCPT first")
            return
        self._message, self._size = [], 0
        self.say("354 end with a line that holds a dot alone")

    def _take_text(self, text: str) -> None:
        if self._message is None:
            return
        if text != ".":
            # RFC 5321 §4.5.2: a first dot was added by the sender.
            line = text.removeprefix(".") if text.startswith(".") else text
            self._size += len(line) + 2
            if self._size <= MAXIMUM_MESSAGE:
                self._message.append(line)
            return
        if self._size > MAXIMUM_MESSAGE:
            self.say("552 5.3.4 the message is too large")
        else:
            octets = "".join(f"{line}\r\n" for line in [*self._trace_fields(), *self._message]).encode("latin-1")
            for recipient in self._recipients:
                self._context.store.deliver(recipient, octets)
            self.say("250 2.0.0 message accepted")
        self._reset()

    def _trace_fields(self) -> list[str]:
        """RFC 5321 §4.4, without the date: there is no clock here."""
        who = f" (IDENT: {self._ident})" if self._ident else ""
        client = f"{self._client} ([{format_ipv4(self.channel.remote.address)}]){who}"
        return [f"Return-Path: <{self._sender}>", f"Received: from {client} by {self._context.host}"]

    def _reset(self) -> None:
        self._sender = None
        self._recipients = []
        self._message = None

    def _rset(self, _argument: str) -> None:
        self._reset()
        self.say("250 2.0.0 ok")

    def _quit(self, _argument: str) -> None:
        self.say(f"221 2.0.0 {self._context.host} closes the connection")
        self.channel.close()


_COMMANDS: Final[dict[str, Callable[[SmtpService, str], None]]] = {
    "HELO": lambda session, argument: session._hello(argument, extended=False),
    "EHLO": lambda session, argument: session._hello(argument, extended=True),
    "MAIL": SmtpService._mail,
    "RCPT": SmtpService._rcpt,
    "DATA": SmtpService._data,
    "RSET": SmtpService._rset,
    "NOOP": lambda session, _: session.say("250 2.0.0 ok"),
    "VRFY": lambda session, _: session.say("252 2.5.2 cannot verify, but will take the message"),
    "QUIT": SmtpService._quit,
}
