"""`nsemu doctor` and `examine`: one fault at a time is put into a sound pair of configurations, and must be found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nsemu.app.main import main
from support.labs import PARIS, TOKYO, Change, Security, all_of, swapped, two_sites_plan, unchanged, without

KEY = "h1p8A24nG5"
ONE = Security(phase1="proposal pre-g2-3des-sha", phase2="proposal g2-esp-aes128-sha")
TOPOLOGIES = Path(__file__).parents[2] / "topologies"


def findings(
    folder: Path, capsys: pytest.CaptureFixture[str], change: Change, style: str = "route"
) -> list[dict[str, object]]:
    """What the doctor says of two sites, as JSON."""
    sites = replace(TOKYO, style=style), replace(PARIS, style=style)
    path = two_sites_plan(folder, *sites, ONE, change).write()
    code = main(["doctor", str(path), "--json"])
    output = capsys.readouterr().out
    assert KEY not in output
    found: list[dict[str, object]] = json.loads(output)
    assert code == (1 if found else 0)
    return found


FAULTS = {
    "key": (swapped("tokyo", KEY, "h1p8A24nG6"), "key", "the preshared keys differ"),
    "mode": (swapped("tokyo", "2.2.2.2 main", "2.2.2.2 aggressive"), "mode", "tokyo uses aggressive, paris main"),
    "phase 1": (
        swapped("paris", "pre-g2-3des-sha", "pre-g2-3des-md5"),
        "phase 1",
        "no common phase 1 proposal: pre-g2-3des-sha against pre-g2-3des-md5",
    ),
    "phase 2": (swapped("paris", "g2-esp-aes128-sha", "g2-esp-3des-sha"), "phase 2", "g2-esp-aes128-sha against"),
    "pfs": (swapped("paris", "g2-esp-aes128-sha", "nopfs-esp-aes128-sha"), "phase 2", "only PFS differs"),
    "identity": (
        swapped("tokyo", "2.2.2.2 main", "2.2.2.2 main local-id a@b.c"),
        "identity",
        "tokyo sends the IKE ID a@b.c, paris expects 1.1.1.1",
    ),
    "address": (
        swapped("paris", "address 1.1.1.1", "address 1.1.1.7"),
        "address",
        "no device here has the address 1.1.1.7",
    ),
    "proxy": (
        swapped("paris", "remote-ip 10.1.1.0/24", "remote-ip 10.1.0.0/16"),
        "proxy-id",
        "proxy IDs are not mirrored: tokyo has local 10.1.1.0/24, remote 10.2.2.0/24",
    ),
    "no route to the gateway": (
        without("tokyo", "route 0.0.0.0/0"),
        "route",
        "no route to 2.2.2.2 in trust-vr",
    ),
    "no route into the tunnel": (
        without("tokyo", "10.2.2.0/24 interface tunnel.1"),
        "route",
        "no route leads into tunnel.1",
    ),
    "no policy": (without("tokyo", "set policy"), "policy", "no policy permits anything between Trust and Untrust"),
    "dynamic": (
        swapped("paris", "address 1.1.1.1 main", "dynamic tokyo@x.org aggressive"),
        "identity",
        "no device calls with the IKE ID tokyo@x.org (tokyo calls with 1.1.1.1)",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named_with_the_lines_of_both_ends(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, topic, message = FAULTS[name]
    found = findings(tmp_path, capsys, change)
    fitting = [item for item in found if item["topic"] == topic and message in str(item["message"])]
    assert fitting, found
    assert "set " in str(fitting[0]["lines"])
    if topic in {"key", "mode", "phase 1", "phase 2", "identity", "proxy-id"}:
        assert {"tokyo", "paris"} <= {line["node"] for line in fitting[0]["lines"]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("style", ["route", "policy"])
def test_a_sound_pair_has_nothing(style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(tmp_path, capsys, unchanged, style) == []


@pytest.mark.parametrize("leased", [True, False])
def test_the_default_route_of_a_lease(leased: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A DHCP client has its default route from the server; any other device without one cannot reach its gateway."""
    interface = "set interface ethernet3 dhcp client" if leased else "set interface ethernet3 ip 1.1.1.1/24"
    change = all_of(
        swapped("tokyo", "set interface ethernet3 ip 1.1.1.1/24", interface),
        without("tokyo", "route 0.0.0.0/0"),
        swapped("tokyo", "address 2.2.2.2 main", "address 2.2.2.2 aggressive local-id tokyo@x.example"),
        swapped("paris", "address 1.1.1.1 main", "dynamic tokyo@x.example aggressive"),
    )
    path = two_sites_plan(tmp_path, TOKYO, PARIS, ONE, change).write()
    assert main(["doctor", str(path)]) == (0 if leased else 1)
    assert ("no route to 2.2.2.2 in trust-vr" in capsys.readouterr().out) is not leased


def test_policies_without_a_mirror(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """B177: addresses of policies that differ make proxy IDs that do not match."""
    change = swapped("paris", "set address Untrust There 10.1.1.0/24", "set address Untrust There 10.1.9.0/24")
    (found,) = findings(tmp_path, capsys, change, "policy")
    assert found["topic"] == "proxy-id"


@pytest.mark.parametrize("name", ["hub_spoke", "tokyo_paris_route_based", "tokyo_paris_manual_route_based"])
def test_the_labs_are_sound(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(TOPOLOGIES / f"{name}.yaml")]) == 0
    assert capsys.readouterr().out == "the ends of all tunnels match\n"


def test_text_shows_lines_and_hides_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = two_sites_plan(tmp_path, change=swapped("tokyo", KEY, "other")).write()
    assert main(["doctor", str(path)]) == 1
    output = capsys.readouterr().out
    assert "tokyo - paris: the preshared keys differ\n" in output
    assert (
        '    tokyo: set ike gateway "to_peer" address 2.2.2.2 Main outgoing-interface "ethernet3" preshare "***"'
        in output
    )
    assert output.endswith("1 thing does not match\n")
    assert "other" not in output
    assert KEY not in output


def test_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("nonsense: 1\n")
    assert main(["doctor", str(path)]) == 2
    assert "nonsense" in capsys.readouterr().err
