"""TFTP from the device itself: one transfer at a time for a command, over the device's own routing (RFC 1350).

Moves datagrams between a `runtime.tftp` engine and the flow, and keeps its timer; knows nothing of files or consoles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nsemu.config.vrouter import TRUST_VR
from nsemu.flow.originate import egress_towards
from nsemu.runtime.tftp import TftpReceiver, TftpSender
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import Timer
from nsemu.sim.wait import Wait
from nsemu.wire.ipv4 import PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.tftp import PORT, ErrorCode, error
from nsemu.wire.udp import UdpDatagram

if TYPE_CHECKING:
    from nsemu.device.device import Device

FIRST_PORT: Final = 2048
LAST_PORT: Final = 49151


class DeviceTftp:
    """One transfer with a server. Use as a context manager, so that its port is given back."""

    def __init__(self, device: Device, server: int, engine: TftpReceiver | TftpSender) -> None:
        self._device = device
        self._state = device.state
        self._server = server
        self._engine = engine
        self._peer_port = PORT
        self._timer: Timer | None = None
        self._vrouter = self._routing_vrouter()
        self._port = self._free_port()

    def __enter__(self) -> DeviceTftp:
        self._state.udp_handlers[self._port] = self._receive
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._state.udp_handlers.get(self._port) == self._receive:
            del self._state.udp_handlers[self._port]
        if self._timer is not None:
            self._timer.cancel()

    def run(self) -> Iterator[Wait]:
        """Yields waits until the transfer is done; `runtime.tftp` says how it went."""
        self._turn()
        while not self._engine.done:
            deadline = self._engine.next_deadline() or 0
            yield Wait(deadline, lambda: self._engine.done)

    def _receive(
        self, payload: bytes, source: tuple[int, int], destination: tuple[int, int], trace: PacketTrace | None
    ) -> None:
        del destination, trace
        address, port = source
        if address != self._server:
            return
        if self._peer_port == PORT:
            self._peer_port = port  # RFC 1350 §4: the server's own identifier of the transfer
        if port != self._peer_port:
            self._send(error(ErrorCode.UNKNOWN_TRANSFER, "Unknown transfer ID").build(), port)
            return
        self._engine.receive(payload, self._device.scheduler.now)
        self._turn()

    def _turn(self) -> None:
        for octets in self._engine.datagrams_to_send():
            self._send(octets, self._peer_port)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._engine.next_deadline()
        if deadline is not None:
            self._timer = self._device.scheduler.at(deadline, self._expire)

    def _expire(self) -> None:
        self._engine.handle_timer(self._device.scheduler.now)
        self._turn()

    def _send(self, octets: bytes, port: int) -> None:
        state, source = self._state, self._own_address()
        payload = UdpDatagram(self._port, port, octets).build(source, self._server)
        packet = Ipv4Packet(source, self._server, PROTOCOL_UDP, payload, identification=state.next_identification())
        self._device.originate(packet, self._vrouter)

    def _routing_vrouter(self) -> str:
        vrouters = [TRUST_VR, *self._state.config.vrouters]
        return next(
            (name for name in vrouters if egress_towards(self._state, name, self._server) is not None), TRUST_VR
        )

    def _own_address(self) -> int:
        """The address of the egress interface; of the outgoing one for a tunnel without address."""
        egress = egress_towards(self._state, self._vrouter, self._server)
        if egress is None or egress.address:
            return egress.address if egress is not None else 0
        paths = (self._state.paths[number] for number in egress.tunnel_ids if number in self._state.paths)
        return next((path.outgoing.address for path in paths), 0)

    def _free_port(self) -> int:
        taken = self._state.udp_handlers
        return next(port for port in range(FIRST_PORT, LAST_PORT) if port not in taken)
