"""The DHCP clients as `get interface X dhcp client` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.device.device import Device
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
        return DhcpClientView(interface, client.state.value, client.server)
    left = (lease.since + lease.seconds * SECOND - device.scheduler.now) // SECOND
    return DhcpClientView(
        interface,
        client.state.value,
        client.server,
        lease.address,
        lease.server,
        lease.gateway,
        lease.dns,
        lease.domain,
        lease.seconds,
        max(left, 0),
    )
