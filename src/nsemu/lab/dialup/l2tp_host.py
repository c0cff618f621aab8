"""A node of kind `dialup` with an L2TP client: the commands `connect`, `disconnect` and `status` of its connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from nsemu.lab.arguments import CommandRefused
from nsemu.lab.dialup.l2tp_client import L2tpClient, L2tpConnection
from nsemu.lab.host.host import Host
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.sim.wait import Progress, Wait
from nsemu.wire.address import Prefix, format_ipv4

if TYPE_CHECKING:
    from nsemu.lab.host.commands import HostCommand

_PATIENCE: Final = 60 * SECOND


class L2tpHost(Host):
    """A remote user's PC. Everything else is as on a host."""

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        entropy: Entropy,
        address: Prefix | None,
        connection: L2tpConnection,
        **options: Any,
    ) -> None:
        """`options` are those of a host. Raises as a host does."""
        super().__init__(name, scheduler, entropy, address, **options)
        self.l2tp = L2tpClient(self.stack, self.interface, connection, entropy)

    @property
    def commands(self) -> dict[str, HostCommand]:
        """Those of a host, and those of the client."""
        from nsemu.lab.host.commands import HostCommand

        own = {
            "connect": HostCommand(_connect, "", "Dial the LNS"),
            "disconnect": HostCommand(_disconnect, "", "Hang up"),
            "status": HostCommand(_status, "", "Show the connection"),
        }
        return {**super().commands, **own}


def _of(host: Host, words: Sequence[str]) -> L2tpClient:
    if words:
        raise CommandRefused(f"unexpected word {words[0]!r}")
    assert isinstance(host, L2tpHost)
    return host.l2tp


def _connect(host: Host, words: Sequence[str]) -> Progress:
    return _connecting(_of(host, words), host.scheduler)


def _connecting(client: L2tpClient, scheduler: Scheduler) -> Progress:
    gateway = format_ipv4(client.connection.gateway)
    if not client.connected:
        yield f"dialling {gateway} as {client.connection.user} ...\n"
        client.connect()
        yield Wait(scheduler.now + _PATIENCE, lambda: client.connected or bool(client.failure))
    if client.told is not None:
        yield f"connected, inner address {format_ipv4(client.told.address)}\n"
        return
    reasons = [client.failure, client.vpn.failure if client.vpn is not None else ""]
    yield f"not connected: {next(filter(None, reversed(reasons)), f'{gateway} does not answer')}\n"


def _disconnect(host: Host, words: Sequence[str]) -> Progress:
    client = _of(host, words)
    was = client.connected
    client.disconnect()
    client.failure = ""
    yield "disconnected\n" if was else "not connected\n"


def _status(host: Host, words: Sequence[str]) -> Progress:
    yield "".join(f"{line}\n" for line in _lines(_of(host, words)))


def _lines(client: L2tpClient) -> Iterator[str]:
    connection = client.connection
    yield f"connection     L2TP to {format_ipv4(connection.gateway)}{' in IPsec' if client.vpn is not None else ''}"
    yield f"user           {connection.user}"
    yield f"state          {'connected' if client.connected else 'not connected'}"
    if client.told is not None:
        yield f"inner address  {format_ipv4(client.told.address)}"
        for word, servers in (("dns", client.told.dns), ("wins", client.told.wins)):
            if servers:
                yield f"{word:<15}{', '.join(map(format_ipv4, servers))}"
    for tunnel in client.vpn.tunnels if client.vpn is not None else ():
        if tunnel.active:
            yield f"tunnel         transport mode, {tunnel.label}"
    if client.failure:
        yield f"failure        {client.failure}"
    yield from (f"{at / SECOND:>12.3f} s  {text}" for at, text in client.history)
