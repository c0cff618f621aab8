"""Policy lookup between the zones of ingress and egress (B153, B166), and what a policy that names a VPN asks for."""

from __future__ import annotations

from nsemu.config.policy import Policy, PolicyAction
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import PolicyMatch
from nsemu.flow.tunnels import TunnelPath
from nsemu.policy.decision import Decision, Reason, Traffic
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import Prefix, format_ipv4

_DENIALS = {
    Reason.DEFAULT_DENY: DropReason.DEFAULT_DENY,
    Reason.INTRAZONE_BLOCK: DropReason.INTRAZONE_BLOCK,
}
_HUB_ZONES = frozenset({"Trust", "Untrust"})
_REFUSALS = {PolicyAction.DENY: DropReason.POLICY_DENY, PolicyAction.REJECT: DropReason.POLICY_REJECT}


def policy(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Find the policy; for a tunnel policy, find its tunnel or check that the packet came through it (B167, B169)."""
    through = state.paths.get(setup.tunnel_in.identifier) if setup.tunnel_in is not None else None
    if through is not None and through.inner is not None and setup.source not in through.inner:
        setup.subject, setup.detail = ("vpn", through.vpn), _foreign_source(setup, through.inner)
        return DropReason.SA_POLICY_DENY
    traffic = setup.traffic
    if len(state.clients):
        traffic = state.clients.describe(traffic, through)
    decision = state.policies.lookup(setup.from_zone, setup.to_zone, traffic)
    mapped = setup.mapped_traffic
    if mapped is not None and decision.policy is None:
        # A policy for a VIP may name the server's service as well as one with the virtual port.
        decision = state.policies.lookup(setup.from_zone, setup.to_zone, mapped)
    setup.decision = decision
    found = decision.policy
    setup.subject = ("policy", found.id) if found is not None else _default_subject(setup, decision)
    if setup.trace is not None:
        setup.add(_step(state, setup, traffic, decision))
    if found is None:
        setup.detail = f"{setup.from_zone} to {setup.to_zone}"
        return _DENIALS.get(decision.reason) or _check_vpn(state, setup, decision)
    refusal = _REFUSALS.get(decision.verdict)
    if refusal is not None:
        setup.detail = f"policy {found.id}"
        return refusal
    limit = found.policy.session_limit
    if limit is not None and setup.renews is None and found.counters.held[setup.source] >= limit:
        setup.detail = f"policy {found.id} allows {limit}"
        return DropReason.POLICY_SESSION_LIMIT
    return _check_vpn(state, setup, decision)


def _check_vpn(state: FlowState, setup: FlowSetup, decision: Decision) -> DropReason | None:
    found = decision.policy
    through = state.paths.get(setup.tunnel_in.identifier) if setup.tunnel_in is not None else None
    policy_based = through is not None and through.bound is None
    if found is None or decision.verdict is not PolicyAction.TUNNEL:
        if through is not None and policy_based and not setup.egress.is_tunnel:
            setup.detail = f"came through {through.vpn}"
            return DropReason.SA_POLICY_DENY
        return None
    named = _named(found.policy)
    members = state.policy_paths.get(found.id, ())
    if through is not None and _carries(through, found.policy, members):
        if through.link is None and through.outgoing.zone == setup.to_zone:
            # A policy within the carrier zone would have it go on in clear, where its tunnel came from.
            setup.detail = f"came through {through.vpn}"
            return DropReason.SA_POLICY_DENY
        return None
    setup.detail = f"policy {found.id} names {named}"
    if through is not None and policy_based and not _answers(state, setup, through):
        setup.detail = f"came through {through.vpn}, {setup.detail}"
        return DropReason.SA_POLICY_DENY
    client = state.clients.path_for(found.id, setup.destination)
    if not members and client is None:
        setup.subject = ("vpn", found.policy.vpn) if found.policy.vpn is not None else setup.subject
        return DropReason.NO_SA
    if client is not None:
        members = (client,)
    # Of redundant tunnels the first that stands carries the traffic (B347, B360).
    path = next((member for member in members if member.tunnel.outbound is not None), members[0])
    if path.outgoing.zone != setup.to_zone:
        return DropReason.NO_SA_POLICY
    setup.detail = ""
    setup.path = path
    if len(members) > 1 and setup.renews is None:
        setup.standby = tuple(member for member in members if member is not path and member.tunnel.outbound is None)
    return None


def _carries(through: TunnelPath, policy: Policy, members: tuple[TunnelPath, ...]) -> bool:
    """Whether a packet came the way that a policy names: through its VPN, or out of its L2TP tunnel."""
    if through.link is not None:
        return policy.id in through.policies
    return through.vpn in {policy.vpn, *(path.vpn for path in members)}


def _answers(state: FlowState, setup: FlowSetup, through: TunnelPath) -> bool:
    """Whether a hub passes traffic on from one policy-based VPN into another: answers to it would go into the first.

    The policy of the opposite direction has to name the VPN that the packet came through; both are policies of Trust
    and Untrust, and of no other zones (B372).
    """
    if not {setup.from_zone, setup.to_zone} <= _HUB_ZONES:
        return False
    there = setup.traffic
    back = there._replace(source=there.destination, destination=there.source)
    answer = state.policies.lookup(setup.to_zone, setup.from_zone, back)
    return answer.policy is not None and through in state.policy_paths.get(answer.policy.id, ())


def _named(policy: Policy) -> str:
    if policy.l2tp is not None:
        return f"l2tp {policy.l2tp}" + (f" in vpn {policy.vpn}" if policy.vpn is not None else "")
    return policy.vpn or (f"vpn-group {policy.vpn_group}" if policy.vpn_group is not None else "no VPN")


def _default_subject(setup: FlowSetup, decision: Decision) -> tuple[object, ...]:
    if decision.reason in {Reason.INTRAZONE_BLOCK, Reason.INTRAZONE_PERMIT}:
        return ("zone", setup.to_zone)
    return ("default-policy",)


def _foreign_source(setup: FlowSetup, inner: Prefix) -> str:
    return f"source {format_ipv4(setup.source)} is not the inner address of the client ({inner})"


def _step(state: FlowState, setup: FlowSetup, traffic: Traffic, decision: Decision) -> PolicyMatch:
    explained = state.policies.explain(setup.from_zone, setup.to_zone, traffic)
    found = decision.policy
    return PolicyMatch(
        setup.from_zone,
        setup.to_zone,
        state.zone_id(setup.from_zone),
        state.zone_id(setup.to_zone),
        found.id if found is not None else None,
        decision.verdict.value,
        decision.reason.value,
        setup.subject,
        tuple((record.id, record.name, why) for record, why in explained if found is None or record.id != found.id),
        _position(state, found.policy) if found is not None else -1,
        tuple(
            (record.id, record.schedule) for record, _why in explained if record.schedule and _is_closed(state, record)
        ),
    )


def _is_closed(state: FlowState, record: Policy) -> bool:
    run = state.policies.run(record.id)
    return run is not None and run.closed


def _position(state: FlowState, found: Policy) -> int:
    order = state.config.policy_order.get((found.from_zone, found.to_zone), ())
    return order.index(found.id) if found.id in order else -1
