"""What `set vpn` and `set ike` let an admin choose for SAs: DF bit, idle time, NULL encryption, AH, soft lifetime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from support.labs import ESP, Security, Wiretap, all_of, also, dropped, two_sites, type_lines, unchanged
from support.manual_key import manual_sites

LANS = ("10.1.1.0/24", "10.2.2.0/24")
AH = 51
DF = b"\x40\0"


def proposal(transform: str, rest: str = "") -> Security:
    """Phase 2 with one proposal of one's own."""
    return Security(phase2="proposal mine", proposals=(f"set ike p2-proposal mine group2 {transform} {rest}",))


@pytest.mark.parametrize(("transform", "protocol", "label"), [
    ("ah md5", AH, "ah:md5"), ("ah sha-1", AH, "ah:sha1"),
    ("esp null md5", ESP, "esp:null/md5"), ("esp null sha-1", ESP, "esp:null/sha1"),
    ("esp aes256 null", ESP, "a256/null"),
])  # fmt: skip
def test_negotiated_transforms(tmp_path: Path, transform: str, protocol: int, label: str) -> None:
    """B017 to B023: AH, authentication alone and encryption alone are negotiated, carry traffic, and are renewed."""
    lab = two_sites(tmp_path, security=proposal(transform, "second 180"))
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2
    assert label in lab["tokyo"].run("get sa active")
    assert lab["paris-pc"].ping("10.1.1.5", count=60, interval=10).received == 60
    assert {packet[9] for packet in tap.packets()} == {17, protocol}
    start = 24 if protocol == AH else 20
    assert len({packet[start : start + 4] for packet in tap.packets(protocol)}) >= 6


def test_ah_after_esp_in_one_list(tmp_path: Path) -> None:
    """A list of proposals may mix both protocols; the first that both ends have is taken."""
    lines = ("set ike p2-proposal one no-pfs esp aes256 sha-1", "set ike p2-proposal two no-pfs ah sha-1")
    security = {
        "tokyo": Security(phase2="proposal one two", proposals=lines),
        "paris": Security(phase2="proposal two", proposals=lines),
    }
    lab = two_sites(tmp_path, security=security)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2
    assert "ah:sha1" in lab["paris"].run("get sa")


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize(("word", "inner_df", "outer_df"), [
    ("clear", True, False), ("clear", False, False), ("set", True, True), ("set", False, True),
    ("copy", True, True), ("copy", False, False),
])  # fmt: skip
def test_df_bit(tmp_path: Path, manual: bool, word: str, inner_df: bool, outer_df: bool) -> None:
    """`df-bit clear|set|copy`: the outer header, from the next packet on, without a new key."""
    lab = manual_sites(tmp_path) if manual else two_sites(tmp_path)
    lab["tokyo-pc"].ping("10.2.2.5", count=3)
    before = lab["tokyo"].device.database.tunnels[1].last_outbound_spi
    type_lines(lab, "tokyo", f"set vpn vpn df-bit {word}")
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab["tokyo-pc"].run(f"ping 10.2.2.5 count 1 {'df' if inner_df else ''}")
    sent = tap.packets(ESP)[0]
    assert (sent[6:8] == DF) is outer_df
    assert lab["tokyo"].device.database.tunnels[1].last_outbound_spi == before
    assert f"DF bit: {word}" in lab["tokyo"].run("get sa id 1")


@pytest.mark.parametrize("transform", [
    "esp 3des password a auth md5 password b", "esp aes256 password a auth sha-1 password b",
    "esp null auth md5 password b", "ah sha-1 password c",
])  # fmt: skip
def test_no_room_for_the_outer_packet(tmp_path: Path, transform: str) -> None:
    """With DF in the outer header a packet is cut before it is protected, and one that says DF is told what fits."""
    lab = manual_sites(tmp_path, "route", transform)
    for device in ("tokyo", "paris"):
        type_lines(lab, device, "set vpn vpn df-bit set")
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2, size=4000).received == 2
    outer = tap.packets(ESP) + tap.packets(AH)
    assert all(packet[6:8] == DF for packet in outer)
    assert max(int.from_bytes(packet[2:4], "big") for packet in outer) <= 1500
    sa = lab["tokyo"].device.database.tunnels[1].outbound
    assert sa is not None
    limit = sa.longest_inner(1500)
    assert lab["tokyo-pc"].run(f"ping 10.2.2.5 count 1 size {limit - 28} df").count("1 received") == 1
    text = lab["tokyo-pc"].run(f"ping 10.2.2.5 count 1 size {limit - 27} df")
    assert "0 received" in text
    assert dropped(lab["tokyo"].device, DropReason.FRAGMENTATION_NEEDED) == 1
    assert str(limit) in text  # The host has been told the MTU inside the tunnel.


def test_a_long_transfer_with_df(tmp_path: Path) -> None:
    """TCP finds its way through a tunnel that copies DF."""
    lab = two_sites(tmp_path, change=lambda _name, lines: [*lines, "set vpn vpn df-bit copy", "unset flow tcp-mss"])
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    assert "60000" in lab["tokyo-pc"].run("ftp put 10.2.2.5 big.bin size 60000 passive")
    assert tap.leaks(*LANS) == []


def idle(minutes: int) -> Security:
    """A VPN with an idle time."""
    return Security(options=f"no-replay tunnel idletime {minutes}")


BEATS = ("set ike gateway to_peer heartbeat hello 10", "set ike gateway to_peer heartbeat reconnect 60")


def active(lab: Lab, device: str = "tokyo") -> bool:
    """Whether the only tunnel has SAs."""
    return lab[device].device.database.tunnels[1].active


def test_an_idle_tunnel_ends(tmp_path: Path) -> None:
    """`idletime N`: after N minutes without a packet the SAs end at both ends; the next packet makes new ones."""
    lab = two_sites(tmp_path, security={"tokyo": idle(10), "paris": Security()})
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    lab.run_for(9 * 60)
    assert active(lab)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1).received == 1
    lab.run_for(9 * 60)
    assert active(lab)
    lab.run_for(70)
    assert not active(lab)
    assert not active(lab, "paris")
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    lab.run_for(3 * 3600)
    assert tap.packets() == []
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 2


def test_renewal_is_no_traffic(tmp_path: Path) -> None:
    """With heartbeats and `reconnect` keys are renewed every three minutes without traffic; an idle time of ten ends
    the tunnel all the same, and not before."""
    lines = ("set ike p2-proposal p no-pfs esp des md5 second 180",)
    paris = Security(phase2="proposal p", proposals=lines)
    security = {"tokyo": replace(paris, options="idletime 10"), "paris": paris}
    lab = two_sites(tmp_path, security=security, change=all_of(*(also(name, *BEATS) for name in ("tokyo", "paris"))))
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    lab.run_for(9.5 * 60)
    assert active(lab)
    lab.run_for(60)
    assert not active(lab)


@pytest.mark.parametrize("who", ["tokyo", "paris"])
@pytest.mark.parametrize("renewed", [True, False])
def test_an_idle_sa_is_renewed_on_request_only(tmp_path: Path, renewed: bool, who: str) -> None:
    """B344: an SA that nothing uses ends with its lifetime, unless one of the ends is asked to keep the tunnel up."""
    lines = ("set ike p2-proposal p no-pfs esp des md5 second 180",)
    other = {"tokyo": "paris", "paris": "tokyo"}[who]
    kept = all_of(also(who, "set vpn vpn monitor rekey"), also(other, "set interface ethernet3 manage ping"))
    change = kept if renewed else unchanged
    lab = two_sites(tmp_path, security=Security(phase2="proposal p", proposals=lines), change=change)
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    lab.run_for(320)  # what was used at first is renewed once
    assert active(lab)
    lab.run_for(60)
    assert [active(lab), active(lab, "paris")] == [renewed, renewed]


def test_traffic_keeps_a_tunnel_up(tmp_path: Path) -> None:
    """A packet every four minutes is enough for an idle time of five, over many renewals; either way counts."""
    lab = two_sites(tmp_path, security=idle(5))
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    assert lab["paris-pc"].ping("10.1.1.5", count=40, interval=240).received == 40
    type_lines(lab, "tokyo", "set vpn vpn gateway to_peer idletime 0 sec-level compatible")
    type_lines(lab, "paris", "set vpn vpn gateway to_peer idletime 0 sec-level compatible")
    lab.run_for(1800)
    assert active(lab)
    type_lines(lab, "tokyo", "set vpn vpn gateway to_peer idletime 2 sec-level compatible")
    lab.run_for(125)
    assert not active(lab)


@pytest.mark.parametrize("buffer", [5, 30])
def test_soft_lifetime_buffer(tmp_path: Path, buffer: int) -> None:
    """`set ike soft-lifetime-buffer N`: quick mode begins N seconds before the key ends."""
    line = f"set ike soft-lifetime-buffer {buffer}"
    security = Security(phase2="proposal p", proposals=("set ike p2-proposal p no-pfs esp des md5 second 600",))
    lab = two_sites(tmp_path, security=security, change=also("tokyo", line))
    lab["tokyo-pc"].ping("10.2.2.5", count=2)
    sa = lab["tokyo"].device.database.tunnels[1].outbound
    assert sa is not None
    start = sa.installed_at / 1e9
    lab.run_for(start + 600 - buffer - 1 - lab.now)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert tap.packets(17) == []
    lab.run_for(2)
    assert tap.packets(17) != []
