"""Policy-based destination translation: `nat dst ip …` of the policy that matched (B218, B342).

The original destination has given the zone and the policy; the new one is routed once more and must be in that zone.
"""

from __future__ import annotations

from nsemu.flow.packet import TCP, UDP
from nsemu.flow.setup import FlowSetup
from nsemu.flow.stages.route import lookup_step
from nsemu.flow.state import FlowState
from nsemu.flow.steps import DestinationTranslation
from nsemu.routing.resolve import resolve
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import format_ipv4


def destination_nat(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide the destination with which the flow leaves."""
    found = setup.decision.policy if setup.decision is not None else None
    wanted = found.policy.destination_nat if found is not None else None
    if found is None or wanted is None or setup.new_destination is not None:  # a MIP or VIP has decided
        return None
    address = wanted.low
    if wanted.high is not None:
        base = state.policies.first_destination(found.policy)
        address = wanted.low + setup.destination - base
        if not wanted.low <= address <= wanted.high:
            setup.detail = f"{format_ipv4(setup.destination)} has no counterpart up to {format_ipv4(wanted.high)}"
            return DropReason.NO_MAPPING
    port = wanted.port if wanted.port is not None and setup.protocol in {TCP, UDP} else setup.destination_port
    setup.map_destination(address, port)
    if setup.trace is not None:
        before = (setup.destination, setup.destination_port)
        setup.add(DestinationTranslation("policy", before, (address, port), ("policy", found.id)))
    return _route_again(state, setup)


def _route_again(state: FlowState, setup: FlowSetup) -> DropReason | None:
    address = setup.routed_destination
    vrouter = setup.vrouter
    if setup.trace is not None:
        setup.add(lookup_step(state, setup.ingress.name, (setup.source, address), vrouter))
    resolution = resolve(state.routes, vrouter, address)
    if resolution is None or resolution.entry.discards:
        setup.detail = f"{format_ipv4(address)} in {vrouter}"
        return DropReason.NO_ROUTE
    entry = resolution.entry
    egress = state.interfaces[entry.interface or ""]
    if egress.zone != setup.to_zone:
        setup.detail = f"{format_ipv4(address)} is in {egress.zone}, its policy's destination in {setup.to_zone}"
        return DropReason.NO_ROUTE
    setup.egress, setup.next_hop, setup.route_id = egress, entry.next_hop(address), entry.id
    return None
