"""Phase 1 as `get ike cookies` shows it."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Phase1Proposal
from nsemu.device.device import Device
from nsemu.sim.scheduler import SECOND

Endpoint = tuple[int, int]
"""(address, port)."""


@dataclass(frozen=True, slots=True)
class CookieView:
    """One Phase 1 SA or negotiation. Times in seconds.

    `rekey_in` is 0 until it is established, `resend_in` 0 while nothing is to be repeated; `errors` counts the
    repetitions of the last message.
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


def cookie_views(device: Device) -> tuple[CookieView, ...]:
    """All Phase 1 SAs and negotiations, oldest first."""
    views = []
    for sa in device.ike.engine.phase1s(device.scheduler.now):
        is_initiator = sa.role.value == "initiator"
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
            )
        )
    return tuple(views)
