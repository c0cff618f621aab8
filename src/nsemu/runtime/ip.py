"""What whoever sends IPv4 packets tells the protocols above: the outcome of a send, an ICMP error that came back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nsemu.runtime.trace import PacketTrace
from nsemu.wire.icmp import IcmpMessage
from nsemu.wire.ipv4 import Ipv4Packet


class SendResult(Enum):
    """What became of a packet at the moment of sending."""

    SENT = "sent"
    """Handed to an interface (or waits for ARP)."""
    NO_ROUTE = "network is unreachable"
    """No active route."""
    TOO_LARGE = "message too long"
    """DF is set and the packet is larger than the path MTU that is known, or no packet can be so long."""


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An error about a packet that this node sent. `offending` is that packet, its payload cut to 8 octets or more."""

    reporter: int
    message: IcmpMessage
    offending: Ipv4Packet
    trace: PacketTrace | None
