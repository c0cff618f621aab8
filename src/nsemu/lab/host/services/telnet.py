"""A telnet server: options (RFC 854, RFC 857, RFC 858), a login dialogue, a small shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.lab.host.services.context import ServiceContext
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.telnet import DO, ECHO, SUPPRESS_GO_AHEAD, WILL, TelnetDecoder, command, escape
from nsemu.wire.address import format_ipv4

PORT: Final = 23
_ATTEMPTS: Final = 3
_MAXIMUM_LINE: Final = 1024
_OURS: Final = frozenset({ECHO, SUPPRESS_GO_AHEAD})


class TelnetService(Conversation):
    """One session: login, then lines until `exit`. Echoes what is typed when the client agreed to that."""

    def __init__(self, channel: Channel, context: ServiceContext) -> None:
        super().__init__(channel)
        self._context = context
        self._decoder = TelnetDecoder(_OURS, frozenset({SUPPRESS_GO_AHEAD}), offered=_OURS)
        self._typed = bytearray()
        self._after_return = False
        self._user = ""
        self._failures = 0
        self._take: Callable[[str], None] = self._take_user

    def connected(self) -> None:
        """Offer the options, greet, ask for the name."""
        self.channel.send(command(WILL, ECHO) + command(WILL, SUPPRESS_GO_AHEAD) + command(DO, SUPPRESS_GO_AHEAD))
        self._print(f"{self._context.host}\r\n\r\nlogin: ")

    def received(self, data: bytes) -> None:
        """Text and telnet commands, mixed."""
        text, answers = self._decoder.feed(data)
        if answers:
            self.channel.send(answers)
        for octet in text:
            self._key(octet)

    def _key(self, octet: int) -> None:
        # RFC 854: the end of a line is CR LF or CR NUL; some send LF alone.
        ends = octet == 13 or (octet == 10 and not self._after_return)
        self._after_return = octet == 13
        if ends:
            line = self._typed.decode("latin-1")
            self._typed.clear()
            self._echo(b"\r\n")
            self._take(line)
        elif octet in {8, 127}:
            if self._typed:
                del self._typed[-1:]
                self._echo(b"\b \b")
        elif octet >= 32 and len(self._typed) < _MAXIMUM_LINE:
            self._typed.append(octet)
            if self._take != self._take_password:
                self._echo(bytes([octet]))

    def _echo(self, data: bytes) -> None:
        if ECHO in self._decoder.enabled:
            self.channel.send(escape(data))

    def _print(self, text: str) -> None:
        self.channel.send(escape(text.encode("latin-1", "replace")))

    def _take_user(self, line: str) -> None:
        self._user = line.strip()
        self._take = self._take_password
        self._print("Password: ")

    def _take_password(self, line: str) -> None:
        if self._context.store.admits(self._user, line):
            self._take = self._take_command
            self._print(f"\r\nWelcome to {self._context.host}.\r\n")
            self._prompt()
            return
        self._failures += 1
        self._print("\r\nLogin incorrect\r\n")
        if self._failures >= _ATTEMPTS:
            self.channel.close()
            return
        self._take = self._take_user
        self._print("login: ")

    def _take_command(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word in {"exit", "logout", "quit"}:
            self._print("logout\r\n")
            self.channel.close()
            return
        if word:
            answer = _COMMANDS.get(word)
            self._print(f"{answer(self, rest.strip()) if answer else f'{word}: command not found'}\r\n")
        self._prompt()

    def _prompt(self) -> None:
        self._print(f"{self._user}@{self._context.host}$ ")

    def _who(self) -> str:
        return f"{self._user} from {format_ipv4(self.channel.remote.address)} port {self.channel.remote.port}"

    def _list_files(self) -> str:
        return "\r\n".join(name for name, _ in self._context.store.files.entries("/"))

    def whoami(self) -> str:
        """The name of who logged in."""
        return self._user

    def hostname(self) -> str:
        """The host's name."""
        return self._context.host


_COMMANDS: Final[dict[str, Callable[[TelnetService, str], str]]] = {
    "echo": lambda _, rest: rest,
    "help": lambda _, __: "commands: echo help hostname ls who whoami exit",
    "hostname": lambda session, _: session.hostname(),
    "ls": lambda session, _: session._list_files(),
    "who": lambda session, _: session._who(),
    "whoami": lambda session, _: session.whoami(),
}
