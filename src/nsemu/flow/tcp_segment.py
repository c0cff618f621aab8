"""TCP segments that the device puts into a session in the name of one of its ends."""

from __future__ import annotations

from typing import Final

from nsemu.flow.packet import TCP, Packet
from nsemu.flow.session import Wing
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.tcp import TcpSegment

_MASK: Final = 0xFFFFFFFF


def segment_on(wing: Wing, numbers: tuple[int, int], flags: int, window: int, payload: bytes = b"") -> Packet:
    """A segment as it would come in on a wing: (sequence, acknowledgment) are those of its sender."""
    source, destination, source_port, destination_port = wing.flow
    sequence, acknowledgment = numbers[0] & _MASK, numbers[1] & _MASK
    segment = TcpSegment(source_port, destination_port, sequence, acknowledgment, flags, window, payload=payload)
    data = Ipv4Packet(source, destination, TCP, segment.build(source, destination), ttl=64, df=True).build()
    packet = Packet(data, wing.ingress, wing.tunnel_in, None)
    packet.parse()
    return packet
