"""What the engine keeps of each gateway and each tunnel while it runs.

Offers, acceptable transforms and ID payloads are worked out once, when the configuration arrives.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nsemu.config.algorithms import IpsecProtocol
from nsemu.ike.events import Role
from nsemu.ike.identification import Selector, encode_identity, encode_selector
from nsemu.ike.parameters import Endpoint, GatewayParameters, TunnelParameters
from nsemu.ike.proposals import (
    TUNNEL_MODE,
    offer_phase1,
    offer_phase2,
    offered_phase1,
    offered_phase2,
    phase1_key,
    phase2_key,
)
from nsemu.sim.scheduler import Instant, Timer

if TYPE_CHECKING:
    from nsemu.ike.dialup import Caller
    from nsemu.ike.exchange import Phase1Sa, QuickMode


class Gateway:
    """A configured peer with its Phase 1 SAs. `waiting` are the tunnels that wait for Phase 1, in order.

    One with `dialup` users is a template, which has no SAs; one with a `caller` stands for a client (see `dialup`).
    """

    __slots__ = (
        "acceptable",
        "bad_spi_count",
        "bad_spi_second",
        "caller",
        "contacted",
        "expected_id",
        "keepalive",
        "learned",
        "liveness",
        "local_id",
        "natted",
        "negotiating",
        "offer",
        "offered",
        "parameters",
        "phase1s",
        "selectors",
        "tunnels",
        "waiting",
    )

    def __init__(self, parameters: GatewayParameters) -> None:
        self.parameters = parameters
        self.offered = offered_phase1(parameters.proposals, parameters.mode)
        self.offer = offer_phase1(self.offered, xauth=parameters.login is not None)
        # The first of equal proposals wins, so they enter in reverse.
        methods = (True, False) if parameters.xauth else (False,)
        self.acceptable = {
            phase1_key(proposal, xauth=xauth): proposal
            for xauth in methods
            for proposal in reversed(parameters.proposals)
        }
        self.local_id = encode_identity(parameters.local_identity, parameters.local)
        self.expected_id = encode_identity(parameters.peer_identity, parameters.peer or 0)
        self.phase1s: list[Phase1Sa] = []
        self.negotiating: Phase1Sa | None = None
        self.waiting: dict[int, None] = {}
        self.tunnels: list[Tunnel] = []
        self.selectors: dict[tuple[bytes, bytes], list[Tunnel]] = {}
        self.contacted = False
        self.learned: Endpoint | None = None
        """Where the peer was at its last Phase 1."""
        self.keepalive: Timer | None = None
        self.liveness = Liveness()
        self.natted = False
        """Whether the last Phase 1 found the peer behind NAT."""
        self.caller: Caller | None = None
        self.bad_spi_second = -1
        self.bad_spi_count = 0

    @property
    def is_template(self) -> bool:
        """Whether it stands for all dialup clients of a gateway."""
        return self.parameters.dialup is not None

    @property
    def address(self) -> int:
        """The peer's address, as configured or as last seen; 0 while it is not known."""
        return self.parameters.peer or (self.learned.address if self.learned is not None else 0)

    def adopt(self, tunnels: list[Tunnel]) -> None:
        """Take the tunnels that name this gateway, in the order in which quick modes are matched."""
        self.tunnels = tunnels
        self.selectors = {}
        for tunnel in tunnels:
            tunnel.gateway = self
            self.selectors.setdefault((tunnel.remote_id, tunnel.local_id), []).append(tunnel)


class Liveness:
    """How a peer is watched: timers, counts, and when it last gave a sign."""

    __slots__ = (
        "asked",
        "beat_received",
        "beat_sent",
        "beat_sequence",
        "beating",
        "beats",
        "check",
        "dpd",
        "heard",
        "hello",
        "peer_sequence",
        "recovery",
        "sequence",
        "unanswered",
    )

    def __init__(self) -> None:
        self.dpd: Timer | None = None
        self.hello: Timer | None = None
        self.check: Timer | None = None
        self.recovery: Timer | None = None
        self.heard: Instant = 0
        """The last authentic IKE message."""
        self.asked: Instant = 0
        self.unanswered = 0
        self.sequence = 0
        self.peer_sequence = 0
        self.beating = False
        """Whether we send heartbeats."""
        self.beats = False
        """Whether the peer does."""
        self.beat_sequence = 0
        self.beat_sent: Instant = 0
        self.beat_received: Instant = 0

    def stop(self) -> None:
        """Cancel all timers."""
        for timer in (self.dpd, self.hello, self.check, self.recovery):
            if timer is not None:
                timer.cancel()
        self.dpd = self.hello = self.check = self.recovery = None


class Tunnel:
    """A configured tunnel with its SAs. `current` is the pair that outbound traffic should use."""

    __slots__ = (
        "_in_udp",
        "acceptable",
        "current",
        "gateway",
        "local_id",
        "negotiations",
        "offer",
        "offered",
        "parameters",
        "remote_id",
        "sas",
        "template",
    )

    def __init__(self, parameters: TunnelParameters, gateway: Gateway) -> None:
        self.parameters = parameters
        self.gateway = gateway
        proposals = [
            item for item in parameters.proposals if not parameters.transport or item.protocol is IpsecProtocol.ESP
        ]
        offered = offered_phase2(proposals)
        self.offer = offer_phase2(offered)
        self.offered = {phase2_key(proposal): proposal for proposal in reversed(offered)}
        self.acceptable = {phase2_key(proposal): proposal for proposal in reversed(proposals)}
        self._in_udp: dict[int, tuple[bytes, ...]] = {}
        service = parameters.protocol, parameters.port
        self.local_id = encode_selector(Selector(parameters.local, *service))
        self.remote_id = encode_selector(Selector(parameters.remote, *service))
        self.sas: list[SaPair] = []
        self.current: SaPair | None = None
        self.negotiations: list[QuickMode] = []
        self.template: Tunnel | None = None
        """The configured tunnel that this one of a dialup client was made of."""

    def become(self, parameters: TunnelParameters) -> bool:
        """Take changed parameters that leave the SAs as they are; False for others."""
        if replace(parameters, renewed=self.parameters.renewed) != self.parameters:
            return False
        self.parameters = parameters
        return True

    def offer_in(self, mode: int) -> tuple[bytes, ...]:
        """The offer with an encapsulation mode; empty when nothing is left.

        What UDP carries is ESP alone (B299), and so is what runs in transport mode (B016).
        """
        if mode == TUNNEL_MODE and not self.parameters.transport:
            return self.offer
        if mode not in self._in_udp:
            esp = [item for item in offered_phase2(self.parameters.proposals) if item.protocol is IpsecProtocol.ESP]
            self._in_udp[mode] = offer_phase2(esp, mode) if esp else ()
        return self._in_udp[mode]


class SaPair:
    """A pair of IPsec SAs that the device has installed. `protocol` is the DOI's number."""

    __slots__ = (
        "completed",
        "expires",
        "expiry",
        "inbound_spi",
        "outbound_spi",
        "protocol",
        "role",
        "settled",
        "soft",
        "started",
    )

    def __init__(self, role: Role, protocol: int, inbound_spi: int, outbound_spi: int) -> None:
        self.role = role
        self.protocol = protocol
        self.inbound_spi = inbound_spi
        self.outbound_spi = outbound_spi
        self.started: Instant = 0
        self.settled: Instant = 0
        """When the responder's answer was sent, or came in."""
        self.completed: Instant = 0
        self.expires: Instant = 0
        self.expiry: Timer | None = None
        self.soft: Timer | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """The same at both ends: which of two pairs negotiated at the same time is preferred."""
        one, other = self.inbound_spi, self.outbound_spi
        return (one, other) if one < other else (other, one)

    def outranks(self, other: SaPair) -> bool:
        """Whether this pair is to be preferred to another: it was begun later, or at the same time with a higher rank.

        Both ends come to the same answer: what one end begins after it has answered the other, reaches that one behind
        the answer.
        """
        if other.settled <= self.started:
            return True
        if self.settled <= other.started:
            return False
        return self.rank > other.rank

    def stop_timers(self) -> None:
        """Forget both timers."""
        for timer in (self.soft, self.expiry):
            if timer is not None:
                timer.cancel()
