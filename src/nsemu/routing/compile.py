"""From the configuration and the state of the interfaces to routing tables.

Pure: the same arguments give the same tables. Sources of routes (connected networks, static routes; later imported and
dynamic ones) each yield drafts; what is usable and active is decided here for all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from nsemu.config.device import DeviceConfig
from nsemu.config.vrouter import RouteTableKind
from nsemu.routing.draft import Draft, Ground, any_hop, interface_vrouter, make_table, static_draft
from nsemu.routing.entry import DefaultRouteKey, RouteProtocol
from nsemu.routing.exchange import exchange
from nsemu.routing.table import RoutingTable
from nsemu.wire.address import Prefix

__all__ = ["compile_tables", "interface_vrouter"]


class _Tables(dict[str, RoutingTable]):
    """Tables with what they were made from."""

    __slots__ = ("ground",)

    def __init__(self, tables: Mapping[str, RoutingTable], ground: Ground) -> None:
        super().__init__(tables)
        self.ground = ground


def compile_tables(
    config: DeviceConfig,
    interface_up: Callable[[str], bool],
    previous: Mapping[str, RoutingTable] | None = None,
    hop_up: Callable[[str, int], bool] = any_hop,
) -> dict[str, RoutingTable]:
    """The table of every virtual router.

    `interface_up(name)` says whether an interface of the configuration is up; for a tunnel interface that is the state
    of its VPN (B179), and `hop_up(interface, gateway)` says it of one of several VPNs on a tunnel interface. With
    `previous`, entries that are still there keep their IDs, and a table in which nothing changed is the same object; so
    are all tables together when nothing they depend on did.
    """
    if isinstance(previous, _Tables) and previous.ground.holds(config, interface_up, hop_up):
        return previous
    ground = Ground(config, interface_up, hop_up)
    drafts: dict[str, list[Draft]] = {name: [] for name in config.vrouters}
    for draft in _connected(ground):
        drafts[draft.vrouter].append(draft)
    connected = {name: tuple(draft for draft in of_one if not draft.fault) for name, of_one in drafts.items()}
    for draft in _defaults(ground):
        drafts[draft.vrouter].append(draft)
    for route in config.routes.values():
        if route.key.vrouter in drafts and route.key.by is RouteTableKind.DESTINATION:
            drafts[route.key.vrouter].append(static_draft(ground, route, connected[route.key.vrouter]))
    exchange(config, drafts)
    old = previous or {}
    return _Tables(
        {
            name: make_table(name, of_one, old.get(name), config.vrouters[name].max_ecmp_routes)
            for name, of_one in drafts.items()
        },
        ground,
    )


def _connected(ground: Ground) -> Iterator[Draft]:
    """The network (C) and the own address (H) of every interface with an address; of a /32 only H (B185).

    Those of an interface that is down stay in the table, inactive, as real devices list them (screenos-cli §1.6).
    """
    for name, record in ground.config.interfaces.items():
        vrouter = ground.vrouter_of[name]
        if record.address is None or vrouter is None or vrouter not in ground.config.vrouters:
            continue
        fault = ground.fault(name, vrouter)
        for protocol, prefix in _of_address(record.prefixes):
            preference = ground.config.vrouters[vrouter].preference("connected")
            key = (name, protocol, prefix)
            yield Draft(vrouter, prefix, name, 0, None, protocol, preference, 0, False, fault, key)


def _of_address(addresses: tuple[Prefix, ...]) -> Iterator[tuple[RouteProtocol, Prefix]]:
    for address in addresses:
        if address.length < 32:
            yield RouteProtocol.CONNECTED, address.network
        yield RouteProtocol.HOST, Prefix(address.address, 32)


def _defaults(ground: Ground) -> Iterator[Draft]:
    """The default routes of `add-default-route`: static ones to another virtual router."""
    for name, record in ground.config.vrouters.items():
        if record.default_vrouter is not None:
            preference = record.preference("static")
            to, key = record.default_vrouter, DefaultRouteKey(name)
            yield Draft(name, Prefix(0, 0), None, 0, to, RouteProtocol.STATIC, preference, 1, False, "", key)
