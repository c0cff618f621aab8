"""ICMP echo from the device itself, one request at a time: what `ping` and `trace-route` share (RFC 792).

Sends through the device's own routing, into tunnels as well. Holds no clock: instants come from the device's scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from nsemu.config.vrouter import TRUST_VR
from nsemu.flow.originate import egress_towards
from nsemu.flow.packet import Packet
from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import Duration, Instant
from nsemu.wire import icmp
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet

if TYPE_CHECKING:
    from nsemu.device.device import Device

DEFAULT_TTL: Final = 64


class Fate(Enum):
    """What became of a request that something answered."""

    REPLY = "reply"
    UNREACHABLE = "unreachable"
    TTL_EXCEEDED = "ttl exceeded"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its kind, who sent it, the round trip in nanoseconds."""

    fate: Fate
    source: int
    rtt: Duration


_ERRORS: Final = {icmp.DESTINATION_UNREACHABLE: Fate.UNREACHABLE, icmp.TIME_EXCEEDED: Fate.TTL_EXCEEDED}


class EchoProber:
    """Sends requests to one destination; use as a context manager, so that answers are listened to and no longer.

    `interface` gives the source address and the virtual router; without it the route decides, first in trust-vr.
    """

    def __init__(self, device: Device, destination: int, time_out: Duration, interface: RunInterface | None) -> None:
        self._device = device
        self._destination = destination
        self._time_out = time_out
        self._vrouter = interface.vrouter if interface is not None else self._routing_vrouter()
        self._source = interface.address if interface is not None else self._own_address()
        self._identifier = 0
        self._sequence = 0
        self._sent_at: Instant = 0
        self.answer: Answer | None = None

    def __enter__(self) -> EchoProber:
        self._identifier = self._device.state.next_identification()
        self._device.state.echo_handlers.append(self._take)
        return self

    def __exit__(self, *_exception: object) -> None:
        handlers = self._device.state.echo_handlers
        if self._take in handlers:
            handlers.remove(self._take)

    @property
    def deadline(self) -> Instant:
        """When the last request counts as lost."""
        return self._sent_at + self._time_out

    def answered(self) -> bool:
        """Whether the last request was answered."""
        return self.answer is not None

    def send(self, size: int, ttl: int = DEFAULT_TTL) -> bool:
        """Send the next request with `size` octets of data; whether it left.

        One that could not leave (no route; or no SA yet, which triggers IKE) will have no answer.
        """
        state = self._device.state
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._sent_at = self._device.scheduler.now
        self.answer = None
        if self._destination in state.local_addresses:
            self.answer = Answer(Fate.REPLY, self._destination, 0)
            return True
        data = bytes(index & 0xFF for index in range(size))
        request = icmp.echo_request(self._identifier, self._sequence, data).build()
        packet = Ipv4Packet(
            self._source, self._destination, PROTOCOL_ICMP, request, ttl, identification=state.next_identification()
        )
        return self._device.originate(packet, self._vrouter)

    def _routing_vrouter(self) -> str:
        state = self._device.state
        vrouters = [TRUST_VR, *state.config.vrouters]
        found = (name for name in vrouters if egress_towards(state, name, self._destination) is not None)
        return next(found, TRUST_VR)

    def _own_address(self) -> int:
        """The address of the egress interface; of the outgoing one for a tunnel without address."""
        state = self._device.state
        egress = egress_towards(state, self._vrouter, self._destination)
        if egress is None or egress.address:
            return egress.source_towards(self._destination) if egress is not None else 0
        paths = (state.paths[number] for number in egress.tunnel_ids if number in state.paths)
        return next((path.outgoing.address for path in paths), 0)

    def _take(self, packet: Packet) -> bool:
        """An ICMP message for the device: whether it answers the last request."""
        try:
            message = icmp.IcmpMessage.parse(packet.data[packet.header_length :])
            fate = self._fate(message)
        except MalformedPacket:
            return False
        if fate is None or (fate is Fate.REPLY and packet.source != self._destination):
            return False
        if self.answer is None:
            self.answer = Answer(fate, packet.source, self._device.scheduler.now - self._sent_at)
        return True

    def _fate(self, message: icmp.IcmpMessage) -> Fate | None:
        about = message
        fate: Fate | None = Fate.REPLY if message.type == icmp.ECHO_REPLY else _ERRORS.get(message.type)
        if message.is_error:
            quoted = Ipv4Packet.parse_quote(message.payload)
            if quoted.destination != self._destination or quoted.protocol != PROTOCOL_ICMP:
                return None
            about = icmp.IcmpMessage.parse_quote(quoted.payload)
        return fate if (about.identifier, about.sequence) == (self._identifier, self._sequence) else None
