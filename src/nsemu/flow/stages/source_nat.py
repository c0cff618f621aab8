"""Source translation: by the policy, by a MIP of the egress interface, by interface NAT mode, in this order.

Interface NAT mode translates sources that leave for the Untrust zone (B194). What enters a tunnel keeps its source
unless the policy or a MIP says otherwise: proxy IDs and the peer's policies are about the original addresses (E033).
"""

from __future__ import annotations

from nsemu.flow.packet import ICMP, TCP, UDP
from nsemu.flow.setup import Address, FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import SourceTranslation
from nsemu.runtime.drop import DropReason

NAT_EGRESS_ZONE = "Untrust"


def source_nat(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide the source with which the flow leaves."""
    found = setup.decision.policy if setup.decision is not None else None
    if found is not None and found.policy.source_nat:
        if found.policy.dip_id is not None:
            return _from_pool(state, setup, found.policy.dip_id, ("policy", found.id))
        return _from_egress(state, setup, "policy", ("policy", found.id))
    mapped = state.mappings.behind(setup.egress.name, setup.source)
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


def _from_egress(state: FlowState, setup: FlowSetup, reason: str, subject: tuple[object, ...]) -> DropReason | None:
    address = setup.egress.address
    if not address:
        setup.detail, setup.subject = f"{setup.egress.name} has no address", subject
        return DropReason.NO_PORT
    port: int | None = _source_port(setup)
    if _has_ports(setup):
        port = _kept_port(setup, address)
        if port is None:
            port = state.ports.allocate(address, setup.protocol)
        if port is None:
            setup.detail = setup.egress.name
            return DropReason.NO_PORT
        setup.lease = _Lease(state, (address, port), setup.protocol)
    setup.new_source = (address, port or 0)
    _explain(setup, reason, subject)
    return None


def _from_pool(state: FlowState, setup: FlowSetup, number: int, subject: tuple[object, ...]) -> DropReason | None:
    pool = state.pools.get(number)
    setup.subject = subject
    setup.detail = f"dip-id {number}"
    if pool is None:
        return DropReason.NO_PORT
    kept = _kept_source(setup)
    if kept is not None and kept[0] in pool.record:
        source: Address | None = kept
    else:
        source = pool.allocate((setup.source, _source_port(setup)), setup.protocol)
    if source is None:
        return DropReason.NO_PORT
    setup.lease = _PoolLease(state, number, source, setup.protocol)
    setup.new_source = source
    _explain(setup, f"dip-id {number}", subject)
    return None


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
        return setup.icmp is not None and setup.icmp[0] in {0, 8}
    return setup.protocol in {TCP, UDP}


def _source_port(setup: FlowSetup) -> int:
    """The port of the source; for ICMP its identifier, which stands in the place of the destination port."""
    return setup.destination_port if setup.protocol == ICMP else setup.source_port


def _kept_source(setup: FlowSetup) -> Address | None:
    """The translated source that a session under renewal has."""
    session = setup.renews
    if session is None or session.forward.rewrite is None:
        return None
    after = session.forward.rewrite.after
    return (after[0], after[3] if setup.protocol == ICMP else after[2])


def _kept_port(setup: FlowSetup, address: int) -> int | None:
    kept = _kept_source(setup)
    return kept[1] if kept is not None and kept[0] == address else None


class _Lease:
    """Gives a translated port back when the session ends."""

    __slots__ = ("_protocol", "_source", "_state")

    def __init__(self, state: FlowState, source: Address, protocol: int) -> None:
        self._state, self._source, self._protocol = state, source, protocol

    def __call__(self) -> None:
        self._state.ports.release(self._source[0], self._protocol, self._source[1])


class _PoolLease:
    """Gives a source back to its pool when the session ends."""

    __slots__ = ("_number", "_protocol", "_source", "_state")

    def __init__(self, state: FlowState, number: int, source: Address, protocol: int) -> None:
        self._state, self._number, self._source, self._protocol = state, number, source, protocol

    def __call__(self) -> None:
        pool = self._state.pools.get(self._number)
        if pool is not None:
            pool.release(self._source, self._protocol)


def _explain(setup: FlowSetup, reason: str, subject: tuple[object, ...]) -> None:
    if setup.trace is not None:
        before = (setup.source, _source_port(setup))
        setup.add(SourceTranslation(before, setup.new_source, reason, setup.egress.name, subject))
