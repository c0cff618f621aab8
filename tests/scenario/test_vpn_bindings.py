"""What a VPN is bound to, and how it gets its keys: the statements that open the book's chapters 1 and 3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.config.interface import InterfaceKind
from support.labs import PARIS, TOKYO, all_of, swapped, two_sites

TOPOLOGIES = Path(__file__).parent.parent.parent / "topologies"


@pytest.mark.parametrize("style", ["manual", "autokey"])
def test_keys_by_hand_or_by_ike(style: str, tmp_path: Path) -> None:
    """B014: both carry the traffic; by hand there is no IKE at all, and nothing is lost."""
    if style == "manual":
        lab, remote = Lab.load(TOPOLOGIES / "tokyo_paris_manual_route_based.yaml"), "10.2.2.5"
    else:
        lab, remote = two_sites(tmp_path), PARIS.pc
    received = lab["tokyo-pc"].ping(remote, count=4).received
    assert received == (4 if style == "manual" else 3)
    assert ("Active: 1" in lab["tokyo"].cli("get ike cookies")) is (style == "autokey")
    assert " A/- " in lab["tokyo"].cli("get sa")


def test_a_tunnel_interface_is_bound_to_one_vpn_or_to_several(tmp_path: Path) -> None:
    """B145: with one, the route is enough; with several, the next hop says which (B330)."""
    lab = two_sites(tmp_path)
    device = lab["tokyo"].device
    assert len(device.interfaces.items["tunnel.1"].tunnel_ids) == 1
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    more = ("set ike gateway other address 9.9.9.9 outgoing-interface ethernet3 preshare k sec-level basic",
            "set vpn second gateway other sec-level basic", "set vpn second bind interface tunnel.1")  # fmt: skip
    assert [lab["tokyo"].cli(line) for line in more] == ["", "", ""]
    assert len(device.interfaces.items["tunnel.1"].tunnel_ids) == 2
    assert "no binding" in str(lab.trace("tokyo-pc", PARIS.pc).text())
    lab["tokyo"].cli("set interface tunnel.1 nhtb 10.99.0.2 vpn vpn")
    lab["tokyo"].cli(f"unset vrouter trust-vr route {PARIS.lan} interface tunnel.1")
    lab["tokyo"].cli(f"set vrouter trust-vr route {PARIS.lan} interface tunnel.1 gateway 10.99.0.2")
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 3


@pytest.mark.parametrize("numbered", [False, True])
def test_the_tunnel_interface_may_be_unnumbered(numbered: bool, tmp_path: Path) -> None:
    """B195."""
    old = "set interface tunnel.1 ip unnumbered interface ethernet3"
    changes = [swapped(site, old, f"set interface tunnel.1 ip 10.77.0.{host}/24" if numbered else old)
               for host, site in enumerate(("tokyo", "paris"), start=1)]  # fmt: skip
    lab = two_sites(tmp_path, change=all_of(*changes))
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2


def test_a_policy_based_vpn_needs_no_tunnel_interface(tmp_path: Path) -> None:
    """B195."""
    lab = two_sites(tmp_path, replace(TOKYO, style="policy"), replace(PARIS, style="policy"))
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    for name in ("tokyo", "paris"):
        kinds = {interface.kind for interface in lab[name].device.config.interfaces.values()}
        assert InterfaceKind.TUNNEL not in kinds


def test_routing_starts_ike_for_what_the_device_itself_sends(tmp_path: Path) -> None:
    """A packet of the device's own, whatever its protocol, brings the tunnel up like a user's (B345 rests on this)."""
    lab = two_sites(tmp_path)
    lab["tokyo"].cli(f"ping {PARIS.pc} count 3 from ethernet1")
    assert " A/- " in lab["tokyo"].cli("get sa")
    assert lab["paris-pc"].ping(TOKYO.pc, count=3).received == 3
