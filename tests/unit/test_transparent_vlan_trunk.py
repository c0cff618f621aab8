"""Transparent mode and frames with VLAN tags: dropped, or passed on with their tag as the policies say."""

from __future__ import annotations

import pytest

from nsemu.flow.steps import Dropped
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import BROADCAST_MAC, format_ipv4
from nsemu.wire.ipv4 import Ipv4Packet, fragment
from nsemu.wire.tcp import ACK, RST, SYN, TcpSegment
from support.box import echo, segment, tcp, udp
from support.bridge import HOST, IPV4, PERMIT, ROUTER, Bridge, frame, question

TRUNK = PERMIT + "set interface vlan1 vlan trunk\n"
VLAN_30, VLAN_31 = (b"\x81\x00" + control.to_bytes(2, "big") for control in (5 << 13 | 30, 31))
A, B = "10.20.0.5", "10.20.0.9"


def tagged(tag: bytes, bare: bytes) -> bytes:
    return bare[:12] + tag + bare[12:]


def met(config: str = TRUNK) -> Bridge:
    """The host is behind ethernet1 (V1-Trust), the router behind ethernet3 (V1-Untrust)."""
    bridge = Bridge(config)
    bridge.meet("ethernet1", HOST)
    bridge.meet("ethernet3", ROUTER)
    return bridge


def test_without_trunk_a_tagged_frame_is_dropped_and_teaches_nothing() -> None:
    bridge = Bridge(PERMIT + "set interface vlan1 bypass-non-ip\n")
    sent = tagged(VLAN_30, frame(ROUTER, HOST, echo(A, B)))
    step = bridge.trace("ethernet1", sent).hops[-1].steps[-1]
    assert isinstance(step, Dropped)
    assert (step.reason, step.detail) == (DropReason.UNKNOWN_VLAN, "VLAN 30 on ethernet1")
    assert bridge.put("ethernet1", tagged(VLAN_30, question(HOST, A, B)), seconds=1) == []
    assert bridge.counter("ethernet1", "drop vlan") == 2
    assert bridge.device.state.bridge.macs.find(HOST, bridge.scheduler.now) is None


@pytest.mark.parametrize("config", [PERMIT, TRUNK])
def test_a_tag_with_a_priority_alone_is_no_vlan(config: str) -> None:
    bridge = met(config)
    bare = frame(ROUTER, HOST, echo(A, B))
    assert bridge.put("ethernet1", tagged(b"\x81\x00\xe0\x00", bare)) == [("ethernet3", bare)]


def test_a_tagged_frame_keeps_its_tag_both_ways() -> None:
    bridge = met()
    sent = tagged(VLAN_30, frame(ROUTER, HOST, tcp(A, B, (4000, 80), SYN)))
    assert bridge.put("ethernet1", sent) == [("ethernet3", sent)]
    back = tagged(VLAN_30, frame(HOST, ROUTER, tcp(B, A, (80, 4000), SYN | ACK)))
    assert bridge.put("ethernet3", back) == [("ethernet1", back)]
    assert len(bridge.device.state.sessions) == 1
    assert bridge.type("get session").count("vlan 30") == 2


def test_policies_judge_what_is_in_a_tagged_frame() -> None:
    bridge = met("set policy id 7 from v1-trust to v1-untrust any any http permit\nset interface vlan1 vlan trunk\n")
    assert bridge.put("ethernet1", tagged(VLAN_30, frame(ROUTER, HOST, tcp(A, B, (4000, 23), SYN)))) == []
    assert bridge.put("ethernet3", tagged(VLAN_30, frame(HOST, ROUTER, tcp(B, A, (4000, 80), SYN)))) == []
    assert bridge.counter("ethernet1", "policy deny") == 1


def test_screen_judges_what_is_in_a_tagged_frame() -> None:
    bridge = met(TRUNK + "set zone v1-trust screen land\n")
    assert bridge.put("ethernet1", tagged(VLAN_30, frame(ROUTER, HOST, tcp(A, A, (80, 80), SYN)))) == []
    assert bridge.counter("ethernet1", "land attack") == 1


def test_arp_and_unknown_destinations_are_flooded_with_the_tag() -> None:
    bridge = Bridge(TRUNK)
    asked = tagged(VLAN_31, question(HOST, A, "10.0.0.1"))
    assert bridge.put("ethernet1", asked, seconds=1) == [(f"ethernet{n}", asked) for n in (2, 3, 4)]
    unknown = tagged(VLAN_31, frame(ROUTER, HOST, udp(A, B, 5004)))
    assert bridge.put("ethernet1", unknown) == [("ethernet3", unknown), ("ethernet4", unknown)]
    everyone = tagged(VLAN_31, frame(BROADCAST_MAC, HOST, udp(A, "10.20.0.255", 5004)))
    assert bridge.put("ethernet1", everyone) == [("ethernet3", everyone), ("ethernet4", everyone)]


def test_fragments_leave_with_their_tag() -> None:
    bridge = met()
    pieces = fragment(udp(A, B, 5004, size=3000, identification=9), 1500)
    frames = [tagged(VLAN_30, frame(ROUTER, HOST, piece)) for piece in pieces]
    out = [found for one in reversed(frames) for found in bridge.put("ethernet1", one)]
    assert out == [("ethernet3", one) for one in frames]


def test_a_rejection_goes_back_in_the_vlan() -> None:
    bridge = met("set policy id 7 from v1-trust to v1-untrust any any any reject\nset interface vlan1 vlan trunk\n")
    ((port, reset),) = bridge.put("ethernet1", tagged(VLAN_30, frame(ROUTER, HOST, tcp(A, B, (4000, 23), SYN))))
    assert (port, reset[:18]) == ("ethernet1", HOST + ROUTER + VLAN_30 + IPV4)
    packet = Ipv4Packet.parse(reset[18:])
    assert (format_ipv4(packet.source), format_ipv4(packet.destination)) == (B, A)
    assert TcpSegment.parse(packet.payload, packet.source, packet.destination).flags & RST


def test_the_tcp_proxy_speaks_in_the_vlan() -> None:
    """Its answer, the request to the server, and what it repeats carry the tag of the client's frames."""
    bridge = met(TRUNK + "set zone v1-trust screen syn-flood\nset zone v1-trust screen syn-flood attack-threshold 1\n")
    for port in (4000, 4001, 4002):
        out = bridge.put("ethernet1", tagged(VLAN_30, frame(ROUTER, HOST, tcp(A, B, (port, 80), SYN))))
    ((port_name, answered),) = out
    assert (port_name, answered[:18]) == ("ethernet1", HOST + ROUTER + VLAN_30 + IPV4)
    packet = Ipv4Packet.parse(answered[18:])
    own = TcpSegment.parse(packet.payload, packet.source, packet.destination).sequence
    done = segment(A, B, (4002, 80), ACK, (1001, own + 1))
    ((port_name, request),) = bridge.put("ethernet1", tagged(VLAN_30, frame(ROUTER, HOST, done)))
    assert (port_name, request[:18]) == ("ethernet3", ROUTER + HOST + VLAN_30 + IPV4)
    server = tagged(VLAN_30, frame(HOST, ROUTER, segment(B, A, (80, 4002), SYN | ACK, (7, 1001))))
    assert {sent[12:16] for _, sent in bridge.put("ethernet3", server)} == {VLAN_30}


def test_debug_and_trace_see_tagged_packets() -> None:
    bridge = met()
    bridge.accept("set ffilter src-ip 10.20.0.5\ndebug flow basic")
    bridge.put("ethernet1", tagged(VLAN_30, frame(ROUTER, HOST, echo(A, B))))
    assert "10.20.0.5" in bridge.type("get db stream")


@pytest.mark.parametrize("cut", range(12, 60))
def test_a_tagged_frame_that_is_cut_off_harms_nobody(cut: int) -> None:
    bridge = met()
    whole = tagged(VLAN_30, frame(ROUTER, HOST, tcp(A, B, (4000, 80), SYN)))
    assert bridge.put("ethernet1", whole[:cut]) in ([], [("ethernet3", whole)])


def test_a_lab_with_a_trunk_through_the_bridge(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Two switches with trunks; hosts of one VLAN reach each other, VLANs stay apart."""
    from nsemu import Lab

    (tmp_path / "t.yaml").write_text(
        """
name: trunk
topology:
  nodes:
    fw:
      kind: screenos
      type: ns204
      config: |
        set interface ethernet1 zone v1-trust
        set interface ethernet2 zone v1-untrust
        set interface vlan1 vlan trunk
        set policy from v1-trust to v1-untrust any any ping permit
    left: {kind: switch, ports: {a: {access: 30}, b: {access: 31}, up: {trunk: [30, 31]}}}
    right: {kind: switch, ports: {a: {access: 30}, up: {trunk: [30, 31]}}}
    l30: {kind: host, address: 10.20.0.5/24}
    l31: {kind: host, address: 10.20.0.6/24}
    r30: {kind: host, address: 10.20.0.9/24}
  links:
    - endpoints: ["l30:eth0", "left:a"]
    - endpoints: ["l31:eth0", "left:b"]
    - endpoints: ["left:up", "fw:ethernet1"]
    - endpoints: ["right:up", "fw:ethernet2"]
    - endpoints: ["r30:eth0", "right:a"]
""",
        encoding="utf-8",
    )
    lab = Lab.load(tmp_path / "t.yaml")
    assert lab.problems == []
    assert lab["l30"].ping("10.20.0.9", count=3).received == 3
    assert lab["l31"].ping("10.20.0.9", count=2).received == 0
    assert lab["r30"].ping("10.20.0.5", count=2).received == 0
    lab["fw"].run("unset interface vlan1 vlan trunk")
    assert lab["l30"].ping("10.20.0.9", count=2).received == 0
