"""Fragments at a device: collected before anything looks at ports; what stays incomplete is dropped in time."""

from __future__ import annotations

from nsemu.flow.forward import drop
from nsemu.flow.icmp_errors import send_reassembly_time_exceeded
from nsemu.flow.packet import OFFSET_MASK, Packet
from nsemu.flow.state import FlowState
from nsemu.flow.steps import FragmentHeld, Reassembled
from nsemu.runtime.drop import DropReason

_REFUSALS = ("bad length", "too long", "too many fragments", "contradictory length")


def scope_of(packet: Packet) -> tuple[str, int]:
    """What fragments of one packet share beside its header: the zone, and the tunnel out of which they came (0: none).

    A forged fragment in clear, or from another virtual router with the same addresses, is no part of it.
    """
    return packet.ingress.zone, packet.tunnel.identifier if packet.tunnel is not None else 0


def reassemble(state: FlowState, packet: Packet) -> bool:
    """Collect fragments; True when `packet` now is the whole."""
    reassembly = state.reassembly
    refused = sum(reassembly.counters[name] for name in _REFUSALS)
    collecting = len(reassembly)
    whole = reassembly.add(packet.data, state.scheduler.now, scope_of(packet))
    if sum(reassembly.counters[name] for name in _REFUSALS) > refused:
        drop(packet, "sanity", DropReason.BAD_FRAGMENT)
        return False
    if whole is None:
        if packet.trace is not None:
            packet.trace.add(FragmentHeld((packet.fragment & OFFSET_MASK) << 3))
        if len(reassembly) > collecting:
            state.scheduler.after(reassembly.limits.time_out, _expire, state, packet)
        return False
    zone = state.config.zones.get(packet.ingress.zone)
    if not (state.config.flow.reassemble or (zone is not None and zone.reassembly)):
        packet.pieces = reassembly.longest
    packet.data = whole
    if not packet.parse():
        drop(packet, "sanity", DropReason.BAD_FRAGMENT)
        return False
    if packet.trace is not None:
        packet.trace.add(Reassembled(len(whole)))
    return True


def _expire(state: FlowState, packet: Packet) -> None:
    """The time of a packet whose first fragment to come was `packet` is over, unless it was completed."""
    for expired in state.reassembly.expire(state.scheduler.now):
        lost = Packet(expired.first or packet.data, packet.ingress, packet.tunnel, packet.trace)
        if lost.trace is not None:
            lost.trace.enter(state.name, state.scheduler.now, packet.ingress.name)
        drop(lost, "sanity", DropReason.FRAGMENT_TIMEOUT)
        if expired.first is not None and lost.parse():
            send_reassembly_time_exceeded(state, lost)
