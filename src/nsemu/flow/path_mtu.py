"""The path MTU of tunnels: whom to believe that tells it, and what then fits into a tunnel.

Anybody can send "fragmentation needed" (RFC 1191), and a small MTU is an attack. It is believed about a packet that an
SA which is alive can have sent, with DF, and that was longer than the MTU (RFC 4301 §8.2.1).
"""

from __future__ import annotations

from typing import Final

from nsemu.config.algorithms import IpsecProtocol
from nsemu.flow.packet import UDP, Packet
from nsemu.flow.state import FlowState
from nsemu.flow.steps import DeliveredSelf, PathMtuReport
from nsemu.ipsec.sa import OutboundSa
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.path_mtu import narrower
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.icmp import DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED, IcmpMessage
from nsemu.wire.ipv4 import Ipv4Packet

SMALLEST_BELIEVED: Final = 576
"""RFC 791 §3.1: every host takes this much, and no link of today carries less."""

_PROTOCOLS: Final = {protocol.value: protocol for protocol in IpsecProtocol}
_UDP_HEADER, _MARKER = 8, 8


def longest_inner(state: FlowState, sa: OutboundSa, egress: RunInterface) -> int:
    """The longest packet whose protected form passes the egress and the way to the peer, as far as that is known."""
    mtu = egress.mtu
    if state.path_mtus.known:
        mtu = min(mtu, state.path_mtus.lookup(_way(sa), state.scheduler.now))
    return sa.longest_inner(mtu)


def take_report(state: FlowState, packet: Packet, message: IcmpMessage) -> bool:
    """An ICMP message to the device; True when it told the path MTU of a tunnel and is believed."""
    if (message.type, message.code) != (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED):
        return False
    try:
        quoted = Ipv4Packet.parse_quote(message.payload)
    except MalformedPacket:
        return False
    if quoted.protocol != UDP and quoted.protocol not in _PROTOCOLS:
        return False
    length = int.from_bytes(message.payload[2:4], "big")
    mtu = narrower(message.next_hop_mtu, length)
    found = _sender(state, quoted)
    vpn, sa = found or ("", None)
    fault = _fault(packet, quoted, sa, (mtu, length))
    if packet.trace is not None:
        packet.trace.add(PathMtuReport(vpn, quoted.destination, mtu, fault))
        if not fault:
            packet.trace.add(DeliveredSelf("ICMP, about what a tunnel sent"))
    if fault or sa is None:
        return False
    state.path_mtus.learn(_way(sa), mtu, length, state.scheduler.now)
    return True


def _fault(packet: Packet, quoted: Ipv4Packet, sa: OutboundSa | None, sizes: tuple[int, int]) -> str:
    """Why a report is not believed. `sizes`: the MTU that it tells, the length of the packet that it is about."""
    mtu, length = sizes
    if quoted.source != packet.destination:
        return "it is about a packet of another sender"
    if sa is None:
        return "no living SA has sent the packet that it is about"
    if not quoted.df or quoted.fragment_offset:
        return "the packet that it is about may be fragmented"
    if mtu < SMALLEST_BELIEVED:
        return f"an MTU below {SMALLEST_BELIEVED} is not believed"
    return "" if mtu < length else "the packet that it is about is not longer than the MTU"


def _sender(state: FlowState, quoted: Ipv4Packet) -> tuple[str, OutboundSa] | None:
    """The living SA that may have sent a packet, and the name of its VPN."""
    for tunnel in state.database.tunnels_of(quoted.destination):
        for sa in tunnel.outbound_sas:
            if sa.parameters.local == quoted.source and _may_be_of(sa, quoted):
                return tunnel.settings.vpn, sa
    return None


def _may_be_of(sa: OutboundSa, quoted: Ipv4Packet) -> bool:
    """Whether the octets that are quoted, eight at least, are those of the SA, and its number one that was sent."""
    octets = quoted.payload
    udp = sa.parameters.udp
    if (quoted.protocol == UDP) != (udp is not None) or len(octets) < _UDP_HEADER:
        return False
    if udp is None:
        if _PROTOCOLS[quoted.protocol] is not sa.parameters.protocol:
            return False
        return _has_sent(sa, octets[4:] if sa.parameters.protocol is IpsecProtocol.AH else octets)
    if octets[:4] != udp.local.to_bytes(2, "big") + udp.peer.to_bytes(2, "big"):
        return False
    rest = octets[_UDP_HEADER:]
    if udp.marker:
        if any(rest[:_MARKER]):
            return False
        rest = rest[_MARKER:]
    # Most routers quote the ports alone (RFC 792).
    return not rest or _has_sent(sa, rest)


def _has_sent(sa: OutboundSa, octets: bytes) -> bool:
    """Whether SPI and sequence number, as far as they are quoted, fit an SA."""
    if octets[:4] != sa.spi.to_bytes(4, "big")[: len(octets)]:
        return False
    return len(octets) < 8 or 0 < int.from_bytes(octets[4:8], "big") <= sa.sequence


def _way(sa: OutboundSa) -> int:
    return sa.parameters.local << 32 | sa.parameters.peer
