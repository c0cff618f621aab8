"""IEEE 802.1Q tags at the interfaces of a device: frames with a tag belong to the sub-interface that has it.

A frame without tag, or with a priority tag (VLAN 0, §6.9 of the standard), belongs to the physical interface itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.flow.state import FlowState
from nsemu.flow.steps import Dropped
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.ethernet import HEADER_LENGTH, TAG_LENGTH, VlanTag

TAG: Final = b"\x81\x00"
_PRIORITY_ONLY: Final = 0

Receive = Callable[[str, bytes, PacketTrace | None], None]
"""Takes a frame as one that came in by the named interface."""


def tagged(frame: bytes, vlan: int) -> bytes:
    """The frame with a tag."""
    return frame[:12] + TAG + vlan.to_bytes(2, "big") + frame[12:]


def untag(state: FlowState, ingress: RunInterface, frame: bytes, trace: PacketTrace | None, receive: Receive) -> None:
    """Hand a frame with a tag to its sub-interface, or drop it when there is none."""
    ingress.counters.flow["in vlan"] += 1
    if len(frame) < HEADER_LENGTH + TAG_LENGTH:
        _drop(state, ingress, trace, DropReason.ILLEGAL_PACKET, f"frame of {len(frame)} octets")
        return
    vlan = VlanTag.from_control(int.from_bytes(frame[14:16], "big")).identifier
    owner = ingress if vlan == _PRIORITY_ONLY else ingress.parts.get(vlan)
    bare = frame[:12] + frame[16:]
    if owner is None or (owner is ingress and bare[12:14] == TAG):
        _drop(state, ingress, trace, DropReason.UNKNOWN_VLAN, f"VLAN {vlan} on {ingress.name}")
        return
    if owner is ingress:  # it was counted when it came in
        ingress.counters.in_packets -= 1
        ingress.counters.in_bytes -= len(bare)
    receive(owner.name, bare, trace)


def _drop(state: FlowState, ingress: RunInterface, trace: PacketTrace | None, reason: DropReason, detail: str) -> None:
    ingress.counters.drop(reason)
    if trace is not None:
        trace.enter(state.name, state.scheduler.now, ingress.name)
        trace.add(Dropped("sanity", reason, detail, ("interface", ingress.name)))
