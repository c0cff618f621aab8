"""UDP of a host or router (RFC 768, RFC 1122 §4.1): sockets by local port, port unreachable, errors to their socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nsemu.lab.icmp_layer import IcmpErrorHandler
from nsemu.lab.ip_interface import IpInterface
from nsemu.runtime.ip import IcmpError
from nsemu.runtime.trace import Delivered, Lost, PacketTrace
from nsemu.wire import icmp
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram, checksum_is_right

if TYPE_CHECKING:
    from nsemu.lab.ip_stack import IpStack
    from nsemu.runtime.ip import SendResult

FIRST_EPHEMERAL_PORT: Final = 1024
LAST_PORT: Final = 65535


class PortInUse(ValueError):
    """Another socket has the port."""


@dataclass(frozen=True, slots=True)
class UdpReceived:
    """A datagram for a socket."""

    source: int
    source_port: int
    destination: int
    destination_port: int
    payload: bytes
    ttl: int
    interface: IpInterface
    trace: PacketTrace | None


UdpHandler = Callable[[UdpReceived], None]


def _ignore_error(_error: IcmpError) -> None:
    return None


class UdpSocket:
    """One local port. Made by `UdpLayer.bind`."""

    __slots__ = ("_layer", "on_datagram", "on_error", "port")

    def __init__(self, layer: UdpLayer, port: int, on_datagram: UdpHandler, on_error: IcmpErrorHandler) -> None:
        self._layer = layer
        self.port = port
        self.on_datagram = on_datagram
        self.on_error = on_error

    def send(
        self,
        destination: int,
        port: int,
        payload: bytes,
        *,
        source: int | None = None,
        ttl: int = 64,
        df: bool = False,
        trace: PacketTrace | None = None,
    ) -> SendResult:
        """Send a datagram from this port."""
        datagram = UdpDatagram(self.port, port, payload)
        return self._layer.send(datagram, destination, source=source, ttl=ttl, df=df, trace=trace)

    def close(self) -> None:
        """Give the port back."""
        self._layer.release(self)


class UdpLayer:
    """The sockets of a node."""

    def __init__(self, stack: IpStack) -> None:
        self._stack = stack
        self._sockets: dict[int, UdpSocket] = {}
        self._next_ephemeral = FIRST_EPHEMERAL_PORT

    def bind(self, port: int, handler: UdpHandler, on_error: IcmpErrorHandler = _ignore_error) -> UdpSocket:
        """Take a local port, or with 0 the next free one from 1024 up. Raises PortInUse."""
        if port == 0:
            port = self._ephemeral()
        elif port in self._sockets:
            raise PortInUse(f"UDP port {port} is in use")
        socket = UdpSocket(self, port, handler, on_error)
        self._sockets[port] = socket
        return socket

    def release(self, socket: UdpSocket) -> None:
        """Forget a socket; twice does nothing."""
        if self._sockets.get(socket.port) is socket:
            del self._sockets[socket.port]

    def send(
        self,
        datagram: UdpDatagram,
        destination: int,
        *,
        source: int | None,
        ttl: int,
        df: bool,
        trace: PacketTrace | None,
    ) -> SendResult:
        """Send a datagram; the source address is chosen by route when None."""
        chosen = self._stack.source_for(destination) if source is None else source
        payload = datagram.build(chosen or 0, destination)
        return self._stack.send(destination, PROTOCOL_UDP, payload, source=chosen, ttl=ttl, df=df, trace=trace)

    def receive(self, packet: Ipv4Packet, payload: bytes, interface: IpInterface, trace: PacketTrace | None) -> None:
        """A datagram for this node."""
        try:
            datagram = UdpDatagram.parse(payload)
        except MalformedPacket as error:
            self._lost("malformed", str(error), trace)
            return
        if not checksum_is_right(payload, packet.source, packet.destination):
            self._lost("malformed", "UDP checksum is wrong", trace)
            return
        socket = self._sockets.get(datagram.destination_port)
        if socket is None:
            self._lost("closed UDP ports", f"UDP port {datagram.destination_port} is closed", trace)
            self._stack.icmp.send_unreachable(icmp.PORT_UNREACHABLE, packet, trace)
            return
        if trace is not None:
            trace.add(Delivered(f"to UDP port {datagram.destination_port}"))
        ports = (datagram.source_port, packet.destination, datagram.destination_port)
        socket.on_datagram(UdpReceived(packet.source, *ports, datagram.payload, packet.ttl, interface, trace))

    def receive_error(self, error: IcmpError) -> None:
        """An ICMP error about a datagram of this node."""
        ports = error.offending.payload[:4]
        socket = self._sockets.get(int.from_bytes(ports[:2], "big")) if len(ports) == 4 else None
        if socket is not None:
            socket.on_error(error)

    def _lost(self, counter: str, reason: str, trace: PacketTrace | None) -> None:
        self._stack.counters[counter] += 1
        if trace is not None:
            trace.add(Lost(reason))

    def _ephemeral(self) -> int:
        for _ in range(LAST_PORT - FIRST_EPHEMERAL_PORT + 1):
            port = self._next_ephemeral
            self._next_ephemeral = port + 1 if port < LAST_PORT else FIRST_EPHEMERAL_PORT
            if port not in self._sockets:
                return port
        raise PortInUse("all UDP ports are in use")
