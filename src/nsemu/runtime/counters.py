"""Counters of an interface: octets and packets, and the flow counters that drop reasons move."""

from __future__ import annotations

from collections import Counter

from nsemu.runtime.drop import DropReason


class InterfaceCounters:
    """What `get counter statistics` and `get counter flow` show of one interface."""

    __slots__ = ("flow", "in_bytes", "in_packets", "in_self", "in_vpn", "out_bytes", "out_packets")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Back to zero (`clear counter`)."""
        self.in_bytes = 0
        self.in_packets = 0
        self.out_bytes = 0
        self.out_packets = 0
        self.in_self = 0
        self.in_vpn = 0
        self.flow: Counter[str] = Counter()

    def drop(self, reason: DropReason) -> None:
        """Count a dropped packet."""
        self.flow[reason.counter] += 1
