"""Transparent mode: frames that come in on ports in layer 2 zones, and those that the device itself sends.

What is for the device goes to the pipeline as ever. ARP passes, always. Other IPv4 packets go through the pipeline too,
where the MAC table stands in the place of the routes, and leave in the frame in which they came. The rest passes or
not as `set interface vlan1 bypass-…` says. Frames with a VLAN tag are dropped, unless `set interface vlan1 vlan trunk`
has the device look past it: they leave with the tag they came with. The device itself speaks without one.
Vol. 5, "Transparent Mode VPN"; IEEE 802.1D §7, 802.1Q.
"""

from __future__ import annotations

from typing import Final

from nsemu.config.policy import PolicyAction
from nsemu.flow.ending import drop
from nsemu.flow.host_search import found
from nsemu.flow.packet import IPSEC, BridgedPacket, Packet
from nsemu.flow.pipeline import begin_trace, lookup, process
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import Dropped, Flooded, MacLookup, Sent
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.arp import REPLY, ArpPacket
from nsemu.wire.errors import MalformedPacket

_ARP: Final = b"\x08\x06"
_IPV4: Final = b"\x08\x00"
_TAG: Final = b"\x81\x00"
_VLAN: Final = 0xFFF
_SHORTEST: Final = 14
_PROTOCOL: Final = 14 + 9
_DESTINATION: Final = slice(14 + 16, 14 + 20)


def receive(state: FlowState, ingress: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
    """Take a frame that came in on a port."""
    tables = state.bridge
    vlan1 = tables.vlan1
    if vlan1 is None or frame[6] & 1 or frame[6:12] == vlan1.mac:
        return
    tag = b""
    if frame[12:14] == _TAG:
        tag = frame[12:16]
        frame = frame[:12] + frame[16:]
        if not int.from_bytes(tag[2:], "big") & _VLAN:
            tag = b""  # a priority and no VLAN
        elif not tables.settings.vlan_trunk or len(frame) < _SHORTEST:
            _refuse_tag(state, ingress, tag, trace)
            return
    if tables.macs.learn(frame[6:12], ingress, state.scheduler.now):
        ingress.counters.flow["mac relearn"] += 1
        state.generation += 1  # sessions must not go on to where it was
    kind = frame[12:14]
    if kind == _IPV4:
        _take_ipv4(state, ingress, frame, tag, trace)
    elif kind == _ARP and not tag:
        _take_arp(state, ingress, frame, vlan1)
    elif kind == _ARP or tables.settings.lets_pass(bool(frame[0] & 1)):
        _pass_on(state, ingress, _with(tag, frame), trace)
    else:
        ingress.counters.drop(DropReason.NON_IP)
        if trace is not None:
            trace.enter(state.name, state.scheduler.now, ingress.name)
            trace.add(Dropped("sanity", DropReason.NON_IP, f"ethertype {kind.hex()}", ("interface", "vlan1")))


def _refuse_tag(state: FlowState, ingress: RunInterface, tag: bytes, trace: PacketTrace | None) -> None:
    ingress.counters.drop(DropReason.UNKNOWN_VLAN)
    if trace is not None:
        vlan = int.from_bytes(tag[2:], "big") & _VLAN
        trace.enter(state.name, state.scheduler.now, ingress.name)
        trace.add(Dropped("sanity", DropReason.UNKNOWN_VLAN, f"VLAN {vlan} on {ingress.name}", ("interface", "vlan1")))


def _with(tag: bytes, frame: bytes) -> bytes:
    """The frame as it came in."""
    return frame[:12] + tag + frame[12:]


def leave(state: FlowState, interface: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
    """Send a frame of the device's own by `vlan1`, or by the interface that stands for a zone (B228)."""
    ports = state.bridge.behind(interface)
    if not frame[0] & 1:
        port = state.bridge.macs.find(frame[:6], state.scheduler.now)
        if port is not None:
            ports = [port] if port in ports else []
    if not ports:
        interface.counters.drop(DropReason.UNKNOWN_MAC)
        if trace is not None:
            trace.add(Dropped("egress", DropReason.UNKNOWN_MAC, frame[:6].hex()))
    _copy(state, ports, frame, trace)


def _take_ipv4(state: FlowState, ingress: RunInterface, frame: bytes, tag: bytes, trace: PacketTrace | None) -> None:
    tables = state.bridge
    destination = frame[:6]
    packet = BridgedPacket(frame[14:], ingress, frame[:12] + tag, trace)
    if destination[0] & 1:
        _take_group(state, packet, _with(tag, frame))
        return
    if tables.vlan1 is not None and destination != tables.vlan1.mac:
        if tables.macs.find(destination, state.scheduler.now) is ingress:
            return  # the sender's own wire delivers it
        if tables.settings.bypass_others_ipsec and _is_others_ipsec(state, frame):
            _pass_on(state, ingress, _with(tag, frame), trace)
            return
    process(state, packet)


def _is_others_ipsec(state: FlowState, frame: bytes) -> bool:
    if len(frame) < 34 or frame[_PROTOCOL] not in IPSEC:
        return False
    return int.from_bytes(frame[_DESTINATION], "big") not in state.local_addresses


def _take_group(state: FlowState, packet: Packet, frame: bytes) -> None:
    """A broadcast or multicast: a copy to each port that a policy allows; it makes no session."""
    if not packet.parse():
        process(state, packet)  # which says what is wrong with it
        return
    begin_trace(state, packet)
    ports, verdicts = [], {}
    ingress = packet.ingress
    traffic = FlowSetup.of_packet(packet).traffic if not packet.fragment else None
    for port in state.bridge.others(ingress):
        if traffic is None:
            continue
        if port.zone not in verdicts:
            verdicts[port.zone] = state.policies.lookup(ingress.zone, port.zone, traffic).verdict
        if verdicts[port.zone] is PolicyAction.PERMIT:
            ports.append(port)
    if not ports:
        drop(packet, "self", DropReason.BROADCAST)
        return
    if packet.trace is not None:
        packet.trace.add(Flooded(tuple(port.name for port in ports)))
    _copy(state, ports, frame, packet.trace)


def _take_arp(state: FlowState, ingress: RunInterface, frame: bytes, vlan1: RunInterface) -> None:
    """ARP is for everyone, whatever the policies say, but for what is asked of the device itself."""
    try:
        arp = ArpPacket.parse(memoryview(frame)[14:])
    except MalformedPacket:
        ingress.counters.drop(DropReason.NON_IP)
        return
    mine = frame[:6] == vlan1.mac
    if not mine and not state.owns(vlan1, arp.target_ip):
        _pass_on(state, ingress, frame, None)
    if mine or frame[0] & 1:
        _hear_arp(state, ingress, frame, arp)


def _hear_arp(state: FlowState, ingress: RunInterface, frame: bytes, arp: ArpPacket) -> None:
    vlan1 = state.bridge.vlan1
    zone = state.bridge.zones.get(ingress.zone)
    if vlan1 is None:
        return
    known = state.neighbors.entries.get((vlan1.name, arp.sender_ip))
    before = known.mac if known is not None and known.header is not None else arp.sender_mac
    state.neighbors.receive(vlan1, frame)
    if zone is not None and arp.operation == REPLY:
        state.neighbors.receive(zone, frame)
    if before != arp.sender_mac:
        state.generation += 1  # what comes out of tunnels may have to go elsewhere
    for packet in found(state, arp.sender_ip):
        lookup(state, packet)


def _pass_on(state: FlowState, ingress: RunInterface, frame: bytes, trace: PacketTrace | None) -> None:
    """Bridge a frame that no policy is asked about."""
    ports = state.bridge.others(ingress)
    mac = frame[:6].hex()
    if trace is not None:
        trace.enter(state.name, state.scheduler.now, ingress.name)
    if not frame[0] & 1:
        port = state.bridge.macs.find(frame[:6], state.scheduler.now)
        if trace is not None:
            trace.add(MacLookup(mac, port.name if port else "", port.zone if port else ""))
        if port is not None:
            ports = [port] if port in ports else []
    elif trace is not None:
        trace.add(Flooded(tuple(port.name for port in ports)))
    _copy(state, ports, frame, trace)


def _copy(state: FlowState, ports: list[RunInterface], frame: bytes, trace: PacketTrace | None) -> None:
    for port in ports:
        if trace is not None:
            trace.add(Sent(port.name, frame[:6].hex(), len(frame) - 14))
        state.upcalls.send_frame(port, frame, trace)
