"""VPNs of devices in transparent mode, in whole labs (Vol. 5, "Transparent Mode VPN")."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from nsemu.wire.address import parse_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.ipv4 import Ipv4Packet
from support.labs import Wiretap, dropped

TOPOLOGIES = Path(__file__).parent.parent.parent / "topologies"
MARKS = (b"the quick brown fox", b"HTTP/1.", b"GET /")
UDP, ESP = 17, 50


def both() -> Lab:
    """Both ends in transparent mode."""
    return Lab.load(TOPOLOGIES / "transparent_mode.yaml")


def mixed() -> Lab:
    """One end in transparent mode, the other routed."""
    return Lab.load(TOPOLOGIES / "transparent_routed.yaml")


def say(lab: Lab, device: str, *lines: str) -> None:
    for line in lines:
        lab[device].cli(line)


def everything(lab: Lab, pairs: list[tuple[str, str]]) -> None:
    """All kinds of traffic along a tunnel."""
    for source, destination in pairs:
        host = lab[source]
        host.ping(destination, count=3)
        host.ping(destination, count=2, size=4000)
        host.run(f"udp send {destination} 9999 'the quick brown fox'")
        host.run(f"http get {destination}")
        host.run(f"ftp put {destination} big.bin size 60000 passive")
        host.run(f"traceroute {destination} time-out 1")
        host.run(f"tcp connect {destination} 4444")


def assert_sealed(tap: Wiretap, ends: set[str]) -> None:
    """Between the ends there are IKE and ESP from end to end, and ARP; nothing else."""
    addresses = {parse_ipv4(end) for end in ends}
    packets = [Ipv4Packet.parse(packet) for packet in tap.packets()]
    assert len([packet for packet in packets if packet.protocol == ESP]) > 50
    assert {packet.protocol for packet in packets} == {UDP, ESP}
    assert all({packet.source, packet.destination} == addresses for packet in packets)
    assert not [mark for mark in MARKS for frame in tap.frames if mark in frame]


def test_nothing_of_the_lans_is_in_clear_between_two_transparent_ends() -> None:
    """B018, B193, B227: the outer addresses are those of vlan1, whatever the hosts behind send."""
    lab = both()
    tap = Wiretap.on(lab, "device-a:ethernet3", "device-b:ethernet3")
    everything(lab, [("admin", "2.2.2.5"), ("server", "1.1.1.5")])
    assert_sealed(tap, {"1.1.1.1", "2.2.2.2"})


def test_nothing_is_in_clear_when_the_other_end_routes() -> None:
    """B230: one end in transparent mode, the other in route mode."""
    lab = mixed()
    tap = Wiretap.on(lab, "mill:ethernet6", "harbor:ethernet3")
    everything(lab, [("loom", "172.20.9.30"), ("crane", "192.168.40.18")])
    assert "60000" in lab["loom"].run("ftp put 172.20.9.30 again.bin size 60000 active")
    assert_sealed(tap, {"192.168.40.3", "203.0.113.9"})


@pytest.mark.parametrize("mode", ["active", "passive"])
def test_data_connections_are_bridged_like_their_control_connection(mode: str) -> None:
    """FTP through the tunnel: the transparent end leaves the TTL as the routed one has set it."""
    lab = mixed()
    assert lab["loom"].ping("172.20.9.30", count=3).received >= 2
    tap = Wiretap.on(lab, "mill:ethernet2")
    assert "60000" in lab["loom"].run(f"ftp put 172.20.9.30 big.bin size 60000 {mode}")
    inside = [Ipv4Packet.parse(packet) for packet in tap.packets(6)]
    ports = {int.from_bytes(packet.payload[:2], "big") for packet in inside}
    assert len(ports) == 4, "a control and a data connection"
    assert {packet.ttl for packet in inside if packet.source == parse_ipv4("172.20.9.30")} == {63}


def test_the_tcp_proxy_answers_through_the_bridge() -> None:
    """`syn-flood` on V1-Untrust: client and server are spliced although the device routes nothing."""
    lab = mixed()
    for cookie in ("unset flow syn-proxy syn-cookie", "set flow syn-proxy syn-cookie"):
        say(
            lab,
            "mill",
            cookie,
            "set policy from v1-untrust to v1-trust any any http permit",
            "set zone v1-untrust screen syn-flood attack-threshold 1",
        )
        for _ in range(4):
            assert "200 OK" in lab["neighbor"].run("http get 192.168.40.17")
    assert lab["mill"].device.state.screening is not None
    counters = lab["mill"].device.interfaces.items["ethernet5"].counters
    assert counters.flow["tcp proxy"] >= 4


@pytest.mark.parametrize("event", ["clear mac-learn", "clear arp", "clear sa", "link"])
def test_the_tunnel_goes_on_after_a_change(event: str) -> None:
    lab = mixed()
    tap = Wiretap.on(lab, "mill:ethernet5", "mill:ethernet6", "mill:ethernet7")
    assert lab["crane"].ping("192.168.40.17", count=4).received >= 3
    if event == "link":
        lab.link("mill:ethernet2").down()
        lab["crane"].ping("192.168.40.17", count=2)
        lab.link("mill:ethernet2").up()
    else:
        say(lab, "mill", event)
    lab["crane"].ping("192.168.40.17", count=2)
    assert lab["crane"].ping("192.168.40.17", count=4).received == 4
    inner = [packet for packet in map(Ipv4Packet.parse, tap.packets()) if packet.protocol not in {UDP, ESP}]
    assert inner == []


def test_the_tunnel_uses_only_interfaces_of_its_outgoing_zone() -> None:
    """B228: an impostor of the gateway in another zone gets nothing of the tunnel."""
    lab = mixed()
    assert lab["loom"].ping("172.20.9.30", count=3).received >= 2
    device = lab["mill"].device
    assert device is not None
    printer = Wiretap.on(lab, "mill:ethernet7")
    vlan1 = device.interfaces.items["vlan1"].mac
    gateway, own = parse_ipv4("192.168.40.254"), parse_ipv4("192.168.40.3")
    impostor = bytes.fromhex("02dd00000077")
    forged = vlan1 + impostor + b"\x08\x06" + ArpPacket(2, impostor, gateway, vlan1, own).build()
    device.receive("ethernet7", forged)
    assert lab["loom"].ping("172.20.9.30", count=3).received == 3
    assert [packet for packet in printer.packets() if packet[9] == ESP] == []


def test_a_host_that_never_answers_gets_its_sender_told() -> None:
    lab = mixed()
    result = lab["crane"].run("ping 192.168.40.200 count 2")
    assert "Destination Host Unreachable" in result or "100% packet loss" in result
    lab.run_for(10)
    device = lab["mill"].device
    assert device is not None
    assert dropped(device, DropReason.NO_ARP) >= 1
    assert device.state.bridge.searches == {}


def test_a_host_that_claims_an_address_of_the_lan_from_outside_gets_nothing() -> None:
    """What came out of the tunnel does not follow ARP into the zone from which it came."""
    lab = mixed()
    tap = Wiretap.on(lab, "mill:ethernet5")
    assert lab["crane"].ping("192.168.40.99", count=3).received == 0
    assert [packet for packet in tap.packets() if packet[9] == 1] == []
    device = lab["mill"].device
    assert device is not None
    assert dropped(device, DropReason.SA_POLICY_DENY) >= 2


def test_clear_text_with_addresses_of_the_vpn_is_refused_from_outside() -> None:
    """A host in V1-Untrust that speaks as if it were behind the tunnel reaches nobody."""
    lab = both()
    lab["admin"].ping("2.2.2.5", count=3)
    device = lab["device-a"].device
    assert device is not None
    tap = Wiretap.on(lab, "device-a:ethernet1")
    admin = next(entry.mac for entry in device.state.bridge.macs.entries(0) if entry.interface.name == "ethernet1")
    packet = Ipv4Packet(parse_ipv4("2.2.2.5"), parse_ipv4("1.1.1.5"), UDP, bytes(20)).build()
    device.receive("ethernet3", admin + bytes.fromhex("02ee00000001") + b"\x08\x00" + packet)
    assert tap.packets() == []
    assert dropped(device, DropReason.NO_SA_POLICY) == 1


def test_manual_keys_leave_by_the_default_zone() -> None:
    """B227: a tunnel without outgoing interface leaves by V1-Untrust, with manual keys as well."""
    lab = both()
    keys = "esp 3des password aaa auth sha-1 password bbb"
    for device, peer, spis in (("device-a", "2.2.2.2", "1111 2222"), ("device-b", "1.1.1.1", "2222 1111")):
        say(
            lab,
            device,
            f"set vpn byhand manual {spis} gateway {peer} {keys}",
            "unset policy 1",
            "unset policy 2",
            "set policy from v1-trust to v1-untrust local_lan peer_lan any tunnel vpn byhand",
            "set policy from v1-untrust to v1-trust peer_lan local_lan any tunnel vpn byhand",
        )
    assert 'outgoing-interface "v1-untrust"' in lab["device-a"].cli("get config | include byhand") or (
        "outgoing-interface v1-untrust" in lab["device-a"].cli("get config | include byhand")
    )
    tap = Wiretap.on(lab, "device-a:ethernet3")
    assert lab["admin"].ping("2.2.2.5", count=3).received == 3
    assert {packet[9] for packet in tap.packets()} == {ESP}


def test_management_through_the_tunnel_needs_the_service_in_the_outgoing_zone() -> None:
    """B232, from the far end: the zone of what comes out of the tunnel is V1-Untrust."""
    lab = both()
    lab["server"].ping("1.1.1.5", count=3)
    assert lab["server"].ping("1.1.1.2", count=2).received == 0
    say(lab, "device-a", "set zone v1-untrust manage ping")
    assert lab["server"].ping("1.1.1.2", count=2).received == 2


def test_the_configuration_replays() -> None:
    """What `get config` prints makes the same device again."""
    for lab, names in ((both(), ("device-a", "device-b")), (mixed(), ("mill",))):
        for name in names:
            say(lab, name, "set interface vlan1 bypass-others-ipsec", "set interface vlan1 broadcast arp", "save")
            device = lab[name].device
            assert device is not None
            before = device.config
            say(lab, name, "unset zone v1-trust manage ping", "reset no-prompt")
            lab.run_for(5)
            after = lab[name].device
            assert after is not None
            assert (after.config.interfaces, after.config.zones) == (before.interfaces, before.zones)
            assert after.config.gateways == before.gateways


@pytest.mark.parametrize("name", ["tokyo_paris_policy_based", "tokyo_paris_route_based"])
def test_clearing_arp_does_not_cut_a_routed_tunnel_either(name: str) -> None:
    lab = Lab.load(TOPOLOGIES / f"{name}.yaml")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received >= 3
    say(lab, "tokyo", "clear arp")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 3
