"""The tunnel of a flow: a VPN bound to its egress tunnel interface, or the one its policy names (B031, B141, B167).

Without an active Phase 2 SA the packet is dropped and IKE is triggered (B061, B154).
"""

from __future__ import annotations

from typing import Final

from nsemu.flow.nhtb import bound_tunnel, has_entry
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import IkeTriggered, TunnelSelect
from nsemu.flow.tunnels import TunnelPath
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import format_ipv4

_UNTRUST: Final = "Untrust"


def tunnel(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide the tunnel, and see that it is usable."""
    reason = "policy"
    if setup.egress.is_tunnel:
        by_table = has_entry(state, setup.egress.name, setup.next_hop)
        reason = "nhtb" if by_table or len(setup.egress.tunnel_ids) > 1 else "route"
        setup.path = bound_tunnel(state, setup.egress, setup.next_hop)
        if setup.path is None:
            unbound = f"no binding for next hop {format_ipv4(setup.next_hop)}"
            setup.detail = unbound if reason == "nhtb" else setup.egress.name
            setup.subject = ("interface", setup.egress.name)
            return DropReason.NO_TUNNEL
    path = setup.path
    if path is None:
        return None
    for member in setup.standby:  # B349: all members of a group are negotiated
        state.upcalls.prepare(member)
    if setup.trace is not None:
        by_hop = reason == "nhtb" and (setup.egress.name, setup.next_hop) not in state.learned_hops
        subject = ("nhtb", setup.egress.name, setup.next_hop) if by_hop else path.subject
        setup.add(TunnelSelect(path.identifier, path.vpn, path.tunnel.settings.peer, reason, subject))
    if _loops(state, setup, path):
        setup.detail, setup.subject = f"MIP {format_ipv4(setup.destination)}", ("flow", "hub-n-spoke-mip")
        return DropReason.NO_MAPPING
    return require_sa(state, setup, path)


def _loops(state: FlowState, setup: FlowSetup, path: TunnelPath) -> bool:
    """Whether a MIP leads from one tunnel into another on one interface of Untrust, and `hub-n-spoke-mip` is off."""
    if state.config.flow.hub_n_spoke_mip or setup.tunnel_in is None or path.outgoing.zone != _UNTRUST:
        return False
    came = state.paths.get(setup.tunnel_in.identifier)
    if came is None or came.outgoing is not path.outgoing:
        return False
    reached = state.reached_from(setup.ingress.vrouter, setup.destination)
    return state.mappings.mip(setup.destination, reached) is not None


def require_sa(state: FlowState, setup: FlowSetup, path: TunnelPath) -> DropReason | None:
    """Refuse a tunnel without SA, and trigger IKE."""
    if path.tunnel.outbound is not None or path.link is not None:
        return None
    setup.subject = ("vpn", path.vpn)
    setup.detail = path.vpn
    if not path.negotiable:
        return DropReason.NO_SA
    if not path.tunnel.settings.peer:
        # B192, B240: a dialup client is a dynamic peer in this.
        setup.detail = f"{path.vpn}: only the dynamic peer can begin, and it has not come yet"
        return DropReason.NO_SA
    setup.add(IkeTriggered(path.identifier, path.vpn, path.tunnel.settings.peer))
    state.upcalls.acquire(path)
    return DropReason.SA_INACTIVE
