"""From VPN configuration to tunnels: which tunnels there are, with which proxy IDs, for the flow and for IKE.

A VPN bound to a tunnel interface makes one tunnel (B142, B172); one that policies name makes a tunnel for each proxy ID
that its policies yield (B171), so that a policy and its mirror share one. A manual key VPN has one pair of SPIs, and so
one tunnel, whatever names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from nsemu.config.address import DIALUP_PREFIX, PREDEFINED_ADDRESSES
from nsemu.config.algorithms import AuthenticationMethod
from nsemu.config.bridge import zone_of_outgoing
from nsemu.config.device import DeviceConfig
from nsemu.config.ike import (
    Heartbeat,
    Identity,
    IdentityType,
    IkeGateway,
    Phase1Proposal,
    Phase2Proposal,
    SecurityLevel,
)
from nsemu.config.mapped import mapped_range
from nsemu.config.nat import pools_of
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.predefined import PHASE1_SETS, PHASE2_SETS
from nsemu.config.service import ANY_SERVICE
from nsemu.config.users import IkeIdKind, User, UserType
from nsemu.config.vpn import ManualKey, ManualKeys, ProxyId, Vpn
from nsemu.ike.parameters import DialupUser, GatewayParameters, NatVariant, TunnelParameters
from nsemu.ipsec.manual import ENCRYPTION_PURPOSE, INTEGRITY_PURPOSE, key_from_password
from nsemu.ipsec.sa import DfBit, SaParameters
from nsemu.ipsec.tunnel import NO_POLICY, TunnelSettings
from nsemu.wire.address import AddressError, Prefix, parse_ipv4
from nsemu.wire.ipv4 import PROTOCOL_UDP

ANYWHERE = Prefix(0, 0)
L2TP_PORT = 1701

Lookup = Callable[[str], tuple[int, ...]]
"""Domain name → its addresses, none while it is not resolved."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A proxy ID in numbers: two networks, protocol and port (0 for any)."""

    local: Prefix = ANYWHERE
    remote: Prefix = ANYWHERE
    protocol: int = 0
    port: int = 0


@dataclass(frozen=True, slots=True)
class TunnelPlan:
    """One tunnel that the configuration asks for. `policies` are those that use it, empty when it is bound.

    `carrier_zone` is the zone in which decrypted packets of a policy-based tunnel arrive. `manual` holds the keys of a
    manual key tunnel, which has no proposals. `idle_time` is in minutes, 0 for none.
    With `dialup` no tunnel stands for itself: each client gets one of its own, made of this plan. There `caller` is the
    number of the client, and `template` the selector of the plan that it was made of. `number` is the ID that the admin
    gave it, None for any. `renewed` asks for new keys even without traffic (B344).
    """

    vpn: str
    selector: Selector
    settings: TunnelSettings
    proposals: tuple[Phase2Proposal, ...]
    replay: bool
    carrier_zone: str
    policies: tuple[int, ...] = ()
    manual: ManualKeys | None = None
    idle_time: int = 0
    dialup: bool = False
    caller: int = 0
    template: Selector | None = None
    number: int | None = None
    renewed: bool = False

    @property
    def key(self) -> tuple[str, Selector, int]:
        """What makes it the same tunnel after a change of the configuration."""
        return (self.vpn, self.selector, self.caller)


def plan_tunnels(config: DeviceConfig, addresses: dict[str, int], lookup: Lookup) -> list[TunnelPlan]:
    """The tunnels of a configuration, in the order of its VPNs. `addresses` are the interfaces' own."""
    by_vpn: dict[str, list[Policy]] = {}
    for policy in config.policies.values():
        for name in vpns_of_policy(config, policy):
            by_vpn.setdefault(name, []).append(policy)
    plans: list[TunnelPlan] = []
    for vpn in config.vpns.values():
        if vpn.manual is not None:
            plans.append(_manual_plan(config, vpn, vpn.manual, addresses, by_vpn.get(vpn.name, [])))
            continue
        gateway = config.gateways.get(vpn.gateway)
        peer = gateway_address(gateway, lookup) if gateway is not None else None
        if gateway is not None and (is_dynamic(gateway) or gateway.dialup is not None):
            peer = 0  # until it has come
        if gateway is None or peer is None:
            continue
        proposals = phase2_proposals(config, vpn)
        if not proposals:
            continue
        settings = _settings(vpn, gateway, peer, local_address(gateway, addresses), proposals[0])
        made = _plans_of(config, vpn, settings, proposals, by_vpn.get(vpn.name, []))
        dialup, renewed = gateway.dialup is not None, vpn.monitor is not None and vpn.monitor.rekey
        # The members of a group are kept up, also those that carry nothing (B349).
        renewed = renewed or any(vpn.name in group.members for group in config.vpn_groups.values())
        # `set ike member-sa-hold-time`, unless the VPN has an idle time of its own.
        idle = vpn.idle_time or (config.ike.member_hold if dialup else 0)
        made = (replace(plan, number=vpn.tunnel_id, idle_time=idle) for plan in made)
        plans.extend(replace(plan, renewed=renewed, dialup=dialup) for plan in made)
    return plans


def client_plan(template: TunnelPlan, caller: int, inner: Prefix, peer: int) -> TunnelPlan:
    """The plan of the tunnel of one dialup client at `peer`, with the inner network `inner`."""
    return replace(
        template,
        selector=replace(template.selector, remote=inner),
        settings=replace(template.settings, peer=peer),
        dialup=False,
        caller=caller,
        template=template.selector,
    )


def vpns_of_policy(config: DeviceConfig, policy: Policy) -> tuple[str, ...]:
    """The VPNs that a policy tunnels into: one, or those of its group, the preferred one first."""
    if policy.action is not PolicyAction.TUNNEL:
        return ()
    group = config.vpn_groups.get(policy.vpn_group) if policy.vpn_group is not None else None
    if group is not None:
        return group.members
    return (policy.vpn,) if policy.vpn is not None else ()


def local_address(gateway: IkeGateway, addresses: dict[str, int]) -> int:
    """Our address towards a peer, 0 while the outgoing interface has none."""
    own = addresses.get(gateway.outgoing_interface, 0)
    return gateway.local_end.address or own if own else 0


def _plans_of(
    config: DeviceConfig,
    vpn: Vpn,
    settings: TunnelSettings,
    proposals: tuple[Phase2Proposal, ...],
    policies: list[Policy],
) -> Iterator[TunnelPlan]:
    configured = configured_selector(config, vpn.proxy_id) if vpn.proxy_id is not None else None
    if vpn.transport:  # B137: nothing but L2TP between the two ends, whatever the policies and the proxy ID say
        configured = _endpoints(config, vpn, settings)
        policies = [policy for policy in policies if policy.l2tp is not None]
    if vpn.bind_interface is not None:
        yield TunnelPlan(
            vpn.name, configured or Selector(), settings, proposals, vpn.replay, "", idle_time=vpn.idle_time
        )
        return
    carrier = _carrier_zone(config, vpn, zone_of_outgoing(config, settings.outgoing_interface))
    single = vpn.gateway in config.ike.single_tunnels
    grouped: dict[Selector, list[tuple[Policy, bool]]] = {}
    for policy in policies:
        outbound = policy.to_zone == carrier
        selector = configured or (Selector() if single else derived_selector(config, vpn, policy, outbound))
        grouped.setdefault(selector, []).append((policy, outbound))
    for selector, users in grouped.items():
        outward = next((policy.id for policy, outbound in users if outbound), NO_POLICY)
        inward = next((policy.id for policy, outbound in users if not outbound), NO_POLICY)
        own = replace(settings, policy_in=inward, policy_out=outward)
        ids = tuple(policy.id for policy, _ in users)
        yield TunnelPlan(vpn.name, selector, own, proposals, vpn.replay, carrier, ids, idle_time=vpn.idle_time)


def _endpoints(config: DeviceConfig, vpn: Vpn, settings: TunnelSettings) -> Selector:
    """The proxy ID of transport mode: L2TP of the device and its peer, whoever the dialup client is (B137, B283)."""
    gateway = config.gateways[vpn.gateway]
    dialup = gateway.dialup is not None or not settings.peer
    remote = DIALUP_PREFIX if dialup else Prefix(settings.peer, 32)
    return Selector(Prefix(settings.local, 32), remote, PROTOCOL_UDP, L2TP_PORT)


def _settings(vpn: Vpn, gateway: IkeGateway, peer: int, local: int, proposal: Phase2Proposal) -> TunnelSettings:
    return TunnelSettings(
        vpn.name,
        gateway.name,
        peer,
        local,
        gateway.outgoing_interface,
        proposal.protocol,
        proposal.encryption,
        proposal.integrity,
        vpn.bind_interface,
        df=DfBit(vpn.df_bit),
        dscp=vpn.dscp or None,
        transport=vpn.transport,
    )


def _manual_plan(
    config: DeviceConfig, vpn: Vpn, keys: ManualKeys, addresses: dict[str, int], policies: list[Policy]
) -> TunnelPlan:
    carrier = _carrier_zone(config, vpn, zone_of_outgoing(config, keys.outgoing_interface))
    settings = TunnelSettings(
        vpn.name,
        "",
        keys.peer,
        addresses.get(keys.outgoing_interface, 0),
        keys.outgoing_interface,
        keys.protocol,
        keys.encryption,
        keys.integrity,
        vpn.bind_interface,
        next((policy.id for policy in policies if policy.to_zone != carrier), NO_POLICY),
        next((policy.id for policy in policies if policy.to_zone == carrier), NO_POLICY),
        DfBit(vpn.df_bit),
        vpn.dscp or None,
    )
    ids = tuple(policy.id for policy in policies)
    zone = carrier if vpn.bind_interface is None else ""
    return TunnelPlan(vpn.name, Selector(), settings, (), False, zone, ids, keys, number=vpn.tunnel_id)


def manual_parameters(plan: TunnelPlan, keys: ManualKeys) -> tuple[SaParameters, SaParameters]:
    """The inbound and the outbound SA of a manual key tunnel: no lifetime, no replay window (RFC 2406 §2.2)."""
    encryption = _key(keys.encryption_key, ENCRYPTION_PURPOSE, keys.encryption.key_size)
    integrity = _key(keys.integrity_key, INTEGRITY_PURPOSE, keys.integrity.key_size)
    settings = plan.settings
    inbound = SaParameters(
        keys.local_spi,
        settings.local,
        settings.peer,
        keys.protocol,
        keys.encryption,
        keys.integrity,
        encryption,
        integrity,
        df=settings.df,
        dscp=settings.dscp,
    )
    return inbound, replace(inbound, spi=keys.remote_spi)


def _key(key: ManualKey, purpose: bytes, size: int) -> bytes:
    return key.octets or key_from_password(key.password, purpose, size)


def _carrier_zone(config: DeviceConfig, vpn: Vpn, outgoing_zone: str) -> str:
    bound = config.zones.get(vpn.bind_zone) if vpn.bind_zone is not None else None
    return (bound.carrier if bound is not None else None) or outgoing_zone


def configured_selector(config: DeviceConfig, proxy_id: ProxyId) -> Selector:
    """The selector of a proxy ID that the admin wrote; host bits do not count (E026)."""
    protocol, port = _service_selector(config, (proxy_id.service,))
    return Selector(proxy_id.local.network, proxy_id.remote.network, protocol, port)


def derived_selector(config: DeviceConfig, vpn: Vpn, policy: Policy, outbound: bool) -> Selector:
    """The selector that a policy yields (B171): its addresses and service; several cells or a group mean any (B176)."""
    source = _address_selector(config, policy.from_zone, policy.sources, policy.source_negate)
    if outbound and policy.source_nat:
        source = _translated_selector(config, vpn, policy)  # B175: what enters the tunnel has these sources
    destination = _address_selector(config, policy.to_zone, policy.destinations, policy.destination_negate)
    local, remote = (source, destination) if outbound else (destination, source)
    protocol, port = _service_selector(config, policy.services)
    return Selector(local, remote, protocol, port)


def _translated_selector(config: DeviceConfig, vpn: Vpn, policy: Policy) -> Prefix:
    """The smallest network around the translated sources of a policy (E025: the book's /25 is too small for one)."""
    pools = pools_of(config.dips, config.dip_groups, policy.dip_id) if policy.dip_id is not None else ()
    if pools:
        low, high = min(pool.low for pool in pools), max(pool.high for pool in pools)
        return Prefix(low, 32 - (low ^ high).bit_length()).network
    gateway = config.gateways.get(vpn.gateway)
    zone = vpn.bind_zone
    numbered = [item.address for item in config.interfaces.values() if zone and item.zone == zone and item.address]
    outgoing = config.interfaces.get(gateway.outgoing_interface) if gateway is not None else None
    own = numbered[0] if numbered else outgoing.address if outgoing is not None else None
    return Prefix(own.address, 32) if own is not None else ANYWHERE


def _address_selector(config: DeviceConfig, zone: str, names: tuple[str, ...], negate: bool) -> Prefix:
    if len(names) != 1 or negate:
        return ANYWHERE
    record = config.addresses.get((zone, names[0]))
    if record is not None and record.prefix is not None:
        return record.prefix.network
    mapped = mapped_range(names[0])
    if mapped is not None:
        return Prefix(mapped[0], 32 - (mapped[0] ^ mapped[1]).bit_length())
    return PREDEFINED_ADDRESSES.get(names[0], ANYWHERE)


def _service_selector(config: DeviceConfig, names: tuple[str, ...]) -> tuple[int, int]:
    service = config.services.get(names[0]) if len(names) == 1 else None
    if service is None or service.name == ANY_SERVICE or len(service.entries) != 1:
        return (0, 0)
    entry = service.entries[0]
    single = entry.protocol in {6, 17} and entry.destination_low == entry.destination_high
    return (entry.protocol, entry.destination_low if single else 0)


def is_dynamic(gateway: IkeGateway) -> bool:
    """Whether the peer is known by its IKE ID alone (B178, B199)."""
    return gateway.address is None and gateway.dialup is None and gateway.peer_id is not None


def gateway_address(gateway: IkeGateway, lookup: Lookup) -> int | None:
    """The peer's address, the first of several that its name has (B217); None when it is not a static one."""
    if gateway.address is None:
        return None
    try:
        return parse_ipv4(gateway.address)
    except AddressError:
        return next(iter(lookup(gateway.address)), None)


def phase1_proposals(config: DeviceConfig, gateway: IkeGateway) -> tuple[Phase1Proposal, ...]:
    """The proposals of a gateway; Standard when it names none."""
    names = gateway.proposals or PHASE1_SETS[gateway.security_level or SecurityLevel.STANDARD]
    return tuple(config.p1_proposals[name] for name in names if name in config.p1_proposals)


def preshared_proposals(config: DeviceConfig, gateway: IkeGateway) -> tuple[Phase1Proposal, ...]:
    """The proposals that authenticate with a preshared key."""
    return tuple(
        proposal for proposal in phase1_proposals(config, gateway) if proposal.method is AuthenticationMethod.PRESHARE
    )


def phase2_proposals(config: DeviceConfig, vpn: Vpn) -> tuple[Phase2Proposal, ...]:
    """The proposals of a VPN; Standard when it names none."""
    names = vpn.proposals or PHASE2_SETS[vpn.security_level or SecurityLevel.STANDARD]
    return tuple(config.p2_proposals[name] for name in names if name in config.p2_proposals)


def gateway_parameters(
    config: DeviceConfig, gateway: IkeGateway, local: int, lookup: Lookup
) -> GatewayParameters | None:
    """What the IKE engine is told of a gateway; None when it cannot be used yet."""
    peer = gateway_address(gateway, lookup)
    if (peer is None and not is_dynamic(gateway) and gateway.dialup is None) or not local:
        return None
    own, expected = (Identity.infer(text) if text else None for text in (gateway.local_id, gateway.peer_id))
    if any(identity is not None and identity.type is IdentityType.ASN1_DN for identity in (own, expected)):
        return None  # B135: distinguished names exist with certificates only
    return GatewayParameters(
        gateway.name,
        local,
        peer,
        preshared_proposals(config, gateway),
        gateway.preshared_key.encode("latin-1", "replace"),
        gateway.mode,
        own,
        expected,
        config.ike.initial_contact or gateway.name in config.ike.initial_contact_gateways,
        gateway.nat_traversal.enabled,
        gateway.nat_traversal.keepalive,
        gateway.dpd,
        heartbeat_of(config, gateway),
        dialup_users(config, gateway),
        gateway.seed_preshare.encode("latin-1", "replace"),
        gateway.xauth is not None and gateway.xauth.asks,
        tos=gateway.local_end.tos,
    )


def dialup_users(config: DeviceConfig, gateway: IkeGateway) -> tuple[DialupUser, ...] | None:
    """Who may call a dialup gateway: its user, or the members of its group; None for another gateway (B233).

    Users that are disabled, or known by the subject of a certificate, are not among them.
    """
    if gateway.dialup is None:
        return None
    group = config.user_groups.get(gateway.dialup)
    names = group.members if group is not None and gateway.dialup not in config.users else (gateway.dialup,)
    users = []
    for name in names:
        user = config.users.get(name)
        kind = _ID_TYPES.get(user.ike_id.kind) if user is not None and user.ike_id is not None else None
        if user is not None and user.ike_id is not None and kind is not None and _may_call(user):
            users.append(DialupUser(name, Identity(kind, user.ike_id.text), user.ike_id.share_limit))
    return tuple(users)


def _may_call(user: User) -> bool:
    return user.enabled and UserType.IKE in user.types


_ID_TYPES = {
    IkeIdKind.FQDN: IdentityType.FQDN,
    IkeIdKind.U_FQDN: IdentityType.U_FQDN,
    IkeIdKind.IP: IdentityType.IPV4,
}


def heartbeat_of(config: DeviceConfig, gateway: IkeGateway) -> Heartbeat:
    """The heartbeats of a gateway: its own, else those of all gateways; never beside DPD (B355)."""
    own, everywhere = gateway.heartbeat, config.ike.heartbeat
    hello = own.hello or (0 if gateway.dpd.interval else everywhere.hello)
    threshold = own.threshold if own.threshold != Heartbeat().threshold else everywhere.threshold
    return Heartbeat(hello, threshold, own.reconnect)


def nat_variants(release: str) -> tuple[NatVariant, ...]:
    """What a release of ScreenOS offers: the book's knows the drafts (B300); the later one gets the RFC as well."""
    drafts = (NatVariant.DRAFT_00, NatVariant.DRAFT_02)
    return (*drafts, NatVariant.RFC_3947) if release.startswith("6") else drafts


def tunnel_parameters(identifier: int, plan: TunnelPlan, hop: int) -> TunnelParameters:
    """What the IKE engine is told of a tunnel; `hop` is the address of its tunnel interface, 0 for none."""
    selector = plan.selector
    return TunnelParameters(
        identifier,
        plan.vpn,
        plan.settings.gateway,
        plan.proposals,
        selector.local,
        selector.remote,
        selector.protocol,
        selector.port,
        plan.replay,
        plan.settings.bound_interface is not None,
        renewed=plan.renewed,
        hop=hop,
        transport=plan.settings.transport,
    )
