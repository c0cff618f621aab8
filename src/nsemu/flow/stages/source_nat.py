"""Source translation. Interface NAT mode translates Trust-side sources that leave for the Untrust zone (B194).

What enters a tunnel keeps its source: the proxy IDs and the peer's policies are about the original addresses.
"""

from __future__ import annotations

from nsemu.flow.packet import ICMP, TCP, UDP
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import SourceTranslation
from nsemu.runtime.drop import DropReason

NAT_EGRESS_ZONE = "Untrust"


def source_nat(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide the source with which the flow leaves."""
    why_not = _why_not(setup)
    if why_not:
        _explain(setup, None, why_not)
        return None
    address = setup.egress.address
    if setup.protocol not in {TCP, UDP, ICMP}:
        setup.translated = (address, setup.destination, setup.source_port, setup.destination_port)
        _explain(setup, (address, setup.source_port), "interface NAT")
        return None
    port = _port(state, setup, address)
    if port is None:
        setup.detail = setup.egress.name
        return DropReason.NO_PORT
    if setup.protocol == ICMP:
        # The identifier stands in the place of the destination port.
        setup.translated = (address, setup.destination, setup.source_port, port)
    else:
        setup.translated = (address, setup.destination, port, setup.destination_port)
    _explain(setup, (address, port), "interface NAT")
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


def _port(state: FlowState, setup: FlowSetup, address: int) -> int | None:
    session = setup.renews
    if session is not None and session.forward.rewrite is not None:
        after = session.forward.rewrite.after
        if after[0] == address:
            return after[3] if setup.protocol == ICMP else after[2]
    if setup.icmp is not None and setup.icmp[0] not in {0, 8}:
        return setup.destination_port
    return state.ports.allocate(address, setup.protocol)


def _explain(setup: FlowSetup, after: tuple[int, int] | None, reason: str) -> None:
    if setup.trace is not None:
        before = (setup.source, setup.source_port)
        setup.add(SourceTranslation(before, after, reason, setup.egress.name, ("interface", setup.ingress.name)))
