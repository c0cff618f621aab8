"""Hub-and-spoke with policy-based VPNs: what comes out of one goes into the other (B372)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from support.labs import Lines, Plan, Security, Site, Wiretap, base, dropped, ike, quoted

HUB = Site(device="osaka", lan="", wan="203.0.113.1/24")
WEST = Site(device="lyon", lan="172.20.1.0/24", wan="198.51.100.9/24", vpn="to hub")
EAST = Site(device="oslo", lan="172.20.7.0/25", wan="192.0.2.77/24", vpn="to hub")
SECURITY = Security()
WANS = tuple(site.wan_port for site in (HUB, WEST, EAST))


def spoke(site: Site, other: Site) -> Lines:
    vpn = f"tunnel vpn {quoted(site.vpn)}"
    return [
        *base(site),
        f"set address {site.trust} here {site.lan}",
        f"set address {site.untrust} there {other.lan}",
        *ike(site, HUB.outer, SECURITY),
        f"set policy from {site.trust} to {site.untrust} here there any {vpn}",
        f"set policy from {site.untrust} to {site.trust} there here any {vpn}",
    ]


def hub(zone: str = "Untrust", *, answers: bool = True, service: str = "any") -> Lines:
    """Two policies within one zone; each names the VPN of the site that it leads to."""
    lines = [
        *([f"set zone name {zone}"] if zone != "Untrust" else []),
        f"set interface ethernet3 zone {zone}",
        f"set interface ethernet3 ip {HUB.wan}",
        f"set vrouter trust-vr route 0.0.0.0/0 interface ethernet3 gateway {HUB.router}",
    ]
    for site in (WEST, EAST):
        lines.append(f"set address {zone} {site.device} {site.lan}")
        lines += ike(replace(HUB, gateway=f"gw {site.device}", vpn=f"vpn {site.device}"), site.outer, SECURITY)
    ways = [(WEST, EAST), (EAST, WEST)] if answers else [(WEST, EAST)]
    for source, target in ways:
        vpn = f"tunnel vpn {quoted(f'vpn {target.device}')}"
        lines.append(f"set policy from {zone} to {zone} {source.device} {target.device} {service} {vpn}")
    return lines


def lab_of(folder: Path, lines: Lines) -> Lab:
    plan = Plan(folder, sites=[HUB, WEST, EAST])
    plan.configurations = {"osaka": lines, "lyon": spoke(WEST, EAST), "oslo": spoke(EAST, WEST)}
    return plan.load()


def test_spokes_talk_through_a_hub_of_policies(tmp_path: Path) -> None:
    """B372: policies of Untrust alone; each spoke reaches the other, whoever begins, and nothing goes in clear."""
    lab = lab_of(tmp_path, hub())
    tap = Wiretap.on(lab, *WANS)
    assert lab[WEST.pc_node].ping(EAST.pc, count=6).received >= 3  # two tunnels were cold
    assert lab[WEST.pc_node].ping(EAST.pc, count=3).received == 3
    assert lab[EAST.pc_node].ping(WEST.pc, count=3).received == 3
    assert "You are" in lab[EAST.pc_node].run(f"http get {WEST.pc}")
    assert tap.leaks(WEST.lan, EAST.lan) == []
    assert all(tunnel.active for tunnel in lab["osaka"].device.database.tunnels.values())


def test_a_user_defined_zone_is_no_hub(tmp_path: Path) -> None:
    """B372: only Trust and Untrust will do in policies that join two policy-based VPNs."""
    lab = lab_of(tmp_path, hub("Branches"))
    tap = Wiretap.on(lab, *WANS)
    assert lab[WEST.pc_node].ping(EAST.pc, count=6).received == 0
    assert dropped(lab["osaka"].device, DropReason.SA_POLICY_DENY) > 0
    assert tap.leaks(WEST.lan, EAST.lan) == []


def test_another_vpn_may_not_speak_for_a_spoke(tmp_path: Path) -> None:
    """The policy of the opposite direction names the VPN out of which a packet has to come."""
    lab = lab_of(tmp_path, hub())
    tap = Wiretap.on(lab, *WANS)
    assert lab[WEST.pc_node].ping(EAST.pc, count=6).received >= 3
    before = dropped(lab["osaka"].device, DropReason.SA_POLICY_DENY)
    for line in (
        f"set vpn third gateway {quoted('gw oslo')} sec-level standard",
        f"set policy top from Untrust to Untrust {EAST.device} {WEST.device} any tunnel vpn third",
    ):
        lab["osaka"].cli(line)
    assert lab[WEST.pc_node].ping(EAST.pc, count=3).received == 0
    assert dropped(lab["osaka"].device, DropReason.SA_POLICY_DENY) > before
    assert tap.leaks(WEST.lan, EAST.lan) == []


def test_without_a_policy_back_nothing_passes(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, hub(answers=False))
    assert lab[WEST.pc_node].ping(EAST.pc, count=6).received == 0
    assert lab[EAST.pc_node].ping(WEST.pc, count=6).received == 0
