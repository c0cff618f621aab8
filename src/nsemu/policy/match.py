"""The compiled policy list of one zone pair: the first policy that matches, found in nearly constant time.

For each dimension (source, destination, both service numbers) an index gives the bit vector of the policies that take
the number; their conjunction leaves candidates, and the lowest bit is the first in the order of search. Candidates are
verified, since a service pairs its port ranges. Policies added at the end wait in a short tail that is searched one by
one, so that adding to a long list does not compile it again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from nsemu.config.address import DIALUP_VPN
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.service import Service
from nsemu.policy.book import Book, ServiceMember
from nsemu.policy.decision import Match, PolicyRun, Traffic
from nsemu.policy.ranges import Range, SparseIndex, bits
from nsemu.policy.services import ServiceIndex, entry_matches
from nsemu.wire.address import BROADCAST_ADDRESS

_TAIL_LIMIT = 32
_ANYWHERE: tuple[Range, ...] = ((0, BROADCAST_ADDRESS),)


class PolicyCells:
    """What one policy takes, its names resolved."""

    __slots__ = ("destinations", "from_client", "run", "services", "sources", "to_client")

    def __init__(self, run: PolicyRun, book: Book) -> None:
        policy = run.policy
        self.run = run
        self.sources, self.destinations = address_cells(policy, book)
        self.services: tuple[ServiceMember, ...] = book.services(policy.services)
        tunnels = policy.action is PolicyAction.TUNNEL
        self.from_client = tunnels and DIALUP_VPN in policy.sources and not policy.source_negate
        self.to_client = tunnels and DIALUP_VPN in policy.destinations and not policy.destination_negate

    def takes_source(self, traffic: Traffic) -> bool:
        """Whether the source is one of the policy's: an address, or a dialup client of its VPN."""
        if self.from_client and self.run.id in traffic.callers:
            return True
        return covers(self.sources, traffic.source)

    def takes_destination(self, traffic: Traffic) -> bool:
        """The same of the destination."""
        if self.to_client and self.run.id in traffic.callees:
            return True
        return covers(self.destinations, traffic.destination)

    @property
    def indexed(self) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
        """Source and destination for an index: a dialup client may have any address, which `takes_…` verify."""
        return (
            _ANYWHERE if self.from_client else self.sources,
            _ANYWHERE if self.to_client else self.destinations,
        )

    def service_for(self, traffic: Traffic) -> Service | None:
        """The first service of the policy that matches."""
        for entry, service in self.services:
            if entry_matches(entry, traffic):
                return service
        return None

    def match(self, traffic: Traffic) -> Match | None:
        """Whether the policy matches, all of it, without an index."""
        if self.takes_source(traffic) and self.takes_destination(traffic):
            service = self.service_for(traffic)
            if service is not None:
                return Match(self.run, service)
        return None


class PolicyIndex:
    """The bit vectors of a sequence of policies."""

    __slots__ = ("_destinations", "_services", "_sources", "cells")

    def __init__(self, cells: Sequence[PolicyCells]) -> None:
        self.cells = cells
        self._sources = SparseIndex((item, cell.indexed[0]) for item, cell in enumerate(cells))
        self._destinations = SparseIndex((item, cell.indexed[1]) for item, cell in enumerate(cells))
        self._services = ServiceIndex((item, [entry for entry, _ in cell.services]) for item, cell in enumerate(cells))

    def match(self, traffic: Traffic) -> Match | None:
        """The first policy that matches."""
        candidates, first = self._sources.sparse_at(traffic.source)
        others, base = self._destinations.sparse_at(traffic.destination)
        if base > first:
            candidates, first = candidates >> base - first, base
        candidates &= others >> first - base
        if candidates > 1:  # of one alone the services are soon seen
            candidates &= self._services.at(traffic) >> first
        for item in bits(candidates):
            cell = self.cells[first + item]
            if (cell.from_client or cell.to_client) and not _is_for_client(cell, traffic):
                continue
            service = cell.service_for(traffic)
            if service is not None:
                return Match(cell.run, service)
        return None


class PolicyList:
    """The policies of one zone pair in the order of search; those out of use are listed in `runs` and never match."""

    __slots__ = ("_index", "_tail", "book", "runs")

    def __init__(self, runs: tuple[PolicyRun, ...], book: Book, extends: PolicyList | None = None) -> None:
        """Compile `runs` by the names in `book`; `extends` is a list of the same book that `runs` begins with."""
        self.runs = runs
        self.book = book
        self._index: PolicyIndex
        self._tail: list[PolicyCells]
        known = len(extends.runs) if extends is not None else 0
        fresh = [PolicyCells(run, book) for run in runs[known:] if run.active]
        if extends is not None and len(extends._tail) + len(fresh) <= _TAIL_LIMIT:
            self._index, self._tail = extends._index, [*extends._tail, *fresh]
        else:
            before = [*extends._index.cells, *extends._tail] if extends is not None else []
            self._index, self._tail = PolicyIndex(before + fresh), []

    def match(self, traffic: Traffic) -> Match | None:
        """The first active policy that matches, with the first of its services that does."""
        found = self._index.match(traffic)
        if found is None:
            for cell in self._tail:
                found = cell.match(traffic)
                if found is not None:
                    break
        return found


def _is_for_client(cell: PolicyCells, traffic: Traffic) -> bool:
    return cell.takes_source(traffic) and cell.takes_destination(traffic)


def address_cells(policy: Policy, book: Book) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
    """Source and destination of a policy as ranges; names are those of the books of its two zones."""
    return (
        book.addresses(policy.from_zone, policy.sources, policy.source_negate),
        book.addresses(policy.to_zone, policy.destinations, policy.destination_negate),
    )


def covers(ranges: Sequence[Range], number: int) -> bool:
    """Whether one of the merged `ranges` holds `number`."""
    at = bisect_left(ranges, (number + 1,)) - 1
    return at >= 0 and number <= ranges[at][1]
