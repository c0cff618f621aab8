"""The routing table of one virtual router: longest-prefix lookup over disjoint intervals.

A table never changes. When the configuration or the state of an interface does, `compile_tables` makes another one.
Tables by source address or ingress interface are further objects of this class; nothing here asks what the number that
is looked up means.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from operator import attrgetter

from nsemu.routing.entry import RouteEntry
from nsemu.wire.address import Prefix

_KNOWN_LIMIT = 8192


class RoutingTable:
    """All entries of one virtual router in the order of their IDs, and the lookup over the active ones."""

    __slots__ = ("_equals", "_known", "_owners", "_starts", "entries", "multipath", "name", "next_id")

    def __init__(
        self, name: str, entries: Iterable[RouteEntry] = (), next_id: int = 1, *, multipath: bool = False
    ) -> None:
        """`multipath` tells that a prefix may have several active entries."""
        self.name = name
        self.multipath = multipath
        self.entries: tuple[RouteEntry, ...] = tuple(entries)
        self.next_id = next_id
        self._starts: list[int] = []  # made at the first lookup: many tables are replaced before they have one
        self._owners: list[RouteEntry | None] = []
        self._known: dict[int, RouteEntry | None] = {}
        self._equals: dict[Prefix, tuple[RouteEntry, ...]] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def lookup(self, destination: int) -> RouteEntry | None:
        """The active entry with the longest prefix that covers `destination`, or None."""
        try:
            return self._known[destination]
        except KeyError:
            return self._search(destination)

    def equals(self, entry: RouteEntry) -> tuple[RouteEntry, ...]:
        """The active entries of the prefix of `entry`, by ID: equal-cost paths, and just itself without them."""
        if not self.multipath:
            return (entry,)
        found = self._equals.get(entry.prefix)
        if found is None:
            found = tuple(one for one in self.entries if one.active and one.prefix == entry.prefix) or (entry,)
            self._equals[entry.prefix] = found
        return found

    def entry(self, number: int) -> RouteEntry | None:
        """The entry with that ID."""
        return next((entry for entry in self.entries if entry.id == number), None)

    def explain(self, destination: int) -> tuple[tuple[RouteEntry, str], ...]:
        """Every entry that covers `destination`, in the order of preference, each with why it won or lost.

        Entries that cannot be used stand where they would be if they could: before the winner if they would beat it.
        """
        covering = sorted((entry for entry in self.entries if destination in entry.prefix), key=attrgetter("rank"))
        winner = next((entry for entry in covering if entry.usable), None)
        return tuple((entry, _reason(entry, winner)) for entry in covering)

    def _leaders(self) -> list[RouteEntry]:
        """The active entries that lookups find: of equal-cost paths the first."""
        active = [entry for entry in self.entries if entry.active]
        if not self.multipath:
            return active
        return list({entry.prefix: entry for entry in reversed(active)}.values())

    def _search(self, destination: int) -> RouteEntry | None:
        if not self._starts:
            self._starts, self._owners = _intervals(self._leaders())
        found = self._owners[bisect_right(self._starts, destination) - 1]
        if len(self._known) >= _KNOWN_LIMIT:  # a scan of the address space must not fill the memory
            self._known.clear()
        self._known[destination] = found
        return found


def _intervals(active: list[RouteEntry]) -> tuple[list[int], list[RouteEntry | None]]:
    """Disjoint intervals that cover all addresses: the first address of each, and the entry that owns it."""
    starts: list[int] = [0]
    owners: list[RouteEntry | None] = [None]

    def begin(start: int, owner: RouteEntry | None) -> None:
        if starts[-1] == start:
            owners[-1] = owner
        else:
            starts.append(start)
            owners.append(owner)

    spans = [(entry.prefix.address & entry.prefix.mask, entry.prefix.length, entry) for entry in active]
    spans.sort(key=lambda span: span[:2])  # a network comes after those that contain it
    open_: list[tuple[int, RouteEntry]] = []
    for first, length, entry in spans:
        while open_ and open_[-1][0] <= first:
            _close(open_, begin)
        begin(first, entry)
        open_.append((first + (1 << (32 - length)), entry))
    while open_:
        _close(open_, begin)
    return starts, owners


def _close(open_: list[tuple[int, RouteEntry]], begin: Callable[[int, RouteEntry | None], None]) -> None:
    """The innermost network ends: its surroundings go on."""
    end, _ = open_.pop()
    begin(end, open_[-1][1] if open_ else None)


def _reason(entry: RouteEntry, winner: RouteEntry | None) -> str:
    if entry.fault:
        return entry.fault
    if winner is None or entry is winner:
        return "longest match"
    if entry.prefix.length != winner.prefix.length:
        return f"/{entry.prefix.length} is shorter than /{winner.prefix.length}"
    if entry.preference != winner.preference:
        return f"preference {entry.preference} is not below {winner.preference}"
    if entry.metric != winner.metric:
        return f"metric {entry.metric} is not below {winner.metric}"
    return f"equal-cost path beside {winner.id}" if entry.active else f"as good as route {winner.id}, but entered later"
