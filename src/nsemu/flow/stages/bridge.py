"""The egress of a flow. In transparent mode the destination MAC address gives it and its zone, in place of a route.

What came out of a tunnel has no MAC addresses: its next hop on `vlan1` is asked for by ARP, and the port behind which
that one is gives the zone (Vol. 5, "Transparent Mode VPN").
"""

from __future__ import annotations

from nsemu.config.interface import InterfaceKind, UnknownMac
from nsemu.config.policy import PolicyAction
from nsemu.flow.host_search import ask_for_mac, look_for
from nsemu.flow.packet import IPSEC
from nsemu.flow.setup import FlowSetup
from nsemu.flow.stages.route import route as lookup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import MacLookup
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface

_VLAN1 = ("interface", "vlan1")


def route(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide egress and destination zone, by the table of the layer at which the device works."""
    if setup.ingress.bridged:
        return _bridge(state, setup)
    reason = lookup(state, setup)
    if reason is None and setup.egress.kind is InterfaceKind.VLAN:
        return _across(state, setup)
    return reason


def _bridge(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide egress and destination zone of a frame that came in on a port."""
    tables = state.bridge
    if setup.protocol in IPSEC and not tables.settings.bypass_others_ipsec:
        setup.subject = _VLAN1
        return DropReason.OTHERS_IPSEC
    destination = setup.link_destination
    if not destination or tables.vlan1 is None or destination == tables.vlan1.mac:
        setup.detail = "vlan1 forwards nothing"
        return DropReason.NOT_FOR_SELF
    port = tables.macs.find(destination, state.scheduler.now)
    if setup.trace is not None:
        setup.add(_step(destination, port))
    if port is None:
        return _unknown(state, setup)
    if port is setup.ingress:
        setup.detail = f"{destination.hex()} is behind {port.name} itself"
        return DropReason.UNKNOWN_MAC
    _leave_by(setup, port)
    return None


def _across(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Decide port and destination zone of a packet out of a tunnel whose route leads to `vlan1`."""
    neighbor = state.neighbors.neighbor(setup.egress, setup.next_hop)
    now = state.scheduler.now
    port = state.bridge.macs.find(neighbor.mac, now) if neighbor.header is not None else None
    if port is None and setup.renews is not None and setup.renews.forward.egress.bridged:
        port = setup.renews.forward.egress  # silent for a while, and still there
    if setup.trace is not None:
        setup.add(_step(neighbor.mac, port))
    if port is None:
        look_for(state, setup.next_hop)
        setup.detail = neighbor.mac.hex()
        return DropReason.UNKNOWN_MAC
    _leave_by(setup, port)
    return None


def _leave_by(setup: FlowSetup, port: RunInterface) -> None:
    setup.egress = port
    setup.to_zone = port.zone


def _unknown(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Nobody knows where the destination is: ask for it, or try all ports to which a policy lets the packet."""
    if not state.config.flow.mac_flooding:
        setup.detail, setup.subject = setup.link_destination.hex(), ("flow", "mac-flooding")
        return DropReason.UNKNOWN_MAC
    if state.bridge.settings.unknown_mac is UnknownMac.ARP:
        ask_for_mac(state, setup)
        setup.detail, setup.subject = setup.link_destination.hex(), _VLAN1
        return DropReason.UNKNOWN_MAC
    ports = state.bridge.others(setup.ingress)
    if not ports:
        setup.detail = setup.link_destination.hex()
        return DropReason.UNKNOWN_MAC
    verdicts = {
        zone: state.policies.lookup(setup.from_zone, zone, setup.traffic).verdict
        for zone in dict.fromkeys(port.zone for port in ports)
    }
    # What a policy wants in a tunnel is not tried elsewhere in clear.
    for wanted in (PolicyAction.TUNNEL, PolicyAction.PERMIT):
        found = [port for port in ports if verdicts[port.zone] is wanted]
        if found:
            _leave_by(setup, found[0])
            setup.flood = tuple(found)
            return None
    _leave_by(setup, ports[0])
    return None


def _step(mac: bytes, port: RunInterface | None) -> MacLookup:
    return MacLookup(mac.hex(), port.name if port is not None else "", port.zone if port is not None else "")
