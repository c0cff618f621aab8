"""The L2TP client of a remote user: LAC and PPP on the IPv4 stack of a host, in clear or in IPsec transport mode.

`connect` dials; while PPP is up an interface `ppp0` has the address that the LNS gave, and the remote networks are
routed into it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from nsemu.l2tp.engine import L2tpEngine
from nsemu.l2tp.parameters import (
    L2TP_PORT,
    CallDown,
    CallKey,
    CallUp,
    Datagram,
    Ending,
    EngineSettings,
    Event,
    Frame,
    Path,
    Profile,
    TunnelDown,
    TunnelUp,
)
from nsemu.lab.dialup.client import VpnClient
from nsemu.lab.dialup.connection import Connection
from nsemu.lab.dialup.virtual_interface import LONGEST, VirtualInterface
from nsemu.lab.ip_interface import IpInterface
from nsemu.lab.ip_routes import Route
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived
from nsemu.ppp.parameters import Assigned, Caller, Down, Received, Refused, Scheme, Up
from nsemu.ppp.session import PppSession
from nsemu.runtime.trace import Lost, Note, PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Instant, Timer
from nsemu.wire.address import Prefix, format_ipv4
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram

INTERFACE = "ppp0"
_HISTORY = 12
_HALVES = (Prefix(0, 1), Prefix(0x80000000, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class L2tpConnection:
    """Whom to dial, as whom, and what lies behind. `host` is the LAC's host name; `ipsec` protects it all."""

    gateway: int
    remote: tuple[Prefix, ...]
    user: str
    password: str = field(repr=False)
    secret: str = field(default="", repr=False)
    host: str = ""
    schemes: tuple[Scheme, ...] = (Scheme.CHAP, Scheme.PAP)
    keepalive: int = 0
    ipsec: Connection | None = None


class L2tpClient:
    """One connection, and what has become of it. `history` are its last log lines with their instants."""

    def __init__(self, stack: IpStack, outside: IpInterface, connection: L2tpConnection, entropy: Entropy) -> None:
        self.connection = connection
        self._stack = stack
        self._outside = outside
        self._stream = entropy.stream(f"{stack.name}/l2tp")
        self.engine = L2tpEngine(self._stream, EngineSettings(connection.host or stack.name))
        self.vpn = VpnClient(stack, outside, connection.ipsec, entropy) if connection.ipsec is not None else None
        self.interface = VirtualInterface(stack, INTERFACE, 0, self._into_call)
        self.told: Assigned | None = None
        self.failure = ""
        self.history: deque[tuple[Instant, str]] = deque(maxlen=_HISTORY)
        self._ppp: PppSession | None = None
        self._call: CallKey | None = None
        self._tunnel = 0
        self._routes: list[Route] = []
        self._timer: Timer | None = None
        self._socket = stack.udp.bind(L2TP_PORT, self._datagram)

    @property
    def connected(self) -> bool:
        """Whether PPP is up."""
        return self.told is not None

    @property
    def _now(self) -> Instant:
        return self._stack.scheduler.now

    def connect(self) -> None:
        """Dial, unless that is under way."""
        self.failure = ""
        if self._tunnel:
            return
        if not self._outside.address:
            self.failure = "no address yet"
            return
        path = Path(self._outside.address, self.connection.gateway)
        profile = Profile("", self.connection.secret, self.connection.keepalive)
        self._tunnel = self.engine.connect(path, profile, self._now)
        self._pump()

    def disconnect(self) -> None:
        """Hang up in order: PPP, the call, the control connection, then the SAs."""
        if self._ppp is not None:
            self._ppp.close(self._now, "the user hung up")
        self._pump()
        self.engine.close(self._tunnel, self._now)
        self._pump()
        if self.vpn is not None:
            self._stack.scheduler.after(1_000_000_000, self.vpn.disconnect)  # what is under way still needs them

    # -- datagrams ----------------------------------------------------------------------------------------------

    def _datagram(self, datagram: UdpReceived) -> None:
        path = Path(datagram.destination, datagram.source, datagram.destination_port, datagram.source_port)
        self.engine.receive_datagram(datagram.payload, path, self._now)
        self._pump(datagram.trace)

    def _pump(self, trace: PacketTrace | None = None) -> None:
        while (event := self.engine.next_event()) is not None:
            self._apply(event)
        self._exchange(trace)
        while (event := self.engine.next_event()) is not None:
            self._apply(event)
        for datagram in self.engine.datagrams_to_send():
            self._send(datagram, None)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wanted = (self.engine.next_deadline(), self._ppp.next_deadline() if self._ppp is not None else None)
        deadline = min((at for at in wanted if at is not None), default=None)
        self._timer = self._stack.scheduler.at(deadline, self._expired) if deadline is not None else None

    def _expired(self) -> None:
        self._timer = None
        self.engine.handle_timer(self._now)
        if self._ppp is not None:
            self._ppp.handle_timer(self._now)
        self._pump()

    def _send(self, datagram: Datagram, trace: PacketTrace | None) -> None:
        path = datagram.path
        if self.vpn is None:
            self._socket.send(path.remote, path.remote_port, datagram.data, source=path.local, trace=trace)
            return
        payload = UdpDatagram(path.local_port, path.remote_port, datagram.data).build(path.local, path.remote)
        self.vpn.protect(Ipv4Packet(path.local, path.remote, PROTOCOL_UDP, payload).build(), trace)

    # -- events -------------------------------------------------------------------------------------------------

    def _apply(self, event: Event) -> None:
        if isinstance(event, TunnelUp):
            self._note(f"L2TP tunnel with {event.host} is up")
        elif isinstance(event, TunnelDown):
            self._tunnel = 0
            self.failure = self.failure or event.ending.value
            self._note(f"L2TP tunnel is down: {event.ending.value}")
        elif isinstance(event, CallUp):
            self._call = event.key
            caller = Caller(self.connection.user, self.connection.password, self.connection.schemes, LONGEST)
            self._ppp = PppSession(caller, self._stream)
            self._ppp.open(self._now)
        elif isinstance(event, CallDown):
            if self._ppp is not None:
                self._ppp.hang_up(self._now, event.ending.value)
        elif isinstance(event, Frame) and self._ppp is not None:
            try:
                self._ppp.receive(event.frame, self._now)
            except MalformedPacket:
                self.engine.malformed += 1

    def _exchange(self, trace: PacketTrace | None) -> None:
        ppp, call = self._ppp, self._call
        if ppp is None or call is None:
            return
        for frame in ppp.frames_to_send():
            datagram = self.engine.send_frame(call, frame)
            if datagram is not None:
                self._send(datagram, None)
        while (event := ppp.next_event()) is not None:
            if isinstance(event, Received):
                if trace is not None:
                    trace.add(Note(f"out of the L2TP call, {len(event.packet)} octets"))
                self._stack.receive(event.packet, self.interface, False, trace)
            elif isinstance(event, Up):
                self._came(event)
            elif isinstance(event, Down):
                self._went(event.reason)
            elif isinstance(event, Refused):
                self._note(event.reason)

    def _came(self, event: Up) -> None:
        self.told = event.assigned
        self.interface.readdress(event.local)
        self._stack.interfaces[INTERFACE] = self.interface
        routes = self._stack.routes
        way = max(
            (route for route in routes if self.connection.gateway in route.prefix),
            key=lambda route: route.prefix.length,
            default=None,
        )
        if way is not None:
            self._routes.append(Route(Prefix(self.connection.gateway, 32), way.interface, way.gateway))
        for prefix in self.connection.remote:
            parts = (prefix,) if prefix.length else _HALVES
            self._routes += [Route(part.network, self.interface) for part in parts]
        for route in self._routes:
            routes.add(route)
        self._note(f"PPP is up, inner address {format_ipv4(event.local)}")

    def _went(self, reason: str) -> None:
        self._note(f"PPP ended: {reason}")
        self.failure = self.failure or reason
        for route in self._routes:
            self._stack.routes.remove(route.prefix, route.gateway)
        self._routes.clear()
        self._stack.interfaces.pop(INTERFACE, None)
        self.told = self._ppp = None
        if self._call is not None:
            self.engine.hang_up(self._call, self._now, Ending.PPP)
            self._call = None
            self.engine.close(self._tunnel, self._now)

    def _into_call(self, packet: bytes, trace: PacketTrace | None) -> None:
        ppp, call = self._ppp, self._call
        datagram = self.engine.send_frame(call, ppp.send(packet)) if ppp is not None and call is not None else None
        if datagram is None or ppp is None or not ppp.up:
            if trace is not None:
                trace.add(Lost("no L2TP call yet"))
            return
        if trace is not None:
            trace.add(Note(f"into the L2TP call with {format_ipv4(self.connection.gateway)}, {len(packet)} octets"))
        self._send(datagram, trace)

    def _note(self, text: str) -> None:
        self.history.append((self._now, text))
