"""What all exchanges of one engine share: tables, entropy, timers, and what goes out.

No protocol here. The timers are a private scheduler that the engine runs up to the instant it is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nsemu.ike.events import Event
from nsemu.ike.exchange import Phase1Sa
from nsemu.ike.parameters import Datagram, Endpoint, EngineSettings
from nsemu.ike.peers import Gateway, Tunnel
from nsemu.ike.proposals import MINIMUM_SPI
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Duration, Instant, Scheduler, Timer


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
        "counters",
        "debug",
        "events",
        "gateways",
        "half_open",
        "initiated",
        "negotiate",
        "now",
        "outgoing",
        "phase1s",
        "responding",
        "settings",
        "spis",
        "stream",
        "timers",
        "tunnels",
    )

    def __init__(
        self, stream: Stream, settings: EngineSettings, negotiate: Callable[[IkeContext, Tunnel], None]
    ) -> None:
        self.stream = stream
        self.settings = settings
        self.negotiate = negotiate
        """How a tunnel whose SA nears its end gets a new one."""
        self.now: Instant = 0
        self.timers = Scheduler()
        self.counters = Counters()
        self.debug: Callable[[str], None] | None = None
        self.outgoing: deque[Datagram] = deque()
        self.events: deque[Event] = deque()
        self.gateways: dict[str, Gateway] = {}
        self.by_address: dict[tuple[int, int], Gateway] = {}
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

    def send(self, data: bytes, local: Endpoint, peer: Endpoint) -> None:
        """Queue a datagram."""
        self.counters.sent += 1
        self.outgoing.append(Datagram(data, local, peer))

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
