"""Policy-based routing, compiled: the policy bound to an ingress interface, its zone, or its virtual router.

The policy of the interface comes before that of the zone, and that before the virtual router's. In a policy the first
rule decides whose match group has an access list with an entry that the packet fits. Of its action group the first
entry is taken that can be used now; when none can, the packet is routed as if there were no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import InterfaceKind
from nsemu.config.pbr import ActionEntry, ExtendedEntry, PbrRule, Ports
from nsemu.config.vrouter import VirtualRouter
from nsemu.routing.entry import PolicyKey, RouteEntry, RouteProtocol
from nsemu.routing.resolve import resolve
from nsemu.routing.table import RoutingTable
from nsemu.wire.address import Prefix


class RoutedFlow(NamedTuple):
    """What a packet is routed by. `interface` is the ingress interface, `zone` its zone."""

    vrouter: str
    interface: str
    zone: str
    source: int
    destination: int
    protocol: int
    ports: Ports
    tos: int = 0


class PolicyRoute(NamedTuple):
    """What a policy decided: the way as an entry, or the first of its action group and why none could be used."""

    entry: RouteEntry | None
    key: PolicyKey
    bound: str
    fault: str = ""


class _Rule(NamedTuple):
    config: PbrRule
    entries: tuple[ExtendedEntry, ...]
    actions: tuple[ActionEntry, ...]


class PolicyRouter:
    """The policies of all virtual routers and where they are bound."""

    __slots__ = ("_bound", "_config", "_rules", "_tables", "_up")

    def __init__(
        self, config: DeviceConfig, tables: Mapping[str, RoutingTable], interface_up: Callable[[str], bool]
    ) -> None:
        self._config = config
        self._tables = tables
        self._up = interface_up
        self._rules: dict[tuple[str, str], tuple[_Rule, ...]] = {
            (record.name, policy): tuple(_rules(record, policy))
            for record in config.vrouters.values()
            for policy in record.pbr.policies
        }
        self._bound: dict[tuple[str, str], tuple[str, str] | None] = {}

    def route(self, flow: RoutedFlow) -> PolicyRoute | None:
        """What the policy in force says of a flow; None when there is none or none of its rules matches."""
        bound = self._binding(flow)
        if bound is None:
            return None
        where, policy = bound
        for rule in self._rules.get((flow.vrouter, policy), ()):
            if any(fits(entry, flow) for entry in rule.entries):
                return self._act(flow, rule, where)
        return None

    def _binding(self, flow: RoutedFlow) -> tuple[str, str] | None:
        place = (flow.interface, flow.vrouter)
        if place not in self._bound:
            self._bound[place] = self._find_binding(flow)
        return self._bound[place]

    def _find_binding(self, flow: RoutedFlow) -> tuple[str, str] | None:
        config = self._config
        interface, zone = config.interfaces.get(flow.interface), config.zones.get(flow.zone)
        if interface is not None and interface.pbr is not None:
            return f"interface {interface.name}", interface.pbr
        if zone is not None and zone.pbr is not None:
            return f"zone {zone.name}", zone.pbr
        record = config.vrouters.get(flow.vrouter)
        if record is not None and record.pbr.bound is not None:
            return f"vrouter {record.name}", record.pbr.bound
        return None

    def _act(self, flow: RoutedFlow, rule: _Rule, where: str) -> PolicyRoute:
        fault = f"action group {rule.config.action_group} is empty"
        key = PolicyKey(flow.vrouter, rule.config.policy, rule.config.sequence, rule.config.action_group, 0)
        for action in rule.actions:
            key = key._replace(action=action.sequence)
            found = self._way(flow, action, key)
            if isinstance(found, RouteEntry):
                return PolicyRoute(found, key, where)
            fault = found
        return PolicyRoute(None, key, where, fault)

    def _way(self, flow: RoutedFlow, action: ActionEntry, key: PolicyKey) -> RouteEntry | str:
        """The way of an action, or why it cannot be used."""
        name = action.interface
        if name is None:
            next_hop = action.next_hop or 0
            found = resolve(self._tables, flow.vrouter, next_hop)
            if found is None or found.entry.discards or found.entry.interface is None:
                return "no route to the next hop"
            name = found.entry.interface
        record = self._config.interfaces.get(name)
        if record is None:
            return f"interface {name} does not exist"
        if record.kind is not InterfaceKind.NULL and not self._up(name):
            return f"interface {name} is down"
        return RouteEntry(
            0,
            flow.vrouter,
            Prefix(0, 0),
            name,
            action.next_hop or 0,
            None,
            RouteProtocol.STATIC,
            0,
            0,
            False,
            True,
            "",
            key,
        )


def _rules(record: VirtualRouter, policy: str) -> list[_Rule]:
    pbr = record.pbr
    rules = []
    for rule in sorted((rule for rule in pbr.rules if rule.policy == policy), key=lambda rule: rule.sequence):
        matches = sorted(
            (entry.sequence, entry.list_id) for entry in pbr.match_entries if entry.group == rule.match_group
        )
        entries = [
            entry
            for _, number in matches
            for entry in sorted(pbr.lists, key=lambda entry: entry.sequence)
            if entry.list_id == number
        ]
        actions = [action for action in pbr.action_entries if action.group == rule.action_group]
        rules.append(_Rule(rule, tuple(entries), tuple(sorted(actions, key=lambda action: action.sequence))))
    return rules


def fits(entry: ExtendedEntry, flow: RoutedFlow) -> bool:
    """Whether a flow fits an entry of an extended access list. ICMP has no ports: an entry with ports never fits."""
    if entry.source is not None and flow.source not in entry.source:
        return False
    if entry.destination is not None and flow.destination not in entry.destination:
        return False
    if entry.protocol is not None and flow.protocol != entry.protocol:
        return False
    if entry.tos is not None and flow.tos != entry.tos:
        return False
    for wanted, port in zip((entry.source_ports, entry.destination_ports), flow.ports, strict=True):
        if wanted is not None and (flow.protocol not in _WITH_PORTS or not wanted[0] <= port <= wanted[1]):
            return False
    return True


_WITH_PORTS = frozenset({6, 17})
