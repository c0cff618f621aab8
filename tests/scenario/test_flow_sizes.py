"""Sizes on the way: fragments, DF and path MTU, MSS clamping, in clear and through tunnels; FTP and its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from nsemu.wire.checksum import checksum
from support.firewall import firewall
from support.labs import ESP, PARIS, TOKYO, Change, Wiretap, all_of, also, dropped, two_sites, type_lines

LANS = ("10.1.1.0/24", "10.2.2.0/24")
OUT = "set policy id 1 from Trust to Untrust any any any permit"
SERVER = "198.51.100.5"


def warm_lab(tmp_path: Path, style: str = "route", *lines: str) -> Lab:
    """Two sites with a tunnel that is up; `lines` are for both devices."""
    change: Change = all_of(also("tokyo", *lines), also("paris", *lines))
    lab = two_sites(tmp_path, replace(TOKYO, style=style), replace(PARIS, style=style), change=change)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2
    return lab


def mss_of(packet: bytes) -> int | None:
    """The MSS option of a TCP SYN."""
    header = (packet[0] & 15) * 4
    if not packet[header + 13] & 2:
        return None
    at, end = header + 20, header + (packet[header + 12] >> 4) * 4
    while at < end:
        kind = packet[at]
        if kind == 0:
            break
        if kind == 2:
            return int.from_bytes(packet[at + 2 : at + 4], "big")
        at += 1 if kind == 1 else packet[at + 1]
    return None


def transport_is_sound(packet: bytes) -> bool:
    """Whether the checksum of a TCP segment holds."""
    header = (packet[0] & 15) * 4
    pseudo = packet[12:20] + bytes((0, packet[9])) + (len(packet) - header).to_bytes(2, "big")
    return checksum(pseudo + packet[header:]) == 0


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize("size", [1371, 1372, 1400, 1472, 1473, 2952, 2953, 8000, 20000, 65507 - 100])
def test_every_size_passes_a_tunnel(tmp_path: Path, style: str, size: int) -> None:
    """B017: what grows beyond the MTU by encapsulation is fragmented outside and put together again; contents hold."""
    lab = warm_lab(tmp_path, style)
    tap, inside = Wiretap.on(lab, "tokyo:ethernet3"), Wiretap.on(lab, "paris:ethernet1")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2, size=size).received == 2
    assert tap.leaks(*LANS) == []
    assert all(len(packet) <= 1500 for packet in tap.packets() + inside.packets())
    assert dropped(lab["paris"].device, DropReason.ESP_AUTHENTICATION) == 0


@pytest.mark.parametrize("mtu", [576, 1000, 1280, 1499])
def test_narrow_links(tmp_path: Path, mtu: int) -> None:
    """With a narrow Internet, ESP fragments fit it, and everything passes."""
    lab = warm_lab(tmp_path)
    lab.link("tokyo:ethernet3").set(mtu=mtu)
    lab.link("paris:ethernet3").set(mtu=mtu)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3, size=3000).received == 3
    assert "50000" in lab["paris-pc"].run("ftp put 10.1.1.5 big.bin size 50000 passive")
    assert all(len(packet) <= mtu for packet in tap.packets())
    assert lab.link("tokyo:ethernet3").link.properties.mtu == mtu


def test_a_narrow_link_in_the_middle(tmp_path: Path) -> None:
    """A narrow link beyond the first router: it fragments the ESP packets, whose DF bit is clear."""
    lab = warm_lab(tmp_path)
    lab.link("paris:ethernet3").set(mtu=700)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3, size=3000).received == 3
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3, size=1400).received == 3


def test_df_in_clear(tmp_path: Path) -> None:
    """RFC 1191: a packet with DF that is too large for the egress is dropped, and its sender told the MTU."""
    lab = firewall(tmp_path, OUT)
    lab.link("fw:ethernet3").set(mtu=1200)
    text = lab["inside"].run(f"ping {SERVER} count 1 size 1400 df")
    assert "1200" in text
    assert dropped(lab["fw"].device, DropReason.FRAGMENTATION_NEEDED) == 1
    assert lab["inside"].ping(SERVER, count=2, size=1400).received == 2
    assert "40000" in lab["inside"].run(f"ftp put {SERVER} big.bin size 40000 passive")


def test_the_routers_fragmentation_needed_reaches_the_translated_sender(tmp_path: Path) -> None:
    """A narrow link behind the router: its ICMP error is translated back and TCP finds the path MTU."""
    lab = firewall(tmp_path, OUT)
    lab.link("server:eth0").set(mtu=900)
    tap = Wiretap.on(lab, "inside:eth0")
    assert "40000" in lab["inside"].run(f"ftp put {SERVER} big.bin size 40000 passive")
    errors = [packet for packet in tap.packets(1) if packet[20:22] == b"\x03\x04"]
    assert all(packet[16:20] == bytes((10, 1, 1, 5)) and packet[40:44] == bytes((10, 1, 1, 5)) for packet in errors)


@pytest.mark.parametrize(
    ("word", "bits"), [("clear", {0}), ("set", {0x40}), ("copy", {0, 0x40})], ids=["clear", "set", "copy"]
)
def test_df_bit_of_the_outer_header(tmp_path: Path, word: str, bits: set[int]) -> None:
    """`set vpn NAME df-bit`: the outer DF bit is clear, set, or that of the packet inside."""
    lab = warm_lab(tmp_path)
    type_lines(lab, "tokyo", f"set vpn vpn df-bit {word}")
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=100).received == 1
    assert "1 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 100 df")
    ours = [packet for packet in tap.packets(ESP) if packet[12] == 1]
    assert {packet[6] & 0x40 for packet in ours} == bits


def test_too_large_for_a_tunnel_with_df(tmp_path: Path) -> None:
    """With the outer DF bit copied, a packet with DF that does not fit is refused, and the sender learns the size."""
    lab = warm_lab(tmp_path, "route", "set vpn vpn df-bit copy")
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    text = lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1472 df")
    assert "0 received" in text
    assert "From 10.1.1.1" in text
    assert "1 received" in lab["tokyo-pc"].run("ping 10.2.2.5 count 1 size 1372 df")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1, size=1472).received == 1
    assert "60000" in lab["tokyo-pc"].run("ftp put 10.2.2.5 big.bin size 60000 passive")
    assert tap.leaks(*LANS) == []


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("set flow tcp-mss 1200",), 1200),
        (("set flow tcp-mss",), 1350),
        (("unset flow tcp-mss",), 1460),
        (("unset flow tcp-mss", "set flow all-tcp-mss 1000"), 1000),
    ],
)
def test_mss_clamping(tmp_path: Path, style: str, lines: tuple[str, ...], expected: int) -> None:
    """`set flow tcp-mss` lowers the MSS of what enters or leaves a tunnel, both ways, with the right checksum."""
    lab = warm_lab(tmp_path, style, *lines)
    both = [Wiretap.on(lab, "paris:ethernet1"), Wiretap.on(lab, "tokyo:ethernet1")]
    assert "200 OK" in lab["tokyo-pc"].run("http get 10.2.2.5")
    offered, answered = ([mss_of(p) for p in tap.packets(6) if p[16] == 10 and p[17] == lan] for tap, lan in
                         zip(both, (2, 1), strict=True))  # fmt: skip
    assert [value for value in offered if value] == [expected]
    assert [value for value in answered if value] == [expected]
    assert all(transport_is_sound(packet) for tap in both for packet in tap.packets(6))


def test_mss_in_clear_is_left_alone(tmp_path: Path) -> None:
    """`set flow tcp-mss` is about tunnels only; `all-tcp-mss` is about everything."""
    lab = firewall(tmp_path, OUT, "set flow tcp-mss 1000")
    tap = Wiretap.on(lab, "fw:ethernet3")
    lab["inside"].run(f"http get {SERVER}")
    assert {mss_of(packet) for packet in tap.packets(6)} == {None, 1460}
    type_lines(lab, "fw", "set flow all-tcp-mss 1100")
    tap = Wiretap.on(lab, "fw:ethernet3")
    lab["inside"].run(f"http get {SERVER}")
    syn = [packet for packet in tap.packets(6) if mss_of(packet) and packet[12:16] == bytes((1, 1, 1, 1))]
    assert {mss_of(packet) for packet in syn} == {1100}
    assert all(transport_is_sound(packet) for packet in tap.packets(6))


@pytest.mark.parametrize("style", ["route", "policy"])
@pytest.mark.parametrize("mode", ["active", "passive"])
def test_ftp_through_a_tunnel(tmp_path: Path, style: str, mode: str) -> None:
    """B191: files go both ways, with data connections opened by either side."""
    lab = warm_lab(tmp_path, style)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    assert "70000" in lab["tokyo-pc"].run(f"ftp put 10.2.2.5 one.bin size 70000 {mode}")
    assert "70000" in lab["tokyo-pc"].run(f"ftp get 10.2.2.5 one.bin {mode}")
    assert "one.bin" in lab["tokyo-pc"].run(f"ftp ls 10.2.2.5 {mode}")
    assert "5000" in lab["paris-pc"].run(f"ftp put 10.1.1.5 two.bin size 5000 {mode}")
    assert tap.leaks(*LANS, b"one.bin", b"230", b"PASS") == []


def test_missing_fragments_time_out(tmp_path: Path) -> None:
    """RFC 1122 §3.3.2: what stays incomplete is dropped and counted; the sender is told through the tunnel."""
    lab = warm_lab(tmp_path)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab.link("tokyo-pc:eth0").link.add_tap(lambda *_: None)
    device = lab["tokyo"].device
    mac = device.interfaces.items["ethernet1"].mac
    first = bytearray(bytes.fromhex("4500001c0001200040010000") + bytes((10, 1, 1, 5, 10, 2, 2, 5)) + bytes(8))
    first[20] = 8
    first[10:12] = checksum(bytes(first[:20])).to_bytes(2, "big")
    device.receive("ethernet1", mac + b"\2\0\0\0\0\1\x08\x00" + bytes(first))
    lab.run_for(120)
    assert dropped(device, DropReason.FRAGMENT_TIMEOUT) == 1
    assert tap.leaks(*LANS) == []
