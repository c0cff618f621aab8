"""Counters of an interface: octets and packets, and the flow counters that drop reasons move."""

from __future__ import annotations

from collections import Counter

from nsemu.runtime.drop import DropReason

SCREEN_COUNTERS = frozenset(
    {
        "tear drop",
        "src route",
        "ping of death",
        "address spoof",
        "land attack",
        "icmp flood",
        "udp flood",
        "winnuke",
        "port scan",
        "ip sweep",
        "tiny frag",
        "syn frag",
        "tcp sweep",
        "udp sweep",
    }
)
"""The flow counters that attacks move (screenos-cli §1.16)."""


class InterfaceCounters:
    """What `get counter statistics` and `get counter flow` show of one interface."""

    __slots__ = ("flow", "in_bytes", "in_packets", "in_self", "in_vpn", "out_bytes", "out_packets")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Back to zero (`clear counter`)."""
        self.clear_statistics()
        self.clear_flow()

    def clear_statistics(self) -> None:
        """`clear counter statistics`: octets and packets."""
        self.in_bytes = 0
        self.in_packets = 0
        self.out_bytes = 0
        self.out_packets = 0

    def clear_flow(self) -> None:
        """`clear counter flow`: what became of packets."""
        self.in_self = 0
        self.in_vpn = 0
        self.flow: Counter[str] = Counter()

    def clear_screen(self) -> None:
        """`clear counter screen`: the attacks among the flow counters."""
        for name in SCREEN_COUNTERS & self.flow.keys():
            del self.flow[name]

    def drop(self, reason: DropReason) -> None:
        """Count a dropped packet."""
        self.flow[reason.counter] += 1
