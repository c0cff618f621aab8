"""Inbound IPsec: from an ESP packet for the device to the packet inside (Vol. 5, "Packet Flow", Paris 2 to 6)."""

from __future__ import annotations

from struct import Struct

from nsemu.flow.forward import drop
from nsemu.flow.packet import Packet
from nsemu.flow.state import FlowState
from nsemu.flow.steps import EspOpen
from nsemu.ipsec.sa import IpsecFailure
from nsemu.runtime.drop import DropReason

_SPI_AND_SEQUENCE = Struct("!II")

_FAILURES = {
    IpsecFailure.REPLAY: DropReason.ESP_REPLAY,
    IpsecFailure.AUTHENTICATION: DropReason.ESP_AUTHENTICATION,
    IpsecFailure.EXPIRED: DropReason.SA_INACTIVE,
}


def decapsulate(state: FlowState, packet: Packet) -> Packet | None:
    """The packet inside an ESP packet, as if it had come in on its tunnel interface (B162, B168); None when dropped."""
    offset = packet.header_length
    data = packet.data
    if len(data) < offset + 8:
        drop(packet, "ipsec", DropReason.ESP_MALFORMED)
        return None
    key = data[16:24] if offset == 20 else data[16:20] + data[offset : offset + 4]
    entry = state.database.esp.get(key)
    if entry is None:
        spi, sequence = _SPI_AND_SEQUENCE.unpack_from(data, offset)
        drop(packet, "ipsec", DropReason.BAD_SPI, f"SPI {spi:08x}")
        state.upcalls.bad_spi(packet, spi, sequence)
        return None
    path = state.paths.get(entry.tunnel.identifier)
    if path is None:
        drop(packet, "ipsec", DropReason.NO_SA)
        return None
    inner = entry.sa.open(data, offset)
    if isinstance(inner, IpsecFailure):
        spi, sequence = _SPI_AND_SEQUENCE.unpack_from(data, offset)
        subject = ("vpn", path.vpn)
        drop(packet, "ipsec", _FAILURES.get(inner, DropReason.ESP_MALFORMED), inner.value, subject)
        if inner is IpsecFailure.REPLAY:
            state.upcalls.replayed(packet, path, spi, sequence)
        return None
    now = state.scheduler.now
    entry.sa.last_used = now
    if entry.sa.soft_expired:
        state.upcalls.soft_lifetime(path)
    packet.ingress.counters.in_vpn += 1
    ingress = path.bound if path.bound is not None else packet.ingress
    trace = packet.trace
    if trace is not None:
        settings = entry.tunnel.settings
        name = ingress.name
        trace.add(EspOpen(path.identifier, path.vpn, entry.sa.spi, settings.peer, settings.local, len(inner), name))
    if path.bound is not None:
        ingress.counters.in_packets += 1
        ingress.counters.in_bytes += len(inner)
    return Packet(inner, ingress, entry.tunnel, trace)
