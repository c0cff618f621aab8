"""A node of kind `dialup`: a host whose user has a VPN client, with the commands `connect`, `disconnect`, `status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from nsemu.lab.arguments import CommandRefused
from nsemu.lab.dialup.client import VpnClient
from nsemu.lab.dialup.connection import Connection
from nsemu.lab.host.host import Host
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.sim.wait import Progress, Wait
from nsemu.wire.address import Prefix, format_ipv4

if TYPE_CHECKING:
    from nsemu.lab.host.commands import HostCommand

_PATIENCE: Final = 60 * SECOND


class DialupHost(Host):
    """A remote user's PC. Everything else is as on a host."""

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        entropy: Entropy,
        address: Prefix | None,
        connection: Connection,
        **options: Any,
    ) -> None:
        """`options` are those of a host. Raises as a host does."""
        super().__init__(name, scheduler, entropy, address, **options)
        self.client = VpnClient(self.stack, self.interface, connection, entropy)

    @property
    def commands(self) -> dict[str, HostCommand]:
        """Those of a host, and those of the client."""
        from nsemu.lab.host.commands import HostCommand

        own = {
            "connect": HostCommand(_connect, "", "Connect to the security gateway"),
            "disconnect": HostCommand(_disconnect, "", "End the connection"),
            "status": HostCommand(_status, "", "Show the connection"),
        }
        return {**super().commands, **own}


def _of(host: Host, words: Sequence[str]) -> VpnClient:
    if words:
        raise CommandRefused(f"unexpected word {words[0]!r}")
    assert isinstance(host, DialupHost)
    return host.client


def _connect(host: Host, words: Sequence[str]) -> Progress:
    return _connecting(_of(host, words), host.scheduler)


def _connecting(client: VpnClient, scheduler: Scheduler) -> Progress:
    gateway = format_ipv4(client.connection.gateway)
    if client.connected:
        yield f"connected to {gateway} already\n"
        return
    yield f"connecting to {gateway} as {client.connection.identity.text} ...\n"
    client.connect()
    yield Wait(scheduler.now + _PATIENCE, lambda: client.connected or bool(client.failure))
    if client.connected:
        yield f"connected, inner address {format_ipv4(client.inner)}\n"
    else:
        yield f"not connected: {client.failure or f'{gateway} does not answer'}\n"


def _disconnect(host: Host, words: Sequence[str]) -> Progress:
    client = _of(host, words)
    was = client.connected
    client.disconnect()
    client.failure = ""
    yield "disconnected\n" if was else "not connected\n"


def _status(host: Host, words: Sequence[str]) -> Progress:
    yield "".join(f"{line}\n" for line in _status_lines(_of(host, words)))


def _status_lines(client: VpnClient) -> Iterator[str]:
    connection = client.connection
    yield f"connection     {connection.text}"
    yield f"identity       {connection.identity.text}"
    yield f"state          {'connected' if client.connected else 'not connected'}"
    how = "assigned" if client.told is not None and client.told.address else "virtual" if connection.inner else "own"
    yield f"inner address  {format_ipv4(client.inner)} ({how})"
    if connection.user:
        yield f"user           {connection.user}"
    servers = (*client.told.dns, *client.told.wins) if client.told is not None else ()
    if servers:
        yield f"servers        {', '.join(map(format_ipv4, servers))}"
    for tunnel, remote in zip(client.tunnels, connection.remote, strict=True):
        if tunnel.outbound is not None and tunnel.inbound is not None:
            spis = f"SPI in {tunnel.inbound.spi:08x} out {tunnel.outbound.spi:08x}"
            counts = f"{tunnel.inbound_statistics.packets} packets in, {tunnel.outbound_statistics.packets} out"
            yield f"tunnel         {remote}: {tunnel.label}, {spis}, {counts}"
    if client.failure:
        yield f"failure        {client.failure}"
    yield from (f"{at / SECOND:>12.3f} s  {text}" for at, text in client.history)
