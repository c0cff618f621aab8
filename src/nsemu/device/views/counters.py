"""Counters of interfaces, alone or summed over a zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from nsemu.device.device import Device


@dataclass(frozen=True, slots=True)
class CounterView:
    """Octets and packets, and the flow counters that moved, by the names of `get counter flow`.

    `screen` are attacks by the words of the SCREEN option that found them.
    """

    in_bytes: int
    in_packets: int
    out_bytes: int
    out_packets: int
    flow: Mapping[str, int]
    screen: Mapping[str, int]


def counter_view(device: Device, interfaces: tuple[str, ...]) -> CounterView:
    """The counters of some interfaces, summed; names that do not exist count nothing."""
    found = [device.interfaces.items[name].counters for name in interfaces if name in device.interfaces.items]
    flow: Counter[str] = Counter()
    screen: Counter[str] = Counter()
    for counters in found:
        flow.update(counters.flow)
        screen.update(counters.screen)
        flow["in self"] += counters.in_self
        flow["in vpn"] += counters.in_vpn
    return CounterView(
        sum(counters.in_bytes for counters in found),
        sum(counters.in_packets for counters in found),
        sum(counters.out_bytes for counters in found),
        sum(counters.out_packets for counters in found),
        flow,
        screen,
    )
