"""VPN monitoring on whole devices: when pings are sent, what they decide, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.device.vpn_monitor import Watched
from support.labs import ESP, PARIS, TOKYO, Change, Wiretap, all_of, also, events, link_of, logged, two_sites

PING = "set interface ethernet3 manage ping"
INSIDE = f"set vpn vpn monitor source-interface ethernet1 destination-ip {PARIS.inner}"


def sites(folder: Path, *tokyo: str, paris: tuple[str, ...] = (PING,), style: Change | None = None) -> Lab:
    """Two sites with more lines at each end."""
    changes = [also("tokyo", *tokyo), also("paris", *paris), *([style] if style is not None else [])]
    return two_sites(folder, change=all_of(*changes))


def watched(lab: Lab, device: str = "tokyo") -> Watched:
    (held,) = lab[device].device.vpn_monitors.watched.values()
    return held


def active(lab: Lab, device: str = "tokyo") -> bool:
    (tunnel,) = lab[device].device.database
    return tunnel.active


def route_up(lab: Lab) -> bool:
    return "Interface tunnel.1" in lab["tokyo"].cli(f"get route ip {PARIS.pc}")


def test_without_rekey_nothing_is_sent_until_traffic_comes(tmp_path: Path) -> None:
    """B315, B321, B324, B325, B328: then every ten seconds, to the gateway; the peer need not monitor."""
    lab = sites(tmp_path, "set vpn vpn monitor")
    lab.run_for(60)
    assert watched(lab).sent == 0
    assert route_up(lab)
    assert not active(lab)
    lab["tokyo-pc"].ping(PARIS.pc, count=3)
    held = watched(lab)
    assert held.up is True
    assert " A/U " in lab["tokyo"].cli("get sa")
    before = held.sent
    lab.run_for(100)
    assert held.sent == before + 10
    assert held.availability == 100
    assert held.average is not None
    latency = f"monitor<1>, latency: {held.average // 1_000_000}, availability: 100"
    assert latency in lab["tokyo"].cli("get sa id 1")
    assert not lab["paris"].device.vpn_monitors.watched


def test_the_interval_is_the_admins(tmp_path: Path) -> None:
    """B315."""
    lab = sites(tmp_path, INSIDE, "set vpnmonitor interval 4")
    lab["tokyo-pc"].ping(PARIS.pc, count=3)
    before = watched(lab).sent
    lab.run_for(40)
    assert watched(lab).sent == before + 10


def test_rekey_brings_the_tunnel_up_by_itself_and_keeps_it(tmp_path: Path) -> None:
    """B320, B344: pings start IKE at once; the tunnel outlives its lifetime without any user."""
    lab = sites(tmp_path, "set vpn vpn monitor rekey")
    lab.run_for(3)
    assert active(lab)
    assert watched(lab).up is True
    lab.run_for(3 * 3600)
    assert active(lab)
    assert active(lab, "paris")
    assert watched(lab).up is True
    assert watched(lab).availability == 100


def test_with_rekey_the_interface_waits_for_the_first_answer(tmp_path: Path) -> None:
    """B179, B320: without an answer the tunnel interface is down."""
    lab = sites(tmp_path, "set vpn vpn monitor rekey", paris=())
    lab.run_for(30)
    assert active(lab)
    assert not route_up(lab)
    lab["paris"].cli(PING)
    lab.run_for(11)
    assert route_up(lab)


@pytest.mark.parametrize("threshold", [3, 10])
def test_down_after_the_threshold_and_up_with_one_reply(threshold: int, tmp_path: Path) -> None:
    """B179, B316, B317: SAs stay without rekey, routes through the tunnel interface go."""
    lab = sites(tmp_path, "set vpn vpn monitor", f"set vpnmonitor threshold {threshold}")
    lab["tokyo-pc"].ping(PARIS.pc, count=3)
    link_of(lab, PARIS.wan_port).down()
    lab.run_for(10 * threshold - 1)
    assert watched(lab).up is True
    lab.run_for(21)
    assert watched(lab).up is False
    assert " A/D " in lab["tokyo"].cli("get sa")
    assert not route_up(lab)
    assert logged(lab, "tokyo", "VPN 'vpn' from 2.2.2.2 is down.")
    link_of(lab, PARIS.wan_port).up()
    lab.run_for(10.5)
    assert watched(lab).up is True, events(lab, "tokyo")
    assert route_up(lab)
    assert logged(lab, "tokyo", "VPN 'vpn' from 2.2.2.2 is up.")


def test_with_rekey_a_dead_tunnel_is_ended_and_negotiated_until_it_succeeds(tmp_path: Path) -> None:
    """B320."""
    lab = sites(tmp_path, "set vpn vpn monitor rekey", "set vpnmonitor threshold 2")
    lab.run_for(5)
    first = next(iter(lab["tokyo"].device.database)).last_outbound_spi
    link_of(lab, PARIS.wan_port).down()
    lab.run_for(40)
    assert not active(lab)
    assert logged(lab, "tokyo", "VPN monitoring for VPN vpn has deactivated the SA with ID 0x00000001.")
    lab.run_for(200)
    link_of(lab, PARIS.wan_port).up()
    lab.run_for(60)
    assert active(lab)
    assert watched(lab).up is True
    assert next(iter(lab["tokyo"].device.database)).last_outbound_spi != first
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 3


def test_other_traffic_out_of_the_tunnel_keeps_it_up(tmp_path: Path) -> None:
    """B316: unanswered pings alone do not take down what carries traffic; availability tells the truth."""
    lab = sites(tmp_path, "set vpn vpn monitor", "set vpnmonitor threshold 2", paris=())
    lab["tokyo-pc"].ping(PARIS.pc, count=60)
    assert " A/D " in lab["tokyo"].cli("get sa")
    assert route_up(lab)
    assert watched(lab).availability == 0
    lab.run_for(60)
    assert not route_up(lab)


def test_optimised_monitoring_takes_traffic_for_answers(tmp_path: Path) -> None:
    """B322: and sends nothing while traffic flows both ways."""
    lab = sites(tmp_path, "set vpn vpn monitor optimized", paris=())
    lab["tokyo-pc"].ping(PARIS.pc, count=30)
    held = watched(lab)
    assert held.up is True
    sent = held.sent
    lab["tokyo-pc"].ping(PARIS.pc, count=40)
    assert held.sent <= sent + 1
    lab.run_for(40)
    assert held.sent >= sent + 3


def test_pings_need_a_policy(tmp_path: Path) -> None:
    """B326: from an interface of another zone than the tunnel's."""
    lab = sites(tmp_path, INSIDE, "set policy id 77 top from trust to untrust any any ping deny")
    lab["tokyo-pc"].run("http get " + PARIS.pc)
    lab.run_for(120)
    assert watched(lab).up is False
    lab["tokyo"].cli("unset policy id 77")
    lab.run_for(11)
    assert watched(lab).up is True


def test_monitoring_speaks_through_the_tunnel_alone(tmp_path: Path) -> None:
    """B324, B325: both ends, other addresses each; nothing of it is to be seen in clear."""
    there = f"set vpn vpn monitor source-interface ethernet1 destination-ip {TOKYO.pc}"
    lab = sites(tmp_path, INSIDE, paris=(there,))
    tap = Wiretap.on(lab, TOKYO.wan_port, PARIS.wan_port)
    lab["tokyo-pc"].ping(PARIS.pc, count=2)
    lab.run_for(60)
    assert watched(lab).up is True
    assert watched(lab, "paris").up is True
    assert len(tap.packets(ESP)) > 20
    assert tap.packets(1) == []


def test_one_monitored_object_is_watched_in_each_of_its_tunnels(tmp_path: Path) -> None:
    """B318: two policies with other services make two tunnels of one VPN."""
    lab = Lab.load(Path(__file__).parent.parent.parent / "topologies" / "tokyo_paris_policy_based.yaml")
    device = lab["tokyo"]
    name = next(iter(device.device.config.vpns))
    zones = next(policy for policy in device.device.config.policies.values() if policy.vpn == name)
    device.cli(f"set vpn {name} monitor")
    line = f'"{zones.sources[0]}" "{zones.destinations[0]}" telnet tunnel vpn {name}'
    answer = device.cli(f"set policy top from {zones.from_zone} to {zones.to_zone} {line}")
    assert "policy id" in answer
    assert len(device.device.vpn_monitors.watched) == 2


def test_a_manual_key_tunnel_is_monitored_without_rekey() -> None:
    """B327."""
    lab = Lab.load(Path(__file__).parent.parent.parent / "topologies" / "tokyo_paris_manual_route_based.yaml")
    name = next(iter(lab["tokyo"].device.config.vpns))
    lab["paris"].cli(PING)
    assert "cannot have monitor rekey" in lab["tokyo"].cli(f"set vpn {name} monitor rekey")
    assert lab["tokyo"].cli(f"set vpn {name} monitor") == ""
    lab.run_for(25)
    assert watched(lab).up is True
    assert " A/U " in lab["tokyo"].cli("get sa")


def test_unset_ends_it(tmp_path: Path) -> None:
    lab = sites(tmp_path, "set vpn vpn monitor optimized rekey", paris=())
    lab.run_for(15)
    assert not route_up(lab)
    assert lab["tokyo"].cli("unset vpn vpn monitor rekey") == ""
    assert 'set vpn "vpn" monitor optimized\n' in lab["tokyo"].cli("get config")
    assert lab["tokyo"].cli("unset vpn vpn monitor") == ""
    assert route_up(lab)
    assert " A/- " in lab["tokyo"].cli("get sa")
    assert "not monitored" in lab["tokyo"].cli("unset vpn vpn monitor")
