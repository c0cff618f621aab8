"""The path MTU of a VPN: a narrow link between routers, who tell the gateway, and forgers who would like to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.ipsec.sa import OutboundSa
from nsemu.runtime.path_mtu import LIFETIME
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import SECOND
from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from nsemu.wire.ipv4 import PROTOCOL_ICMP, Ipv4Packet
from support.labs import ESP, PARIS, TOKYO, Change, Wiretap, all_of, also, two_sites, type_lines

ROUTER, OURS, PEER = parse_ipv4("1.1.1.254"), parse_ipv4("1.1.1.1"), parse_ipv4("2.2.2.2")


def narrow_lab(tmp_path: Path, *lines: str, mtu: int = 1400, style: str = "route") -> Lab:
    """Two sites with a tunnel that is up, and a link of `mtu` beyond tokyo's router; `lines` are for both devices."""
    change: Change = all_of(also("tokyo", *lines), also("paris", *lines))
    lab = two_sites(tmp_path, replace(TOKYO, style=style), replace(PARIS, style=style), change=change)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2
    lab.link("paris:ethernet3").set(mtu=mtu)
    return lab


def outbound(lab: Lab, device: str = "tokyo") -> OutboundSa:
    (tunnel,) = lab[device].device.state.database
    assert tunnel.outbound is not None
    return tunnel.outbound


def learnt(lab: Lab, device: str = "tokyo") -> list[int]:
    """The path MTUs that a device knows."""
    return [mtu for mtu, _ in lab[device].device.state.path_mtus.known.values()]


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize("word", ["copy", "set"])
@pytest.mark.parametrize("mtu", [1400, 1006, 577])
def test_tcp_finds_its_size_through_the_narrow_link_b017(tmp_path: Path, style: str, word: str, mtu: int) -> None:
    """B017: the tunnel's packets may not be fragmented, a router says so, and both transfers come to their end."""
    lab = narrow_lab(tmp_path, f"set vpn vpn df-bit {word}", "unset flow tcp-mss", mtu=mtu, style=style)
    tap = Wiretap.on(lab, "paris:ethernet3")
    assert "60000" in lab["tokyo-pc"].run("ftp put 10.2.2.5 big.bin size 60000 passive")
    assert learnt(lab) == [mtu]
    longest = outbound(lab).longest_inner(mtu)
    assert "1 received" in lab["tokyo-pc"].run(f"ping 10.2.2.5 count 1 size {longest - 28} df")
    assert "0 received" in lab["tokyo-pc"].run(f"ping 10.2.2.5 count 1 size {longest - 27} df")
    assert all(len(packet) <= mtu for packet in tap.packets(ESP))


def test_the_host_is_told_what_fits_inside(tmp_path: Path) -> None:
    """RFC 4301 §8.2: the first packet is lost to the router, the second is refused with the inner MTU."""
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    assert "0 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    tap = Wiretap.on(lab, "tokyo:ethernet1")
    assert "0 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    (error,) = [packet for packet in tap.packets(1) if packet[20:22] == b"\x03\x04"]
    assert int.from_bytes(error[26:28], "big") == outbound(lab).longest_inner(1400)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1372).received == 1


def test_what_may_be_fragmented_is_cut_before_it_is_protected(tmp_path: Path) -> None:
    """With `df-bit set` the router cannot cut: the device does it inside, for hosts and for its own pings."""
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit set")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1372).received == 0
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1372).received == 1
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=4000).received == 1
    type_lines(lab, "tokyo", "ping 10.2.2.5 count 1 size 3000 from ethernet1")
    ours = [packet for packet in tap.packets(ESP) if packet[12] == 1]
    assert all(packet[6] & 0x40 and not packet[6] & 0x20 and len(packet) <= 1400 for packet in ours)
    assert len(ours) == 2 + 4 + 3  # 1344 octets at most inside: 1400, 4028 and 3028


def test_nothing_is_learnt_while_the_outer_packets_may_be_cut(tmp_path: Path) -> None:
    """`set flow path-mtu` is about what senders are told; the packets of the tunnel stay open to fragmentation."""
    lab = narrow_lab(tmp_path, "set flow path-mtu")
    assert "1 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    assert learnt(lab) == []


def test_path_mtu_setting_with_a_learnt_mtu(tmp_path: Path) -> None:
    """With `set flow path-mtu` and `df-bit clear` again, senders that forbid fragments hear the path MTU, too."""
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    type_lines(lab, "tokyo", "set vpn vpn df-bit clear")
    assert "1 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    type_lines(lab, "tokyo", "set flow path-mtu")
    text = lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    assert f"mtu = {outbound(lab).longest_inner(1400)}" in text


def test_a_path_mtu_ages_and_grows_again(tmp_path: Path) -> None:
    """RFC 1191 §6.3: after ten minutes the larger size is tried again."""
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    assert learnt(lab) == [1400]
    lab.link("paris:ethernet3").set(mtu=1500)
    lab.run_for(LIFETIME / SECOND - 60)
    assert "0 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    lab.run_for(LIFETIME / SECOND)
    assert "1 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    assert learnt(lab) == []


def test_an_mtu_outlives_the_rekey(tmp_path: Path) -> None:
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    before = outbound(lab).spi
    type_lines(lab, "tokyo", "clear sa")
    lab["tokyo-pc"].ping("10.2.2.5", count=3)
    assert outbound(lab).spi != before
    assert learnt(lab) == [1400]
    size = outbound(lab).longest_inner(1400) - 28
    assert "1 received" in lab["tokyo-pc"].run(f"ping 10.2.2.5 count 1 size {size} df")


def report(packet: bytes, mtu: int, *, quoted: int = 28) -> bytes:
    """What a router writes who could not pass a packet."""
    message = icmp.IcmpMessage(icmp.DESTINATION_UNREACHABLE, icmp.FRAGMENTATION_NEEDED, mtu, packet[:quoted])
    return Ipv4Packet(ROUTER, OURS, PROTOCOL_ICMP, message.build()).build()


def protected(sa: OutboundSa, *, df: bool = True, source: int = OURS, length: int = 1448, **changes: int) -> bytes:
    """The outer packet as the SA might have sent it last."""
    spi, sequence = changes.get("spi", sa.spi), changes.get("sequence", sa.sequence)
    body = spi.to_bytes(4, "big") + sequence.to_bytes(4, "big") + bytes(length - 28)
    return Ipv4Packet(source, changes.get("peer", PEER), changes.get("protocol", ESP), body, df=df).build()


def tell(lab: Lab, packet: bytes, name: str = "tokyo") -> str:
    """Give a device a packet from the Internet; the debug lines that it makes."""
    cli = lab[name].cli
    for line in ("debug flow basic", "clear dbuf"):
        cli(line)
    device = lab[name].device
    interface = device.interfaces.items["ethernet3"]
    frame = interface.mac + bytes(6) + b"\x08\x00" + packet
    device.receive("ethernet3", frame, PacketTrace())
    return cli("get dbuf stream")


def test_a_router_is_believed_and_debug_says_so(tmp_path: Path) -> None:
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    assert "icmp: path mtu 1300 to 2.2.2.2 for vpn vpn" in tell(lab, report(protected(outbound(lab)), 1300))
    assert learnt(lab) == [1300]
    tell(lab, report(protected(outbound(lab)), 1350))
    assert learnt(lab) == [1300], "a report never raises the estimate"
    tell(lab, report(protected(outbound(lab)), 576))
    assert learnt(lab) == [576]


def test_a_router_before_rfc_1191_means_a_plateau(tmp_path: Path) -> None:
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    tell(lab, report(protected(outbound(lab)), 0))
    assert learnt(lab) == [1006]


FORGED = {
    "wrong SPI": ({"spi": 0x12345678}, 1300, "no living SA"),
    "another peer": ({"peer": PEER + 1}, 1300, "no living SA"),
    "another protocol": ({"protocol": 51}, 1300, "no living SA"),
    "never sent": ({"sequence": 1 << 20}, 1300, "no living SA"),
    "number 0": ({"sequence": 0}, 1300, "no living SA"),
    "another sender": ({"source": PEER + 7}, 1300, "another sender"),
    "may be fragmented": ({"df": False}, 1300, "may be fragmented"),
    "MTU too small": ({}, 575, "below 576"),
    "MTU of 68": ({}, 68, "below 576"),
    "MTU of the packet": ({}, 1448, "not longer"),
    "MTU larger than the packet": ({}, 65535, "not longer"),
    "plateau too small": ({"length": 700}, 0, "below 576"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_forged_reports_are_not_believed(tmp_path: Path, kind: str) -> None:
    """RFC 4301 §8.2.1: whoever tells an MTU must show a packet that a living SA has sent."""
    changes, mtu, reason = FORGED[kind]
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    text = tell(lab, report(protected(outbound(lab), **changes), mtu))  # type: ignore[arg-type]
    assert learnt(lab) == []
    (line,) = [line for line in text.splitlines() if "path mtu" in line]
    assert "ignored" in line
    assert reason in line


def test_reports_cut_at_every_octet_are_not_believed(tmp_path: Path) -> None:
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    packet = protected(outbound(lab))
    for quoted in range(28):
        tell(lab, report(packet, 1300, quoted=quoted))
        assert learnt(lab) == [], quoted
    tell(lab, report(packet, 1300, quoted=28))
    assert learnt(lab) == [1300]


@pytest.mark.parametrize("auth", ["sha-1", "md5"])
def test_ah_has_its_spi_elsewhere(tmp_path: Path, auth: str) -> None:
    """AH begins with next header and length (RFC 4302 §2); the SPI is the last word that a router quotes."""
    proposal = f"set ike p2-proposal ours no-pfs ah {'sha-1' if auth == 'sha-1' else 'md5'} second 3600"
    lines = (proposal, "set vpn vpn gateway to_peer proposal ours", "set vpn vpn df-bit set")
    lab = narrow_lab(tmp_path, *lines)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1428).received == 0
    assert learnt(lab) == [1400]
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1428).received == 1


NAT_LAB = Path(__file__).parents[2] / "topologies" / "nat_traversal.yaml"


@pytest.mark.parametrize(
    ("device", "vpn", "host", "target", "link"),
    [
        ("corporate", "hotel", "server", "10.5.5.5", "hotel:ethernet3"),
        ("branch", "office", "laptop", "10.1.1.5", "corporate:ethernet3"),
    ],
)
def test_esp_in_udp_is_known_by_its_ports(device: str, vpn: str, host: str, target: str, link: str) -> None:
    """B308: of ESP in UDP a router quotes the ports alone; on its way to the branch the report is translated."""
    lab = Lab.load(NAT_LAB)
    assert lab["laptop"].ping("10.1.1.5", count=3).received == 2
    type_lines(lab, device, f"set vpn {vpn} df-bit copy")
    lab.link(link).set(mtu=1300)
    assert "0 received" in lab[host].run(f"ping {target} count 1 size 1372 df")
    assert learnt(lab, device) == [1300]
    size = outbound(lab, device).longest_inner(1300) - 28
    assert "1 received" in lab[host].run(f"ping {target} count 1 size {size} df")
    assert "0 received" in lab[host].run(f"ping {target} count 1 size {size + 1} df")


@pytest.mark.parametrize("quoted", [28, 30, 32, 36, 60])
@pytest.mark.parametrize("wrong", ["", "port", "SPI"])
def test_reports_about_esp_in_udp(quoted: int, wrong: str) -> None:
    """Whatever is quoted must fit: ports always, SPI and sequence number if they are there."""
    lab = Lab.load(NAT_LAB)
    assert lab["laptop"].ping("10.1.1.5", count=3).received == 2
    sa = outbound(lab, "corporate")
    udp = sa.parameters.udp
    assert udp is not None
    ports = udp.local.to_bytes(2, "big") + (udp.peer + (wrong == "port")).to_bytes(2, "big")
    spi = sa.spi ^ 0x01010101 * (wrong == "SPI")
    body = ports + bytes(4) + spi.to_bytes(4, "big") + sa.sequence.to_bytes(4, "big") + bytes(1400)
    packet = Ipv4Packet(sa.parameters.local, sa.parameters.peer, 17, body, df=True).build()
    tell(lab, report(packet, 1300, quoted=quoted), "corporate")
    believed = not wrong or (wrong == "SPI" and quoted == 28)
    assert learnt(lab, "corporate") == ([1300] if believed else [])


def test_an_sa_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    lab = narrow_lab(tmp_path, "set vpn vpn df-bit copy")
    packet = protected(outbound(lab))
    type_lines(lab, "tokyo", "clear sa")
    assert "ignored" in tell(lab, report(packet, 1300))
    assert learnt(lab) == []
