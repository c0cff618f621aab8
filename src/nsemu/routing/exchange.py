"""Routes that one virtual router gives to another: export and import rules, auto-route-export.

A route is given on by its own virtual router while it is the best of its network among the routes that are at home
there, and what was imported is given on by rules for `imported` alone. So nothing a router imports can change what it
exports, and no route comes back to a virtual router that it has been through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import InterfaceMode
from nsemu.config.route_filter import AccessEntry, RouteMapEntry, RouteRule
from nsemu.config.vrouter import UNTRUST_VR, VirtualRouter
from nsemu.routing.draft import Draft
from nsemu.routing.entry import ImportedKey, RouteProtocol
from nsemu.wire.address import Prefix

_PROTOCOLS = {
    RouteProtocol.CONNECTED: "connected",
    RouteProtocol.STATIC: "static",
    RouteProtocol.IMPORTED: "imported",
    RouteProtocol.AUTO_EXPORTED: "imported",
    RouteProtocol.RIP: "rip",
    RouteProtocol.IBGP: "bgp",
    RouteProtocol.EBGP: "bgp",
    RouteProtocol.OSPF: "ospf",
    RouteProtocol.OSPF_EXTERNAL_1: "ospf",
    RouteProtocol.OSPF_EXTERNAL_2: "ospf",
}
"""The words of `protocol` in a rule."""


class _Offer(NamedTuple):
    """A rule in force: from where, to where, the rule, and the virtual router whose route maps it names."""

    source: str
    target: str
    rule: RouteRule
    maps: VirtualRouter


def exchange(config: DeviceConfig, drafts: Mapping[str, list[Draft]]) -> None:
    """Add to the drafts of each virtual router what it gets from others."""
    offers = list(_offers(config))
    automatic = [record for record in config.vrouters.values() if _exports_by_itself(config, record)]
    if not offers and not automatic:
        return
    home = {name: _best(of_one) for name, of_one in drafts.items()}
    waiting: list[tuple[Draft, frozenset[str]]] = []
    for record in automatic:
        for draft in home[record.name]:
            if _is_public(config, draft):
                waiting.append((_imported(draft, UNTRUST_VR, config, None), frozenset({record.name, UNTRUST_VR})))
    for offer in offers:
        for draft in home[offer.source]:
            waiting += _given(config, offer, draft, frozenset({offer.source}))
    for draft, passed in _spread(config, offers, waiting):
        drafts[draft.vrouter].append(draft)
        assert draft.vrouter in passed


def _spread(
    config: DeviceConfig, offers: list[_Offer], waiting: list[tuple[Draft, frozenset[str]]]
) -> Iterator[tuple[Draft, frozenset[str]]]:
    """What is given, and what of it is given on. Of two ways to the same virtual router the first one stays."""
    known: set[object] = set()
    while waiting:
        given: list[tuple[Draft, frozenset[str]]] = []
        for draft, passed in waiting:
            root: object = draft.key
            while isinstance(root, ImportedKey):
                root = root.origin
            if (draft.vrouter, root) in known:
                continue
            known.add((draft.vrouter, root))
            yield draft, passed
            for offer in offers:
                if offer.source == draft.vrouter and offer.rule.protocol == "imported":
                    given += _given(config, offer, draft, passed)
        waiting = given


def _offers(config: DeviceConfig) -> Iterator[_Offer]:
    for record in config.vrouters.values():
        for rule in record.exports:
            if rule.vrouter in config.vrouters:
                yield _Offer(record.name, rule.vrouter, rule, record)
        for rule in record.imports:
            if rule.vrouter in config.vrouters:
                yield _Offer(rule.vrouter, record.name, rule, record)


def _exports_by_itself(config: DeviceConfig, record: VirtualRouter) -> bool:
    """Whether `auto-route-export` works: not beside rules that export to untrust-vr."""
    if not record.auto_route_export or record.name == UNTRUST_VR or UNTRUST_VR not in config.vrouters:
        return False
    return not any(rule.vrouter == UNTRUST_VR for rule in record.exports)


def _is_public(config: DeviceConfig, draft: Draft) -> bool:
    """The network of an interface in route mode."""
    record = config.interfaces.get(draft.interface or "")
    return draft.protocol is RouteProtocol.CONNECTED and record is not None and record.mode is InterfaceMode.ROUTE


def _best(drafts: list[Draft]) -> list[Draft]:
    """Of each network, the best usable route."""
    best: dict[Prefix, Draft] = {}
    for draft in drafts:
        known = best.get(draft.prefix)
        better = known is None or (draft.preference, draft.metric) < (known.preference, known.metric)
        if not draft.fault and better:
            best[draft.prefix] = draft
    return list(best.values())


def _given(
    config: DeviceConfig, offer: _Offer, draft: Draft, passed: frozenset[str]
) -> Iterator[tuple[Draft, frozenset[str]]]:
    if offer.target in passed or draft.next_vrouter == offer.target:
        return
    if _PROTOCOLS.get(draft.protocol) != offer.rule.protocol:
        return
    entry = _map_entry(offer.maps, offer.rule.route_map, draft)
    if entry is not None and entry.permit:
        yield _imported(draft, offer.target, config, entry), passed | {offer.target}


def _imported(draft: Draft, target: str, config: DeviceConfig, entry: RouteMapEntry | None) -> Draft:
    protocol = RouteProtocol.IMPORTED if entry is not None else RouteProtocol.AUTO_EXPORTED
    preference = config.vrouters[target].preference("imported" if entry is not None else "auto-exported")
    metric = draft.metric
    if entry is not None:
        preference = draft.preference if entry.preserve_preference else preference
        metric = entry.new_metric if entry.new_metric is not None else metric
    return draft._replace(
        vrouter=target,
        protocol=protocol,
        preference=preference,
        metric=metric,
        permanent=False,
        key=ImportedKey(draft.vrouter, draft.key),  # type: ignore[arg-type]
    )


def _map_entry(record: VirtualRouter, name: str, draft: Draft) -> RouteMapEntry | None:
    """The first entry of a route map that a route matches; None when it matches none, which denies it."""
    entries = sorted((entry for entry in record.route_maps if entry.name == name), key=lambda entry: entry.sequence)
    return next((entry for entry in entries if _matches(record, entry, draft)), None)


def _matches(record: VirtualRouter, entry: RouteMapEntry, draft: Draft) -> bool:
    return (
        (entry.ip is None or _passes(record.access_lists, entry.ip, draft.prefix))
        and (entry.next_hop is None or _passes(record.access_lists, entry.next_hop, Prefix(draft.gateway, 32)))
        and (entry.interface is None or entry.interface == draft.interface)
        and (entry.metric is None or entry.metric == draft.metric)
    )


def _passes(entries: tuple[AccessEntry, ...], number: int, prefix: Prefix) -> bool:
    """Whether an access list permits a network: the first entry that contains it decides, none denies."""
    mine = sorted((entry for entry in entries if entry.list_id == number), key=lambda entry: entry.sequence)
    for entry in mine:
        if prefix.length == 0 if entry.prefix is None else _contains(entry.prefix, prefix):
            return entry.permit
    return False


def _contains(outer: Prefix, inner: Prefix) -> bool:
    return outer.length <= inner.length and inner.address in outer
