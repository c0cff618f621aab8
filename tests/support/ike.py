"""Two IKE engines joined by a wire that a test can cut, copy, hold back and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from nsemu.config.algorithms import (
    AuthenticationMethod,
    DhGroup,
    Encryption,
    ExchangeMode,
    Integrity,
    IpsecProtocol,
)
from nsemu.config.ike import Phase1Proposal, Phase2Proposal
from nsemu.ike.engine import IkeEngine
from nsemu.ike.events import Event, Phase2Completed, Phase2InboundReady, SaRemoved
from nsemu.ike.log import log_lines
from nsemu.ike.parameters import Datagram, EngineSettings, GatewayParameters, TunnelParameters
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND, Duration, Instant
from nsemu.wire.address import Prefix, parse_ipv4

WEST = parse_ipv4("1.1.1.1")
EAST = parse_ipv4("2.2.2.2")
WEST_LAN = Prefix.parse("10.1.1.0/24")
EAST_LAN = Prefix.parse("10.2.2.0/24")
KEY = b"h1p8A24nG5"

SomeEvent = TypeVar("SomeEvent", bound=Event)


def p1(
    encryption: Encryption = Encryption.TRIPLE_DES,
    hash_: Integrity = Integrity.SHA1,
    group: DhGroup = DhGroup.GROUP2,
    lifetime: int = 28800,
) -> Phase1Proposal:
    name = f"pre-g{group.value}-{encryption.value}-{hash_.value}"
    return Phase1Proposal(name, AuthenticationMethod.PRESHARE, group, encryption, hash_, lifetime)


def p2(
    encryption: Encryption = Encryption.TRIPLE_DES,
    integrity: Integrity = Integrity.SHA1,
    pfs: DhGroup | None = None,
    *,
    protocol: IpsecProtocol = IpsecProtocol.ESP,
    lifetime: int = 3600,
    lifesize: int = 0,
) -> Phase2Proposal:
    name = f"{pfs}-{protocol.name}-{encryption.value}-{integrity.value}"
    return Phase2Proposal(name, pfs, protocol, encryption, integrity, lifetime, lifesize)


@dataclass
class End:
    """One engine with what its device would know of it."""

    engine: IkeEngine
    address: int
    gateway: GatewayParameters
    tunnel: TunnelParameters
    events: list[Event] = field(default_factory=list)
    installed: dict[int, Phase2Completed] = field(default_factory=dict)
    """The pairs this end holds, by inbound SPI, oldest first."""
    ready: set[int] = field(default_factory=set)
    """The inbound SPIs this end takes."""

    def take(self, event: Event) -> None:
        """Do with an event what a device does."""
        self.events.append(event)
        if isinstance(event, Phase2InboundReady):
            self.ready.add(event.inbound.spi)
        elif isinstance(event, Phase2Completed):
            self.installed[event.inbound.spi] = event
            self.ready.add(event.inbound.spi)
        elif isinstance(event, SaRemoved):
            self.installed.pop(event.inbound_spi, None)
            self.ready.remove(event.inbound_spi)

    def configure(self, now: Instant) -> None:
        self.engine.configure({self.gateway.name: self.gateway}, {self.tunnel.id: self.tunnel}, now)

    def of(self, kind: type[SomeEvent]) -> list[SomeEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[SomeEvent]) -> SomeEvent:
        found = self.of(kind)
        assert len(found) == 1, (kind, self.events)
        return found[0]


Filter = Callable[[int, Datagram], Sequence[Datagram]]
"""What a wire makes of its n-th datagram: nothing, the datagram, or several."""


class Pair:
    """Two ends and the wire between them; all times are virtual."""

    def __init__(
        self,
        *,
        p1s: tuple[Phase1Proposal, ...] = (p1(),),
        p2s: tuple[Phase2Proposal, ...] = (p2(),),
        east_p1s: tuple[Phase1Proposal, ...] | None = None,
        east_p2s: tuple[Phase2Proposal, ...] | None = None,
        keys: tuple[bytes, bytes] = (KEY, KEY),
        mode: ExchangeMode = ExchangeMode.MAIN,
        settings: EngineSettings | None = None,
        seed: int = 1,
        delay: Duration = 10 * MILLISECOND,
    ) -> None:
        self.now: Instant = 0
        self.delay = delay
        self.seen: list[Datagram] = []
        self.filter: Filter | None = None
        self.in_flight: list[tuple[Instant, int, Datagram]] = []
        self._sequence = 0
        entropy = Entropy(seed)
        west = GatewayParameters("to_east", WEST, EAST, p1s, keys[0], mode)
        east = GatewayParameters("to_west", EAST, WEST, east_p1s or p1s, keys[1], mode)
        west_tunnel = TunnelParameters(1, "east_vpn", "to_east", p2s, WEST_LAN, EAST_LAN)
        east_tunnel = TunnelParameters(7, "west_vpn", "to_west", east_p2s or p2s, EAST_LAN, WEST_LAN)
        self.west = End(IkeEngine(entropy.stream("west/ike"), settings), WEST, west, west_tunnel)
        self.east = End(IkeEngine(entropy.stream("east/ike"), settings), EAST, east, east_tunnel)
        self.ends = (self.west, self.east)
        for end in self.ends:
            end.engine.used = self.last_use
            end.configure(0)

    def last_use(self, _tunnel_id: int) -> Instant:
        """When a packet last went through the tunnel: just now, unless a test knows better."""
        return self.now

    def change(self, end: End, **changes: object) -> None:
        """Change parameters of the gateway or the tunnel of one end, whichever has that name."""
        gateway = {name: value for name, value in changes.items() if hasattr(end.gateway, name)}
        tunnel = {name: value for name, value in changes.items() if name not in gateway}
        end.gateway = replace(end.gateway, **gateway)  # type: ignore[arg-type]
        end.tunnel = replace(end.tunnel, **tunnel)  # type: ignore[arg-type]
        end.configure(self.now)

    def acquire(self, end: End | None = None) -> None:
        """Traffic at `end`, west unless told."""
        end = end or self.west
        end.engine.acquire(end.tunnel.id, self.now)

    def collect(self) -> None:
        """Take what both engines have to say, and put their datagrams on the wire."""
        for end in self.ends:
            while (event := end.engine.next_event()) is not None:
                end.take(event)
            for datagram in end.engine.datagrams_to_send():
                number = len(self.seen)
                self.seen.append(datagram)
                for copy in (datagram,) if self.filter is None else self.filter(number, datagram):
                    self._sequence += 1
                    self.in_flight.append((self.now + self.delay, self._sequence, copy))

    def deliver(self, datagram: Datagram) -> None:
        """Hand a datagram to the engine that has its destination address."""
        for end in self.ends:
            if end.address == datagram.destination.address:
                end.engine.receive_datagram(datagram.data, datagram.source, datagram.destination, self.now)

    def step(self, until: Instant) -> bool:
        """Let the next thing happen that is due by `until`."""
        self.collect()
        deadlines = [end.engine.next_deadline() for end in self.ends]
        timers = [at for at in deadlines if at is not None]
        arrival = min(self.in_flight, default=None)
        if arrival is not None and arrival[0] <= min(timers, default=arrival[0]):
            if arrival[0] > until:
                return False
            self.now = arrival[0]
            self.in_flight.remove(arrival)
            self.deliver(arrival[2])
            return True
        if not timers or min(timers) > until:
            return False
        self.now = min(timers)
        for end in self.ends:
            deadline = end.engine.next_deadline()
            if deadline is not None and deadline <= self.now:
                end.engine.handle_timer(self.now)
        return True

    def run(self, duration: Duration = SECOND) -> None:
        """Let `duration` pass."""
        until = self.now + duration
        steps = 0
        while self.step(until):
            steps += 1
            assert steps < 1_000_000, "livelock"
        self.now = until
        self.collect()

    def establish(self) -> Pair:
        """Negotiate from west to east without trouble."""
        self.acquire()
        self.run()
        return self


def keys_match(pair: Pair) -> bool:
    """Whether the newest SAs of both ends are the same pair, seen from either side."""
    west, east = pair.west.of(Phase2Completed)[-1], pair.east.of(Phase2Completed)[-1]
    return west.inbound == east.outbound and west.outbound == east.inbound and west.inbound != west.outbound


def usable(pair: Pair) -> bool:
    """Whether packets that both ends send now, each with its newest pair, are taken when they arrive."""
    pair.collect()
    spis = [[*end.installed.values()][-1].outbound.spi if end.installed else 0 for end in pair.ends]
    pair.run(pair.delay)
    return spis[0] in pair.east.ready and spis[1] in pair.west.ready


def preferred(end: End) -> Phase2Completed:
    """The pair that outbound traffic of this end uses after everything that was negotiated."""
    return [event for event in end.of(Phase2Completed) if event.current][-1]


def prefer_the_same(pair: Pair) -> bool:
    """Whether both ends made the same pairs and prefer the same one."""
    west = {(event.inbound.spi, event.outbound.spi) for event in pair.west.of(Phase2Completed)}
    east = {(event.outbound.spi, event.inbound.spi) for event in pair.east.of(Phase2Completed)}
    one, other = preferred(pair.west), preferred(pair.east)
    return west == east and (one.inbound, one.outbound) == (other.outbound, other.inbound)


def texts(end: End) -> list[str]:
    """What the event log of this end says."""
    return [line.text for event in end.events for line in log_lines(event, "ethernet3")]
