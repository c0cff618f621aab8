"""What hosts with a client have in common: the commands `connect`, `disconnect` and `status` of its connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from nsemu.lab.arguments import CommandRefused
from nsemu.lab.host.host import Host
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.sim.wait import Progress, Wait

if TYPE_CHECKING:
    from nsemu.lab.host.commands import HostCommand

_PATIENCE: Final = 60 * SECOND


class DialingClient(Protocol):
    """A client that connects to a gateway. `failure` is why it does not work; `history` its log, with times."""

    failure: str
    history: deque[tuple[Instant, str]]

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""

    def connect(self) -> None:
        """Begin to connect."""

    def disconnect(self) -> None:
        """End the connection."""


class ClientHost(Host):
    """A host whose user has a client. Whoever inherits it says what its commands are about."""

    connect_help: ClassVar[str]
    disconnect_help: ClassVar[str]

    @property
    def dialing(self) -> DialingClient:
        """The client of the commands."""
        raise NotImplementedError

    def connecting(self) -> Progress:
        """Connect, and tell what came of it."""
        raise NotImplementedError

    def status_lines(self) -> Iterator[str]:
        """What `status` says of the connection, before its failure and its history."""
        raise NotImplementedError

    @property
    def commands(self) -> dict[str, HostCommand]:
        """Those of a host, and those of the client."""
        from nsemu.lab.host.commands import HostCommand

        own = {
            "connect": HostCommand(_alone(lambda host: host.connecting()), "", self.connect_help),
            "disconnect": HostCommand(_alone(_disconnecting), "", self.disconnect_help),
            "status": HostCommand(_alone(_status), "", "Show the connection"),
        }
        return {**super().commands, **own}

    def dial(self) -> Progress:
        """Have the client connect, and wait until it has or has failed."""
        client = self.dialing
        client.connect()
        yield Wait(self.scheduler.now + _PATIENCE, lambda: client.connected or bool(client.failure))


def _alone(run: Callable[[ClientHost], Progress]) -> Callable[[Host, Sequence[str]], Progress]:
    """A command without further words."""

    def command(host: Host, words: Sequence[str]) -> Progress:
        if words:
            raise CommandRefused(f"unexpected word {words[0]!r}")
        assert isinstance(host, ClientHost)
        return run(host)

    return command


def _disconnecting(host: ClientHost) -> Progress:
    client = host.dialing
    was = client.connected
    client.disconnect()
    client.failure = ""
    yield "disconnected\n" if was else "not connected\n"


def _status(host: ClientHost) -> Progress:
    client = host.dialing
    lines = [*host.status_lines()]
    if client.failure:
        lines.append(f"failure        {client.failure}")
    lines += [f"{at / SECOND:>12.3f} s  {text}" for at, text in client.history]
    yield "".join(f"{line}\n" for line in lines)
