"""Dead peers on whole devices: traffic counts as a sign of life, tunnels go down, and recovery brings them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from support.labs import PARIS, all_of, also, events, link_of, logged, two_sites

DPD = ("set ike gateway to_peer dpd interval 5", "set ike gateway to_peer dpd retry 3")
BEATS = ("set ike gateway to_peer heartbeat hello 3", "set ike gateway to_peer heartbeat threshold 5")


def up(folder: Path, *changes: tuple[str, ...]) -> Lab:
    """Two sites with more lines at Tokyo, then at Paris; the tunnel is up."""
    lab = two_sites(
        folder, change=all_of(*(also(name, *more) for name, more in zip(("tokyo", "paris"), changes, strict=False)))
    )
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    return lab


def active(lab: Lab, device: str) -> bool:
    (tunnel,) = lab[device].device.database
    return tunnel.active


@pytest.mark.parametrize("word", ["dpd", "dpd-liveness"])
def test_a_dead_gateway_is_found_out(word: str, tmp_path: Path) -> None:
    """B356, B357: both phases' SAs go; `get ike cookies` shows the sequence numbers until then."""
    lab = up(tmp_path, tuple(line.replace("dpd", word) for line in DPD))
    lab.run_for(12)
    assert "DPD seq local 0," not in lab["tokyo"].cli("get ike cookies")
    assert ", peer 0" not in lab["paris"].cli("get ike cookies")
    link_of(lab, PARIS.wan_port).down()
    lab.run_for(30)
    assert not active(lab, "tokyo")
    assert "Active: 0" in lab["tokyo"].cli("get ike cookies")
    assert logged(lab, "tokyo", "DPD has found the peer dead: 3 requests without an answer.")
    link_of(lab, PARIS.wan_port).up()
    assert lab["tokyo-pc"].ping(PARIS.pc, count=5).received >= 3, events(lab, "tokyo")


def test_traffic_keeps_requests_away(tmp_path: Path) -> None:
    """B356."""
    lab = up(tmp_path, DPD)
    lab["tokyo-pc"].ping(PARIS.pc, count=30, interval=1)
    assert "DPD seq local 0, peer 0" in lab["tokyo"].cli("get ike cookies")


def test_lost_heartbeats_clear_both_sides_and_recovery_follows(tmp_path: Path) -> None:
    """B353, B359."""
    lab = up(tmp_path, (*BEATS, "set ike gateway to_peer heartbeat reconnect 60"), BEATS)
    lab.run_for(20)
    assert "ike heartbeat              : enabled" in lab["tokyo"].cli("get ike cookies")
    link_of(lab, PARIS.wan_port).down()
    lab.run_for(30)
    assert not active(lab, "tokyo")
    assert not active(lab, "paris")
    assert logged(lab, "tokyo", "Heartbeats have been lost 5 times.")
    link_of(lab, PARIS.wan_port).up()
    lab.run_for(120)
    assert "Active: 1" in lab["tokyo"].cli("get ike cookies")


def test_heartbeats_of_one_side_stop(tmp_path: Path) -> None:
    """B354."""
    lab = up(tmp_path, BEATS)
    lab.run_for(60)
    assert logged(lab, "tokyo", "Heartbeats have been disabled because the peer is not sending them.")
    assert active(lab, "tokyo")
    assert "ike heartbeat              : disabled" in lab["tokyo"].cli("get ike cookies")
