"""The two ends of every VPN tunnel, compared without running anything: what does not match, and the lines that say so.

Works on configurations alone. Keys are compared, never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from nsemu.api.doctor_dialup import Clients, examine_clients, is_called
from nsemu.api.doctor_model import Finding, Line, Node
from nsemu.config.device import DeviceConfig
from nsemu.config.ike import IkeGateway, Phase1Proposal, Phase2Proposal
from nsemu.config.policy import PolicyAction
from nsemu.config.vpn import ManualKeys, Vpn
from nsemu.device.tunnels import (
    Lookup,
    Selector,
    TunnelPlan,
    is_dynamic,
    phase1_proposals,
    phase2_proposals,
)
from nsemu.ike.proposals import Phase2Key, offered_phase2, phase1_key, phase2_key
from nsemu.routing.resolve import resolve
from nsemu.wire.address import format_ipv4


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a gateway pair."""

    node: Node
    gateway: IkeGateway

    @property
    def line(self) -> Line:
        return self.node.gateway_line(self.gateway)

    @property
    def presented(self) -> str:
        """The IKE ID that this end sends; "" while its address is not known."""
        address = self.node.local(self.gateway)
        return self.gateway.local_id or (format_ipv4(address) if address else "")

    @property
    def expected(self) -> str:
        """The IKE ID that this end wants to see."""
        peer = self.node.peer(self.gateway)
        return self.gateway.peer_id or (format_ipv4(peer) if peer is not None else "")


def _no_names(_name: str) -> tuple[int, ...]:
    return ()


def examine(
    configurations: Mapping[str, DeviceConfig], lookup: Lookup = _no_names, clients: Clients | None = None
) -> list[Finding]:
    """Everything that keeps a tunnel between these devices from working, in the order of the devices.

    `lookup` gives the addresses of domain names. The VPN clients of the lab, if there are any, are compared too.
    """
    clients = clients or {}
    nodes = [Node.of(name, config, lookup) for name, config in configurations.items()]
    findings: list[Finding] = []
    compared: set[frozenset[tuple[str, str]]] = set()
    for node in nodes:
        for gateway in node.config.gateways.values():
            if gateway.dialup is not None:
                continue
            end = _End(node, gateway)
            others = list(_counterparts(end, nodes))
            if not others and not is_called(node, gateway, clients):
                findings.append(_alone(end, nodes))
            for other in others:
                pair = frozenset(((node.name, gateway.name), (other.node.name, other.gateway.name)))
                if pair not in compared:
                    compared.add(pair)
                    findings += _compare(end, other)
            findings += _ways(end)
        for tunnel in node.config.vpns.values():
            if tunnel.manual is not None:
                findings += _manual(node, tunnel, tunnel.manual, nodes)
    return findings + list(examine_clients(nodes, clients))


def _counterparts(end: _End, nodes: Sequence[Node]) -> Iterator[_End]:
    """The gateways of other devices that mean this one: by both addresses, or by IKE ID."""
    peer, local = end.node.peer(end.gateway), end.node.local(end.gateway)
    owned = {address for node in nodes for address in node.addresses.values()}
    for other in nodes:
        if other is end.node:
            continue
        for candidate in other.config.gateways.values():
            back = other.peer(candidate)
            calls_us = back is not None and _may_be(back, local, owned)
            called = peer is not None and _may_be(peer, other.local(candidate), owned)
            if (calls_us and called) or _by_identity(end.gateway, candidate, calls_us, called):
                yield _End(other, candidate)


def _may_be(wanted: int, address: int, owned: set[int]) -> bool:
    """Whether an interface has the address; one without an address (DHCP) may get any that nobody has."""
    return wanted == address if address else wanted not in owned


def _by_identity(own: IkeGateway, other: IkeGateway, calls_us: bool, called: bool) -> bool:
    if is_dynamic(own):
        return calls_us and own.peer_id == other.local_id
    return is_dynamic(other) and called and other.peer_id == own.local_id


def _alone(end: _End, nodes: Iterable[Node]) -> Finding:
    peer, local = end.node.peer(end.gateway), end.node.local(end.gateway)
    subject = f"{end.node.name} gateway {end.gateway.name}"
    if is_dynamic(end.gateway):
        calling = [
            _End(other, gateway)
            for other in nodes
            for gateway in other.config.gateways.values()
            if other.peer(gateway) == local and other is not end.node
        ]
        heard = "; ".join(f"{one.node.name} calls with {one.presented or 'no ID'}" for one in calling)
        message = f"no device calls with the IKE ID {end.gateway.peer_id}{f' ({heard})' if heard else ''}"
        return Finding(subject, "identity", message, (end.line, *(one.line for one in calling)))
    if peer is None:
        return Finding(subject, "address", f"the name {end.gateway.address} has no address here", (end.line,))
    owner = next((node for node in nodes if peer in node.addresses.values()), None)
    if owner is None:
        return Finding(subject, "address", f"no device here has the address {format_ipv4(peer)}", (end.line,))
    own = format_ipv4(local) if local else "an address that is not known"
    identity = f" or with the ID {end.gateway.local_id}" if end.gateway.local_id else ""
    message = f"{owner.name} has no gateway for {own}{identity}"
    there = tuple(owner.gateway_line(gateway) for gateway in owner.config.gateways.values())
    return Finding(subject, "address", message, (end.line, *there))


# --- two gateways that mean each other


def _compare(one: _End, other: _End) -> Iterator[Finding]:
    subject = f"{one.node.name} - {other.node.name}"
    lines = one.line, other.line

    def finding(topic: str, message: str) -> Finding:
        return Finding(subject, topic, message, lines)

    if one.gateway.preshared_key != other.gateway.preshared_key:
        yield finding("key", "the preshared keys differ")
    if one.gateway.mode is not other.gateway.mode:
        modes = f"{one.node.name} uses {one.gateway.mode.value}, {other.node.name} {other.gateway.mode.value}"
        yield finding("mode", f"the modes differ: {modes}")
    for sender, receiver in ((one, other), (other, one)):
        if sender.presented and receiver.expected and sender.presented != receiver.expected:
            sent = f"{sender.node.name} sends the IKE ID {sender.presented}"
            yield finding("identity", f"{sent}, {receiver.node.name} expects {receiver.expected}")
    first, second = (phase1_proposals(end.node.config, end.gateway) for end in (one, other))
    if not {phase1_key(item) for item in first} & {phase1_key(item) for item in second}:
        yield finding("phase 1", f"no common phase 1 proposal: {_names(first)} against {_names(second)}")
    beats = bool(one.gateway.heartbeat.hello), bool(other.gateway.heartbeat.hello)
    if beats[0] != beats[1]:
        sending = one if beats[0] else other
        yield finding("heartbeat", f"only {sending.node.name} sends heartbeats: it will stop to")
    yield from _compare_tunnels(one, other, subject)


def _names(proposals: Iterable[Phase1Proposal | Phase2Proposal]) -> str:
    return ", ".join(proposal.name for proposal in proposals) or "none"


def _mirror(selector: Selector) -> Selector:
    return Selector(selector.remote, selector.local, selector.protocol, selector.port)


def _text(selector: Selector) -> str:
    service = f", protocol {selector.protocol}, port {selector.port}" if selector.protocol else ""
    return f"local {selector.local}, remote {selector.remote}{service}"


def _compare_tunnels(one: _End, other: _End, subject: str) -> Iterator[Finding]:
    ours, theirs = one.node.plans_of(one.gateway), other.node.plans_of(other.gateway)
    for end, plans, back in ((one, ours, other), (other, theirs, one)):
        if not plans:
            unused = f"no VPN of {end.node.name} that is in use has this gateway"
            yield Finding(subject, "vpn", unused, (end.line, back.line))
    modes = {plan.settings.transport for plan in ours}, {plan.settings.transport for plan in theirs}
    if ours and theirs and modes[0].isdisjoint(modes[1]):
        named = one.node.vpn_line(ours[0].vpn), other.node.vpn_line(theirs[0].vpn)
        first, second = ("transport" if True in mode else "tunnel" for mode in modes)
        message = f"the modes of the VPNs differ: {one.node.name} has {first} mode, {other.node.name} {second} mode"
        yield Finding(subject, "vpn mode", message, named)
        return
    mirrored = {plan.selector: plan for plan in theirs}
    matched: list[TunnelPlan] = []
    lonely: list[TunnelPlan] = []
    for plan in ours:
        found = mirrored.get(_mirror(plan.selector))
        if found is None:
            lonely.append(plan)
        else:
            matched.append(found)
            yield from _compare_phase2(one.node, plan, other.node, found, subject)
    rest = [plan for plan in theirs if plan not in matched]
    if not ours or not theirs:
        return
    for plan in lonely:
        against = rest or theirs
        lines = one.node.proxy_line(plan.vpn), *(other.node.proxy_line(item.vpn) for item in against)
        there = "; ".join(_text(item.selector) for item in against)
        message = (
            f"proxy IDs are not mirrored: {one.node.name} has {_text(plan.selector)}; {other.node.name} has {there}"
        )
        yield Finding(subject, "proxy-id", message, lines)
    if not lonely:
        for plan in rest:
            message = f"{one.node.name} has no proxy ID that mirrors {_text(plan.selector)} of {other.node.name}"
            yield Finding(subject, "proxy-id", message, (other.node.proxy_line(plan.vpn),))


def _compare_phase2(one: Node, plan: TunnelPlan, other: Node, found: TunnelPlan, subject: str) -> Iterator[Finding]:
    first = phase2_proposals(one.config, one.config.vpns[plan.vpn])
    second = phase2_proposals(other.config, other.config.vpns[found.vpn])
    keys, others = ({phase2_key(item) for item in items} for items in (first, second))
    lines = one.vpn_line(plan.vpn), other.vpn_line(found.vpn)
    if keys & others:
        for node, own, known in ((one, first, others), (other, second, keys)):
            message = _cannot_offer(node.name, own, known)
            if message:
                yield Finding(subject, "phase 2", message, lines)
        return
    message = f"no common phase 2 proposal: {_names(first)} against {_names(second)}"
    if {key._replace(group=0) for key in keys} & {key._replace(group=0) for key in others}:
        message += " (only PFS differs)"
    yield Finding(subject, "phase 2", message, lines)


def _cannot_offer(name: str, proposals: Sequence[Phase2Proposal], known: Set[Phase2Key]) -> str:
    """Why this end cannot begin although there is a common proposal: an offer has one PFS group (RFC 2409 §5.5)."""
    offer = offered_phase2(proposals)
    if {phase2_key(item) for item in offer} & known:
        return ""
    return f"no common phase 2 proposal when {name} begins: it offers {_names(offer)}, which have one PFS group"


# --- one end: routes and policies


def _ways(end: _End) -> Iterator[Finding]:
    """The way to the gateway, into the tunnel, and past the policies."""
    node, gateway = end.node, end.gateway
    subject = f"{node.name} gateway {gateway.name}"
    peer = node.peer(gateway)
    outgoing = node.config.interfaces.get(node.outgoing(gateway))
    if peer is not None and outgoing is not None:
        vrouter = node.config.zones[outgoing.zone].vrouter
        found = resolve(node.tables, vrouter, peer)
        if found.entry.discards if found is not None else not outgoing.dhcp_client:  # a lease brings its own gateway
            yield Finding(subject, "route", f"no route to {format_ipv4(peer)} in {vrouter}", (end.line,))
        elif found is not None and (found.entry.interface or "").startswith("tunnel."):
            message = f"the route to {format_ipv4(peer)} leads into {found.entry.interface}"
            yield Finding(subject, "route", message, (end.line,))
    for tunnel in node.config.vpns.values():
        if tunnel.gateway == gateway.name and tunnel.bind_interface is not None:
            yield from _bound(node, tunnel, tunnel.bind_interface)
        elif tunnel.gateway == gateway.name and not any(plan.vpn == tunnel.name for plan in node.plans):
            message = f"no policy uses vpn {tunnel.name}, and it is bound to no interface"
            if tunnel.transport:
                message = f"vpn {tunnel.name} is in transport mode, and no policy names it with l2tp"
            yield Finding(subject, "policy", message, (node.vpn_line(tunnel.name),))


def _bound(node: Node, tunnel: Vpn, bound: str) -> Iterator[Finding]:
    subject = f"{node.name} vpn {tunnel.name}"
    line = node.vpn_line(tunnel.name)
    if not any(entry.interface == bound for table in node.tables.values() for entry in table.entries):
        yield Finding(subject, "route", f"no route leads into {bound}", (line,))
    elif tunnel.proxy_id is not None and tunnel.proxy_id.remote.length:
        network = tunnel.proxy_id.remote.network
        zone = node.config.zones[node.config.interfaces[bound].zone]
        found = resolve(node.tables, zone.vrouter, network.address + (network.length < 32))
        if found is None or found.entry.interface != bound:
            instead = found.entry.interface if found is not None else None
            message = f"the route to {network} leads to {instead or 'nowhere'}, not into {bound}"
            yield Finding(subject, "route", message, (line, node.proxy_line(tunnel.name)))
    if tunnel.proxy_id is None or not tunnel.proxy_id.local.length:
        return
    inside, outside = node.zone_towards(tunnel.proxy_id.local.network), node.config.interfaces[bound].zone
    if inside and not _permitted(node.config, inside, outside) and not _permitted(node.config, outside, inside):
        yield Finding(subject, "policy", f"no policy permits anything between {inside} and {outside}", (line,))


def _permitted(config: DeviceConfig, from_zone: str, to_zone: str) -> bool:
    if config.system.default_permit_all or (from_zone == to_zone and not config.zones[from_zone].block):
        return True
    pairs = ((from_zone, to_zone), ("Global", "Global"))
    policies = (config.policies[number] for pair in pairs for number in config.policy_order.get(pair, ()))
    return any(item.action in {PolicyAction.PERMIT, PolicyAction.TUNNEL} and item.enabled for item in policies)


# --- manual keys


def _manual(node: Node, tunnel: Vpn, keys: ManualKeys, nodes: Iterable[Node]) -> Iterator[Finding]:
    subject = f"{node.name} vpn {tunnel.name}"
    local = node.addresses.get(keys.outgoing_interface, 0)
    line = node.vpn_line(tunnel.name)
    backs = [
        (other, candidate, candidate.manual)
        for other in nodes
        for candidate in other.config.vpns.values()
        if candidate.manual is not None
        and other.addresses.get(candidate.manual.outgoing_interface) == keys.peer
        and candidate.manual.peer == local
    ]
    if not backs:
        message = f"no manual key VPN at {format_ipv4(keys.peer)} leads back to {format_ipv4(local)}"
        yield Finding(subject, "address", message, (line,))
        return
    fitting = [back for back in backs if (back[2].local_spi, back[2].remote_spi) == (keys.remote_spi, keys.local_spi)]
    if not fitting:
        lines = line, *(other.vpn_line(candidate.name) for other, candidate, _ in backs)
        message = f"SPIs are not mirrored: {keys.local_spi:08x} and {keys.remote_spi:08x} here"
        yield Finding(subject, "spi", message, lines)
    for other, candidate, back in fitting:
        if node.name > other.name:
            continue
        lines = line, other.vpn_line(candidate.name)
        if (keys.protocol, keys.encryption, keys.integrity) != (back.protocol, back.encryption, back.integrity):
            yield Finding(subject, "algorithm", "the algorithms differ", lines)
        elif (keys.encryption_key, keys.integrity_key) != (back.encryption_key, back.integrity_key):
            yield Finding(subject, "key", "the manual keys differ", lines)
