"""Which node stands in which row, and in which order: the first half of a layered drawing (Sugiyama's method).

Links run from a row to the next one; a longer link passes through a `Stop` in every row between. Rows are ordered by
the barycentre rule, and the order with the fewest crossings is kept. The result depends on the figure alone.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nsemu.lab.drawing.figure import Figure, components

_SWEEPS: Final = 12


@dataclass(slots=True, eq=False)
class Item:
    """Something in a row: a node, or (name None) a stop of a link that goes on to the next row."""

    name: str | None
    row: int
    above: list[Segment] = field(default_factory=list)
    below: list[Segment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Segment:
    """The part of a link between two neighbouring rows."""

    link: int
    upper: Item
    lower: Item


Rows = list[list[Item]]


def rows_of(figure: Figure) -> Rows:
    """The rows from top to bottom, each ordered from left to right."""
    rows: Rows = []
    for _, members in components(figure):
        part = _ordered(_rows(figure, members))
        for index, row in enumerate(part):
            if index == len(rows):
                rows.append([])
            rows[index].extend(row)
    _order_segments(rows)
    return rows


def _rows(figure: Figure, members: Sequence[str]) -> Rows:
    rank = {name: index for index, name in enumerate(members)}
    links = [index for index, link in enumerate(figure.links) if link.ends[0].node in rank]
    directed = [sorted(rank[end.node] for end in figure.links[index].ends) for index in links]
    depth = _depths(len(members), directed)
    items = [Item(name, depth[index]) for index, name in enumerate(members)]
    rows: Rows = [[] for _ in range(max(depth) + 1)]
    for item in items:
        rows[item.row].append(item)
    for index, (start, end) in zip(links, directed, strict=True):
        _connect(rows, index, items[start], items[end])
    return rows


def _depths(count: int, directed: Sequence[Sequence[int]]) -> list[int]:
    """Longest way from the first node, so that every link leads downwards. Links point from low to high rank."""
    above: list[list[int]] = [[] for _ in range(count)]
    for start, end in directed:
        above[end].append(start)
    depth = [0] * count
    for node in range(count):
        depth[node] = max((depth[start] + 1 for start in above[node]), default=0)
    return depth


def _connect(rows: Rows, link: int, upper: Item, lower: Item) -> None:
    while upper.row + 1 < lower.row:
        stop = Item(None, upper.row + 1)
        rows[stop.row].append(stop)
        _join(link, upper, stop)
        upper = stop
    _join(link, upper, lower)


def _join(link: int, upper: Item, lower: Item) -> None:
    segment = Segment(link, upper, lower)
    upper.below.append(segment)
    lower.above.append(segment)


def _ordered(rows: Rows) -> Rows:
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        _sweep(rows, down=sweep % 2 == 0)
        count = _crossings(rows)
        if count < fewest:
            best, fewest = [list(row) for row in rows], count
    return best


def _sweep(rows: Rows, *, down: bool) -> None:
    for row in rows[1:] if down else reversed(rows[:-1]):
        place = _places(rows)
        barycentre: dict[Item, float] = {}
        for index, item in enumerate(row):
            others = [place[s.upper] for s in item.above] if down else [place[s.lower] for s in item.below]
            barycentre[item] = sum(others) / len(others) if others else float(index)
        row.sort(key=barycentre.__getitem__)


def _places(rows: Rows) -> Mapping[Item, int]:
    return {item: index for row in rows for index, item in enumerate(row)}


def _crossings(rows: Rows) -> int:
    place = _places(rows)
    total = 0
    for row in rows:
        ends = sorted((place[segment.upper], place[segment.lower]) for item in row for segment in item.below)
        seen: list[int] = []
        for _, end in ends:
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


def _order_segments(rows: Rows) -> None:
    """Let the links of a node leave it in the order of what they lead to."""
    place = _places(rows)
    for row in rows:
        for item in row:
            item.below.sort(key=lambda segment: (place[segment.lower], segment.link))
            item.above.sort(key=lambda segment: (place[segment.upper], segment.link))
