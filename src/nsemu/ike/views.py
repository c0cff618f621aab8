"""Read-only views for `get ike cookies` and for the key files of captures."""

from __future__ import annotations

from dataclasses import dataclass, field

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Phase1Proposal
from nsemu.ike.context import IkeContext
from nsemu.ike.events import Role
from nsemu.ike.exchange import Phase1Sa, State
from nsemu.ike.keys import Phase1Keys
from nsemu.ike.nat_traversal import NatMap
from nsemu.ike.parameters import ClientSettings, Endpoint
from nsemu.sim.scheduler import Duration, Instant


@dataclass(frozen=True, slots=True)
class Phase1View:
    """One Phase 1 negotiation or SA. Durations in nanoseconds, `lifetime` in seconds.

    `remaining` is 0 until the SA is established; `retransmit_in` None while nothing is to be repeated; `errors` counts
    the repetitions of the last message. `keys` is None before the key exchange.
    """

    gateway: str
    local: Endpoint
    peer: Endpoint
    initiator_cookie: bytes
    responder_cookie: bytes
    role: Role
    mode: ExchangeMode
    state: State
    proposal: Phase1Proposal
    lifetime: int
    remaining: Duration
    retransmit_in: Duration | None
    errors: int
    keys: Phase1Keys | None = field(repr=False)
    nat: NatMap | None = None
    keepalive: int = 0
    dpd: tuple[int, int] = (0, 0)
    """Sequence numbers, own and the peer's."""
    heartbeat: tuple[bool, Instant, Instant] = (False, 0, 0)
    """Whether heartbeats are sent, and when the last one came and went."""

    @property
    def established(self) -> bool:
        """Whether the SA can be used."""
        return self.state is State.ESTABLISHED


@dataclass(frozen=True, slots=True)
class CallerView:
    """A dialup client that is connected. `identity` is its IKE ID, `login` the name of its XAuth login, if any.

    `tunnels` are the IDs of its tunnels; `settings` what it was told.
    """

    number: int
    gateway: str
    user: str
    identity: str
    peer: Endpoint
    login: str
    settings: ClientSettings | None
    tunnels: tuple[int, ...]
    since: Instant


def caller_views(context: IkeContext) -> list[CallerView]:
    """The dialup clients with a Phase 1 SA or tunnels, in the order in which they came."""
    views = []
    for gateway in context.callers.values():
        caller, identity = gateway.caller, gateway.parameters.peer_identity
        if caller is None or identity is None or gateway.learned is None:
            continue
        made = [sa.established_at for sa in gateway.phase1s]
        made += [pair.completed for tunnel in gateway.tunnels for pair in tunnel.sas]
        tunnels = tuple(tunnel.parameters.id for tunnel in gateway.tunnels)
        views.append(
            CallerView(
                caller.number,
                gateway.parameters.name,
                caller.user.name,
                identity.text,
                gateway.learned,
                caller.name,
                caller.settings,
                tunnels,
                min(made, default=0),
            )
        )
    return sorted(views, key=lambda view: view.number)


def phase1_views(context: IkeContext) -> list[Phase1View]:
    """All Phase 1 negotiations and SAs, in the order in which they began."""
    everything = {id(sa): sa for sa in (*context.initiated.values(), *context.phase1s.values())}
    return [_view(context, sa) for sa in sorted(everything.values(), key=lambda sa: (sa.started, sa.cookies))]


def _view(context: IkeContext, sa: Phase1Sa) -> Phase1View:
    established = sa.state is State.ESTABLISHED
    return Phase1View(
        sa.gateway.parameters.name,
        sa.local,
        sa.peer,
        sa.initiator_cookie,
        sa.responder_cookie,
        sa.role,
        sa.mode,
        sa.state,
        sa.proposal,
        sa.lifetime if established else sa.proposal.lifetime,
        max(0, sa.expires - context.now) if established else 0,
        sa.timer.at - context.now if sa.timer is not None and sa.answer is not None else None,
        sa.repeats,
        sa.keys,
        sa.nat,
        sa.gateway.parameters.keepalive,
        (sa.gateway.liveness.sequence, sa.gateway.liveness.peer_sequence),
        (sa.gateway.liveness.beating, sa.gateway.liveness.beat_received, sa.gateway.liveness.beat_sent),
    )
