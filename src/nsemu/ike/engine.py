"""The IKEv1 engine of one device: sans-IO (charter §4).

    engine.receive_datagram(data, source, destination, now)
    engine.handle_timer(now)            engine.next_deadline()
    engine.datagrams_to_send()          engine.next_event()

No clock, no socket; chance comes from one stream. Whatever the octets of a datagram, no exception escapes:
what is nonsense moves a counter, what breaks a rule is notified and told as an event.
RFC 2407, RFC 2408, RFC 2409.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from nsemu.ike import debug, dialup, informational, liveness, login, pairs, phase1, phase2, responding, transaction
from nsemu.ike.context import NON_ESP_MARKER, Counters, IkeContext
from nsemu.ike.events import BadSpiNotified, Event, LoginMissing, PeerMoved, Removal
from nsemu.ike.exchange import Held, Phase1Sa, State
from nsemu.ike.identification import identity_key
from nsemu.ike.notify import send_delete_phase1, send_informational, send_unprotected_bad_spi
from nsemu.ike.parameters import (
    ISAKMP_PORT,
    NAT_PORT,
    ClientSettings,
    Datagram,
    DialupTunnel,
    Endpoint,
    Ends,
    EngineSettings,
    GatewayParameters,
    TunnelParameters,
)
from nsemu.ike.peers import Gateway, Tunnel
from nsemu.ike.tables import NEARLY_ESTABLISHED
from nsemu.ike.views import CallerView, Phase1View, caller_views, phase1_views
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import FLAG_ENCRYPTED, VERSION, ZERO_COOKIE, ExchangeType, Header, PayloadType, parse_header
from nsemu.wire.isakmp_payloads import PROTOCOL_AH, PROTOCOL_ESP, NotifyType, build_notification

_PROTECTED_EXCHANGES: Final = frozenset((ExchangeType.QUICK, ExchangeType.INFORMATIONAL, ExchangeType.TRANSACTION))
_MOST_HELD: Final = 4
_PHASE1_EXCHANGES: Final = frozenset((ExchangeType.MAIN, ExchangeType.AGGRESSIVE))
_DOI_PROTOCOLS: Final = {50: PROTOCOL_ESP, 51: PROTOCOL_AH}


class IkeEngine:
    """IKE for one device. Both roles; which one is a property of each negotiation."""

    def __init__(self, stream: Stream, settings: EngineSettings | None = None) -> None:
        self._context = IkeContext(stream, settings or EngineSettings(), phase2.negotiate)

    @property
    def counters(self) -> Counters:
        """What became of datagrams."""
        return self._context.counters

    @property
    def settings(self) -> EngineSettings:
        """The settings in force; new ones hold from the next negotiation or timer on."""
        return self._context.settings

    @settings.setter
    def settings(self, settings: EngineSettings) -> None:
        self._context.settings = settings

    @property
    def traffic(self) -> Callable[[int], Instant]:
        """Tells when the last packet came through a tunnel: a sign of life of its peer (B356)."""
        return self._context.traffic

    @traffic.setter
    def traffic(self, last_packet: Callable[[int], Instant]) -> None:
        self._context.traffic = last_packet

    @property
    def claim(self) -> Callable[[DialupTunnel], int | None]:
        """Makes room for a tunnel of a dialup client: gives its ID, None when the device has no more."""
        return self._context.claim

    @claim.setter
    def claim(self, make: Callable[[DialupTunnel], int | None]) -> None:
        self._context.claim = make

    @property
    def used(self) -> Callable[[int], Instant]:
        """Tells when a packet last went through a tunnel, in or out: only what is used is renewed."""
        return self._context.used

    @used.setter
    def used(self, last_packet: Callable[[int], Instant]) -> None:
        self._context.used = last_packet

    @property
    def debug(self) -> Callable[[str], None] | None:
        """Where the lines of `debug ike` go; None while it is off."""
        return self._context.debug

    @debug.setter
    def debug(self, write: Callable[[str], None] | None) -> None:
        self._context.debug = write

    @property
    def witness(self) -> Callable[[Event | Datagram], None] | None:
        """Who is shown every event and datagram when the device takes it; None for nobody."""
        return self._context.witness

    @witness.setter
    def witness(self, look: Callable[[Event | Datagram], None] | None) -> None:
        self._context.witness = look

    def configure(
        self, gateways: Mapping[str, GatewayParameters], tunnels: Mapping[int, TunnelParameters], now: Instant
    ) -> None:
        """Replace the configuration. What is unchanged keeps its SAs; the others are deleted, with notice to the peer.

        Raises ValueError, before anything is changed, for an identity that cannot be sent, a gateway or tunnel without
        proposals, or a tunnel that names no gateway given here.
        """
        context = self._context
        self._set_time(now)
        new_gateways = {
            name: context.gateways[name] if self._is_unchanged(parameters) else _new_gateway(parameters)
            for name, parameters in gateways.items()
        }
        new_tunnels: dict[int, Tunnel] = {}
        for tunnel_id, parameters in tunnels.items():
            gateway = new_gateways.get(parameters.gateway)
            if gateway is None or not parameters.proposals:
                raise ValueError(f"tunnel {tunnel_id} has no gateway {parameters.gateway!r} or no proposal")
            old = context.tunnels.get(tunnel_id)
            kept = old is not None and old.gateway is gateway and old.become(parameters)
            new_tunnels[tunnel_id] = old if old is not None and kept else Tunnel(parameters, gateway)
        callers = dialup.carry_over(context, new_gateways, new_tunnels)
        self._retire((*new_gateways.values(), *callers.values()), new_tunnels)
        context.gateways, context.tunnels, context.callers = new_gateways, new_tunnels, callers
        context.by_address, context.by_identity = {}, {}
        for gateway in new_gateways.values():
            gateway.adopt([tunnel for tunnel in new_tunnels.values() if tunnel.gateway is gateway])
            local, peer = gateway.parameters.local, gateway.parameters.peer
            if peer is not None:
                context.by_address.setdefault((local, peer), []).append(gateway)
            elif gateway.parameters.peer_identity is not None:
                context.by_identity.setdefault((local, *identity_key(gateway.expected_id)), gateway)

    def _is_unchanged(self, parameters: GatewayParameters) -> bool:
        old = self._context.gateways.get(parameters.name)
        return old is not None and old.parameters == parameters

    def _retire(self, gateways: Collection[Gateway], tunnels: Mapping[int, Tunnel]) -> None:
        """End what is not kept: tunnels first, so that their deletes still find a Phase 1 SA."""
        context = self._context
        for tunnel_id, tunnel in list(context.tunnels.items()):
            if tunnels.get(tunnel_id) is not tunnel:
                tunnel.gateway.waiting.pop(tunnel_id, None)
                for quick in list(tunnel.negotiations):
                    phase2.abandon(context, quick)
                pairs.remove_all(context, tunnel, Removal.CONFIGURATION, tell=True)
        kept = set(map(id, gateways))
        for sa in self._negotiations():
            if id(sa.gateway) not in kept:
                send_delete_phase1(context, sa)
                phase1.remove(context, sa, Removal.CONFIGURATION)
        for gateway in context.gateways.values():
            if id(gateway) not in kept:
                gateway.liveness.stop()

    def _negotiations(self) -> list[Phase1Sa]:
        """All there are; one that was begun here and knows both cookies is in both tables."""
        return list(dict.fromkeys((*self._context.initiated.values(), *self._context.phase1s.values())))

    def _set_time(self, now: Instant) -> None:
        self._context.now = max(self._context.now, now)

    def receive_datagram(self, data: bytes, source: Endpoint, destination: Endpoint, now: Instant) -> None:
        """Take a UDP payload that came to `destination`, one of the device's addresses."""
        context = self._context
        self._set_time(now)
        context.counters.received += 1
        if destination.port == NAT_PORT:
            if not data.startswith(NON_ESP_MARKER):
                return  # a keepalive, or ESP, which is not ours
            data = data[len(NON_ESP_MARKER) :]
        try:
            header = parse_header(data)
            if context.debug is not None:
                debug.arrived(context.debug, header, source)
            if header.version != VERSION or header.initiator_cookie == ZERO_COOKIE:
                context.counters.unsupported += 1
            else:
                self._dispatch(header, data, Ends(source, destination))
        except MalformedPacket:
            context.counters.malformed += 1

    def _dispatch(self, header: Header, data: bytes, ends: Ends) -> None:
        context = self._context
        exchange = header.exchange
        sa = context.phase1s.get(data[:16])
        if sa is not None and not _may_come_from(sa, ends):
            context.counters.unexpected += 1
        elif exchange == ExchangeType.INFORMATIONAL and not header.flags & FLAG_ENCRYPTED:
            informational.receive_unprotected(context, header, data, ends)
        elif exchange in _PHASE1_EXCHANGES:
            self._phase1(sa, header, data, ends)
        elif exchange not in _PROTECTED_EXCHANGES:
            context.counters.unsupported += 1
        elif sa is None:
            context.counters.unknown_cookies += 1
        elif sa.state in NEARLY_ESTABLISHED and len(sa.held) < _MOST_HELD:
            sa.held.append(Held(header, data, ends))
        elif sa.state is not State.ESTABLISHED:
            context.counters.unexpected += 1
        else:
            self._protected(sa, Held(header, data, ends))

    def _protected(self, sa: Phase1Sa, message: Held) -> None:
        context, exchange = self._context, message.header.exchange
        if exchange == ExchangeType.INFORMATIONAL:
            informational.receive(context, sa, *message)
        elif exchange == ExchangeType.TRANSACTION:
            transaction.receive(context, sa, message, login.answer)
            phase2.start_waiting(context, sa)
        elif sa.ready:
            phase2.receive(context, sa, *message)
        else:
            context.counters.unexpected += 1
            context.events.append(LoginMissing(sa.gateway.parameters.name, sa.peer.address))

    def _phase1(self, sa: Phase1Sa | None, header: Header, data: bytes, ends: Ends) -> None:
        context = self._context
        own = context.initiated.get(header.initiator_cookie)
        if sa is None and header.responder_cookie == ZERO_COOKIE:
            answered = context.responding.get((header.initiator_cookie, ends.source))
            if own is not None:
                context.counters.unexpected += 1  # our own first message, thrown back
            elif answered is None:
                responding.respond(context, header, data, ends)
            elif data == answered.received:
                phase1.receive(context, answered, header, data, ends)
            else:
                context.counters.unexpected += 1
            return
        if sa is None and own is not None and own.responder_cookie == ZERO_COOKIE:
            sa = own
        if sa is None or not _may_come_from(sa, ends):
            context.counters.unknown_cookies += 1
        elif phase1.receive(context, sa, header, data, ends):
            liveness.start(context, sa)
            if sa.initial_contact:
                informational.initial_contact(context, sa)
            login.start(context, sa)
            phase2.start_waiting(context, sa)
            held, sa.held = sa.held, []
            for message in held:
                self._protected(sa, message)

    def handle_timer(self, now: Instant) -> None:
        """Do what has come due by `now`."""
        self._set_time(now)
        timers = self._context.timers
        while timers.step(now):
            pass

    def next_deadline(self) -> Instant | None:
        """When `handle_timer` wants to be called next."""
        return self._context.timers.next_deadline()

    def datagrams_to_send(self) -> list[Datagram]:
        """Take the datagrams that are to be sent, in order."""
        outgoing = self._context.outgoing
        datagrams = list(outgoing)
        outgoing.clear()
        if self._context.witness is not None:
            for datagram in datagrams:
                self._context.witness(datagram)
        return datagrams

    def next_event(self) -> Event | None:
        """Take the oldest event, None when there is no more."""
        context = self._context
        event = context.events.popleft() if context.events else None
        if event is not None and context.witness is not None:
            context.witness(event)
        return event

    def acquire(self, tunnel_id: int, now: Instant) -> None:
        """Traffic needs an SA: negotiate one, unless there is one or a negotiation is under way (B061, B154, B155).

        Raises KeyError for a tunnel that was not configured.
        """
        self._set_time(now)
        tunnel = self._context.tunnels[tunnel_id]
        if tunnel.current is None:
            phase2.negotiate(self._context, tunnel)

    def is_recovering(self, tunnel_id: int) -> bool:
        """Whether the peer of a tunnel was found dead and is tried at its reconnect interval (B359)."""
        return self._context.tunnels[tunnel_id].gateway.liveness.recovery is not None

    def rekey(self, tunnel_id: int, now: Instant) -> None:
        """Replace the SA of a tunnel ahead of its time, as when its kilobytes run short; the old one lives on a while.

        Raises KeyError for a tunnel that was not configured.
        """
        self._set_time(now)
        phase2.negotiate(self._context, self._context.tunnels[tunnel_id])

    def peer_moved(self, tunnel_id: int, ends: Ends, now: Instant) -> None:
        """An authentic ESP packet of this tunnel came from elsewhere. A peer behind NAT is followed, another is not.

        Raises KeyError for a tunnel that was not configured.
        """
        context = self._context
        self._set_time(now)
        gateway = context.tunnels[tunnel_id].gateway
        if gateway.natted:
            for sa in gateway.phase1s:
                sa.local, sa.peer = ends.destination, ends.source
            gateway.learned = ends.source
            name, moved = gateway.parameters.name, tuple(tunnel.parameters.id for tunnel in gateway.tunnels)
            context.events.append(PeerMoved(name, ends.source.address, ends.destination, ends.source, moved))

    def report_bad_spi(self, local: int, peer: int, protocol: int, spi: int, now: Instant) -> bool:
        """A packet came for an SPI that is not known: tell the peer, at most `respond_bad_spi` times a second (B158).

        `protocol` is the IP protocol number. Under Phase 1 the notification is protected, else it is sent in the clear,
        and as no peer should act on that, False says that it will be of no avail.
        """
        context = self._context
        self._set_time(now)
        gateway = context.gateway_at(local, peer)
        if gateway is None or not self._may_notify(gateway):
            return True
        doi_protocol = _DOI_PROTOCOLS[protocol]
        sa = phase2.usable_phase1(context, gateway)
        if sa is None:
            ends = Endpoint(local, ISAKMP_PORT), Endpoint(peer, ISAKMP_PORT)
            send_unprotected_bad_spi(context, doi_protocol, spi, *ends)
        else:
            octets = spi.to_bytes(4, "big")
            body = build_notification(doi_protocol, NotifyType.INVALID_SPI, octets, octets)
            send_informational(context, sa, [(PayloadType.NOTIFICATION, body)])
        context.events.append(BadSpiNotified(gateway.parameters.name, peer, spi))
        return sa is not None

    def _may_notify(self, gateway: Gateway) -> bool:
        second = self._context.now // SECOND
        if gateway.bad_spi_second != second:
            gateway.bad_spi_second, gateway.bad_spi_count = second, 0
        gateway.bad_spi_count += 1
        return gateway.bad_spi_count <= self._context.settings.respond_bad_spi

    def delete_phase1(self, now: Instant, cookies: bytes | None = None) -> int:
        """End the Phase 1 SA with both `cookies` (16 octets), or all; the peer is told. Returns how many there were."""
        context = self._context
        self._set_time(now)
        doomed = [sa for sa in self._negotiations() if cookies is None or sa.cookies == cookies]
        for sa in doomed:
            send_delete_phase1(context, sa)
            phase1.remove(context, sa, Removal.CLEARED)
        return len(doomed)

    def delete_tunnel_sas(self, tunnel_id: int, now: Instant) -> None:
        """End the SAs of a tunnel and tell the peer. Raises KeyError for a tunnel that was not configured."""
        self._set_time(now)
        pairs.remove_all(self._context, self._context.tunnels[tunnel_id], Removal.CLEARED, tell=True)

    def answer_login(self, cookies: bytes, settings: ClientSettings | None, now: Instant) -> None:
        """Answer a LoginRequested: let the client in and tell it `settings`, or refuse it with None (B264, B265).

        Nothing happens when the Phase 1 SA with these cookies has gone meanwhile.
        """
        self._set_time(now)
        sa = self._context.phase1s.get(cookies)
        if sa is not None:
            login.decide(self._context, sa, settings)

    def callers(self) -> list[CallerView]:
        """The dialup clients that are connected, in the order in which they came."""
        return caller_views(self._context)

    def phase1s(self, now: Instant) -> list[Phase1View]:
        """All Phase 1 negotiations and SAs as they stand at `now`, oldest first."""
        self._set_time(now)
        return phase1_views(self._context)


def _may_come_from(sa: Phase1Sa, ends: Ends) -> bool:
    """Whether the addresses are those of an SA. NAT may change the peer's on the way: then its keys must tell."""
    known = sa.peer.address == ends.source.address or (
        sa.nat_variant is not None and sa.state is not State.MAIN_OFFERED
    )
    return known and sa.local.address == ends.destination.address


def _new_gateway(parameters: GatewayParameters) -> Gateway:
    if not parameters.proposals:
        raise ValueError(f"gateway {parameters.name!r} has no proposal")
    return Gateway(parameters)
