"""The end of a packet."""

from __future__ import annotations

from nsemu.flow.packet import Packet
from nsemu.flow.steps import Dropped
from nsemu.runtime.drop import DropReason


def drop(packet: Packet, stage: str, reason: DropReason, detail: str = "", subject: tuple[object, ...] = ()) -> None:
    """The only way to drop a packet: count it, and end its trace."""
    packet.ingress.counters.drop(reason)
    if packet.trace is not None:
        packet.trace.add(Dropped(stage, reason, detail, subject))
