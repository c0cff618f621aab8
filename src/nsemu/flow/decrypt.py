"""Inbound IPsec: from an ESP or AH packet for the device to the packet inside (Vol. 5, "Packet Flow", Paris 2 to 6)."""

from __future__ import annotations

from struct import Struct

from nsemu.flow.forward import drop
from nsemu.flow.packet import ESP, UDP, Packet
from nsemu.flow.state import FlowState
from nsemu.flow.steps import EspOpen
from nsemu.flow.tunnels import TunnelPath
from nsemu.ipsec.database import InboundEntry
from nsemu.ipsec.sa import IpsecFailure
from nsemu.runtime.drop import DropReason

_SPI_AND_SEQUENCE = Struct("!II")

_L2TP_PORT = (1701).to_bytes(2, "big")

_FAILURES = {
    IpsecFailure.REPLAY: DropReason.ESP_REPLAY,
    IpsecFailure.AUTHENTICATION: DropReason.ESP_AUTHENTICATION,
    IpsecFailure.EXPIRED: DropReason.SA_INACTIVE,
}


def decapsulate(state: FlowState, packet: Packet, in_udp: int = 0) -> Packet | None:
    """The packet inside an ESP or AH packet, as if it had come in on its tunnel interface (B162, B168).

    `in_udp` is where ESP begins in a UDP packet, 0 for a packet of IPsec's own protocols. None when it was dropped.
    """
    offset = in_udp or packet.header_length
    data = packet.data
    if in_udp or packet.protocol == ESP:
        start, table = offset, state.database.esp
    else:  # RFC 4302 §2: next header, length and a reserved half come first.
        start, table = offset + 4, state.database.ah
    if len(data) < start + 8:
        drop(packet, "ipsec", DropReason.ESP_MALFORMED)
        return None
    entry = table.get(data[16:20] + data[start : start + 4])
    if entry is None:
        spi, sequence = _SPI_AND_SEQUENCE.unpack_from(data, start)
        drop(packet, "ipsec", DropReason.BAD_SPI, f"SPI {spi:08x}")
        state.upcalls.bad_spi(packet, spi, sequence)
        return None
    path = state.paths.get(entry.tunnel.identifier)
    if path is None:
        drop(packet, "ipsec", DropReason.NO_SA)
        return None
    inner = entry.sa.open(data, offset)
    if isinstance(inner, IpsecFailure):
        spi, sequence = _SPI_AND_SEQUENCE.unpack_from(data, start)
        subject = ("vpn", path.vpn)
        drop(packet, "ipsec", _FAILURES.get(inner, DropReason.ESP_MALFORMED), inner.value, subject)
        if inner is IpsecFailure.REPLAY:
            state.upcalls.replayed(packet, path, spi, sequence)
        return None
    if path.transport and not _is_l2tp(inner):
        detail = f"{path.vpn} is in transport mode, for L2TP alone"
        drop(packet, "ipsec", DropReason.SA_POLICY_DENY, detail, ("vpn", path.vpn))
        return None
    if in_udp:
        _note_sender(state, packet, path, entry, start)
    return _opened(state, packet, path, entry, inner)


def _is_l2tp(packet: bytes) -> bool:
    """Whether a packet out of a transport mode SA is within its selectors: UDP to port 1701 (B293, RFC 3193 §4)."""
    start = (packet[0] & 15) * 4
    fragment = packet[6] & 0x1F or packet[7]
    return packet[9] == UDP and not fragment and packet[start + 2 : start + 4] == _L2TP_PORT


def _note_sender(state: FlowState, packet: Packet, path: TunnelPath, entry: InboundEntry, start: int) -> None:
    """Tell the device when the newest authentic packet came from elsewhere: the mapping of a NAT device has changed."""
    sequence = _SPI_AND_SEQUENCE.unpack_from(packet.data, start)[1]
    outbound = entry.tunnel.outbound
    if sequence <= entry.sa.newest or outbound is None or outbound.parameters.udp is None:
        return
    entry.sa.newest = sequence
    parameters = outbound.parameters
    if packet.source != parameters.peer or packet.source_port != outbound.parameters.udp.peer:
        state.upcalls.peer_moved(packet, path)


def _opened(state: FlowState, packet: Packet, path: TunnelPath, entry: InboundEntry, inner: bytes) -> Packet:
    now = state.scheduler.now
    entry.sa.last_used = now
    if entry.sa.soft_expired and entry.sa is entry.tunnel.inbound:  # an older one was replaced already
        state.upcalls.soft_lifetime(path)
    packet.ingress.counters.in_vpn += 1
    ingress = path.bound if path.bound is not None else packet.ingress
    if ingress.bridged:
        ingress = path.outgoing  # the outgoing zone: what comes out of the tunnel is in no frame
    trace = packet.trace
    if trace is not None:
        settings = entry.tunnel.settings
        name = ingress.name
        ends = (settings.peer, settings.local)
        protocol = entry.sa.parameters.protocol.name
        opened = EspOpen(path.identifier, path.vpn, entry.sa.spi, *ends, len(inner), name, protocol, path.transport)
        trace.add(opened)
    if path.bound is not None:
        ingress.counters.in_packets += 1
        ingress.counters.in_bytes += len(inner)
    return Packet(inner, ingress, entry.tunnel, trace)
