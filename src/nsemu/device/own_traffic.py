"""Packets of the device's own services (DHCP relay, syslog, NTP) that policies may send into a VPN.

A route to a tunnel interface takes them into its VPN like all others. With `policy_based` the policy from the zone of
their source interface decides as it would for a host there (`set syslog vpn`, `set interface X dhcp relay vpn`).
"""

from __future__ import annotations

from nsemu.config.policy import PolicyAction
from nsemu.flow.originate import egress_towards, originate
from nsemu.flow.state import FlowState
from nsemu.flow.tunnels import TunnelPath
from nsemu.policy.decision import Traffic
from nsemu.runtime.interface import RunInterface
from nsemu.wire.ipv4 import Ipv4Packet


def send_own(state: FlowState, packet: Ipv4Packet, source: RunInterface, *, policy_based: bool) -> bool:
    """Send a UDP packet with the address of `source`; whether it left, or waits for ARP."""
    through = _tunnel(state, packet, source) if policy_based else None
    return originate(state, packet, source.vrouter, through=through)


def _tunnel(state: FlowState, packet: Ipv4Packet, source: RunInterface) -> TunnelPath | None:
    """The VPN of the policy for the packet, None when it names none."""
    egress = egress_towards(state, source.vrouter, packet.destination)
    if egress is None or egress.is_tunnel:
        return None
    ports = (int.from_bytes(packet.payload[:2], "big"), int.from_bytes(packet.payload[2:4], "big"))
    traffic = Traffic(packet.source, packet.destination, packet.protocol, *ports)
    decision = state.policies.lookup(source.zone, egress.zone, traffic)
    if decision.verdict is not PolicyAction.TUNNEL or decision.policy is None:
        return None
    members = state.policy_paths.get(decision.policy.id, ())
    return next((path for path in members if path.tunnel.active), members[0] if members else None)
