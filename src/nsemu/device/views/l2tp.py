"""L2TP tunnels and their users as `get l2tp …` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsemu.sim.scheduler import SECOND

if TYPE_CHECKING:
    from nsemu.device.device import Device


@dataclass(frozen=True, slots=True)
class L2tpCallView:
    """A call: its tunnel and IDs, where the user is, who it is and its address (0 before PPP is up), its seconds."""

    tunnel: str
    tunnel_id: int
    session_id: int
    peer: int
    host: str
    user: str
    address: int
    seconds: int
    vpn: str


def l2tp_call_views(device: Device) -> tuple[L2tpCallView, ...]:
    """All calls, oldest first."""
    return tuple(
        L2tpCallView(
            client.tunnel,
            client.key.tunnel,
            client.key.session,
            client.remote.remote,
            device.l2tp.host_of(client),
            client.ppp.name,
            client.address if client.path is not None else 0,
            (device.scheduler.now - client.since) // SECOND,
            client.path.carrier or "" if client.path is not None else "",
        )
        for client in device.l2tp.clients.values()
    )
