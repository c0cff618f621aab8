"""`nsemu trace` and the `trace` of the lab shell: cold tunnels, drops, JSON, what-if, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.app import Command, office
from support.labs import PARIS, TOKYO, Change, Security, Site, swapped, two_sites_plan, unchanged

OSAKA = Site("osaka", "172.20.8.0/24", "198.51.100.2/24", gateway="gw9", vpn="far away", tunnel="tunnel.7")
LIMA = Site("lima", "172.20.9.0/24", "203.0.113.9/24", gateway="gw8", vpn="vpn-l", style="policy")


@pytest.fixture
def nsemu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


def sites(folder: Path, left: Site = TOKYO, right: Site = PARIS, change: Change = unchanged) -> Path:
    return two_sites_plan(folder, left, right, Security(), change).write()


@pytest.mark.parametrize(("left", "right"), [(TOKYO, PARIS), (OSAKA, LIMA)])
def test_a_cold_tunnel_shows_the_first_packet_and_the_one_that_passes(
    nsemu: Command, tmp_path: Path, left: Site, right: Site
) -> None:
    ran = nsemu("trace", sites(tmp_path, left, right), left.pc_node, right.pc)
    assert (ran.code, ran.err) == (0, "")
    first, second = ran.out.split("--- the tunnel is up: the same packet again")
    assert first.startswith(f"DROPPED at {left.device}: ")
    assert "SA_INACTIVE" in first
    assert "ANSWERED at " in second
    assert left.vpn in second


def test_first_only_and_what_if_stop_there(nsemu: Command, tmp_path: Path) -> None:
    path = sites(tmp_path)
    for option in ("--first-only", "--what-if"):
        ran = nsemu("trace", path, TOKYO.pc_node, PARIS.pc, option)
        assert ran.code == 1
        assert "the same packet again" not in ran.out


def test_json(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("trace", sites(tmp_path), TOKYO.pc_node, PARIS.pc_node, "--proto", "tcp", "--dport", "80", "--json")
    document = json.loads(ran.out)
    assert ran.code == 0
    assert document["disposition"] == "delivered"
    assert document["answered"] is True
    assert document["ike_failed_at"] is None
    assert [walk["disposition"] for walk in document["walks"]] == ["dropped", "delivered"]
    assert document["walks"][0]["code"] == "SA_INACTIVE"


def test_ike_that_fails_is_told_and_the_packet_not_sent_again(nsemu: Command, tmp_path: Path) -> None:
    path = sites(tmp_path, change=swapped("paris", "h1p8A24nG5", "another key"))
    ran = nsemu("trace", path, TOKYO.pc_node, PARIS.pc)
    assert ran.code == 1
    assert "the same packet again" not in ran.out
    assert "--- the tunnel did not come up in 60 s; `get event` at tokyo says why ---" in ran.out
    document = json.loads(nsemu("trace", path, TOKYO.pc_node, PARIS.pc, "--json").out)
    assert document["ike_failed_at"] == "tokyo"


def test_without_a_tunnel_one_packet_is_enough(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("trace", office(tmp_path), "ann", "www")
    assert ran.code == 0
    assert ran.out.count("ANSWERED") == 1


def test_a_packet_that_a_policy_refuses(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("trace", office(tmp_path), "ann", "www", "--proto", "tcp", "--dport", "80")
    assert ran.code == 1
    assert ran.out.startswith("DROPPED at gate: ")
    assert "DEFAULT_DENY" in ran.out


def test_a_node_interface_is_a_destination(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu("trace", office(tmp_path), "ann", "gate:ethernet1")
    assert "10.20.1.9 > 10.20.1.1" in ran.out
    ran = nsemu("trace", office(tmp_path), "ann", "gate:ethernet5")
    assert (ran.code, ran.err) == (2, "nsemu: gate:ethernet5 has no address\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody", "10.20.2.80"], "no node 'nobody'"),
        (["ann", "wwww"], "no node 'wwww'; did you mean 'www'?"),
        (["ann", "10.20.2.256"], "'10.20.2.256' is no IPv4 address"),
        (["gate", "10.20.2.80"], "gate is no host"),
        (["ann", "www", "--dport", "80"], "--dport needs --proto tcp or udp"),
        (["ann", "www", "--proto", "udp", "--dport", "70000"], "'70000' is no port"),
        (["ann", "www", "--proto", "esp"], "invalid choice: 'esp'"),
    ],
)
def test_bad_input_is_one_line_and_2(nsemu: Command, tmp_path: Path, words: list[str], message: str) -> None:
    ran = nsemu("trace", office(tmp_path), *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_missing_file_is_unusable(nsemu: Command, tmp_path: Path) -> None:
    assert nsemu("trace", tmp_path / "none.yaml", "a", "b").code == 2


def test_trace_line_sets_off_what_a_packet_sets_off_and_what_if_does_not(nsemu: Command, tmp_path: Path) -> None:
    path = sites(tmp_path)
    trace = f"trace {TOKYO.pc_node} {PARIS.pc_node} tcp 80"
    tried = nsemu.lines(path, [f"{trace} what-if", "tokyo get session", "tokyo get sa active", "advance 0"])
    assert (tried.code, tried.err) == (0, "")
    assert "SA_INACTIVE" in tried.out
    assert "Total active sa: 0" in tried.out or "active sa: 0" in tried.out
    assert tried.out.endswith("time 0.000 s\n"), "not even time has passed"
    real = nsemu.lines(path, [trace, trace, "tokyo get session"])
    assert real.out.index("SA_INACTIVE") < real.out.index("ANSWERED")


def test_what_if_leaves_captures_alone(nsemu: Command, tmp_path: Path) -> None:
    path = office(tmp_path)
    captured = []
    for number, before in enumerate(([], ["trace ann www icmp what-if"])):
        file = tmp_path / f"{number}.pcapng"
        lines = [f"capture start {file}", *before, "ann ping 10.20.2.80 count 1"]
        assert nsemu.lines(path, lines).code == 0
        captured.append(file.read_bytes())
    assert captured[0] == captured[1]


def test_what_if_refuses_as_the_trial_does(nsemu: Command, tmp_path: Path) -> None:
    ran = nsemu.lines(office(tmp_path), ["trace gate www icmp what-if"])
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "gate is no host" in ran.err
