"""Phase 1 as `get ike cookies` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Phase1Proposal
from nsemu.device.device import Device
from nsemu.ike.views import Phase1View
from nsemu.sim.scheduler import SECOND, Instant

Endpoint = tuple[int, int]
"""(address, port)."""


@dataclass(frozen=True, slots=True)
class NatView:
    """A Phase 1 SA through NAT. `behind` are (this device, the peer); `keepalive` in seconds."""

    local: Endpoint
    remote: Endpoint
    behind: tuple[bool, bool]
    keepalive: int
    udp_checksum: bool


@dataclass(frozen=True, slots=True)
class CookieView:
    """One Phase 1 SA or negotiation. Times in seconds.

    `rekey_in` is 0 until it is established, `resend_in` 0 while nothing is to be repeated; `errors` counts the
    repetitions of the last message. `heartbeat`: whether they are sent, and when the last one came and went, in seconds
    since the device booted. `dpd`: sequence numbers, own and the peer's.
    """

    gateway: str
    initiator: Endpoint
    responder: Endpoint
    initiator_cookie: bytes
    responder_cookie: bytes
    is_initiator: bool
    mode: ExchangeMode
    established: bool
    proposal: Phase1Proposal
    lifetime: int
    rekey_in: int
    resend_in: int
    errors: int
    nat: NatView | None = None
    heartbeat: tuple[bool, int, int] = (False, 0, 0)
    dpd: tuple[int, int] = (0, 0)


def cookie_views(device: Device) -> tuple[CookieView, ...]:
    """All Phase 1 SAs and negotiations, oldest first."""
    views = []
    for sa in device.ike.engine.phase1s(device.scheduler.now):
        is_initiator = sa.role.value == "initiator"
        beating, received, sent = sa.heartbeat
        local, peer = (sa.local.address, sa.local.port), (sa.peer.address, sa.peer.port)
        views.append(
            CookieView(
                sa.gateway,
                local if is_initiator else peer,
                peer if is_initiator else local,
                sa.initiator_cookie,
                sa.responder_cookie,
                is_initiator,
                sa.mode,
                sa.established,
                sa.proposal,
                sa.lifetime,
                sa.remaining // SECOND,
                (sa.retransmit_in or 0) // SECOND,
                sa.errors,
                _nat(device, sa),
                (beating, _since_boot(device, received), _since_boot(device, sent)),
                sa.dpd,
            )
        )
    return tuple(views)


def _since_boot(device: Device, at: Instant) -> int:
    return max(0, at - device.booted_at) // SECOND


def _nat(device: Device, sa: Phase1View) -> NatView | None:
    if sa.nat is None:
        return None
    gateway = device.config.gateways.get(sa.gateway)
    checksum = gateway is None or gateway.nat_traversal.udp_checksum
    ends = (sa.local.address, sa.local.port), (sa.peer.address, sa.peer.port)
    return NatView(*ends, (sa.nat.local, sa.nat.remote), sa.keepalive, checksum)
