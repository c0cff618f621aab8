"""Address mapping: MIP and VIP destinations are translated before the route lookup (B151, B148)."""

from __future__ import annotations

from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import DestinationTranslation
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import format_ipv4


def mapping(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide the host behind a mapped destination."""
    mappings = state.mappings
    if mappings.empty:
        return None
    reached = state.reached_from(setup.ingress.vrouter, setup.destination)
    found = mappings.mip(setup.destination, reached)
    if found is not None:
        mip, host = found
        setup.map_destination(host, setup.destination_port)
        setup.vrouter = mip.vrouter
        _explain(setup, "MIP", ("mip", mip.interface, mip.address))
        return None
    server = mappings.vip(setup.destination, setup.protocol, setup.destination_port, reached)
    if server is not None:
        vip, port = server
        setup.map_destination(vip.host, port)
        _explain(setup, "VIP", ("vip", vip.interface, vip.address, vip.port))
    elif mappings.is_virtual(setup.destination, reached):
        setup.detail = f"{format_ipv4(setup.destination)}/{setup.destination_port}"
        return DropReason.NO_MAPPING
    return None


def _explain(setup: FlowSetup, kind: str, subject: tuple[object, ...]) -> None:
    if setup.trace is not None:
        before = (setup.destination, setup.destination_port)
        after = (setup.routed_destination, setup.routed_port)
        setup.add(DestinationTranslation(kind, before, after, subject))
