"""Packets for the device itself: ESP, IKE, management ping; whatever nothing wants is dropped."""

from __future__ import annotations

from struct import Struct

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import InterfaceKind, ManagementService, WebAuth
from nsemu.config.policy import PolicyAction
from nsemu.flow.forward import drop
from nsemu.flow.icmp_errors import reply
from nsemu.flow.packet import ICMP, TCP, UDP, Packet
from nsemu.flow.path_mtu import take_report
from nsemu.flow.session import ACK, FIN, RST, SYN
from nsemu.flow.state import FlowState
from nsemu.flow.steps import DeliveredSelf
from nsemu.policy.decision import Traffic
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.wire import icmp
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.tcp import TcpSegment
from nsemu.wire.udp import UdpDatagram, checksum_is_right

_PORTS = Struct("!HH")
_MOST_MANAGERS = 256
_WEBAUTH_PORT = 80
L2TP_PORT = 1701

SELF_POLICY = 320_001
"""The policy ID that the logs show for traffic to the device that nothing wanted (screenos-cli §2.4, §3.1)."""

_FIXED_SERVICES = {
    80: ManagementService.WEB,
    113: ManagementService.IDENT_RESET,
    443: ManagementService.SSL,
}


def service_at(config: DeviceConfig, port: int) -> ManagementService | None:
    """The management service behind a TCP port; two of them can be elsewhere (`set admin telnet port`)."""
    access = config.system.access
    moved = {access.telnet_port: ManagementService.TELNET, access.ssh_port: ManagementService.SSH}
    return moved.get(port) or _FIXED_SERVICES.get(port)


def deliver(state: FlowState, packet: Packet, owner: RunInterface) -> None:
    """Take a packet for one of the device's own addresses, which is on `owner`."""
    packet.ingress.counters.in_self += 1
    if state.config.flow.mac_cache and packet.link_source:
        _remember(state, packet)
    handler = _HANDLERS.get(packet.protocol)
    if packet.destination == owner.config.webauth_ip:
        handler = _webauth
    if handler is None or not handler(state, packet, owner):
        state.upcalls.denied(packet, SELF_POLICY, DropReason.NOT_FOR_SELF)
        drop(packet, "self", DropReason.NOT_FOR_SELF, f"{owner.name}", ("interface", owner.name))


def _remember(state: FlowState, packet: Packet) -> None:
    """`mac-cache mgt`: where no route leads back to a manager, answers go where it came from."""
    if len(state.managers) >= _MOST_MANAGERS and packet.source not in state.managers:
        del state.managers[next(iter(state.managers))]
    state.managers[packet.source] = state.neighbors.known(packet.ingress, packet.source, packet.link_source)


def _udp(state: FlowState, packet: Packet, _owner: RunInterface) -> bool:
    handler = state.udp_handlers.get(packet.destination_port)
    l2tp = state.l2tp_handler if packet.destination_port == L2TP_PORT else None
    if handler is None and l2tp is None:
        return False
    payload = packet.data[packet.header_length :]
    try:
        datagram = UdpDatagram.parse(payload)
    except MalformedPacket:
        return False
    if not checksum_is_right(payload, packet.source, packet.destination):
        return False
    if handler is None:
        return l2tp is not None and l2tp(packet, datagram.payload)
    _taken(packet, f"UDP port {packet.destination_port}")
    source = (packet.source, packet.source_port)
    handler(datagram.payload, source, (packet.destination, packet.destination_port), packet.trace)
    return True


def _icmp(state: FlowState, packet: Packet, owner: RunInterface) -> bool:
    try:
        message = icmp.IcmpMessage.parse(packet.data[packet.header_length :])
    except MalformedPacket:
        return False
    if message.type == icmp.ECHO_REQUEST:
        if not permitted(state, packet, owner, ManagementService.PING):
            return False
        _taken(packet, "ping, answered")
        answer = icmp.echo_reply(message.identifier, message.sequence, message.payload).build()
        reply(state, packet, ICMP, answer, packet.destination)
        return True
    if take_report(state, packet, message):
        return True
    if any(handler(packet) for handler in list(state.echo_handlers)):
        _taken(packet, "ICMP, for a command that waits for it")
        return True
    return False


def _tcp(state: FlowState, packet: Packet, owner: RunInterface) -> bool:
    """Management services where the admin allows them; ident is answered with a reset where asked for."""
    service = service_at(state.config, packet.destination_port)
    if service is None or not permitted(state, packet, owner, service):
        return False
    if service is ManagementService.IDENT_RESET:
        _taken(packet, "ident, reset")
        return send_reset(state, packet)
    handler = state.tcp_handler
    return handler is not None and may_manage(state.config, packet.source) and handler(packet)


def _webauth(state: FlowState, packet: Packet, owner: RunInterface) -> bool:
    """The page on which users log in: at its address there is nothing else."""
    if packet.protocol != TCP or packet.destination_port != _WEBAUTH_PORT or state.logins is None:
        return False
    if owner.config.webauth is not WebAuth.ON or not _reachable(state, packet, owner):
        return False
    if packet.tcp_flags & (SYN | ACK | RST) != SYN:
        return send_reset(state, packet)
    _taken(packet, "WebAuth")
    return state.logins.begin_webauth(packet, state.source_zone(packet.ingress, packet.tunnel))


def may_manage(config: DeviceConfig, address: int) -> bool:
    """Whether `set admin manager-ip` lets a host log in; without any entry it lets in all."""
    hosts = config.system.manager_ips
    return not hosts or any(address in prefix for prefix in hosts)


def send_reset(state: FlowState, packet: Packet) -> bool:
    """Answer a TCP segment with RST in the name of its destination (RFC 9293 §3.10.7.1)."""
    try:
        segment = TcpSegment.parse(packet.data[packet.header_length :], packet.source, packet.destination)
    except MalformedPacket:
        return False
    if segment.flags & RST:
        return False
    return reply(state, packet, TCP, _reset_for(segment, packet), packet.destination)


def _reset_for(segment: TcpSegment, packet: Packet) -> bytes:
    ports = (segment.destination_port, segment.source_port)
    if segment.flags & ACK:
        reset = TcpSegment(*ports, segment.acknowledgment, 0, RST, 0)
    else:
        size = len(segment.payload) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
        reset = TcpSegment(*ports, 0, (segment.sequence + size) & 0xFFFFFFFF, RST | ACK, 0)
    return reset.build(packet.destination, packet.source)


def permitted(state: FlowState, packet: Packet, owner: RunInterface, service: ManagementService) -> bool:
    """Whether a management service may be used by this packet.

    The service must be on at the interface that has the address; from another zone a policy must permit it as well.
    """
    if service not in owner.manage or not owner.config.manageable:
        return False
    if owner.manage_ip and packet.destination not in {owner.manage_ip, owner.address}:
        return False
    if packet.ingress.bridged or packet.ingress.kind is InterfaceKind.VLAN:
        return service in packet.ingress.manage  # B232: both on vlan1 and on the zone
    return _reachable(state, packet, owner)


def _reachable(state: FlowState, packet: Packet, owner: RunInterface) -> bool:
    """Whether an address of the device can be reached: from its own zone, from another if a policy permits it."""
    zone = state.source_zone(packet.ingress, packet.tunnel)
    if zone == owner.zone:
        return True
    ports = (packet.source_port, packet.destination_port)
    if packet.protocol == ICMP:
        ports = (packet.icmp_type, packet.icmp_code)
    traffic = Traffic(packet.source, packet.destination, packet.protocol, *ports)
    if len(state.clients):
        through = state.paths.get(packet.tunnel.identifier) if packet.tunnel is not None else None
        traffic = state.clients.describe(traffic, through)
    decision = state.policies.lookup(zone, owner.zone, traffic)
    return decision.verdict in {PolicyAction.PERMIT, PolicyAction.TUNNEL}


def _taken(packet: Packet, what: str) -> None:
    if packet.trace is not None:
        packet.trace.add(DeliveredSelf(what))


_HANDLERS = {UDP: _udp, ICMP: _icmp, TCP: _tcp}
