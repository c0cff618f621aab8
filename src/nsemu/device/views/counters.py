"""Counters of interfaces, alone or summed over a zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nsemu.device.device import Device
from nsemu.device.policy_records import UNITS
from nsemu.device.views.system import local_date
from nsemu.sim.scheduler import SECOND


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


@dataclass(frozen=True, slots=True)
class RateView:
    """Octets of a policy by interval, the newest first; `end` is the local date up to which the newest goes."""

    end: datetime
    octets: tuple[int, ...]


def rate_view(device: Device, policy_id: int, unit: str) -> RateView:
    """The remembered intervals of a policy that counts."""
    length, most = UNITS[unit]
    now = device.scheduler.now // SECOND
    counts = device.records.history(policy_id).intervals[unit]
    octets = tuple(counts.get(now // length - back, 0) for back in range(most))
    return RateView(local_date(device, device.scheduler.now), octets)
