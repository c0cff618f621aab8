"""Policies that never decide, because one earlier in their list takes all that they would (`exec policy verify`).

A policy takes a product: sources × destinations × services. It lies within another, if it takes anything at all, when
each of its cells does. Services are unions of boxes (protocol, first number, second number), so what is left of a box
when others are cut out of it tells whether they cover it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nsemu.config.policy import Policy
from nsemu.config.service import PROTOCOL_ANY, ServiceEntry
from nsemu.policy.book import Book, ServiceMember
from nsemu.policy.decision import PolicyRun, Traffic
from nsemu.policy.match import PolicyCells
from nsemu.policy.ranges import Range, RangeIndex, bits
from nsemu.policy.services import ServiceIndex, spans_of

Box = tuple[Range, Range]
"""A rectangle of the two numbers of a service: source port or ICMP type, destination port or ICMP code."""


class Shadow(NamedTuple):
    """`hidden` never decides, since `by` stands before it."""

    hidden: Policy
    by: Policy


def shadows(policies: Sequence[Policy], book: Book) -> Iterator[Shadow]:
    """The hidden policies of one list in the order of search, each with the first that hides it.

    Disabled policies hide nothing and are not asked about. One with a schedule hides those of the same schedule only.
    """
    cells = [PolicyCells(PolicyRun(policy), book) for policy in policies if policy.enabled]
    sources = RangeIndex((item, cell.sources) for item, cell in enumerate(cells))
    destinations = RangeIndex((item, cell.destinations) for item, cell in enumerate(cells))
    services = ServiceIndex((item, [entry for entry, _ in cell.services]) for item, cell in enumerate(cells))
    for item, cell in enumerate(cells):
        if not (cell.sources and cell.destinations and cell.services):
            continue
        # Whoever hides the policy takes the corner of its product as well: few do.
        candidates = (
            sources.at(cell.sources[0][0])
            & destinations.at(cell.destinations[0][0])
            & services.at(_corner(cell.services[0][0]))
            & ((1 << item) - 1)
        )
        for other in bits(candidates):
            if _hides(cells[other], cell):
                yield Shadow(cell.run.policy, cells[other].run.policy)
                break


def _hides(upper: PolicyCells, lower: PolicyCells) -> bool:
    return (
        upper.run.policy.schedule in {None, lower.run.policy.schedule}
        and _within(lower.sources, upper.sources)
        and _within(lower.destinations, upper.destinations)
        and _served(lower.services, upper.services)
    )


def _within(inner: Sequence[Range], outer: Sequence[Range]) -> bool:
    """Whether merged ranges lie within others; merged ones do not touch, so each must lie within a single one."""
    return all(any(low <= first and last <= high for low, high in outer) for first, last in inner)


def _served(inner: Sequence[ServiceMember], outer: Sequence[ServiceMember]) -> bool:
    if any(entry.protocol == PROTOCOL_ANY for entry, _ in outer):
        return True
    return all(
        entry.protocol != PROTOCOL_ANY
        and not _left([spans_of(entry)], [spans_of(other) for other, _ in outer if other.protocol == entry.protocol])
        for entry, _ in inner
    )


def _left(boxes: list[Box], covers: Sequence[Box]) -> list[Box]:
    """What is left of boxes when others are cut out of them."""
    for cover in covers:
        boxes = [piece for box in boxes for piece in _cut(box, cover)]
    return boxes


def _cut(box: Box, cover: Box) -> Iterator[Box]:
    (left, right), (bottom, top) = box
    (c_left, c_right), (c_bottom, c_top) = cover
    if c_left > right or c_right < left or c_bottom > top or c_top < bottom:
        yield box
        return
    if left < c_left:
        yield (left, c_left - 1), (bottom, top)
    if right > c_right:
        yield (c_right + 1, right), (bottom, top)
    middle = (max(left, c_left), min(right, c_right))
    if bottom < c_bottom:
        yield middle, (bottom, c_bottom - 1)
    if top > c_top:
        yield middle, (c_top + 1, top)


def _corner(entry: ServiceEntry) -> Traffic:
    """Some traffic that an entry takes."""
    (first, _), (second, _) = spans_of(entry)
    return Traffic(0, 0, entry.protocol, first, second)
