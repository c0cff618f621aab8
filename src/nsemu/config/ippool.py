"""Pools of addresses for clients (`set ippool …`; Vol. 5, chapters 5 and 6)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IpPool:
    """`set ippool NAME LOW HIGH`: addresses, as ints, that clients are given while they are connected."""

    name: str
    low: int
    high: int

    def __contains__(self, address: int) -> bool:
        return self.low <= address <= self.high
