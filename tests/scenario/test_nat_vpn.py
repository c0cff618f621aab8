"""Translation and VPNs together: proxy IDs of translated policies, pools and MIPs of tunnel zones, same LANs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu.api import Lab
from support.box import Box

PEER = "set ike gateway g address {} outgoing-interface ethernet3 preshare k3y sec-level compatible"
ENDS = (("1.1.1.1", "2.2.2.2"), ("2.2.2.2", "1.1.1.1"))

LAB = """
name: nat_vpn
topology:
  nodes:
    a: {{kind: screenos, startup-config: a.cfg}}
    b: {{kind: screenos, startup-config: b.cfg}}
    net: {{kind: router, interfaces: {{eth1: 1.1.1.250/24, eth2: 2.2.2.250/24}}}}
    pc-a: {{kind: host, address: {lan_a}.5/24, gateway: {lan_a}.1, services: [http, ftp, echo]}}
    pc-b: {{kind: host, address: {lan_b}.5/24, gateway: {lan_b}.1, services: [http, ftp, echo]}}
  links:
    - {{endpoints: ["a:ethernet3", "net:eth1"], delay: 5ms}}
    - {{endpoints: ["b:ethernet3", "net:eth2"], delay: 5ms}}
    - endpoints: ["pc-a:eth0", "a:ethernet1"]
    - endpoints: ["pc-b:eth0", "b:ethernet1"]
"""


def base(lan: str, outer: str, peer: str) -> list[str]:
    return [
        "set interface ethernet1 zone trust",
        f"set interface ethernet1 ip {lan}.1/24",
        "set interface ethernet3 zone untrust",
        f"set interface ethernet3 ip {outer}/24",
        f"set route 0.0.0.0/0 interface ethernet3 gateway {outer.rsplit('.', 1)[0]}.250",
        PEER.format(peer),
        "set vpn v gateway g sec-level compatible",
    ]


def run(folder: Path, a: list[str], b: list[str], lans: tuple[str, str]) -> Lab:
    for name, lines in (("a", a), ("b", b)):
        (folder / f"{name}.cfg").write_text("\n".join(lines) + "\n")
    path = folder / "lab.yaml"
    path.write_text(LAB.format(lan_a=lans[0], lan_b=lans[1]))
    lab = Lab.load(path)
    assert [str(problem) for problem in lab.problems] == []
    return lab


def received(lab: Lab, node: str, address: str, count: int = 4) -> int:
    text = lab[node].run(f"ping {address} count {count}")
    return int(text.split(" received")[0].split()[-1])


def selectors(*lines: str) -> list[str]:
    """The proxy IDs of the tunnels that a configuration asks for: local and remote network."""
    text = [*base("10.1.1", "1.1.1.1", "2.2.2.2"), "set address trust lan 10.1.1.0/24", *lines]
    plans = Box("\n".join(text)).device.tunnel_plans.values()
    return [f"{plan.selector.local} {plan.selector.remote}" for plan in plans]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("1.1.1.8", "1.1.1.8", "1.1.1.8/32"),
        ("1.1.1.20", "1.1.1.50", "1.1.1.0/26"),
        ("1.1.1.100", "1.1.1.200", "1.1.1.0/24"),
    ],
)
def test_the_derived_proxy_id_covers_the_pool(low: str, high: str, expected: str) -> None:
    """B175, with the masks of the book's table; E025: one of them is too small, E026: host bits do not count."""
    assert selectors(
        "set address untrust peer 10.2.2.0/24",
        f"set interface ethernet3 dip 5 {low} {high}",
        "set policy from trust to untrust lan peer any nat src dip-id 5 tunnel vpn v",
    ) == [f"{expected} 10.2.2.0/24"]


def test_the_derived_proxy_id_of_the_egress_address() -> None:
    assert selectors(
        "set address untrust peer 10.2.2.0/24", "set policy from trust to untrust lan peer any nat src tunnel vpn v"
    ) == ["1.1.1.1/32 10.2.2.0/24"]


ASYMMETRIC = (
    "set interface tunnel.1 zone untrust-tun",
    "set interface tunnel.1 ip 10.10.1.1/24",
    "set interface tunnel.1 dip 5 10.10.1.2",
    "set interface tunnel.1 mip 10.10.1.5 host 10.1.1.5",
    "set address untrust out 10.20.1.5/32",
    "set address untrust in 10.20.1.2/32",
    "set vpn v bind zone untrust-tun",
    "set policy from trust to untrust lan out any nat src dip-id 5 tunnel vpn v",
    "set policy from untrust to trust in MIP(10.10.1.5) any tunnel vpn v",
)


def test_asymmetric_policies_yield_two_proxy_ids_and_a_configured_one_replaces_them() -> None:
    """B221, B222, B224."""
    assert selectors(*ASYMMETRIC) == ["10.10.1.2/32 10.20.1.5/32", "10.10.1.5/32 10.20.1.2/32"]
    configured = "set vpn v proxy-id local-ip 10.10.1.0/24 remote-ip 10.20.1.0/24 any"
    assert selectors(*ASYMMETRIC, configured) == ["10.10.1.0/24 10.20.1.0/24"]


def test_a_policy_based_vpn_with_a_pool_joins_a_route_based_one(tmp_path: Path) -> None:
    """B174, B175: the peer's configured proxy ID names the pool of the egress interface."""
    a = [
        *base("10.1.1", *ENDS[0]),
        "set interface ethernet3 dip 5 1.1.1.20 1.1.1.50",
        "set address trust lan 10.1.1.0/24",
        "set address untrust peer 10.2.2.0/24",
        "set policy from trust to untrust lan peer any nat src dip-id 5 tunnel vpn v",
    ]
    b = [
        *base("10.2.2", *ENDS[1]),
        "set interface tunnel.1 zone untrust",
        "set interface tunnel.1 ip unnumbered interface ethernet3",
        "set vpn v bind interface tunnel.1",
        "set vpn v proxy-id local-ip 10.2.2.0/24 remote-ip 1.1.1.0/26 any",
        "set route 1.1.1.0/26 interface tunnel.1",
        "set route 1.1.1.1/32 interface ethernet3 gateway 2.2.2.250",
        "set policy from untrust to trust any any any permit",
    ]
    lab = run(tmp_path, a, b, ("10.1.1", "10.2.2"))
    assert received(lab, "pc-a", "10.2.2.5") >= 3
    assert "1.1.1.2" in lab["b"].run("get session dst-ip 10.2.2.5") or "1.1.1.3" in lab["b"].run("get session")
    assert "200" in lab["pc-a"].run("http get 10.2.2.5")


@pytest.mark.parametrize("configured", [False, True])
def test_overlapping_sites_with_policy_based_vpns_and_mips(tmp_path: Path, configured: bool) -> None:
    """B218, B148: pool and MIP on the tunnel interface of a tunnel zone; B221: two SAs, B222: one with a proxy ID."""
    sites = []
    for ends, own, other in ((ENDS[0], "10.10.1", "10.20.1"), (ENDS[1], "10.20.1", "10.10.1")):
        sites.append(
            [
                *base("10.1.1", *ends),
                "set interface tunnel.1 zone untrust-tun",
                f"set interface tunnel.1 ip {own}.1/24",
                f"set interface tunnel.1 dip 5 {own}.2",
                f"set interface tunnel.1 mip {own}.5 host 10.1.1.5",
                "set address trust lan 10.1.1.0/24",
                f"set address untrust out {other}.5/32",
                f"set address untrust in {other}.2/32",
                "set vpn v bind zone untrust-tun",
                f"set vpn v proxy-id local-ip {own}.0/24 remote-ip {other}.0/24 any" if configured else "",
                "set policy from trust to untrust lan out any nat src dip-id 5 tunnel vpn v",
                f"set policy from untrust to trust in MIP({own}.5) any tunnel vpn v",
            ]
        )
    lab = run(tmp_path, sites[0], sites[1], ("10.1.1", "10.1.1"))
    assert received(lab, "pc-a", "10.20.1.5") >= 3
    assert received(lab, "pc-b", "10.10.1.5") >= 3
    assert f"Total active sa: {1 if configured else 2}" in lab["a"].run("get sa active")
    for node, address in (("pc-a", "10.20.1.5"), ("pc-b", "10.10.1.5")):
        for mode in ("", " active"):
            assert "226" in lab[node].run(f"ftp ls {address}{mode}")


def test_overlapping_sites_with_different_subnets_need_open_proxy_ids(tmp_path: Path) -> None:
    """B223: pool and virtual address in different networks, 0.0.0.0/0 on both sides; B226: the zones may differ."""
    sites = []
    for ends, own, other, virtual, theirs in (
        (ENDS[0], "10.10.1", "10.20.1", "10.11.1", "10.21.1"),
        (ENDS[1], "10.20.1", "10.10.1", "10.21.1", "10.11.1"),
    ):
        sites.append(
            [
                *base("10.1.1", *ends),
                "set zone name vpn",
                "set interface tunnel.1 zone vpn",
                f"set interface tunnel.1 ip {own}.1/24",
                f"set interface tunnel.1 dip 5 {own}.2",
                "set address trust lan 10.1.1.0/24",
                f"set address trust virtual {virtual}.0/24",
                f"set address vpn out {theirs}.0/24",
                f"set address vpn in {other}.2/32",
                "set vpn v bind interface tunnel.1",
                "set vpn v proxy-id local-ip 0.0.0.0/0 remote-ip 0.0.0.0/0 any",
                f"set route {theirs}.0/24 interface tunnel.1",
                f"set route {other}.0/24 interface tunnel.1",
                f"set route {virtual}.0/24 interface ethernet1",
                "set policy from trust to vpn lan out any nat src dip-id 5 permit",
                "set policy from vpn to trust in virtual any nat dst ip 10.1.1.0 10.1.1.255 permit",
            ]
        )
    lab = run(tmp_path, sites[0], sites[1], ("10.1.1", "10.1.1"))
    assert received(lab, "pc-a", "10.21.1.5") >= 3
    assert received(lab, "pc-b", "10.11.1.5") >= 3
    assert "200" in lab["pc-b"].run("http get 10.11.1.5")
