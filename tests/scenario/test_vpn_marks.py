"""Settings of VPNs and gateways seen from the wire: DSCP marks, ToS of IKE, own address, number of the tunnel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu.lab.router import Router
from nsemu.wire.address import Prefix, parse_ipv4
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.udp import UdpDatagram
from support.labs import ESP, PARIS, TOKYO, UDP, Security, Wiretap, all_of, also, link_of, logged, two_sites, type_lines

AH = Security(proposals=("set ike p2-proposal q no-pfs ah sha-1",), phase2="proposal q")


def sent(tap: Wiretap, address: str, protocol: int) -> list[Ipv4Packet]:
    """What one device sent of a protocol."""
    packets = [Ipv4Packet.parse(packet) for packet in tap.packets()]
    wanted = int.from_bytes(bytes(map(int, address.split("."))), "big")
    return [packet for packet in packets if packet.source == wanted and packet.protocol == protocol]


@pytest.mark.parametrize(("mark", "outer"), [(46, 46 << 2), (63, 252), (0, 0), (None, 0)])
@pytest.mark.parametrize("security", [Security(), AH], ids=["esp", "ah"])
def test_dscp_mark(tmp_path: Path, mark: int | None, outer: int, security: Security) -> None:
    """`dscp-mark` writes the upper six bits of the outer header; without it, or with 0, the octet is copied."""
    lines = () if mark is None else (f"set vpn vpn dscp-mark {mark}",)
    lab = two_sites(tmp_path, security=security, change=also("tokyo", *lines))
    lab["tokyo-pc"].ping(PARIS.pc, count=2)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab["tokyo-pc"].ping(PARIS.pc, count=3)
    found = sent(tap, "1.1.1.1", 51 if security is AH else ESP)
    assert {packet.tos for packet in found} == {outer}
    assert len(found) == 3


def test_a_mark_can_come_and_go_with_the_sa_standing(tmp_path: Path) -> None:
    lab = two_sites(tmp_path)
    lab["tokyo-pc"].ping(PARIS.pc, count=2)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    for line, tos in (("set vpn vpn dscp-mark 12", 48), ("unset vpn vpn dscp-mark", 0)):
        type_lines(lab, "tokyo", line)
        assert lab["tokyo-pc"].ping(PARIS.pc, count=1).received == 1
        assert sent(tap, "1.1.1.1", ESP)[-1].tos == tos


def test_tos_of_ike_packets(tmp_path: Path) -> None:
    lab = two_sites(tmp_path, change=also("tokyo", "set ike gateway to_peer tos 192"))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab["tokyo-pc"].ping(PARIS.pc, count=2)
    assert {packet.tos for packet in sent(tap, "1.1.1.1", UDP)} == {192}
    assert {packet.tos for packet in sent(tap, "2.2.2.2", UDP)} == {0}


def test_local_address_is_the_one_the_peer_calls(tmp_path: Path) -> None:
    """Of an interface with a manage-ip, the other address; it must be one of the outgoing interface."""
    lines = ("set interface ethernet3 manage-ip 1.1.1.9", "set ike gateway to_peer local-address 1.1.1.9")

    def aim(name: str, text: list[str]) -> list[str]:
        return [line.replace("address 1.1.1.1 ", "address 1.1.1.9 ") if name == "paris" else line for line in text]

    lab = two_sites(tmp_path, change=all_of(also("tokyo", *lines), aim))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    assert len(sent(tap, "1.1.1.9", ESP)) == 2
    assert sent(tap, "1.1.1.1", ESP) == sent(tap, "1.1.1.1", UDP) == []
    assert "local-address 1.1.1.9" in lab["tokyo"].cli("get config")
    refused = lab["tokyo"].cli("set ike gateway to_peer local-address 10.1.1.1")
    assert "is not on interface ethernet3" in refused


@pytest.mark.parametrize("starter", ["tokyo", "paris"])
def test_local_address_may_be_a_secondary_one(tmp_path: Path, starter: str) -> None:
    """IKE and ESP go from and to the address in the second network of the interface, whoever begins."""
    lines = ("set interface ethernet3 ip 9.1.5.1/24 secondary", "set ike gateway to_peer local-address 9.1.5.1")

    def aim(name: str, text: list[str]) -> list[str]:
        return [line.replace("address 1.1.1.1 ", "address 9.1.5.1 ") if name == "paris" else line for line in text]

    lab = two_sites(tmp_path, change=all_of(also("tokyo", *lines), aim))
    router = next(node for node in lab.network.nodes.values() if isinstance(node, Router))
    router.stack.add_route(Prefix.parse("9.1.5.0/24"), parse_ipv4("1.1.1.1"))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    host, other = ("tokyo-pc", PARIS.pc) if starter == "tokyo" else ("paris-pc", "10.1.1.5")
    assert lab[host].ping(other, count=4).received == 3
    assert len(sent(tap, "9.1.5.1", ESP)) == 3
    assert sent(tap, "1.1.1.1", ESP) == sent(tap, "1.1.1.1", UDP) == []


def test_the_number_of_a_tunnel_is_taken_over(tmp_path: Path) -> None:
    """`set vpn NAME id N bind interface IF`, as saved configurations have it."""
    lab = two_sites(
        tmp_path, change=lambda _name, text: [line.replace("vpn vpn bind", "vpn vpn id 0x2a bind") for line in text]
    )
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    assert "0000002a<" in lab["tokyo"].cli("get sa")
    assert lab["tokyo"].cli("get sa id 0x2a").count("2.2.2.2")
    type_lines(lab, "tokyo", "set vpn two gateway to_peer sec-level compatible", "set interface tunnel.2 zone untrust")
    assert "is that of vpn vpn" in lab["tokyo"].cli("set vpn two id 42 bind interface tunnel.2")
    type_lines(lab, "tokyo", "set vpn vpn id 7 bind interface tunnel.1")
    assert "00000007<" in lab["tokyo"].cli("get sa")
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received >= 2


def test_a_number_that_another_tunnel_has_by_chance(tmp_path: Path) -> None:
    """The one that was given the number gets it; the other moves, and works again."""
    lab = two_sites(tmp_path)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    type_lines(
        lab,
        "tokyo",
        "set ike gateway other address 9.9.9.9 outgoing-interface ethernet3 preshare k sec-level compatible",
        "set vpn two gateway other sec-level compatible",
        "set interface tunnel.2 zone untrust",
        "set interface tunnel.2 ip unnumbered interface ethernet3",
        "set vpn two id 1 bind interface tunnel.2",
    )
    names = {view.identifier: view.settings.vpn for view in lab["tokyo"].device.database}
    assert names == {1: "two", 2: "vpn"}
    assert lab["tokyo-pc"].ping(PARIS.pc, count=4).received >= 2


@pytest.mark.parametrize("single", [True, False])
def test_one_tunnel_for_all_policies(tmp_path: Path, single: bool) -> None:
    """`set ike single-ike-tunnel`: the policies with a peer share one Phase 2 SA."""
    sites = replace(TOKYO, style="policy"), replace(PARIS, style="policy")
    services = [
        (site, f"set policy top from {a} to {b} Here There {service} tunnel vpn vpn")
        for site, a, b in (("tokyo", "Trust", "Untrust"), ("paris", "Trust", "Untrust"))
        for service in ("http", "telnet")
    ]
    change = all_of(
        *(also(site, line) for site, line in services),
        *(also(site, "set ike single-ike-tunnel to_peer") for site in ("tokyo", "paris") if single),
    )
    lab = two_sites(tmp_path, *sites, change=change)
    tunnels = len(list(lab["tokyo"].device.database))
    assert tunnels == (1 if single else 3)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    assert "200" in lab["tokyo-pc"].run(f"http get {PARIS.pc}")


def test_beats_of_all_gateways(tmp_path: Path) -> None:
    """`set ike heartbeat hello`: for each gateway without its own, but not beside DPD (B355)."""
    both = [also(name, "set ike heartbeat hello 4", "set ike heartbeat threshold 2") for name in ("tokyo", "paris")]
    lab = two_sites(tmp_path, change=all_of(*both))
    lab["tokyo-pc"].ping(PARIS.pc, count=2)
    lab.run_for(20)
    assert "heartbeat              : enabled" in lab["tokyo"].cli("get ike cookies")
    link_of(lab, PARIS.wan_port).down()
    lab.run_for(12)
    assert logged(lab, "tokyo", "Heartbeats have been lost 2 times.")
    type_lines(lab, "tokyo", "set ike gateway to_peer dpd interval 5")
    link_of(lab, PARIS.wan_port).up()
    assert lab["tokyo-pc"].ping(PARIS.pc, count=4).received >= 2
    assert "heartbeat              : disabled" in lab["tokyo"].cli("get ike cookies")


@pytest.mark.parametrize("line", ["set ike id-mode ip", "unset ike policy-checking"])
def test_a_peer_that_does_not_compare(tmp_path: Path, line: str) -> None:
    """Two policy-based ends whose policies differ come together when neither asks for the same."""
    wrong = also(
        "paris", "unset vpn vpn proxy-id", "set vpn vpn proxy-id local-ip 10.2.2.0/25 remote-ip 10.1.1.0/24 any"
    )
    lab = two_sites(tmp_path, change=wrong)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 0
    for name in ("tokyo", "paris"):
        type_lines(lab, name, line)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=4).received >= 3
    assert logged(lab, "paris", "did not check a policy because id-mode is set to IP or policy-checking is disabled")


def test_udp_is_what_ike_uses(tmp_path: Path) -> None:
    """Every IKE datagram of the pair is whole: ports 500, a checksum that is right."""
    lab = two_sites(tmp_path, change=also("tokyo", "set ike gateway to_peer tos 8"))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab["tokyo-pc"].ping(PARIS.pc, count=2)
    for packet in sent(tap, "1.1.1.1", UDP):
        datagram = UdpDatagram.parse(packet.payload)
        assert (datagram.source_port, datagram.destination_port) == (500, 500)
