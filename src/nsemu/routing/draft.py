"""What a routing table is made from: drafts of entries, and the ground they are judged on.

Pure. Every source of routes yields drafts; what is usable and active is decided here for all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import NamedTuple

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import InterfaceKind
from nsemu.config.vrouter import STATIC_PREFERENCE, RouteKey, StaticRoute
from nsemu.config.zone import ZoneKind
from nsemu.routing.entry import EntryKey, RouteEntry, RouteProtocol
from nsemu.routing.table import RoutingTable
from nsemu.wire.address import Prefix, format_ipv4


class Draft(NamedTuple):
    """An entry without ID and standing. The fields are those of `RouteEntry`."""

    vrouter: str
    prefix: Prefix
    interface: str | None
    gateway: int
    next_vrouter: str | None
    protocol: RouteProtocol
    preference: int
    metric: int
    permanent: bool
    fault: str
    key: EntryKey


def any_hop(_interface: str, _gateway: int) -> bool:
    """Every next hop can be reached."""
    return True


class Ground:
    """What the drafts of one compilation are judged by: where interfaces are, and which are up."""

    __slots__ = ("_hop_up", "_hops", "_interface_up", "_up", "config", "vrouter_of")

    def __init__(
        self, config: DeviceConfig, interface_up: Callable[[str], bool], hop_up: Callable[[str, int], bool] = any_hop
    ) -> None:
        self.config = config
        self._interface_up = interface_up
        self._hop_up = hop_up
        self._up: dict[str, bool] = {}
        self._hops: dict[tuple[str, int], bool] = {}
        self.vrouter_of: dict[str, str | None] = {name: interface_vrouter(config, name) for name in config.interfaces}

    def up(self, interface: str) -> bool:
        """Whether the interface is up, asked once a compilation."""
        known = self._up.get(interface)
        if known is None:
            known = self._up[interface] = self._interface_up(interface)
        return known

    def reaches(self, interface: str, gateway: int) -> bool:
        """Whether the VPN of a next hop on a tunnel interface could carry traffic; True for all other next hops."""
        if self.config.interfaces[interface].kind is not InterfaceKind.TUNNEL:
            return True
        known = self._hops.get((interface, gateway))
        if known is None:
            known = self._hops[interface, gateway] = self._hop_up(interface, gateway)
        return known

    def holds(
        self, config: DeviceConfig, interface_up: Callable[[str], bool], hop_up: Callable[[str, int], bool] = any_hop
    ) -> bool:
        """Whether tables made from this would be made the same from `config` and the states as they are now."""
        mine = self.config
        return (
            config.routes is mine.routes
            and config.interfaces is mine.interfaces
            and config.zones is mine.zones
            and config.vrouters is mine.vrouters
            and all(interface_up(name) == state for name, state in self._up.items())
            and all(hop_up(*hop) == state for hop, state in self._hops.items())
        )

    def static_preference(self, vrouter: str) -> int:
        """The preference of static routes of a virtual router."""
        record = self.config.vrouters.get(vrouter)
        return record.preference("static") if record is not None and record.preferences else STATIC_PREFERENCE

    def fault(self, interface: str, vrouter: str, permanent: bool = False) -> str:
        """Why a route of `vrouter` cannot use `interface`; "" when it can."""
        record = self.config.interfaces.get(interface)
        if record is None:
            return f"interface {interface} does not exist"
        if record.kind is InterfaceKind.NULL:
            return ""
        if self.vrouter_of[interface] != vrouter:
            return f"interface {interface} is not in {vrouter}"
        if permanent or self.up(interface):
            return ""
        return f"interface {interface} is down"


def interface_vrouter(config: DeviceConfig, interface: str) -> str | None:
    """The virtual router of the zone of an interface; None for an interface in the Null zone or unknown (B152)."""
    record = config.interfaces.get(interface)
    zone = config.zones.get(record.zone) if record is not None else None
    if zone is None or zone.kind is ZoneKind.NULL:
        return None
    return zone.vrouter


def static_draft(ground: Ground, route: StaticRoute, connected: tuple[Draft, ...]) -> Draft:
    """A static route is usable while its interface is up, whether or not its gateway is on a connected network."""
    key, prefix = route.key, route.key.prefix
    interface, fault = key.interface, ""
    if key.next_vrouter is not None:
        interface = None
    elif interface is not None:
        fault = ground.fault(interface, key.vrouter, route.permanent)
        if not fault and key.gateway and not route.permanent and not ground.reaches(interface, key.gateway):
            fault = f"VPN of next hop {format_ipv4(key.gateway)} is down"
    else:
        interface = _interface_towards(key, connected)
        if interface is None:
            fault = f"gateway {format_ipv4(key.gateway or 0)} is on no connected network"
    return Draft(
        key.vrouter,
        prefix if prefix.address & (0xFFFFFFFF >> prefix.length) == 0 else prefix.network,
        interface,
        key.gateway or route.learned_gateway,
        key.next_vrouter,
        RouteProtocol.STATIC,
        route.preference if route.preference is not None else ground.static_preference(key.vrouter),
        route.metric,
        route.permanent,
        fault,
        key,
    )


def _interface_towards(key: RouteKey, connected: tuple[Draft, ...]) -> str | None:
    """The interface on whose network the gateway of a route without interface is."""
    if key.gateway is None:
        return None
    covering = [draft for draft in connected if key.gateway in draft.prefix]
    return max(covering, key=lambda draft: draft.prefix.length).interface if covering else None


def make_table(name: str, drafts: list[Draft], previous: RoutingTable | None, paths: int = 1) -> RoutingTable:
    """The table of some drafts. Entries that were in `previous` keep their IDs; `paths` equal ones may be active."""
    old = {entry.key: entry for entry in previous.entries} if previous is not None else {}
    next_id = previous.next_id if previous is not None else 1
    numbered: list[tuple[int, Draft, RouteEntry | None]] = []
    for draft in drafts:
        known = old.get(draft.key)
        if known is None:
            numbered.append((next_id, draft, None))
            next_id += 1
        else:
            numbered.append((known.id, draft, known))
    numbered.sort(key=lambda row: row[0])
    best = _best(numbered) if paths == 1 else _equal_best(numbered, paths)
    entries = [_entry(number, draft, number in best, known) for number, draft, known in numbered]
    same_paths = previous is not None and previous.multipath == (paths > 1)
    if (
        previous is not None
        and same_paths
        and len(previous.entries) == len(entries)
        and all(map(is_, previous.entries, entries))
    ):
        return previous
    return RoutingTable(name, entries, next_id, multipath=paths > 1)


def _best(numbered: list[tuple[int, Draft, RouteEntry | None]]) -> set[int]:
    """The IDs of the best usable entries of all prefixes: preference, metric, then the one entered first."""
    ranks: dict[int, tuple[int, int, int]] = {}
    for number, draft, _ in numbered:
        if draft.fault:
            continue
        rank = (draft.preference, draft.metric, number)
        prefix = draft.prefix.address << 6 | draft.prefix.length
        known = ranks.get(prefix)
        if known is None or rank < known:
            ranks[prefix] = rank
    return {rank[2] for rank in ranks.values()}


def _equal_best(numbered: list[tuple[int, Draft, RouteEntry | None]], paths: int) -> set[int]:
    """The same, with up to `paths` entries of equal preference and metric that leave by different ways."""
    usable: dict[Prefix, list[tuple[int, int, int, Draft]]] = {}
    for number, draft, _ in numbered:
        if not draft.fault:
            usable.setdefault(draft.prefix.network, []).append((draft.preference, draft.metric, number, draft))
    best: set[int] = set()
    for rows in usable.values():
        rows.sort(key=lambda row: row[:3])
        ways: set[tuple[str | None, int, str | None]] = set()
        for preference, metric, number, draft in rows:
            way = (draft.interface, draft.gateway, draft.next_vrouter)
            if len(ways) < paths and (preference, metric) == rows[0][:2] and way not in ways:
                ways.add(way)
                best.add(number)
    return best


def _entry(number: int, draft: Draft, active: bool, known: RouteEntry | None) -> RouteEntry:
    if known is not None and known.active == active and known.fault == draft.fault and _same(known, draft):
        return known
    return RouteEntry(
        number,
        draft.vrouter,
        draft.prefix,
        draft.interface,
        draft.gateway,
        draft.next_vrouter,
        draft.protocol,
        draft.preference,
        draft.metric,
        draft.permanent,
        active,
        draft.fault,
        draft.key,
    )


def _same(known: RouteEntry, draft: Draft) -> bool:
    """Whether what can differ under one key is unchanged."""
    return (known.interface, known.gateway, known.preference, known.metric, known.permanent) == (
        draft.interface,
        draft.gateway,
        draft.preference,
        draft.metric,
        draft.permanent,
    )
