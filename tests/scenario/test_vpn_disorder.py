"""Two sites in disorder: a seeded row of mishaps and changes under traffic and loss.

Afterwards the tunnel works in both directions, nothing of the LANs was ever in clear, and nothing has piled up. What
happens and when is drawn from the seed of the case, so that a failing case repeats.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nsemu import Lab
from support.labs import PARIS, TOKYO, Background, Security, Site, Wiretap, policies, two_sites, type_lines


@dataclass(frozen=True, slots=True)
class Scene:
    """The lab, the site where it happens, the other one, and the chance of the case."""

    lab: Lab
    site: Site
    peer: Site
    chance: random.Random

    def type(self, *lines: str) -> None:
        """Type lines at the site's device."""
        type_lines(self.lab, self.site.device, *lines)

    def pause(self, *seconds: float) -> None:
        """Let one of these times pass."""
        self.lab.run_for(self.chance.choice(seconds))


def wan_flaps(scene: Scene) -> None:
    """The Internet link goes and comes."""
    scene.lab.link(scene.site.wan_port).down()
    scene.pause(0.1, 1, 30, 200)
    scene.lab.link(scene.site.wan_port).up()


def lan_flaps(scene: Scene) -> None:
    """The LAN link goes and comes."""
    scene.lab.link(scene.site.lan_port).down()
    scene.pause(0.1, 5)
    scene.lab.link(scene.site.lan_port).up()


def sas_are_cleared(scene: Scene) -> None:
    """`clear sa`."""
    device = scene.lab[scene.site.device].device
    device.clear_tunnel(next(iter(device.database.tunnels)))


def power_fails(scene: Scene) -> None:
    """The device restarts."""
    device = scene.lab[scene.site.device].device
    device.restart(device.config)


def phase1_is_cleared(scene: Scene) -> None:
    """`clear ike-cookie all`."""
    device = scene.lab[scene.site.device].device
    device.ike.engine.delete_phase1(scene.lab.scheduler.now)
    device.ike.pump()


def tunnel_is_renewed(scene: Scene) -> None:
    """New keys ahead of time."""
    device = scene.lab[scene.site.device].device
    device.ike.engine.rekey(next(iter(device.database.tunnels)), scene.lab.scheduler.now)
    device.ike.pump()


def policies_go(scene: Scene) -> None:
    """One or both policies are removed for a while."""
    lines = dict(zip((11, 12), policies(scene.site, ACTIONS[scene.site.style]), strict=True))
    gone = scene.chance.choice([[11], [12], [11, 12]])
    scene.type(*(f"unset policy id {number}" for number in gone))
    scene.pause(0.1, 5)
    scene.type(*(lines[number] for number in gone))


def vpn_is_unbound(scene: Scene) -> None:
    """A route-based VPN loses its tunnel interface for a while: the null route takes the traffic."""
    if scene.site.style == "route":
        scene.type("unset vpn vpn bind interface")
        scene.pause(0.1, 5)
        scene.type(f"set vpn vpn bind interface {scene.site.tunnel}")


def key_is_changed(scene: Scene) -> None:
    """Both ends get a new preshared key, one after the other."""
    key = f"k{scene.chance.random()}"
    for one, other in ((scene.site, scene.peer), (scene.peer, scene.site)):
        type_lines(scene.lab, one.device, f"set ike gateway to_peer address {other.outer} main outgoing-interface "
                                          f"ethernet3 preshare {key} proposal P1")  # fmt: skip
        scene.pause(0, 3)


def unrelated_settings(scene: Scene) -> None:
    """What does not concern the VPN makes sessions be looked at anew all the same."""
    scene.type("set flow tcp-mss 1200", f"set hostname h{scene.chance.randrange(100)}")


ACTIONS = {"route": "permit", "policy": "tunnel vpn vpn"}
MISHAPS: list[Callable[[Scene], None]] = [
    wan_flaps, lan_flaps, sas_are_cleared, power_fails, phase1_is_cleared, tunnel_is_renewed, policies_go,
    vpn_is_unbound, key_is_changed, unrelated_settings,
]  # fmt: skip


def security(chance: random.Random) -> Security:
    """Keys that are short-lived or not, in seconds and in kilobytes."""
    seconds, kilobytes = chance.choice([180, 3600]), chance.choice([50, 100_000])
    return Security(
        phase1="proposal P1",
        phase2="proposal P2",
        options=chance.choice(["", "replay"]),
        proposals=(
            f"set ike p1-proposal P1 preshare group2 esp 3des sha-1 second {chance.choice([180, 28800])}",
            f"set ike p2-proposal P2 no-pfs esp 3des sha-1 second {seconds} kbyte {kilobytes}",
        ),
    )


def lab_under_load(folder: Path, sites: tuple[Site, Site], chance: random.Random) -> Lab:
    """Two sites whose hosts talk all the time over links that lose frames."""
    lab = two_sites(folder, *sites, security(chance))
    for site in sites:
        lab.link(site.wan_port).set(loss=chance.choice([0, 0.05]), jitter=0.002)
    Background(lab, "tokyo-pc", "ping 10.2.2.5 count 3000 interval 0.5 size 600")
    Background(lab, "paris-pc", "udp send 10.1.1.5 7 'the quick brown fox' count 3000 interval 0.5")
    Background(lab, "paris-pc", "ping 10.1.1.77 count 300 interval 5")
    Background(lab, "tokyo-pc", "traceroute 10.2.2.99 time-out 2")
    return lab


@pytest.mark.parametrize("seed", range(10))
def test_disorder(tmp_path: Path, seed: int) -> None:
    """B061, B158, B159, B179: after thirty mishaps all is as it should be."""
    chance = random.Random(seed)
    styles = [chance.choice(["route", "policy"]) for _ in range(2)]
    sites = (replace(TOKYO, style=styles[0]), replace(PARIS, style=styles[1]))
    lab = lab_under_load(tmp_path, sites, chance)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    happened = []
    for _ in range(30):
        site, peer = chance.choice([sites, sites[::-1]])
        mishap = chance.choice(MISHAPS)
        happened.append(f"{lab.now:.2f} {site.device} {mishap.__name__}")
        mishap(Scene(lab, site, peer, chance))
        lab.run_for(chance.choice([0.05, 1, 7, 40]))
    for site in sites:
        lab.link(site.wan_port).set(loss=0)
    lab.run_for(60)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=5).received == 5, happened
    assert lab["paris-pc"].ping("10.1.1.5", count=5).received == 5, happened
    assert tap.leaks("10.1.1.0/24", "10.2.2.0/24", b"the quick brown fox") == [], happened
    for site in sites:
        device = lab[site.device].device
        (tunnel,) = device.database.tunnels.values()
        assert len(tunnel.inbound_sas) <= 4
        assert len(tunnel.outbound_sas) == len(tunnel.inbound_sas)
        assert len(device.state.sessions) < 400


@pytest.mark.parametrize("days", [1, 40])
def test_days_pass(tmp_path: Path, days: int) -> None:
    """Nobody sends for days, then both sides do: old keys are gone, one packet makes new ones, nothing has piled up."""
    lab = two_sites(tmp_path)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    lab.run_for(days * 86_400)
    for name in ("tokyo", "paris"):
        device = lab[name].device
        assert not any(tunnel.active for tunnel in device.database)
        assert device.ike.engine.phase1s(lab.scheduler.now) == []
    for host, other in (("paris-pc", TOKYO.pc), ("tokyo-pc", PARIS.pc)):
        assert lab[host].ping(other, count=4).received >= 3
    assert all(len(tunnel.inbound_sas) == 1 for name in ("tokyo", "paris") for tunnel in lab[name].device.database)
