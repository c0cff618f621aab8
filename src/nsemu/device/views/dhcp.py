"""DHCP clients, servers and relays as `get interface X dhcp …` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.device.device import Device
from nsemu.device.dhcp_pool import FOREVER, AddressLease
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class DhcpClientView:
    """One client. `address` is None without a lease; times in seconds, `left` until the lease ends."""

    interface: str
    state: str
    wanted_server: int
    address: Prefix | None = None
    server: int = 0
    gateway: int = 0
    dns: tuple[int, ...] = ()
    domain: str = ""
    lease: int = 0
    left: int = 0


def dhcp_client_view(device: Device, interface: str) -> DhcpClientView | None:
    """The client on an interface, None when there is none."""
    client = device.dhcp.clients.get(interface)
    if client is None:
        return None
    lease = client.lease
    if lease is None:
        return DhcpClientView(interface, client.state.value, client.settings.server)
    left = (lease.since + lease.seconds * SECOND - device.scheduler.now) // SECOND
    return DhcpClientView(
        interface,
        client.state.value,
        client.settings.server,
        lease.address,
        lease.server,
        lease.gateway,
        lease.dns,
        lease.domain,
        lease.seconds,
        max(left, 0),
    )


@dataclass(frozen=True, slots=True)
class LeaseView:
    """One address that is not free; `left` in seconds, None for ever. `hardware` is b"" for one in conflict."""

    address: int
    hardware: bytes
    state: str
    left: int | None
    reserved: bool


@dataclass(frozen=True, slots=True)
class DhcpServerView:
    """One server. `on` tells whether it answers now, `rival` is the other server that silences it, 0 for none.

    `lease` in seconds, 0 for ever; `options` are what clients are told, by code.
    """

    interface: str
    mode: str
    on: bool
    rival: int
    ranges: tuple[tuple[int, int], ...]
    reserved: tuple[tuple[bytes, int], ...]
    lease: int
    options: tuple[tuple[int, bytes], ...]
    size: int
    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class DhcpRelayView:
    """One relay."""

    interface: str
    servers: tuple[str, ...]
    vpn: bool


def dhcp_server_view(device: Device, interface: str) -> DhcpServerView | None:
    """The server on an interface, None when there is none (or it is disabled)."""
    server = device.services.dhcp.servers.servers.get(interface)
    if server is None:
        return None
    settings, now = server.pool.settings, device.scheduler.now
    learned = tuple((code, value) for code, value in server.learned.items() if code not in dict(settings.options))
    return DhcpServerView(
        interface,
        settings.mode.value,
        server.serves,
        server.rival,
        settings.ranges,
        settings.reserved,
        settings.lease,
        (*settings.options, *learned),
        server.pool.size(),
        tuple(_lease(lease, now) for lease in server.pool.taken(now)),
    )


def _lease(lease: AddressLease, now: int) -> LeaseView:
    left = (lease.expires - now) // SECOND if lease.expires < FOREVER else None
    return LeaseView(lease.address, lease.hardware, lease.state.value, left, lease.reserved)


def dhcp_relay_view(device: Device, interface: str) -> DhcpRelayView | None:
    """The relay on an interface, None when there is none."""
    relay = device.services.dhcp.relays.get(interface)
    return DhcpRelayView(interface, relay.servers, relay.vpn) if relay is not None else None
