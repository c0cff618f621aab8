"""The bridge of a device in transparent mode: what passes it, unchanged, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.flow.steps import Dropped, Flooded
from nsemu.runtime.drop import DropReason
from nsemu.runtime.interface import RunInterface
from nsemu.runtime.mac_table import AGEING, MacTable
from nsemu.wire.address import BROADCAST_MAC
from nsemu.wire.arp import ArpPacket
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.tcp import ACK, SYN
from support.box import echo, ip, tcp, udp
from support.bridge import ARP, HOST, IPV4, PERMIT, ROUTER, SERVER, Bridge, answer, frame, question

VLAN1_ADDRESS = "10.0.0.1"


def met(config: str = PERMIT) -> Bridge:
    """The host is behind ethernet1 (V1-Trust), the router behind ethernet3 (V1-Untrust)."""
    bridge = Bridge(config)
    bridge.meet("ethernet1", HOST)
    bridge.meet("ethernet3", ROUTER)
    return bridge


def vlan1_mac(bridge: Bridge) -> bytes:
    return bridge.device.interfaces.items["vlan1"].mac


def test_a_permitted_packet_passes_octet_for_octet() -> None:
    """MAC addresses, TTL and checksum stay; nobody is asked by ARP."""
    bridge = met()
    sent = frame(ROUTER, HOST, echo("10.0.0.5", "198.51.100.7", ttl=1))
    assert bridge.put("ethernet1", sent, seconds=5) == [("ethernet3", sent)]


def test_the_answer_passes_by_the_session_and_nothing_else_does() -> None:
    bridge = met()
    bridge.put("ethernet1", frame(ROUTER, HOST, tcp("10.0.0.5", "198.51.100.7", (1025, 80), SYN)))
    back = frame(HOST, ROUTER, tcp("198.51.100.7", "10.0.0.5", (80, 1025), SYN | ACK))
    assert bridge.put("ethernet3", back) == [("ethernet1", back)]
    stray = frame(HOST, ROUTER, tcp("198.51.100.7", "10.0.0.5", (80, 1026), SYN))
    assert bridge.put("ethernet3", stray) == []
    assert bridge.counter("ethernet3", "policy deny") == 1


def test_later_packets_keep_their_own_mac_addresses() -> None:
    """A pair of routers: answers come from another MAC address than requests go to."""
    bridge = met()
    request = frame(ROUTER, HOST, udp("10.0.0.5", "198.51.100.7", 53))
    bridge.put("ethernet1", request)
    other = bytes.fromhex("02bb00000099")
    back = frame(HOST, other, ip("198.51.100.7", "10.0.0.5", 17, request[34:36] + b"\0\0\0\x08\0\0"))
    swapped = back[:34] + request[36:38] + request[34:36] + back[38:]
    assert bridge.put("ethernet3", swapped) == [("ethernet1", swapped)]
    to_other = other + HOST + request[12:]
    assert bridge.put("ethernet1", to_other) == [("ethernet3", to_other)]


@pytest.mark.parametrize(
    ("lines", "passes"),
    [
        ("", False),
        ("set policy id 1 from v1-trust to v1-untrust any any http permit", True),
        ("set policy id 1 from v1-trust to v1-untrust any any ftp permit", False),
        ("set policy id 1 from v1-trust to v1-dmz any any any permit", False),
        ("set policy id 1 from v1-trust to v1-untrust any any any deny", False),
    ],
)
def test_policies_stand_between_layer_2_zones(lines: str, passes: bool) -> None:
    bridge = met(lines)
    sent = frame(ROUTER, HOST, tcp("10.0.0.5", "10.0.0.9", (1025, 80), SYN))
    assert bridge.put("ethernet1", sent) == ([("ethernet3", sent)] if passes else [])


def test_within_a_zone_everything_passes_until_it_is_blocked() -> None:
    bridge = met("")
    bridge.meet("ethernet4", SERVER)
    sent = frame(SERVER, HOST, echo("10.0.0.5", "10.0.0.6"))
    assert bridge.put("ethernet1", sent) == [("ethernet4", sent)]
    bridge.accept("set zone v1-trust block")
    assert bridge.put("ethernet1", frame(SERVER, HOST, echo("10.0.0.5", "10.0.0.6", number=2))) == []


def test_what_is_on_the_senders_own_wire_stays_there() -> None:
    bridge = met()
    bridge.meet("ethernet1", SERVER)
    assert bridge.put("ethernet1", frame(SERVER, HOST, echo("10.0.0.5", "10.0.0.6"))) == []
    assert len(bridge.device.state.sessions) == 0


def test_an_unknown_destination_is_flooded_where_policies_permit() -> None:
    bridge = Bridge(PERMIT)
    sent = frame(ROUTER, HOST, tcp("10.0.0.5", "10.0.0.9", (1025, 80), SYN))
    assert bridge.put("ethernet1", sent) == [("ethernet3", sent), ("ethernet4", sent)]  # not ethernet2: V1-DMZ
    story = bridge.trace("ethernet1", sent)
    assert [step.interfaces for step in story.hops[0].steps if isinstance(step, Flooded)] == [
        ("ethernet3", "ethernet4")
    ]
    back = frame(HOST, ROUTER, tcp("10.0.0.9", "10.0.0.5", (80, 1025), SYN | ACK))
    assert bridge.put("ethernet4", back) == [("ethernet1", back)]
    assert bridge.put("ethernet1", sent) == [("ethernet4", sent)]


def test_an_answer_from_a_zone_that_no_policy_allows_ends_the_flooded_session() -> None:
    bridge = Bridge(PERMIT)
    bridge.put("ethernet1", frame(SERVER, HOST, tcp("10.0.0.5", "10.0.0.9", (1025, 80), SYN)))
    back = frame(HOST, SERVER, tcp("10.0.0.9", "10.0.0.5", (80, 1025), SYN | ACK))
    assert bridge.put("ethernet2", back) == []
    assert len(bridge.device.state.sessions) == 0


@pytest.mark.parametrize("trace_route", [False, True])
def test_broadcast_arp_asks_instead_of_flooding(trace_route: bool) -> None:
    bridge = Bridge(PERMIT + f"set interface vlan1 broadcast arp{' trace-route' if trace_route else ''}")
    sent = frame(SERVER, HOST, udp("10.0.0.5", "10.0.0.9", 53))
    asked = bridge.put("ethernet1", sent)
    arps = [(port, ArpPacket.parse(one[14:])) for port, one in asked if one[12:14] == ARP]
    assert [port for port, _ in arps] == ["ethernet2", "ethernet3", "ethernet4"]
    for _, arp in arps:
        assert (arp.sender_mac, arp.sender_ip, arp.target_ip) == (vlan1_mac(bridge), 0x0A000005, 0x0A000009)
    probes = [one for _, one in asked if one[12:14] == IPV4]
    assert len(probes) == (3 if trace_route else 0)
    for probe in probes:
        packet = Ipv4Packet.parse(probe[14:])
        assert (probe[:12], packet.ttl, packet.protocol, packet.payload[0]) == (SERVER + HOST, 1, 1, 8)
        assert (packet.source, packet.destination) == (0x0A000005, 0x0A000009)
    assert bridge.counter("ethernet1", "no mac") == 1
    bridge.put("ethernet3", answer(SERVER, "10.0.0.9", vlan1_mac(bridge), "10.0.0.5"))
    assert bridge.put("ethernet1", sent) == [("ethernet3", sent)]


def test_a_learned_address_ages_and_is_forgotten_with_the_link() -> None:
    bridge = met()
    sent = frame(ROUTER, HOST, udp("10.0.0.5", "10.0.0.9", 53))
    assert "usage: 2/" in bridge.type("get mac-learn")
    bridge.device.set_carrier("ethernet3", False)
    assert "usage: 1/" in bridge.type("get mac-learn")
    bridge.device.set_carrier("ethernet3", True)
    bridge.meet("ethernet3", ROUTER)
    bridge.run(AGEING / 1e9 + 1)
    assert "usage: 0/" in bridge.type("get mac-learn")
    assert len(bridge.put("ethernet1", sent)) == 2
    bridge.meet("ethernet3", ROUTER)
    assert bridge.put("ethernet1", sent) == [("ethernet3", sent)]
    bridge.type("clear mac-learn")
    assert len(bridge.put("ethernet1", sent)) == 2


def test_sessions_follow_a_host_that_moves_within_its_zone_only() -> None:
    bridge = met("set policy id 1 from v1-untrust to v1-trust any any any permit")
    sent = frame(HOST, ROUTER, udp("10.0.0.9", "10.0.0.5", 53))
    assert bridge.put("ethernet3", sent) == [("ethernet1", sent)]
    bridge.meet("ethernet4", HOST)
    assert bridge.put("ethernet3", sent) == [("ethernet4", sent)]
    bridge.meet("ethernet2", HOST)
    assert bridge.put("ethernet3", sent) == []
    assert bridge.counter("ethernet4", "mac relearn") == 1


def test_arp_passes_whatever_the_policies_say() -> None:
    bridge = Bridge("")
    asked = question(HOST, "10.0.0.5", "10.0.0.9")
    assert bridge.put("ethernet1", asked) == [(f"ethernet{number}", asked) for number in (2, 3, 4)]
    reply = answer(SERVER, "10.0.0.9", HOST, "10.0.0.5")
    assert bridge.put("ethernet3", reply) == [("ethernet1", reply)]


def test_vlan1_answers_arp_for_its_addresses_and_keeps_the_question() -> None:
    bridge = Bridge("set interface vlan1 manage-ip 10.0.0.2")
    for address in (VLAN1_ADDRESS, "10.0.0.2"):
        ((port, reply),) = bridge.put("ethernet1", question(HOST, "10.0.0.5", address))
        arp = ArpPacket.parse(reply[14:])
        assert (port, reply[:6], arp.operation, arp.sender_mac) == ("ethernet1", HOST, 2, vlan1_mac(bridge))


@pytest.mark.parametrize(
    ("lines", "unicast", "multicast"),
    [
        ("", False, True),
        ("set interface vlan1 bypass-non-ip", True, True),
        ("unset interface vlan1 bypass-non-ip-all", False, False),
        ("set interface vlan1 bypass-non-ip\nunset interface vlan1 bypass-non-ip-all", False, False),
    ],
)
def test_frames_that_are_not_ip(lines: str, unicast: bool, multicast: bool) -> None:
    bridge = met(lines)
    one = ROUTER + HOST + b"\x81\x37" + bytes(46)
    group = bytes.fromhex("0180c2000000") + HOST + b"\x00\x26" + bytes(46)
    assert bridge.put("ethernet1", one) == ([("ethernet3", one)] if unicast else [])
    assert len(bridge.put("ethernet1", group)) == (3 if multicast else 0)
    assert bridge.counter("ethernet1", "unknown pak") == (not unicast) + (not multicast)


def test_ipsec_of_others_passes_only_when_it_is_told_to() -> None:
    bridge = met()
    sent = frame(ROUTER, HOST, ip("10.0.0.5", "198.51.100.7", 50, b"\0\0\x10\0" + bytes(60)))
    story = bridge.trace("ethernet1", sent)
    (drop,) = (step for step in story.hops[0].steps if isinstance(step, Dropped))
    assert drop.reason is DropReason.OTHERS_IPSEC
    bridge.accept("set interface vlan1 bypass-others-ipsec\nunset policy 1")
    assert bridge.put("ethernet1", sent) == [("ethernet3", sent)]
    for_self = frame(vlan1_mac(bridge), HOST, ip("10.0.0.5", VLAN1_ADDRESS, 50, b"\0\0\x10\0" + bytes(60)))
    assert bridge.put("ethernet1", for_self) == []
    assert bridge.counter("ethernet1", "no sa") == 1


def test_broadcasts_pass_to_the_zones_that_a_policy_permits() -> None:
    bridge = met("set policy id 1 from v1-trust to v1-dmz any any any permit")
    sent = frame(BROADCAST_MAC, HOST, udp("0.0.0.0", "255.255.255.255", 67))
    assert [port for port, _ in bridge.put("ethernet1", sent)] == ["ethernet2", "ethernet4"]
    assert bridge.put("ethernet3", frame(BROADCAST_MAC, ROUTER, udp("10.0.0.9", "10.0.0.255", 137))) == []
    assert bridge.counter("ethernet3", "misc prot") == 1


def test_fragments_are_collected_for_the_policy_and_cut_again() -> None:
    bridge = met()
    whole = udp("10.0.0.5", "198.51.100.7", 53, size=2000, identification=7)
    first = whole[:6] + b"\x20\x00" + whole[8:20] + whole[20:1500]
    second = whole[:6] + (1480 // 8).to_bytes(2, "big") + whole[8:20] + whole[1500:]
    pieces = [_with_length(first), _with_length(second)]
    assert bridge.put("ethernet1", frame(ROUTER, HOST, pieces[0])) == []
    sent = bridge.put("ethernet1", frame(ROUTER, HOST, pieces[1]))
    assert [(port, one[:12]) for port, one in sent] == [("ethernet3", ROUTER + HOST)] * 2
    packets = [Ipv4Packet.parse(one[14:]) for _, one in sent]
    assert b"".join(packet.payload for packet in packets) == whole[20:]
    assert {packet.ttl for packet in packets} == {whole[8]}


def _with_length(packet: bytes) -> bytes:
    parsed = bytearray(packet[:2] + len(packet).to_bytes(2, "big") + packet[4:10] + b"\0\0" + packet[12:])
    total = sum(int.from_bytes(parsed[at : at + 2], "big") for at in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    parsed[10:12] = (total ^ 0xFFFF).to_bytes(2, "big")
    return bytes(parsed)


def test_a_link_that_is_down_gets_nothing() -> None:
    bridge = met()
    bridge.device.set_carrier("ethernet4", False)
    asked = question(HOST, "10.0.0.5", "10.0.0.9")
    assert [port for port, _ in bridge.put("ethernet1", asked)] == ["ethernet2", "ethernet3"]


def test_vlan1_forwards_nothing_that_is_addressed_to_it() -> None:
    bridge = met()
    assert bridge.put("ethernet1", frame(vlan1_mac(bridge), HOST, udp("10.0.0.5", "198.51.100.7", 53))) == []
    assert bridge.counter("ethernet1", "in un-auth") == 1


def test_a_frame_with_the_devices_own_source_address_is_ignored() -> None:
    bridge = met()
    assert bridge.put("ethernet3", frame(HOST, vlan1_mac(bridge), echo("10.0.0.9", "10.0.0.5"))) == []
    assert "usage: 2/" in bridge.type("get mac-learn")


def test_v1_null_carries_nothing() -> None:
    bridge = met()
    bridge.accept("set interface ethernet4 zone v1-null")
    asked = question(HOST, "10.0.0.5", "10.0.0.9")
    assert [port for port, _ in bridge.put("ethernet1", asked)] == ["ethernet2", "ethernet3"]
    assert bridge.put("ethernet4", asked) == []


@given(st.binary(max_size=120))
@settings(deadline=None, max_examples=150)
def test_any_octets_may_follow_the_addresses(octets: bytes) -> None:
    bridge = _FUZZED
    for destination in (ROUTER, BROADCAST_MAC, vlan1_mac(bridge)):
        for kind in (b"", IPV4, ARP):
            bridge.device.receive("ethernet1", destination + HOST + kind + octets)
    bridge.run(1)


_FUZZED = met()


def test_debug_flow_tells_of_the_mac_table() -> None:
    bridge = met()
    bridge.accept("debug flow basic")
    bridge.put("ethernet1", frame(ROUTER, HOST, udp("10.0.0.5", "198.51.100.7", 53)))
    text = bridge.type("get dbuf stream")
    assert "<V1-Trust/ethernet1> packet received" in text
    assert f"mac {ROUTER.hex()} found on ethernet3, zone V1-Untrust" in text
    assert "Permitted by policy 1" in text


def test_a_full_table_learns_again_when_addresses_have_aged() -> None:
    ports = Bridge("").device.interfaces.items
    one, other = ports["ethernet1"], ports["ethernet3"]
    table = MacTable(2)
    for number in range(3):
        table.learn(bytes([2, 0, 0, 0, 0, number]), one, 0)
    assert [entry.mac[5] for entry in table.entries(0)] == [0, 1]
    assert not table.learn(bytes([2, 0, 0, 0, 0, 9]), other, AGEING + 1)
    assert _known(table, AGEING + 1) == [(9, other)]
    assert table.learn(bytes([2, 0, 0, 0, 0, 9]), one, AGEING + 2)


def _known(table: MacTable, now: int) -> list[tuple[int, RunInterface]]:
    return [(entry.mac[5], entry.interface) for entry in table.entries(now)]
