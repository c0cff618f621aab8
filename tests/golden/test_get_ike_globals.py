"""`get ike …` of globals and connections, `get vpn …` in its forms, `clear ike all` (layouts: docs/fidelity.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from support.labs import PARIS, also, logged, two_sites

CHANGES = {
    "set ike accept-all-proposal": ("accept-all-proposal", "IKE accept all proposals: enabled"),
    "set ike id-mode ip": ("id-mode", "IKE ID mode: ip"),
    "unset ike policy-checking": ("policy-checking", "IKE policy checking: disabled"),
    "set ike single-ike-tunnel to_peer": ("single-ike-tunnel", "IKE single IKE tunnel: to_peer"),
    "set ike initiator-set-commit": ("initiator-set-commit", "IKE initiator set commit bit: enabled"),
    "set ike responder-set-commit": ("responder-set-commit", "IKE responder set commit bit: enabled"),
    "set ike ikeid-enumeration": ("ikeid-enumeration", "IKE ID enumeration protection: enabled"),
    "set ike dos-protection": ("dos-protection", "IKE DoS protection: enabled"),
    "set ike soft-lifetime-buffer 40": ("soft-lifetime-buffer", "IKE soft lifetime buffer: 40 seconds"),
    "set ike initial-contact": ("initial-contact", "IKE initial contact: all peers"),
    "set ike initial-contact single-gateway to_peer": ("initial-contact", "IKE initial contact: to_peer"),
    "set ike member-sa-hold-time 9": ("member-sa-hold-time", "IKE member SA hold time: 9 minutes"),
    "unset ike respond-bad-spi": ("respond-bad-spi", "IKE respond to bad SPI: 0"),
}


@pytest.mark.parametrize("line", CHANGES)
def test_each_global_is_shown_alone_and_among_all(tmp_path: Path, line: str) -> None:
    lab = two_sites(tmp_path)
    word, shown = CHANGES[line]
    tokyo = lab["tokyo"]
    before = tokyo.cli(f"get ike {word}")
    assert before != f"{shown}\n"
    tokyo.cli(line)
    assert tokyo.cli(f"get ike {word}") == f"{shown}\n"
    assert shown in tokyo.cli("get ike").splitlines()


def test_security_levels_name_their_proposals(tmp_path: Path) -> None:
    """B036, B037, B052: what Standard, Compatible and Basic stand for."""
    tokyo = two_sites(tmp_path)["tokyo"]
    assert (
        tokyo.cli("get ike p1-sec-level")
        == """\
Security level Proposals
-------------- ---------
standard       pre-g2-aes128-sha
               pre-g2-3des-sha
compatible     pre-g2-3des-sha
               pre-g2-3des-md5
               pre-g2-des-sha
               pre-g2-des-md5
basic          pre-g1-des-sha
               pre-g1-des-md5
"""
    )
    assert "standard       g2-esp-3des-sha\n               g2-esp-aes128-sha\n" in tokyo.cli("get ike p2-sec-level")


def up(folder: Path, *lines: str) -> Lab:
    lab = two_sites(folder, change=also("tokyo", *lines))
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    return lab


def test_heartbeats(tmp_path: Path) -> None:
    lab = up(tmp_path, "set ike heartbeat hello 7", "set ike gateway to_peer heartbeat reconnect 60")
    assert (
        lab["tokyo"].cli("get ike heartbeat")
        == """\
IKE heartbeat of all gateways: hello 7, threshold 5
Gateway         Hello Threshold Reconnect
--------------- ----- --------- ---------
to_peer             7         5        60
"""
    )


def test_connections(tmp_path: Path) -> None:
    lab = up(tmp_path)
    assert (
        lab["tokyo"].cli("get ike conn-entry")
        == """\
Gateway         Peer address     Port State       Tunnels
--------------- --------------- ----- ----------- -------
to_peer         2.2.2.2           500 established       1
Total connections: 1
"""
    )


def test_proxy_ids_and_details(tmp_path: Path) -> None:
    lab = up(tmp_path)
    assert (
        lab["tokyo"].cli("get vpn proxy-id")
        == """\
VPN             Tunnel ID Local              Remote             Protocol  Port
vpn             00000001  10.1.1.0/24        10.2.2.0/24               0     0
Total proxy IDs: 1
"""
    )
    detail = lab["tokyo"].cli("get vpn vpn detail")
    assert detail.startswith(lab["tokyo"].cli("get vpn vpn"))
    assert "tunnel 00000001: active, esp:3des/sha1, peer 2.2.2.2" in detail
    assert "proxy id: local 10.1.1.0/24, remote 10.2.2.0/24" in detail
    assert detail.count("2 packets, 168 octets") == 2


def test_auto_and_manual(tmp_path: Path) -> None:
    manual = (
        "set vpn m manual 5001 5002 gateway 2.2.2.9 outgoing-interface ethernet3 esp des password a auth md5 password b"
    )
    lab = up(tmp_path, manual)
    auto, other = (lab["tokyo"].cli(f"get vpn {word}") for word in ("auto", "manual"))
    assert "Total Auto VPN: 1" in auto
    assert "Total Manual VPN: 1" in other
    assert auto.rstrip() in lab["tokyo"].cli("get vpn")
    assert other.rstrip() in lab["tokyo"].cli("get vpn")
    assert "password" not in other


def test_clear_ike_all(tmp_path: Path) -> None:
    """Both phases, with notice to the peer; traffic makes new ones."""
    lab = up(tmp_path)
    assert lab["tokyo"].cli("clear ike all") == ""
    lab.run_for(1)
    for name in ("tokyo", "paris"):
        assert "Active: 0" in lab[name].cli("get ike cookies")
        assert "I/I" in lab[name].cli("get sa")
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    assert not logged(lab, "paris", "bad SPI")
