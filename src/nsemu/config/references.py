"""Cross-references between configuration records: who uses an object, and which object an admin's word means.

Pure questions over anything that has the tables, a `DeviceConfig` or an `Editor` in the middle of a change. Finding the
users of an object reads whole tables: for `unset` and changes alone. Resolving a word takes a lookup or two.

Names of zones, virtual routers and interfaces match whatever their case (screenos-cli §4.4). All other names match
exactly (B007), except that predefined objects are also found in another case when no object has the exact name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from nsemu.config.address import PREDEFINED_ADDRESSES, Address, AddressGroup, AddressKey
from nsemu.config.authentication import AuthSettings
from nsemu.config.ike import IkeGateway, IkeSettings, Phase1Proposal, Phase2Proposal
from nsemu.config.interface import Interface
from nsemu.config.kept import Kept, Owner, kept_users
from nsemu.config.mapped import mip_name, resolve_mapped, vip_name
from nsemu.config.nat import DipGroups, DipPool, Mip, MipKey, NhtbKey, Vip, VipKey
from nsemu.config.policy import Policy, ZonePair
from nsemu.config.predefined import PREDEFINED_PHASE1, PREDEFINED_PHASE2
from nsemu.config.predefined_services import PREDEFINED_SERVICE_GROUPS, PREDEFINED_SERVICES
from nsemu.config.service import Service, ServiceGroup
from nsemu.config.users import User, UserGroup
from nsemu.config.vpn import Vpn, VpnGroup
from nsemu.config.vrouter import RouteKey, StaticRoute, VirtualRouter
from nsemu.config.zone import Zone
from nsemu.wire.address import format_ipv4


class Tables(Protocol):
    """The tables of a configuration, read-only."""

    @property
    def vrouters(self) -> Mapping[str, VirtualRouter]: ...  # noqa: D102
    @property
    def zones(self) -> Mapping[str, Zone]: ...  # noqa: D102
    @property
    def interfaces(self) -> Mapping[str, Interface]: ...  # noqa: D102
    @property
    def routes(self) -> Mapping[RouteKey, StaticRoute]: ...  # noqa: D102
    @property
    def addresses(self) -> Mapping[AddressKey, Address]: ...  # noqa: D102
    @property
    def address_groups(self) -> Mapping[AddressKey, AddressGroup]: ...  # noqa: D102
    @property
    def services(self) -> Mapping[str, Service]: ...  # noqa: D102
    @property
    def service_groups(self) -> Mapping[str, ServiceGroup]: ...  # noqa: D102
    @property
    def auth(self) -> AuthSettings: ...  # noqa: D102
    @property
    def policies(self) -> Mapping[int, Policy]: ...  # noqa: D102
    @property
    def policy_order(self) -> Mapping[ZonePair, tuple[int, ...]]: ...  # noqa: D102
    @property
    def dips(self) -> Mapping[int, DipPool]: ...  # noqa: D102
    @property
    def dip_groups(self) -> DipGroups: ...  # noqa: D102
    @property
    def mips(self) -> Mapping[MipKey, Mip]: ...  # noqa: D102
    @property
    def vips(self) -> Mapping[VipKey, Vip]: ...  # noqa: D102
    @property
    def nhtb(self) -> Mapping[NhtbKey, str]: ...  # noqa: D102
    @property
    def users(self) -> Mapping[str, User]: ...  # noqa: D102
    @property
    def user_groups(self) -> Mapping[str, UserGroup]: ...  # noqa: D102
    @property
    def ike(self) -> IkeSettings: ...  # noqa: D102
    @property
    def kept(self) -> Kept: ...  # noqa: D102
    @property
    def p1_proposals(self) -> Mapping[str, Phase1Proposal]: ...  # noqa: D102
    @property
    def p2_proposals(self) -> Mapping[str, Phase2Proposal]: ...  # noqa: D102
    @property
    def gateways(self) -> Mapping[str, IkeGateway]: ...  # noqa: D102
    @property
    def vpns(self) -> Mapping[str, Vpn]: ...  # noqa: D102
    @property
    def vpn_groups(self) -> Mapping[int, VpnGroup]: ...  # noqa: D102


def _by_lower(*tables: Mapping[str, object]) -> dict[str, str]:
    return {name.lower(): name for table in reversed(tables) for name in table}


_SERVICES_BY_LOWER: Final = _by_lower(PREDEFINED_SERVICES, PREDEFINED_SERVICE_GROUPS)
_ADDRESSES_BY_LOWER: Final = _by_lower(PREDEFINED_ADDRESSES)
_PHASE1_BY_LOWER: Final = _by_lower(PREDEFINED_PHASE1)
_PHASE2_BY_LOWER: Final = _by_lower(PREDEFINED_PHASE2)


def resolve_zone(tables: Tables, text: str) -> str | None:
    """The zone that `text` means in any case, by its own name; None when there is none."""
    return _any_case(tables.zones, text)


def resolve_vrouter(tables: Tables, text: str) -> str | None:
    """The virtual router that `text` means in any case."""
    return _any_case(tables.vrouters, text)


def resolve_interface(tables: Tables, text: str) -> str | None:
    """The interface that `text` means in any case. Abbreviations (`eth3`) are the business of the shell."""
    return _any_case(tables.interfaces, text)


def resolve_address(tables: Tables, zone: str, text: str) -> str | None:
    """The address or address group of a zone's book, a predefined one ("any"), a MIP or VIP."""
    if (zone, text) in tables.addresses or (zone, text) in tables.address_groups:
        return text
    return _ADDRESSES_BY_LOWER.get(text.lower()) or resolve_mapped(tables, text)


def resolve_service(tables: Tables, text: str) -> str | None:
    """The service or service group: one's own by its exact name, else a predefined one in any case."""
    if text in tables.services or text in tables.service_groups:
        return text
    name = _SERVICES_BY_LOWER.get(text.lower())
    return name if name is not None and (name in tables.services or name in tables.service_groups) else None


def resolve_p1_proposal(tables: Tables, text: str) -> str | None:
    """The Phase 1 proposal: one's own by its exact name, else a predefined one in any case."""
    return text if text in tables.p1_proposals else _PHASE1_BY_LOWER.get(text.lower())


def resolve_p2_proposal(tables: Tables, text: str) -> str | None:
    """The Phase 2 proposal: one's own by its exact name, else a predefined one in any case."""
    return text if text in tables.p2_proposals else _PHASE2_BY_LOWER.get(text.lower())


def users_of_address(tables: Tables, zone: str, name: str) -> list[str]:
    """Groups and policies that name an address or address group of a zone's book."""
    users = [
        _quoted("group", group.name)
        for group in tables.address_groups.values()
        if group.zone == zone and name in group.members
    ]
    return users + _policies(
        policy
        for policy in tables.policies.values()
        if (policy.from_zone == zone and name in policy.sources)
        or (policy.to_zone == zone and name in policy.destinations)
    )


def users_of_service(tables: Tables, name: str) -> list[str]:
    """Groups, policies, VIPs and proxy IDs that name a service or service group."""
    users = [_quoted("group", group.name) for group in tables.service_groups.values() if name in group.members]
    users += _policies(policy for policy in tables.policies.values() if name in policy.services)
    users += [_vip(vip) for vip in tables.vips.values() if vip.service == name]
    return users + [
        _quoted("vpn", vpn.name)
        for vpn in tables.vpns.values()
        if vpn.proxy_id is not None and vpn.proxy_id.service == name
    ]


def users_of_zone(tables: Tables, name: str) -> list[str]:
    """Interfaces in a zone, its address book, its policies, tunnel zones it carries, VPNs bound to it."""
    users = [_plain("interface", interface.name) for interface in tables.interfaces.values() if interface.zone == name]
    users += [_quoted("address", address.name) for address in tables.addresses.values() if address.zone == name]
    users += [_quoted("group", group.name) for group in tables.address_groups.values() if group.zone == name]
    for pair, order in tables.policy_order.items():
        if name in pair:
            users += [_plain("policy", number) for number in order]
    users += [_quoted("zone", zone.name) for zone in tables.zones.values() if zone.carrier == name]
    users += [_quoted("vpn", vpn.name) for vpn in tables.vpns.values() if vpn.bind_zone == name]
    return users + kept_users(tables.kept, ("zone", name))


def users_of_vrouter(tables: Tables, name: str) -> list[str]:
    """Zones in a virtual router, its own routes, routes of others that point to it, MIPs of its hosts."""
    users = [_quoted("zone", zone.name) for zone in tables.zones.values() if zone.vrouter == name]
    users += [_plain("mip", format_ipv4(mip.address)) for mip in tables.mips.values() if mip.vrouter == name]
    users += [_quoted("vrouter", other.name) for other in tables.vrouters.values() if _leans_on(other, name)]
    users += _routes(key for key in tables.routes if name in {key.vrouter, key.next_vrouter})
    return users + kept_users(tables.kept, ("virtual router", name))


def _leans_on(record: VirtualRouter, name: str) -> bool:
    """Whether a virtual router sends its default route to another, or exchanges routes with it."""
    partners = {rule.vrouter for rule in (*record.exports, *record.imports)}
    return record.name != name and (record.default_vrouter == name or name in partners)


def users_of_interface(tables: Tables, name: str) -> list[str]:
    """Routes, gateways and VPNs that name an interface, its translation services, interfaces that lean on it."""
    users = _routes(key for key in tables.routes if name in {key.interface, key.in_interface})
    for record in tables.vrouters.values():
        users += [_quoted("action-group", one.group) for one in record.pbr.action_entries if one.interface == name]
        users += [_quoted("route-map", one.name) for one in record.route_maps if one.interface == name]
    users += [
        _plain("interface", one.name)
        for one in tables.interfaces.values()
        if one.name != name and name in dict(one.monitor.interfaces)
    ]
    users += [
        _quoted("gateway", gateway.name) for gateway in tables.gateways.values() if gateway.outgoing_interface == name
    ]
    users += [
        _quoted("vpn", vpn.name)
        for vpn in tables.vpns.values()
        if vpn.bind_interface == name
        or (vpn.manual is not None and vpn.manual.outgoing_interface == name)
        or (vpn.monitor is not None and vpn.monitor.source_interface == name)
    ]
    users += [_plain("nhtb", format_ipv4(next_hop)) for interface, next_hop in tables.nhtb if interface == name]
    users += services_of_interface(tables, name)
    return (
        users
        + [
            _plain("interface", other.name)
            for other in tables.interfaces.values()
            if name in {other.unnumbered, other.loopback_group, other.port_group, other.parent}
        ]
        + kept_users(tables.kept, ("interface", name))
    )


def services_of_interface(tables: Tables, name: str) -> list[str]:
    """The pools, MIPs and VIPs of an interface: they need its address."""
    users = [_plain("dip", pool.id) for pool in tables.dips.values() if pool.interface == name]
    users += [_plain("mip", format_ipv4(mip.address)) for mip in tables.mips.values() if mip.interface == name]
    return users + list(dict.fromkeys(_vip(vip) for vip in tables.vips.values() if vip.interface == name))


def users_of_dip(tables: Tables, number: int) -> list[str]:
    """Groups that hold a pool, and policies that translate with a pool or group."""
    users = [_plain("dip group", group) for group, members in tables.dip_groups.items() if number in members]
    return users + _policies(
        policy for policy in tables.policies.values() if policy.source_nat and policy.dip_id == number
    )


def users_of_mip(tables: Tables, mip: Mip) -> list[str]:
    """Groups and policies that name a MIP."""
    return _users_of_mapped(tables, mip_name(mip))


def users_of_vip(tables: Tables, vip: Vip) -> list[str]:
    """Groups and policies that name the virtual address of a VIP."""
    return _users_of_mapped(tables, vip_name(vip))


def _users_of_mapped(tables: Tables, name: str) -> list[str]:
    users = [_quoted("group", group.name) for group in tables.address_groups.values() if name in group.members]
    return users + _policies(
        policy for policy in tables.policies.values() if name in policy.sources or name in policy.destinations
    )


def _vip(vip: Vip) -> str:
    return _plain("vip", format_ipv4(vip.address) if vip.address else "interface-ip")


def _authenticates(policy: Policy, kind: str, name: str) -> bool:
    """Whether a policy admits users of a server, one user, or a group, by that name."""
    wanted = policy.authentication
    if wanted is None:
        return False
    named = {"auth-server": wanted.server, "user": wanted.user, "user group": wanted.group}
    return named.get(kind) == name


def users_of_kept(tables: Tables, owner: Owner) -> list[str]:
    """Settings, policies and users that name an object which only kept settings make (a scheduler, a pool …)."""
    kind, name = owner
    users = _policies(
        policy
        for policy in tables.policies.values()
        if _authenticates(policy, kind, name)
        or (kind == "l2tp" and policy.l2tp == name)
        or (kind == "scheduler" and policy.schedule == name)
    )
    if kind == "auth-server":
        servers = {"auth default auth server": tables.auth.default_server, "webauth server": tables.auth.webauth_server}
        users += [what for what, server in servers.items() if server == name]
    return users + kept_users(tables.kept, owner)


def users_of_ippool(tables: Tables, name: str) -> list[str]:
    """Users and other settings that name a pool of addresses."""
    users = [_quoted("user", user.name) for user in tables.users.values() if user.remote.pool == name]
    users += ["xauth default ippool"] if tables.ike.xauth.pool == name else []
    return users + kept_users(tables.kept, ("ippool", name))


def users_of_gateway(tables: Tables, name: str) -> list[str]:
    """VPNs that use a gateway, globals that name it."""
    users = [_quoted("vpn", vpn.name) for vpn in tables.vpns.values() if vpn.gateway == name]
    users += ["ike single-ike-tunnel"] * (name in tables.ike.single_tunnels)
    users += ["ike initial-contact"] * (name in tables.ike.initial_contact_gateways)
    return users + kept_users(tables.kept, ("gateway", name))


def users_of_vpn(tables: Tables, name: str) -> list[str]:
    """Policies that tunnel into a VPN, next hops bound to it. What it is bound to is part of the VPN, no user of it."""
    users = policies_of_vpn(tables, name)
    users += [_plain("nhtb", format_ipv4(key[1])) for key, vpn in tables.nhtb.items() if vpn == name]
    users += [_plain("vpn-group", group.id) for group in tables.vpn_groups.values() if name in group.members]
    return users + kept_users(tables.kept, ("vpn", name))


def policies_of_vpn(tables: Tables, name: str) -> list[str]:
    """Policies that tunnel into a VPN: with any, it cannot be bound to an interface."""
    return _policies(policy for policy in tables.policies.values() if policy.vpn == name)


def policies_of_vpn_group(tables: Tables, number: int) -> list[str]:
    """Policies that tunnel into a group of redundant VPNs."""
    return _policies(policy for policy in tables.policies.values() if policy.vpn_group == number)


def users_of_user(tables: Tables, name: str) -> list[str]:
    """User groups and gateways that name a user."""
    users = [_quoted("user group", group.name) for group in tables.user_groups.values() if name in group.members]
    users += _dialup_gateways(tables, name) + _xauth_gateways(tables, "user", name)
    return users + users_of_kept(tables, ("user", name))


def users_of_user_group(tables: Tables, name: str) -> list[str]:
    """Gateways and other settings that name a user group."""
    gateways = _dialup_gateways(tables, name) + _xauth_gateways(tables, "group", name)
    return gateways + users_of_kept(tables, ("user group", name))


def _xauth_gateways(tables: Tables, word: str, name: str) -> list[str]:
    return [
        _quoted("gateway", gateway.name)
        for gateway in tables.gateways.values()
        if gateway.xauth is not None and getattr(gateway.xauth, word) == name and gateway.dialup != name
    ]


def _dialup_gateways(tables: Tables, name: str) -> list[str]:
    return [_quoted("gateway", gateway.name) for gateway in tables.gateways.values() if gateway.dialup == name]


def users_of_p1_proposal(tables: Tables, name: str) -> list[str]:
    """Gateways that name a Phase 1 proposal."""
    return [_quoted("gateway", gateway.name) for gateway in tables.gateways.values() if name in gateway.proposals]


def users_of_p2_proposal(tables: Tables, name: str) -> list[str]:
    """VPNs that name a Phase 2 proposal."""
    return [_quoted("vpn", vpn.name) for vpn in tables.vpns.values() if name in vpn.proposals]


def address_group_reaches(tables: Tables, zone: str, group: str, name: str) -> bool:
    """Whether `name` is `group` or a member of it, at any depth: then `name` must not take `group` as a member."""

    def members(of: str) -> tuple[str, ...]:
        record = tables.address_groups.get((zone, of))
        return record.members if record is not None else ()

    return _reaches(members, group, name)


def service_group_reaches(tables: Tables, group: str, name: str) -> bool:
    """Whether `name` is the service group `group` or a member of it, at any depth."""

    def members(of: str) -> tuple[str, ...]:
        record = tables.service_groups.get(of)
        return record.members if record is not None else ()

    return _reaches(members, group, name)


def _any_case(table: Mapping[str, object], text: str) -> str | None:
    if text in table:
        return text
    lower = text.lower()
    if lower in table:
        return lower
    return next((name for name in table if name.lower() == lower), None)


def _reaches(members: Callable[[str], tuple[str, ...]], start: str, name: str) -> bool:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        current = waiting.pop()
        if current == name:
            return True
        if current not in seen:
            seen.add(current)
            waiting += members(current)
    return False


def _quoted(kind: str, name: str) -> str:
    return f'{kind} "{name}"'


def _plain(kind: str, name: object) -> str:
    return f"{kind} {name}"


def _policies(policies: Iterable[Policy]) -> list[str]:
    return [_plain("policy", policy.id) for policy in policies]


def _routes(keys: Iterable[RouteKey]) -> list[str]:
    return [f"route {key.prefix} in {key.vrouter}" for key in keys]
