"""Deriving the run-time tables of a device from its configuration: tunnels, routes, policies, own addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nsemu.config.arp import arp_settings
from nsemu.config.device import DeviceConfig
from nsemu.config.ike import IdMode
from nsemu.config.interface import WebAuth
from nsemu.device.dns import DnsClient
from nsemu.device.interfaces import InterfaceSet
from nsemu.device.l2tp import policies_of_call
from nsemu.device.translation import compile_translation
from nsemu.device.tunnels import (
    Selector,
    TunnelPlan,
    client_plan,
    gateway_parameters,
    local_address,
    manual_parameters,
    nat_variants,
    plan_tunnels,
    tunnel_parameters,
    vpns_of_policy,
)
from nsemu.device.vpn_monitor import VpnMonitors
from nsemu.flow.clients import ClientTable
from nsemu.flow.nhtb import bound_tunnel, forget_hops, has_entry
from nsemu.flow.screening import configure as configure_screening
from nsemu.flow.state import FlowState
from nsemu.flow.tunnels import TunnelPath
from nsemu.ike.engine import IkeEngine
from nsemu.ike.parameters import DialupTunnel
from nsemu.ipsec.sa import SaParameters
from nsemu.ipsec.tunnel import Tunnel
from nsemu.policy.table import PolicyTable, compile_policies
from nsemu.routing.compile import compile_tables
from nsemu.routing.selection import compile_selection
from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import Instant
from nsemu.wire.address import Prefix

_MOST_OF_ONE_ADDRESS = 8
"""Phase 1 negotiations that one address may have begun under `set ike dos-protection`."""

_POINT_TO_POINT = 31
"""From this prefix length on a network has no broadcast address (RFC 3021)."""


class Compiler:
    """Keeps the derived tables of one device; `plans` are its tunnels by ID, `manual` the SAs with manual keys.

    `closed` are the schedules that are not open now. `manual_keys` are all inbound SAs of that kind that there have
    been, for captures.
    """

    def __init__(self, state: FlowState, interfaces: InterfaceSet, names: DnsClient, monitors: VpnMonitors) -> None:
        self._state = state
        self._interfaces = interfaces
        self._names = names
        self._monitors = monitors
        self._names_seen = names.version
        self.closed: frozenset[str] = frozenset()
        self._closed_seen = self.closed
        self.plans: dict[int, TunnelPlan] = {}
        self.manual: dict[int, tuple[SaParameters, SaParameters]] = {}
        self.manual_keys: list[SaParameters] = []

    def apply(self, config: DeviceConfig, now: Instant) -> None:
        """Bring everything in step with a new configuration. Cannot fail: the configuration has been checked."""
        state = self._state
        old = state.config
        state.config = config
        state.sessions.alarm_at = _session_alarm(config)
        self._interfaces.synchronise(config)
        state.interfaces = self._interfaces.items
        state.bridge.configure(state.interfaces)
        _compile_addresses(state)
        state.neighbors.configure(arp_settings(config), state.interfaces)
        compile_translation(state, config)
        self._tunnels(config)
        self._install_manual(now)
        self._monitors.configure(config, self.plans)
        if old.policies is not config.policies or not state.generation or self._policy_inputs_changed(old):
            self._compile_policies(state.policies if state.generation else None)
        self.refresh_routes(now)
        configure_screening(state)
        for interface in state.interfaces.values():
            if (
                interface.name in old.interfaces
                and old.interfaces[interface.name].prefixes != interface.config.prefixes
            ):
                state.neighbors.forget(interface)

    def follow_schedules(self) -> None:
        """A schedule opened or closed: its policies come into the lookup or leave it; sessions are decided anew."""
        self._compile_policies(self._state.policies)
        self._state.generation += 1

    def _compile_policies(self, known: PolicyTable | None) -> None:
        state = self._state
        state.policies = compile_policies(state.config, known, self._names.lookup, self.closed)
        state.services = state.policies.services
        self._names_seen, self._closed_seen = self._names.version, self.closed

    def _policy_inputs_changed(self, old: DeviceConfig) -> bool:
        if self.closed != self._closed_seen:
            return True
        return self._names.version != self._names_seen or _policy_tables_changed(old, self._state.config)

    def refresh_routes(self, now: Instant) -> None:
        """Decide which interfaces are up and which routes are active; sessions are decided anew."""
        state = self._state
        self._interfaces.settle(state.config, self._usable, now)
        state.routes = compile_tables(state.config, self._is_up, state.routes, self._hop_is_up)
        state.selection = compile_selection(state.config, state.routes, self._is_up, state.selection)
        state.generation += 1

    def configure_ike(self, engine: IkeEngine, now: Instant) -> None:
        """Tell the engine its gateways and tunnels."""
        config = self._state.config
        gateways = {}
        for gateway in config.gateways.values():
            outgoing = self._state.interfaces.get(gateway.outgoing_interface)
            own = outgoing.address if outgoing is not None else 0
            local = local_address(gateway, {gateway.outgoing_interface: own})
            parameters = gateway_parameters(config, gateway, local, self._names.lookup)
            if parameters is not None and parameters.proposals:
                gateways[gateway.name] = parameters
        tunnels = {
            identifier: tunnel_parameters(identifier, plan, self._hop(identifier))
            for identifier, plan in self.plans.items()
            if plan.settings.gateway in gateways and plan.proposals and not plan.caller
        }
        for identifier, path in self._state.paths.items():
            path.negotiable = identifier in tunnels or (path.inner is not None and path.link is None)
        engine.settings = replace(
            engine.settings,
            respond_bad_spi=config.ike.respond_bad_spi,
            soft_lifetime_buffer=config.ike.soft_lifetime_buffer,
            nat_variants=nat_variants(config.platform.release),
            accept_all_proposals=config.ike.accept_all_proposals,
            send_proxy_ids=config.ike.id_mode is IdMode.SUBNET,
            check_proxy_ids=config.ike.policy_checking and config.ike.id_mode is IdMode.SUBNET,
            initiator_commit=config.ike.initiator_commit,
            responder_commit=config.ike.responder_commit,
            hide_identities=config.ike.ikeid_enumeration,
            half_open_of_one=_MOST_OF_ONE_ADDRESS if config.ike.dos_protection else 0,
        )
        engine.configure(gateways, tunnels, now)

    def _hop(self, identifier: int) -> int:
        """The address of the tunnel interface that a tunnel is bound to (B335); 0 for an unnumbered one."""
        path = self._state.paths.get(identifier)
        numbered = path is not None and path.bound is not None and path.bound.config.address is not None
        return path.bound.address if path is not None and path.bound is not None and numbered else 0

    def _is_up(self, name: str) -> bool:
        interface = self._interfaces.items.get(name)
        return interface is not None and interface.up

    def _hop_is_up(self, name: str, gateway: int) -> bool:
        """Whether the VPN to which a next hop is bound is usable; a next hop without binding always is."""
        interface = self._interfaces.items.get(name)
        if interface is None or not has_entry(self._state, name, gateway):
            return True
        path = bound_tunnel(self._state, interface, gateway)
        return path is not None and self._usable(path.identifier)

    def _usable(self, identifier: int) -> bool:
        path = self._state.paths.get(identifier)
        outgoing = path.outgoing if path is not None else None
        reachable = outgoing is not None and outgoing.carrier and outgoing.name not in self._interfaces.held_down
        return reachable and self._monitors.usable(identifier)

    def _tunnels(self, config: DeviceConfig) -> None:
        state = self._state
        addresses = {name: interface.address for name, interface in state.interfaces.items()}
        planned = plan_tunnels(config, addresses, self._names.lookup)
        planned += self._client_plans({(plan.vpn, plan.selector): plan for plan in planned if plan.dialup})
        plans = {plan.key: plan for plan in planned}
        existing = {plan.key: identifier for identifier, plan in self.plans.items()}
        for key, identifier in existing.items():
            plan = plans.get(key)
            number_changed = plan is not None and plan.number is not None and plan.number != identifier
            if plan is None or number_changed or plan.settings.outgoing_interface not in state.interfaces:
                state.database.remove_tunnel(state.database.tunnels[identifier])
                del self.plans[identifier]
        self._make_room(plans.values())
        # Those with a number of their own come first, so that no other takes it.
        for plan in sorted(plans.values(), key=lambda plan: plan.number is None):
            if plan.settings.outgoing_interface in state.interfaces:
                known = existing.get(plan.key, 0)
                kept = known in self.plans and self.plans[known].key == plan.key
                tunnel = self._tunnel(known if kept else None, plan)
                self.plans[tunnel.identifier] = plan
        self._paths()

    def _make_room(self, plans: Iterable[TunnelPlan]) -> None:
        """Take out the tunnels whose number is now another's."""
        given = {plan.number: plan.key for plan in plans if plan.number is not None}
        for number, key in given.items():
            holder = self.plans.get(number)
            if holder is not None and holder.key != key:
                self._state.database.remove_tunnel(self._state.database.tunnels[number])
                del self.plans[number]

    def _tunnel(self, identifier: int | None, plan: TunnelPlan) -> Tunnel:
        database = self._state.database
        tunnel = database.tunnels.get(identifier) if identifier is not None else None
        if tunnel is None:
            return database.add_tunnel(plan.settings, plan.number)
        settings = plan.settings
        if not settings.peer and tunnel.settings.gateway == settings.gateway:
            settings = replace(settings, peer=tunnel.settings.peer)  # where the dynamic peer was seen last
        if tunnel.settings != settings:
            database.change_tunnel(tunnel, settings)
            for sa in tunnel.outbound_sas:
                sa.set_marks(settings.df, settings.dscp)
        return tunnel

    def _client_plans(self, templates: dict[tuple[str, Selector], TunnelPlan]) -> list[TunnelPlan]:
        """The tunnels of the dialup clients that are connected, as far as what they were made of is still there."""
        found = []
        for identifier, plan in self.plans.items():
            template = templates.get((plan.vpn, plan.template)) if plan.template is not None else None
            if template is not None:
                peer = self._state.database.tunnels[identifier].settings.peer
                found.append(client_plan(template, plan.caller, plan.selector.remote, peer))
        return found

    def add_client(self, asked: DialupTunnel) -> int | None:
        """Make a tunnel for a dialup client; its ID, None when the platform holds no more (B248)."""
        state = self._state
        if len(self.plans) >= state.config.platform.capacity.vpns:
            return None
        plan = client_plan(self.plans[asked.template], asked.caller, asked.inner, asked.peer)
        tunnel = state.database.add_tunnel(plan.settings)
        self.plans[tunnel.identifier] = plan
        self._paths()
        state.paths[tunnel.identifier].negotiable = True
        return tunnel.identifier

    def remove_client(self, identifier: int) -> None:
        """A dialup client needs this tunnel no more; the sessions through it are decided anew, and so end."""
        plan = self.plans.get(identifier)
        if plan is None or not plan.caller:
            return
        del self.plans[identifier]
        self._state.database.remove_tunnel(self._state.database.tunnels[identifier])
        self._paths()
        self._state.generation += 1

    def calls_changed(self) -> None:
        """An L2TP user has come or gone: sessions are decided anew."""
        self._paths()
        self._state.generation += 1

    def _install_manual(self, now: Instant) -> None:
        """Make the SAs of manual key tunnels: there is nothing to negotiate, they are there from the start (B032)."""
        database = self._state.database
        wanted = {
            identifier: manual_parameters(plan, plan.manual)
            for identifier, plan in self.plans.items()
            if plan.manual is not None and plan.settings.local
        }
        changed = {key for key in self.manual.keys() | wanted.keys() if self.manual.get(key) != wanted.get(key)}
        changed |= {key for key in wanted if not database.tunnels[key].active}
        # All that goes before anything comes: two tunnels may have exchanged their SPIs.
        for identifier in sorted(changed & database.tunnels.keys()):
            database.clear(database.tunnels[identifier])
        for identifier in sorted(changed & wanted.keys()):
            inbound, outbound = wanted[identifier]
            holder = database.find(inbound.local, inbound.protocol, inbound.spi)
            if holder is not None:  # An SPI that IKE drew at random.
                database.remove(holder.sa)
            database.install_inbound(database.tunnels[identifier], inbound, now)
            self.manual_keys.append(inbound)
            database.install_outbound(database.tunnels[identifier], outbound, now)
        self.manual = wanted

    def _paths(self) -> None:
        state = self._state
        paths: dict[int, TunnelPath] = {}
        bound: dict[str, list[int]] = {}
        for identifier, plan in sorted(self.plans.items()):
            path = self._path(identifier, plan)
            paths[identifier] = path
            if path.bound is not None:
                bound.setdefault(path.bound.name, []).append(identifier)
        for identifier, call in state.calls.items():
            call.policies = policies_of_call(state.config, call)
            paths[identifier] = call
        state.paths = paths
        state.transports = tuple(path for path in paths.values() if path.transport)
        clients = [identifier for identifier, plan in self.plans.items() if plan.caller and not plan.settings.transport]
        state.clients = ClientTable(
            (*(paths[one] for one in sorted(clients, key=lambda one: self.plans[one].caller)), *state.calls.values())
        )
        self._policy_paths()
        for interface in state.interfaces.values():
            interface.tunnel_ids = tuple(bound.get(interface.name, ()))
        forget_hops(state)

    def _policy_paths(self) -> None:
        """The tunnels of each policy, in the order in which a group prefers them (B347)."""
        state = self._state
        of_policy: dict[int, list[TunnelPath]] = {}
        for identifier, plan in sorted(self.plans.items()):
            for policy_id in plan.policies if not plan.caller and not plan.settings.transport else ():
                of_policy.setdefault(policy_id, []).append(state.paths[identifier])
        state.policy_paths, state.redundant = {}, {}
        for policy_id, found in of_policy.items():
            names = vpns_of_policy(state.config, state.config.policies[policy_id])
            state.policy_paths[policy_id] = tuple(sorted(found, key=lambda path: names.index(path.vpn)))
            if len(names) > 1:
                state.redundant |= {path.identifier: state.policy_paths[policy_id] for path in found}

    def _path(self, identifier: int, plan: TunnelPlan) -> TunnelPath:
        state = self._state
        outgoing = state.interfaces[plan.settings.outgoing_interface]
        bound: RunInterface | None = None
        if plan.settings.bound_interface is not None:
            bound = state.interfaces.get(plan.settings.bound_interface)
        tunnel = state.database.tunnels[identifier]
        known = state.paths.get(identifier)
        same = known is not None and (known.tunnel, known.outgoing, known.bound) == (tunnel, outgoing, bound)
        path = known if known is not None and same else TunnelPath(tunnel, outgoing, bound, plan.carrier_zone)
        path.carrier_zone = plan.carrier_zone
        path.replay = plan.replay
        path.policies = plan.policies
        path.inner = plan.selector.remote if plan.caller else None
        path.transport = plan.settings.transport
        return path


def _compile_addresses(state: FlowState) -> None:
    """The device's own addresses and the broadcast addresses of its networks."""
    routed = [interface for interface in state.interfaces.values() if interface.vrouter]
    state.local_addresses, state.own_addresses = {}, {}
    broadcasts: dict[int, dict[str, None]] = {}
    for interface in routed:
        for address in filter(None, own_addresses(interface)):
            state.local_addresses[address] = interface
            state.own_addresses[interface.vrouter, address] = interface
        primary = (Prefix(interface.address, interface.length),) if interface.address and interface.length else ()
        for prefix in (*primary, *interface.secondary):
            if prefix.length < _POINT_TO_POINT:
                broadcasts.setdefault(prefix.broadcast, {})[interface.vrouter] = None
    state.broadcasts = {address: tuple(vrouters) for address, vrouters in broadcasts.items()}


def own_addresses(interface: RunInterface) -> tuple[int, ...]:
    """The addresses at which the device itself is reached on an interface, 0 for those it has not."""
    config = interface.config
    own = (interface.manage_ip, *(prefix.address for prefix in config.prefixes))
    webauth = config.webauth is not WebAuth.OFF and config.address is not None and config.webauth_ip in config.address
    return (*own, config.webauth_ip) if webauth else own


def _policy_tables_changed(old: DeviceConfig, new: DeviceConfig) -> bool:
    return any(
        getattr(old, table) is not getattr(new, table)
        for table in (
            "addresses",
            "address_groups",
            "interfaces",
            "services",
            "service_groups",
            "policy_order",
            "zones",
        )
    ) or (old.system.default_permit_all != new.system.default_permit_all)


def _session_alarm(config: DeviceConfig) -> int:
    """From how many sessions on there is an alarm; more than the table holds for none."""
    system, capacity = config.system, config.platform.capacity.sessions
    by_share = -(-capacity * system.session_alarm_percent // 100)
    return min(filter(None, (system.session_alarm, by_share)), default=capacity + 1)
