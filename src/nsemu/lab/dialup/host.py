"""A node of kind `dialup`: a host whose user has a VPN client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nsemu.lab.dialup.client import VpnClient
from nsemu.lab.dialup.client_host import ClientHost, DialingClient
from nsemu.lab.dialup.connection import Connection
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import Progress
from nsemu.wire.address import Prefix, format_ipv4


class DialupHost(ClientHost):
    """A remote user's PC. Everything else is as on a host."""

    connect_help = "Connect to the security gateway"
    disconnect_help = "End the connection"

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
    def dialing(self) -> DialingClient:
        """The VPN client."""
        return self.client

    def connecting(self) -> Progress:
        """Connect to the gateway."""
        client = self.client
        gateway = format_ipv4(client.connection.gateway)
        if client.connected:
            yield f"connected to {gateway} already\n"
            return
        yield f"connecting to {gateway} as {client.connection.identity.text} ...\n"
        yield from self.dial()
        if client.connected:
            yield f"connected, inner address {format_ipv4(client.inner)}\n"
        else:
            yield f"not connected: {client.failure or f'{gateway} does not answer'}\n"

    def status_lines(self) -> Iterator[str]:
        """The connection, its addresses and its tunnels."""
        client, connection = self.client, self.client.connection
        yield f"connection     {connection.text}"
        yield f"identity       {connection.identity.text}"
        yield f"state          {'connected' if client.connected else 'not connected'}"
        how = (
            "assigned" if client.told is not None and client.told.address else "virtual" if connection.inner else "own"
        )
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
