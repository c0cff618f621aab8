"""A node of kind `dialup` with an L2TP client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nsemu.lab.dialup.client_host import ClientHost, DialingClient
from nsemu.lab.dialup.l2tp_client import L2tpClient, L2tpConnection
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.address import Prefix, format_ipv4


class L2tpHost(ClientHost):
    """A remote user's PC. Everything else is as on a host."""

    connect_help = "Dial the LNS"
    disconnect_help = "Hang up"

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
    def dialing(self) -> DialingClient:
        """The L2TP client."""
        return self.l2tp

    def connecting(self) -> Progress:
        """Dial the LNS."""
        client = self.l2tp
        gateway = format_ipv4(client.connection.gateway)
        if not client.connected:
            yield f"dialling {gateway} as {client.connection.user} ...\n"
            yield from self.dial()
        if client.told is not None:
            yield f"connected, inner address {format_ipv4(client.told.address)}\n"
            return
        reasons = [client.failure, client.vpn.failure if client.vpn is not None else ""]
        yield f"not connected: {next(filter(None, reversed(reasons)), f'{gateway} does not answer')}\n"

    def status_lines(self) -> Iterator[str]:
        """The connection, what PPP told the client, and the tunnels around it."""
        client, connection = self.l2tp, self.l2tp.connection
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
