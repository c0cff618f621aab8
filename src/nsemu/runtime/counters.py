"""Counters of an interface: octets and packets, the flow counters that drop reasons move, and those of SCREEN."""

from __future__ import annotations

from collections import Counter

from nsemu.runtime.drop import DropReason


class InterfaceCounters:
    """What `get counter` shows of one interface.

    `screen` counts attacks by the words of the SCREEN option that found them, dropped or not.
    """

    __slots__ = ("flow", "in_bytes", "in_packets", "in_self", "in_vpn", "out_bytes", "out_packets", "screen")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Back to zero (`clear counter`)."""
        self.clear_statistics()
        self.clear_flow()
        self.clear_screen()

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
        """`clear counter screen`: the attacks."""
        self.screen: Counter[str] = Counter()

    def drop(self, reason: DropReason) -> None:
        """Count a dropped packet."""
        self.flow[reason.counter] += 1
