"""From the configuration and the state of the interfaces to routing tables.

Pure: the same arguments give the same tables. Sources of routes (connected networks, static routes; later imported and
dynamic ones) each yield drafts; what is usable and active is decided here for all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import is_
from typing import NamedTuple

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import InterfaceKind
from nsemu.config.vrouter import RouteKey, StaticRoute
from nsemu.config.zone import ZoneKind
from nsemu.routing.entry import EntryKey, RouteEntry, RouteProtocol
from nsemu.routing.table import RoutingTable
from nsemu.wire.address import Prefix, format_ipv4


class _Draft(NamedTuple):
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


class _Ground:
    """What the drafts of one compilation are judged by: where interfaces are, and which are up."""

    __slots__ = ("_interface_up", "_up", "config", "vrouter_of")

    def __init__(self, config: DeviceConfig, interface_up: Callable[[str], bool]) -> None:
        self.config = config
        self._interface_up = interface_up
        self._up: dict[str, bool] = {}
        self.vrouter_of: dict[str, str | None] = {name: interface_vrouter(config, name) for name in config.interfaces}

    def up(self, interface: str) -> bool:
        """Whether the interface is up, asked once a compilation."""
        known = self._up.get(interface)
        if known is None:
            known = self._up[interface] = self._interface_up(interface)
        return known

    def holds(self, config: DeviceConfig, interface_up: Callable[[str], bool]) -> bool:
        """Whether tables made from this would be made the same from `config` and the states as they are now."""
        mine = self.config
        return (
            config.routes is mine.routes
            and config.interfaces is mine.interfaces
            and config.zones is mine.zones
            and config.vrouters is mine.vrouters
            and all(interface_up(name) == state for name, state in self._up.items())
        )

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


class _Tables(dict[str, RoutingTable]):
    """Tables with what they were made from."""

    __slots__ = ("ground",)

    def __init__(self, tables: Mapping[str, RoutingTable], ground: _Ground) -> None:
        super().__init__(tables)
        self.ground = ground


def interface_vrouter(config: DeviceConfig, interface: str) -> str | None:
    """The virtual router of the zone of an interface; None for an interface in the Null zone or unknown (B152)."""
    record = config.interfaces.get(interface)
    zone = config.zones.get(record.zone) if record is not None else None
    if zone is None or zone.kind is ZoneKind.NULL:
        return None
    return zone.vrouter


def compile_tables(
    config: DeviceConfig,
    interface_up: Callable[[str], bool],
    previous: Mapping[str, RoutingTable] | None = None,
) -> dict[str, RoutingTable]:
    """The table of every virtual router.

    `interface_up(name)` says whether an interface of the configuration is up; for a tunnel interface that is the state
    of its VPN (B179). With `previous`, entries that are still there keep their IDs, and a table in which nothing
    changed is the same object; so are all tables together when nothing they depend on did.
    """
    if isinstance(previous, _Tables) and previous.ground.holds(config, interface_up):
        return previous
    ground = _Ground(config, interface_up)
    drafts: dict[str, list[_Draft]] = {name: [] for name in config.vrouters}
    for draft in _connected(ground):
        drafts[draft.vrouter].append(draft)
    connected = {name: tuple(draft for draft in of_one if not draft.fault) for name, of_one in drafts.items()}
    for route in config.routes.values():
        if route.key.vrouter in drafts:
            drafts[route.key.vrouter].append(_static(ground, route, connected[route.key.vrouter]))
    old = previous or {}
    return _Tables({name: _table(name, of_one, old.get(name)) for name, of_one in drafts.items()}, ground)


def _connected(ground: _Ground) -> Iterator[_Draft]:
    """The network (C) and the own address (H) of every interface with an address; of a /32 only H (B185).

    Those of an interface that is down stay in the table, inactive, as real devices list them (screenos-cli §1.6).
    """
    for name, record in ground.config.interfaces.items():
        vrouter = ground.vrouter_of[name]
        if record.address is None or vrouter is None or vrouter not in ground.config.vrouters:
            continue
        fault = ground.fault(name, vrouter)
        networks = [(RouteProtocol.CONNECTED, record.address.network)] if record.address.length < 32 else []
        for protocol, prefix in (*networks, (RouteProtocol.HOST, Prefix(record.address.address, 32))):
            yield _Draft(vrouter, prefix, name, 0, None, protocol, 0, 0, False, fault, (name, protocol, prefix))


def _static(ground: _Ground, route: StaticRoute, connected: tuple[_Draft, ...]) -> _Draft:
    """A static route is usable while its interface is up, whether or not its gateway is on a connected network."""
    key, prefix = route.key, route.key.prefix
    interface, fault = key.interface, ""
    if key.next_vrouter is not None:
        interface = None
    elif interface is not None:
        fault = ground.fault(interface, key.vrouter, route.permanent)
    else:
        interface = _interface_towards(key, connected)
        if interface is None:
            fault = f"gateway {format_ipv4(key.gateway or 0)} is on no connected network"
    return _Draft(
        key.vrouter,
        prefix if prefix.address & (0xFFFFFFFF >> prefix.length) == 0 else prefix.network,
        interface,
        key.gateway or 0,
        key.next_vrouter,
        RouteProtocol.STATIC,
        route.preference,
        route.metric,
        route.permanent,
        fault,
        key,
    )


def _interface_towards(key: RouteKey, connected: tuple[_Draft, ...]) -> str | None:
    """The interface on whose network the gateway of a route without interface is."""
    if key.gateway is None:
        return None
    covering = [draft for draft in connected if key.gateway in draft.prefix]
    return max(covering, key=lambda draft: draft.prefix.length).interface if covering else None


def _table(name: str, drafts: list[_Draft], previous: RoutingTable | None) -> RoutingTable:
    old = {entry.key: entry for entry in previous.entries} if previous is not None else {}
    next_id = previous.next_id if previous is not None else 1
    numbered: list[tuple[int, _Draft, RouteEntry | None]] = []
    for draft in drafts:
        known = old.get(draft.key)
        if known is None:
            numbered.append((next_id, draft, None))
            next_id += 1
        else:
            numbered.append((known.id, draft, known))
    numbered.sort(key=lambda row: row[0])
    best = _best(numbered)
    entries = [_entry(number, draft, number in best, known) for number, draft, known in numbered]
    if previous is not None and len(previous.entries) == len(entries) and all(map(is_, previous.entries, entries)):
        return previous
    return RoutingTable(name, entries, next_id)


def _best(numbered: list[tuple[int, _Draft, RouteEntry | None]]) -> set[int]:
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


def _entry(number: int, draft: _Draft, active: bool, known: RouteEntry | None) -> RouteEntry:
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


def _same(known: RouteEntry, draft: _Draft) -> bool:
    """Whether what can differ under one key is unchanged."""
    return (known.interface, known.preference, known.metric, known.permanent) == (
        draft.interface,
        draft.preference,
        draft.metric,
        draft.permanent,
    )
