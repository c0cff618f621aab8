"""NAT keepalives: an octet now and then from the side that is behind NAT (RFC 3948 §4; B310)."""

from __future__ import annotations

from nsemu.ike.context import IkeContext
from nsemu.ike.exchange import Phase1Sa
from nsemu.ike.parameters import Endpoint
from nsemu.ike.peers import Gateway
from nsemu.sim.scheduler import SECOND


def start(context: IkeContext, sa: Phase1Sa) -> None:
    """Phase 1 is up: keep the mapping alive from now on, if this device is behind NAT."""
    gateway = sa.gateway
    if gateway.keepalive is not None:
        gateway.keepalive.cancel()
        gateway.keepalive = None
    if sa.nat is not None and sa.nat.local and gateway.parameters.keepalive:
        _arm(context, gateway, sa.local, sa.peer)


def _arm(context: IkeContext, gateway: Gateway, local: Endpoint, peer: Endpoint) -> None:
    delay = gateway.parameters.keepalive * SECOND
    gateway.keepalive = context.after(delay, _send, context, gateway, local, peer)


def _send(context: IkeContext, gateway: Gateway, local: Endpoint, peer: Endpoint) -> None:
    """Until there is nothing left with this peer: neither Phase 1 nor IPsec SAs."""
    gateway.keepalive = None
    if context.in_force(gateway) and (gateway.phase1s or any(tunnel.sas for tunnel in gateway.tunnels)):
        context.send_keepalive(local, peer)
        _arm(context, gateway, local, peer)
