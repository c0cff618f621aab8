"""A POP3 server (RFC 1939; CAPA: RFC 2449) for the mailboxes of its host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from nsemu.lab.host.services.context import ServiceContext
from nsemu.runtime.tcp.channel import Channel, LineConversation

PORT: Final = 110


class PopError(ValueError):
    """The answer is -ERR with this text."""


class Pop3Service(LineConversation):
    """One session: authorization, transaction, and the update at QUIT. Messages are numbered from 1."""

    def __init__(self, channel: Channel, context: ServiceContext) -> None:
        super().__init__(channel)
        self._context = context
        self._user = ""
        self._messages: list[bytes] | None = None
        self._deleted: set[int] = set()

    def connected(self) -> None:
        """Greet."""
        self.say(f"+OK {self._context.host} POP3 server ready")

    def line(self, text: str) -> None:
        """A command."""
        word, *arguments = text.split(" ")
        verb = word.upper()
        if verb == "PASS":
            arguments = [text.partition(" ")[2]]  # a password may hold spaces (RFC 1939 §7)
        try:
            if verb in _AUTHORIZATION and (self._messages is None or verb in {"QUIT", "CAPA"}):
                _AUTHORIZATION[verb](self, arguments)
            elif verb in _TRANSACTION and self._messages is not None:
                _TRANSACTION[verb](self, arguments)
            else:
                known = verb in _AUTHORIZATION or verb in _TRANSACTION
                raise PopError("not in this state" if known else f"unknown command {word[:16]!r}")
        except PopError as error:
            self.say(f"-ERR {error}")

    def _do_user(self, arguments: list[str]) -> None:
        if len(arguments) != 1 or not arguments[0]:
            raise PopError("USER name")
        self._user = arguments[0]
        self.say("+OK send PASS")

    def _do_pass(self, arguments: list[str]) -> None:
        user, self._user = self._user, ""
        if not user:
            raise PopError("USER first")
        if not self._context.store.admits(user, arguments[0]):
            raise PopError("invalid user or password")
        self._user = user
        # What arrives during the session is seen by the next one (RFC 1939 §3).
        self._messages = list(self._context.store.mail.get(user, ()))
        self.say(f"+OK {len(self._messages)} messages ({sum(map(len, self._messages))} octets)")

    def _do_quit(self, _arguments: list[str]) -> None:
        if self._messages is not None and self._deleted:
            gone = [self._messages[number - 1] for number in self._deleted]
            mailbox = self._context.store.mail[self._user]
            for message in gone:
                if message in mailbox:
                    mailbox.remove(message)
        self.say(f"+OK {self._context.host} signs off")
        self.channel.close()

    def _do_capa(self, _arguments: list[str]) -> None:
        self._say_lines("capabilities", ["TOP", "UIDL", "USER"])

    def _do_stat(self, _arguments: list[str]) -> None:
        kept = self._kept()
        self.say(f"+OK {len(kept)} {sum(len(message) for _, message in kept)}")

    def _do_list(self, arguments: list[str]) -> None:
        self._list(arguments, lambda message: str(len(message)))

    def _do_uidl(self, arguments: list[str]) -> None:
        self._list(arguments, lambda message: hashlib.sha256(message).hexdigest()[:16])

    def _list(self, arguments: list[str], describe: Callable[[bytes], str]) -> None:
        if arguments:
            number, message = self._message(arguments[0])
            self.say(f"+OK {number} {describe(message)}")
        else:
            kept = self._kept()
            self._say_lines(f"{len(kept)} messages", [f"{number} {describe(message)}" for number, message in kept])

    def _do_retr(self, arguments: list[str]) -> None:
        _, message = self._message(arguments[0] if arguments else "")
        self._say_lines(f"{len(message)} octets", _lines(message))

    def _do_top(self, arguments: list[str]) -> None:
        if len(arguments) != 2 or not arguments[1].isdigit():
            raise PopError("TOP message lines")
        lines = _lines(self._message(arguments[0])[1])
        body = lines.index("") + 1 if "" in lines else len(lines)
        self._say_lines("top of message", lines[: body + int(arguments[1])])

    def _do_dele(self, arguments: list[str]) -> None:
        number, _ = self._message(arguments[0] if arguments else "")
        self._deleted.add(number)
        self.say(f"+OK message {number} deleted")

    def _do_rset(self, _arguments: list[str]) -> None:
        self._deleted.clear()
        self.say("+OK")

    def _kept(self) -> list[tuple[int, bytes]]:
        messages = self._messages or []
        return [(number, one) for number, one in enumerate(messages, 1) if number not in self._deleted]

    def _message(self, text: str) -> tuple[int, bytes]:
        found = [item for item in self._kept() if str(item[0]) == text]
        if not found:
            raise PopError("no such message")
        return found[0]

    def _say_lines(self, title: str, lines: list[str]) -> None:
        self.say(f"+OK {title}")
        for line in lines:
            self.say(f".{line}" if line.startswith(".") else line)
        self.say(".")


def _lines(message: bytes) -> list[str]:
    return message.decode("latin-1").removesuffix("\r\n").split("\r\n")


_Handlers = dict[str, Callable[[Pop3Service, list[str]], None]]
_AUTHORIZATION: Final[_Handlers] = {
    "USER": Pop3Service._do_user,
    "PASS": Pop3Service._do_pass,
    "CAPA": Pop3Service._do_capa,
    "QUIT": Pop3Service._do_quit,
}
_TRANSACTION: Final[_Handlers] = {
    "STAT": Pop3Service._do_stat,
    "LIST": Pop3Service._do_list,
    "UIDL": Pop3Service._do_uidl,
    "RETR": Pop3Service._do_retr,
    "TOP": Pop3Service._do_top,
    "DELE": Pop3Service._do_dele,
    "RSET": Pop3Service._do_rset,
    "NOOP": lambda session, _: session.say("+OK"),
}
