"""Source translation: by the policy, by a MIP of the egress interface, by interface NAT mode, in this order.

Interface NAT mode translates sources that leave for the Untrust zone (B194). What enters a tunnel keeps its source
unless the policy or a MIP of its tunnel interface says otherwise: proxy IDs and the peer's policies are about the
original addresses (E033).
"""

from __future__ import annotations

from nsemu.flow.packet import ICMP, TCP, UDP
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import SourceTranslation
from nsemu.nat.pools import Lease, PoolLease, PortLease, SourcePool, lease_port
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface

NAT_EGRESS_ZONE = "Untrust"
EGRESS_DIP = 2
"""The pool that is the address of the egress interface."""

_ECHO = frozenset({0, 8})


def source_nat(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide the source with which the flow leaves."""
    found = setup.decision.policy if setup.decision is not None else None
    if found is not None and found.policy.source_nat:
        if found.policy.dip_id not in {None, EGRESS_DIP}:
            return _from_pool(state, setup, found.policy.dip_id or 0, ("policy", found.id))
        return _from_egress(state, setup, "policy", ("policy", found.id))
    mapped = state.mappings.behind(_serving(state, setup), setup.source)
    if mapped is not None:
        mip, address = mapped
        setup.new_source = (address, _source_port(setup))
        _explain(setup, "MIP", ("mip", mip.interface, mip.address))
        return None
    why_not = _why_not(setup)
    if why_not:
        _explain(setup, why_not, ("interface", setup.ingress.name))
        return None
    return _from_egress(state, setup, "interface NAT", ("interface", setup.ingress.name))


def _serving(state: FlowState, setup: FlowSetup) -> tuple[str, ...]:
    """The interfaces whose pools and MIPs serve a flow: the egress, its loopback group before it (B148).

    For a policy-based VPN they are the tunnel interfaces of the tunnel zone to which it is bound.
    """
    if setup.path is not None and setup.path.bound is None:
        vpn = state.config.vpns.get(setup.path.vpn)
        zone = vpn.bind_zone if vpn is not None else None
        return tuple(name for name, interface in state.interfaces.items() if zone and interface.zone == zone)
    group = setup.egress.config.loopback_group
    return (group, setup.egress.name) if group is not None else (setup.egress.name,)


def _from_egress(state: FlowState, setup: FlowSetup, reason: str, subject: tuple[object, ...]) -> DropReason | None:
    egress = _addressed(state, setup)
    if egress is None:
        setup.detail, setup.subject = f"{setup.egress.name} has no address", subject
        return DropReason.NO_PORT
    address = egress.address
    source = (address, _source_port(setup))
    if _has_ports(setup):
        kept = _kept(setup)
        reusable = isinstance(kept, PortLease) and kept.source[0] == address
        lease = kept if reusable else lease_port(state.ports, address, setup.protocol)
        if lease is None:
            setup.detail, setup.subject = egress.name, subject
            return DropReason.NO_PORT
        setup.lease = lease
        source = lease.source
    setup.new_source = source
    _explain(setup, reason, subject)
    return None


def _addressed(state: FlowState, setup: FlowSetup) -> RunInterface | None:
    """The interface whose address the source gets. An unnumbered tunnel interface has none to give (B196)."""
    inner = (state.interfaces[name] for name in _serving(state, setup) if name in state.interfaces)
    if setup.path is not None and setup.path.bound is None:
        numbered = next((interface for interface in inner if interface.length), None)
        return numbered or (setup.egress if setup.egress.address else None)
    egress = setup.egress
    return egress if (egress.length if egress.is_tunnel else egress.address) else None


def _from_pool(state: FlowState, setup: FlowSetup, number: int, subject: tuple[object, ...]) -> DropReason | None:
    """A source from a pool, or from the first member of a group that is of the way out and has one."""
    pools = state.pool_groups.get(number) or tuple(state.pools[one] for one in (number,) if one in state.pools)
    setup.subject = subject
    setup.detail = f"dip-id {number}"
    if not pools:
        return DropReason.NO_PORT
    ways_out = {*_serving(state, setup), setup.egress.name}
    usable = [pool for pool in pools if pool.record.interface in ways_out]
    if not usable:
        setup.detail = f"dip-id {number} is of {pools[0].record.interface}, the way out is {setup.egress.name}"
        return DropReason.NO_PORT
    kept = next((lease for lease in (_kept_in(pool, setup) for pool in usable) if lease is not None), None)
    lease = kept or next((lease for lease in (_allocate(pool, setup) for pool in usable) if lease is not None), None)
    if lease is None:
        return DropReason.NO_PORT
    setup.lease = lease
    setup.new_source = lease.source
    setup.detail, setup.subject = "", ()
    _explain(setup, f"dip-id {number}", subject)
    return None


def _allocate(pool: SourcePool, setup: FlowSetup) -> PoolLease | None:
    return pool.allocate((setup.source, _source_port(setup)), setup.protocol, has_ports=_has_ports(setup))


def _why_not(setup: FlowSetup) -> str:
    if setup.path is not None or setup.egress.is_tunnel:
        return "enters a tunnel"
    if not setup.ingress.nat_mode:
        return f"{setup.ingress.name} is in Route mode"
    if setup.tunnel_in is not None:
        return "came out of a tunnel"
    if setup.to_zone != NAT_EGRESS_ZONE or setup.from_zone == NAT_EGRESS_ZONE:
        return f"{setup.from_zone} to {setup.to_zone}"
    if not setup.egress.address:
        return f"{setup.egress.name} has no address"
    return ""


def _has_ports(setup: FlowSetup) -> bool:
    if setup.protocol == ICMP:
        return setup.icmp is not None and setup.icmp[0] in _ECHO
    return setup.protocol in {TCP, UDP}


def _source_port(setup: FlowSetup) -> int:
    """The port of the source; for ICMP its identifier, which stands in the place of the destination port."""
    return setup.destination_port if setup.protocol == ICMP else setup.source_port


def _kept(setup: FlowSetup) -> Lease | None:
    """The source that a session under renewal holds."""
    return setup.renews.lease if setup.renews is not None else None


def _kept_in(pool: SourcePool, setup: FlowSetup) -> PoolLease | None:
    kept = _kept(setup)
    return kept if isinstance(kept, PoolLease) and kept.pool is pool else None


def _explain(setup: FlowSetup, reason: str, subject: tuple[object, ...]) -> None:
    if setup.trace is not None:
        before = (setup.source, _source_port(setup))
        setup.add(SourceTranslation(before, setup.new_source, reason, setup.egress.name, subject))
