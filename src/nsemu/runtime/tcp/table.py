"""The TCP of a node: connections and listeners by their addresses and ports, on an IP stack (RFC 9293 §3.10.7.1, .2).

Gives segments to connections, answers what belongs to none with RST, arms the timers, and hands events to the
applications. The rules of a connection itself are in `connection`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from nsemu.runtime.ip import IcmpError, SendResult
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.connection import TcpConnection, reset_for
from nsemu.runtime.tcp.states import ACCEPTS_SEND, Endpoint, TcpEvent, TcpFailure, TcpSettings, TcpState
from nsemu.runtime.trace import Delivered, Lost, PacketTrace
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Scheduler, Timer
from nsemu.wire import icmp
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import HEADER_LENGTH as IPV4_HEADER_LENGTH
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.tcp import ACK, HEADER_LENGTH, PROTOCOL, RST, SYN, TcpSegment, flag_names, parse_quoted_start

FIRST_EPHEMERAL_PORT: Final = 49152
"""RFC 6335 §6."""

LAST_PORT: Final = 65535
DEFAULT_BACKLOG: Final = 64
_HEADERS: Final = IPV4_HEADER_LENGTH + HEADER_LENGTH

_UNREACHABLE: Final = {
    icmp.NET_UNREACHABLE: TcpFailure.NETWORK_UNREACHABLE,
    icmp.PROTOCOL_UNREACHABLE: TcpFailure.PROTOCOL_UNREACHABLE,
    icmp.PORT_UNREACHABLE: TcpFailure.REFUSED,
    icmp.NET_PROHIBITED: TcpFailure.NETWORK_UNREACHABLE,
}

ConversationFactory = Callable[[Channel], Conversation]
_Key = tuple[Endpoint, Endpoint]


@dataclass(frozen=True, slots=True)
class RawUser:
    """Who sent a segment without a connection and waits for what it brings."""

    on_segment: Callable[[TcpSegment], None]
    on_error: Callable[[IcmpError], None]


class TcpNetwork(Protocol):
    """What TCP needs of the IPv4 below it."""

    scheduler: Scheduler
    counters: Counter[str]

    def source_for(self, destination: int) -> int | None:
        """The address packets to `destination` are sent from; None without a route."""

    def mtu_towards(self, destination: int) -> int | None:
        """The largest packet for a destination; None without a route."""

    def is_broadcast(self, address: int) -> bool:
        """Whether an address means all nodes of a connected network."""

    def send(
        self,
        destination: int,
        protocol: int,
        payload: bytes,
        *,
        source: int | None = None,
        df: bool = False,
        trace: PacketTrace | None = None,
    ) -> SendResult:
        """Send a packet."""


class PortInUse(ValueError):
    """A listener, or a connection to the same peer, has the port."""


class Listener:
    """An open port. `handshakes` counts the connections that are not yet established."""

    __slots__ = ("backlog", "factory", "handshakes", "port")

    def __init__(self, port: int, factory: ConversationFactory, backlog: int) -> None:
        self.port = port
        self.factory = factory
        self.backlog = backlog
        self.handshakes = 0


class TcpSocket:
    """A connection with its application and its timer: the `Channel` of a conversation."""

    __slots__ = ("_busy", "_listener", "_stopped", "_table", "_timer", "_trace", "connection", "conversation")

    def __init__(self, table: TcpTable, connection: TcpConnection, listener: Listener | None) -> None:
        self.connection = connection
        self.conversation: Conversation | None = None
        self._table = table
        self._listener = listener
        self._timer: Timer | None = None
        self._trace: PacketTrace | None = None
        self._busy = False
        self._stopped = False

    @property
    def local(self) -> Endpoint:
        """Our address and port."""
        return self.connection.local

    @property
    def remote(self) -> Endpoint:
        """The peer's address and port."""
        return self.connection.remote

    @property
    def acknowledged(self) -> int:
        """Grows with what the peer has confirmed."""
        return self.connection.acknowledged

    def send(self, data: bytes) -> None:
        """Queue data; dropped when the connection has ended."""
        if self.connection.state in ACCEPTS_SEND:
            self.connection.send(data, self._table.now)
            self.turn()

    def close(self) -> None:
        """Send no more."""
        self.connection.close(self._table.now)
        self.turn()

    def abort(self) -> None:
        """End at once, with a RST."""
        self.connection.abort(self._table.now)
        self.turn()

    def stop(self) -> None:
        """Forget the timer and the application."""
        if self._timer is not None:
            self._timer.cancel()
        self.conversation = None
        self._stopped = True

    def turn(self, trace: PacketTrace | None = None) -> None:
        """Tell the application what happened and send what came of it; the first segment carries the trace."""
        self._trace = trace or self._trace
        if self._busy:
            return  # the turn that is under way goes on until nothing is left
        self._busy = True
        progress = True
        while progress:
            progress = self._tell() | self._transmit()
        self._busy = False
        self._trace = None
        if self.connection.state is TcpState.CLOSED:
            self._table.forget(self)
        self._arm()

    def _tell(self) -> bool:
        event = self.connection.next_event()
        if event is None:
            return False
        if event is TcpEvent.CONNECTED and self._listener is not None:
            self.leave_listener(self._listener.factory)
        elif self._listener is not None:
            self.leave_listener(None)
        if self.conversation is not None:
            _TELL[event](self, self.conversation)
        return True

    def leave_listener(self, factory: ConversationFactory | None) -> None:
        """The handshake of a passive open ended, well (with a conversation to begin) or not."""
        if self._listener is not None:
            self._listener.handshakes -= 1
            self._listener = None
        if factory is not None:
            self.conversation = factory(self)

    def _transmit(self) -> bool:
        segments = self.connection.segments_to_send(self._table.now)
        for segment in segments:
            trace, self._trace = self._trace, None
            self._table.transmit(self.connection, segment, trace)
        return bool(segments)

    def _arm(self) -> None:
        if self._stopped:
            return
        deadline = self.connection.next_deadline()
        timer = self._timer
        if timer is not None and timer.active and (deadline is None or deadline != timer.at):
            timer.cancel()
        if deadline is not None and (timer is None or not timer.active):
            self._timer = self._table.stack.scheduler.at(deadline, self._expire)

    def _expire(self) -> None:
        self.connection.handle_timer(self._table.now)
        self.turn()


_TELL: Final[dict[TcpEvent, Callable[[TcpSocket, Conversation], None]]] = {
    TcpEvent.CONNECTED: lambda _, conversation: conversation.connected(),
    TcpEvent.READABLE: lambda socket, conversation: conversation.received(socket.connection.read()),
    TcpEvent.PEER_CLOSED: lambda _, conversation: conversation.peer_closed(),
    TcpEvent.CLOSED: lambda socket, conversation: conversation.closed(socket.connection.failure),
}


class TcpTable:
    """All connections and listeners of one node. `receive` and `icmp_error` take what is for protocol 6."""

    def __init__(self, stack: TcpNetwork, stream: Stream, settings: TcpSettings | None = None) -> None:
        self.stack = stack
        self.settings = settings or TcpSettings()
        self._stream = stream
        self._sockets: dict[_Key, TcpSocket] = {}
        self._listeners: dict[int, Listener] = {}
        self._raw_users: dict[_Key, RawUser] = {}
        self._next_port = stream.integer(FIRST_EPHEMERAL_PORT, LAST_PORT)

    @property
    def now(self) -> int:
        """The instant of the scheduler."""
        return self.stack.scheduler.now

    def sockets(self) -> Iterator[TcpSocket]:
        """The connections, by addresses and ports."""
        for key in sorted(self._sockets):
            yield self._sockets[key]

    def listeners(self) -> list[Listener]:
        """The open ports, in order."""
        return [self._listeners[port] for port in sorted(self._listeners)]

    # Opening

    def listen(self, port: int, factory: ConversationFactory, *, backlog: int = DEFAULT_BACKLOG) -> Listener:
        """Open a port (0: a free one); `factory` makes the conversation of each connection. Raises PortInUse."""
        port = port or self.free_port()
        if port in self._listeners:
            raise PortInUse(f"TCP port {port} is in use")
        listener = Listener(port, factory, backlog)
        self._listeners[port] = listener
        return listener

    def stop_listening(self, listener: Listener) -> None:
        """Close a port; its connections go on. Twice does nothing."""
        if self._listeners.get(listener.port) is listener:
            del self._listeners[listener.port]

    def connect(
        self,
        remote: Endpoint,
        factory: ConversationFactory,
        *,
        source: int | None = None,
        source_port: int = 0,
        trace: PacketTrace | None = None,
    ) -> TcpSocket:
        """Active open. Raises PortInUse when `source_port` is used towards the same peer.

        Without a route the conversation is told NETWORK_UNREACHABLE before this returns.
        """
        address = source if source is not None else self.stack.source_for(remote.address) or 0
        local = Endpoint(address, source_port or self.free_port())
        if (local, remote) in self._sockets:
            raise PortInUse(f"TCP port {local.port} is in use")
        connection = TcpConnection(local, remote, self._initial_sequence(), self._settings_for(remote.address))
        socket = TcpSocket(self, connection, None)
        self._sockets[local, remote] = socket
        socket.conversation = factory(socket)
        connection.open(self.now)
        socket.turn(trace)
        return socket

    def free_port(self) -> int:
        """A port that no listener and no connection has. Raises PortInUse when there is none."""
        taken = {key[0].port for key in (*self._sockets, *self._raw_users)} | self._listeners.keys()
        for _ in range(LAST_PORT - FIRST_EPHEMERAL_PORT + 1):
            port = self._next_port
            self._next_port = port + 1 if port < LAST_PORT else FIRST_EPHEMERAL_PORT
            if port not in taken:
                return port
        raise PortInUse("all TCP ports are in use")

    def give_away(self, socket: TcpSocket) -> None:
        """Somebody else goes on with the connection, which learns nothing of it."""
        socket.stop()
        self.forget(socket)

    def listens(self, port: int) -> bool:
        """Whether a port is open."""
        return port in self._listeners

    def forget(self, socket: TcpSocket) -> None:
        """A connection ended."""
        socket.leave_listener(None)
        key = (socket.local, socket.remote)
        if self._sockets.get(key) is socket:
            del self._sockets[key]

    def stop(self) -> None:
        """Power off: connections and listeners are gone, without a word to anybody."""
        for socket in self._sockets.values():
            socket.stop()
        self._sockets.clear()
        self._listeners.clear()
        self._raw_users.clear()

    def _initial_sequence(self) -> int:
        return self._stream.integer(0, 0xFFFFFFFF)

    def _settings_for(self, remote: int) -> TcpSettings:
        mtu = self.stack.mtu_towards(remote)
        return self.settings if mtu is None else replace(self.settings, mss=min(self.settings.mss, mtu - _HEADERS))

    # Segments out

    def transmit(self, connection: TcpConnection, segment: TcpSegment, trace: PacketTrace | None) -> None:
        """Send a segment of a connection; a refusal of our own stack counts as an ICMP error."""
        result = self._send(connection.local.address, connection.remote.address, segment, trace)
        if result is SendResult.NO_ROUTE:
            connection.icmp_error(TcpFailure.NETWORK_UNREACHABLE, segment.sequence)
        elif result is SendResult.TOO_LARGE:
            mtu = self.stack.mtu_towards(connection.remote.address) or 0
            connection.path_mtu(mtu - _HEADERS, segment.sequence, self.now)

    def send_raw(self, segment: TcpSegment, remote: int, user: RawUser, trace: PacketTrace | None = None) -> SendResult:
        """Send a segment that belongs to no connection; what answers it goes to `user` until `forget_raw`."""
        local = self.stack.source_for(remote) or 0
        key = (Endpoint(local, segment.source_port), Endpoint(remote, segment.destination_port))
        self._raw_users[key] = user
        return self._send(local, remote, segment, trace)

    def forget_raw(self, user: RawUser) -> None:
        """What still comes is answered with RST, as anything that belongs to nothing."""
        self._raw_users = {key: one for key, one in self._raw_users.items() if one is not user}

    def _send(self, local: int, remote: int, segment: TcpSegment, trace: PacketTrace | None) -> SendResult:
        # RFC 1191: DF finds the path MTU.
        octets = segment.build(local, remote)
        return self.stack.send(remote, PROTOCOL, octets, source=local, df=True, trace=trace)

    # Segments in

    def receive(self, packet: Ipv4Packet, payload: bytes, _interface: object, trace: PacketTrace | None) -> None:
        """A packet of protocol 6 for this node. Malformed ones are counted and dropped."""
        if self.stack.is_broadcast(packet.destination) or packet.destination >= 0xE0000000:
            self._drop(
                "TCP to a broadcast address", "TCP to a broadcast address is dropped", trace
            )  # RFC 1122 §4.2.3.10
            return
        try:
            segment = TcpSegment.parse(payload, packet.source, packet.destination)
        except MalformedPacket as error:
            self._drop("malformed", str(error), trace)
            return
        local = Endpoint(packet.destination, segment.destination_port)
        remote = Endpoint(packet.source, segment.source_port)
        socket = self._sockets.get((local, remote))
        raw_user = self._raw_users.get((local, remote))
        if socket is not None:
            socket.connection.receive(segment, self.now)
            socket.turn(_delivered(trace, f"to the connection of TCP port {local.port}"))
        elif raw_user is not None:
            if trace is not None:
                trace.add(Delivered(f"{flag_names(segment.flags)} for TCP port {local.port}"))
            raw_user.on_segment(segment)
        else:
            self._receive_for_listener(segment, local, remote, trace)

    def _receive_for_listener(
        self, segment: TcpSegment, local: Endpoint, remote: Endpoint, trace: PacketTrace | None
    ) -> None:
        listener = self._listeners.get(local.port)
        kind = segment.flags & (SYN | ACK | RST)
        if listener is None or kind != SYN:
            self._refuse(segment, local, remote, trace)
        elif listener.handshakes >= listener.backlog:
            self._drop("TCP backlog full", f"the backlog of TCP port {local.port} is full", trace)
        else:
            listener.handshakes += 1
            connection = TcpConnection(local, remote, self._initial_sequence(), self._settings_for(remote.address))
            socket = TcpSocket(self, connection, listener)
            self._sockets[local, remote] = socket
            connection.accept(segment, self.now)
            socket.turn(_delivered(trace, f"to the listener of TCP port {local.port}"))

    def _refuse(self, segment: TcpSegment, local: Endpoint, remote: Endpoint, trace: PacketTrace | None) -> None:
        """RFC 9293 §3.10.7.1: what belongs to nothing is answered with RST, but never a RST."""
        if segment.flags & RST:
            self._drop("TCP resets for nothing", "RST for no connection", trace)
            return
        self.stack.counters["TCP resets sent"] += 1
        reason = f"TCP port {local.port} is closed" if local.port not in self._listeners else "no such connection"
        self._send(local.address, remote.address, reset_for(segment), _delivered(trace, f"{reason}: answered with RST"))

    def _drop(self, counter: str, reason: str, trace: PacketTrace | None) -> None:
        self.stack.counters[counter] += 1
        if trace is not None:
            trace.add(Lost(reason))

    # ICMP errors

    def icmp_error(self, error: IcmpError) -> None:
        """An ICMP error about a segment of this node."""
        try:
            local_port, remote_port, sequence = parse_quoted_start(error.offending.payload)
        except MalformedPacket:
            self.stack.counters["malformed"] += 1
            return
        local = Endpoint(error.offending.source, local_port)
        remote = Endpoint(error.offending.destination, remote_port)
        raw_user = self._raw_users.get((local, remote))
        if raw_user is not None:
            raw_user.on_error(error)
        socket = self._sockets.get((local, remote))
        if socket is None:
            return
        kind = (error.message.type, error.message.code)
        if kind == (icmp.DESTINATION_UNREACHABLE, icmp.FRAGMENTATION_NEEDED):
            mtu = self.stack.mtu_towards(remote.address)
            if mtu is not None:
                socket.connection.path_mtu(mtu - _HEADERS, sequence, self.now)
        elif error.message.type in {icmp.DESTINATION_UNREACHABLE, icmp.TIME_EXCEEDED}:
            failure = TcpFailure.HOST_UNREACHABLE
            if error.message.type == icmp.DESTINATION_UNREACHABLE:
                failure = _UNREACHABLE.get(error.message.code, failure)
            socket.connection.icmp_error(failure, sequence)
        socket.turn()


def _delivered(trace: PacketTrace | None, text: str) -> PacketTrace | None:
    """Note that the packet arrived; the trace that an answer may carry, or None when this was the answer."""
    if trace is None:
        return None
    trace.add(Delivered(text))
    if trace.returning:
        return None
    trace.turn_around()
    return trace
