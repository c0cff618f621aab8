"""Which of many items cover a number: disjoint intervals, each with a bit vector of the items that cover it.

The heart of policy and service lookup. Bit `i` of a vector stands for item `i`; with items in the order of search, the
lowest bit set is the first one that matches.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""First and last number, both included."""


class RangeIndex:
    """Answers `at(number)`: the bit vector of the items that cover it."""

    __slots__ = ("_masks", "_starts")

    def __init__(self, items: Iterable[tuple[int, Iterable[Range]]]) -> None:
        """Take (item, ranges) pairs; the ranges of one item must be disjoint, as `merge` makes them."""
        flips: dict[int, int] = {0: 0}
        for item, ranges in items:
            bit = 1 << item
            for low, high in ranges:
                flips[low] = flips.get(low, 0) ^ bit
                flips[high + 1] = flips.get(high + 1, 0) ^ bit
        self._starts = sorted(flips)
        self._masks: list[int] = []
        mask = 0
        for start in self._starts:
            mask ^= flips[start]
            self._masks.append(mask)

    def at(self, number: int) -> int:
        """The items that cover `number` (not negative)."""
        return self._masks[bisect_right(self._starts, number) - 1]


class SparseIndex(RangeIndex):
    """The same where few items cover a number: their vectors are kept without the zeros below the first item."""

    __slots__ = ("_firsts",)

    def __init__(self, items: Iterable[tuple[int, Iterable[Range]]]) -> None:
        super().__init__(items)
        self._firsts = [max(0, (mask & -mask).bit_length() - 1) for mask in self._masks]
        self._masks = [mask >> first for mask, first in zip(self._masks, self._firsts, strict=True)]

    def at(self, number: int) -> int:
        """The items that cover `number` (not negative)."""
        mask, first = self.sparse_at(number)
        return mask << first

    def sparse_at(self, number: int) -> tuple[int, int]:
        """The items that cover `number`, and the first of them: bit 0 stands for that one."""
        at = bisect_right(self._starts, number) - 1
        return self._masks[at], self._firsts[at]


def merge(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same numbers in disjoint ranges that do not touch, in ascending order."""
    merged: list[Range] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Iterable[Range], last: int) -> tuple[Range, ...]:
    """The numbers from 0 to `last` that are in none of the merged `ranges`."""
    gaps: list[Range] = []
    start = 0
    for low, high in ranges:
        if low > start:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= last:
        gaps.append((start, last))
    return tuple(gaps)


def bits(mask: int) -> Iterator[int]:
    """The items of a bit vector, first one first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
