"""What all exchanges of one engine share: tables, entropy, timers, and what goes out.

No protocol here. The timers are a private scheduler that the engine runs up to the instant it is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nsemu.ike.dialup import CallerKey
from nsemu.ike.events import Event
from nsemu.ike.exchange import Phase1Sa
from nsemu.ike.parameters import NAT_PORT, Datagram, DialupTunnel, Endpoint, EngineSettings
from nsemu.ike.peers import Gateway, Tunnel
from nsemu.ike.proposals import MINIMUM_SPI
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Duration, Instant, Scheduler, Timer

NON_ESP_MARKER: Final = bytes(4)
KEEPALIVE: Final = b"\xff"


@dataclass(slots=True)
class Counters:
    """What became of datagrams that changed nothing, and how often something was repeated."""

    received: int = 0
    sent: int = 0
    malformed: int = 0
    unsupported: int = 0
    unknown_cookies: int = 0
    unknown_peer: int = 0
    unexpected: int = 0
    duplicates: int = 0
    refused: int = 0
    unauthenticated: int = 0
    message_id_reused: int = 0
    unprotected: int = 0
    retransmissions: int = 0
    half_open_dropped: int = 0
    half_open_refused: int = 0


class IkeContext:
    """The state of one engine."""

    __slots__ = (
        "by_address",
        "by_identity",
        "callers",
        "claim",
        "counters",
        "debug",
        "events",
        "gateways",
        "half_open",
        "initiated",
        "last_caller",
        "negotiate",
        "now",
        "outgoing",
        "phase1s",
        "responding",
        "settings",
        "spis",
        "stream",
        "timers",
        "traffic",
        "tunnels",
        "used",
        "witness",
    )

    def __init__(
        self, stream: Stream, settings: EngineSettings, negotiate: Callable[[IkeContext, Tunnel], None]
    ) -> None:
        self.stream = stream
        self.settings = settings
        self.negotiate = negotiate
        """How a tunnel whose SA nears its end gets a new one."""
        self.traffic: Callable[[int], Instant] = _no_traffic
        """When the last packet came through a tunnel."""
        self.claim: Callable[[DialupTunnel], int | None] = self._first_free
        """Makes room for a tunnel of a dialup client; its ID, None when there is none left."""
        self.callers: dict[CallerKey, Gateway] = {}
        """What stands for the dialup clients that are connected, or about to be."""
        self.last_caller = 0
        self.used: Callable[[int], Instant] = _no_traffic
        """When a packet last went through a tunnel, in or out."""
        self.now: Instant = 0
        self.timers = Scheduler()
        self.counters = Counters()
        self.debug: Callable[[str], None] | None = None
        self.witness: Callable[[Event | Datagram], None] | None = None
        self.outgoing: deque[Datagram] = deque()
        self.events: deque[Event] = deque()
        self.gateways: dict[str, Gateway] = {}
        self.by_address: dict[tuple[int, int], list[Gateway]] = {}
        """Static peers by our address and theirs; several share one with different IKE IDs or modes, as behind NAT."""
        self.by_identity: dict[tuple[int, int, bytes], Gateway] = {}
        """Dynamic peers by our address and the type and data of their IKE ID."""
        self.tunnels: dict[int, Tunnel] = {}
        self.phase1s: dict[bytes, Phase1Sa] = {}
        """By both cookies: every negotiation that knows them."""
        self.initiated: dict[bytes, Phase1Sa] = {}
        """By initiator cookie: every negotiation that this engine began."""
        self.responding: dict[tuple[bytes, Endpoint], Phase1Sa] = {}
        """By initiator cookie and source, so that a repeated first message finds its answer."""
        self.half_open: dict[Phase1Sa, None] = {}
        """Negotiations as responder that are not established, oldest first."""
        self.spis: set[int] = set()

    def gateway_at(self, local: int, peer: int) -> Gateway | None:
        """The gateway with these addresses: a static one, or a dynamic one that was last seen there.

        Of several at one address it is one with an established Phase 1 SA, if there is one.
        """
        static = self.by_address.get((local, peer))
        if static is not None:
            return next((gateway for gateway in static if any(sa.ready for sa in gateway.phase1s)), static[0])
        unsteady = (*self.by_identity.values(), *self.callers.values())
        here = (gateway for gateway in unsteady if gateway.parameters.local == local)
        return next((gateway for gateway in here if gateway.address == peer), None)

    def in_force(self, gateway: Gateway) -> bool:
        """Whether the gateway is one of the configuration still, or of a client that is connected."""
        if gateway.caller is not None:
            return self.callers.get(gateway.caller.key) is gateway
        return self.gateways.get(gateway.parameters.name) is gateway

    def _first_free(self, _asked: DialupTunnel) -> int:
        return max(self.tunnels, default=0) + 1

    def send(self, datagram: Datagram) -> None:
        """Queue a message; on port 4500 a marker goes in front (RFC 3948 §2.2; B308)."""
        self.counters.sent += 1
        if datagram.source.port == NAT_PORT:
            datagram = datagram._replace(data=NON_ESP_MARKER + datagram.data)
        self.outgoing.append(datagram)

    def send_keepalive(self, local: Endpoint, peer: Endpoint) -> None:
        """Queue one octet that keeps the mapping of a NAT device alive (RFC 3948 §2.3; B310)."""
        self.outgoing.append(Datagram(KEEPALIVE, local, peer))

    def after(self, delay: Duration, callback: Callable[..., None], *args: Any) -> Timer:
        """Call back when `delay` has passed."""
        return self.timers.at(self.now + delay, callback, *args)

    def new_cookie(self) -> bytes:
        """A cookie that no negotiation of this engine uses (RFC 2408 §2.5.3 asks for uniqueness and secrecy)."""
        while True:
            cookie = self.stream.octets(8)
            if any(cookie) and cookie not in self.initiated:
                return cookie

    def new_spi(self) -> int:
        """An inbound SPI that is not in use; it is reserved at once."""
        while True:
            spi = self.stream.integer(MINIMUM_SPI, 0xFFFFFFFF)
            if spi not in self.spis:
                self.spis.add(spi)
                return spi


def _no_traffic(_tunnel_id: int) -> Instant:
    return 0
