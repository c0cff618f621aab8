"""`nsemu doctor` against many single faults: each is named under its topic, nothing else is, and no key is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nsemu.app.main import main
from support.labs import PARIS, TOKYO, Change, Security, also, swapped, two_sites_plan, without

KEY = "h1p8A24nG5"
ONE = Security(phase1="proposal pre-g2-3des-sha", phase2="proposal g2-esp-aes128-sha")
P1 = "set ike p1-proposal own preshare {} esp {} {}"


def first(device: str, *lines: str) -> Change:
    """Put lines before the others."""
    return lambda name, text: [*lines, *text] if name == device else text


def both(*changes: Change) -> Change:
    def change(name: str, lines: list[str]) -> list[str]:
        for one in changes:
            lines = one(name, lines)
        return lines

    return change


def own_phase1(device: str, group: str, cipher: str, hash_: str) -> Change:
    """A phase 1 proposal that the other end does not have."""
    return both(
        first(device, P1.format(group, cipher, hash_)), swapped(device, "proposal pre-g2-3des-sha", "proposal own")
    )


def own_phase2(device: str, words: str) -> Change:
    """A phase 2 proposal that the other end does not have."""
    return both(
        first(device, f"set ike p2-proposal own {words}"),
        swapped(device, "proposal g2-esp-aes128-sha", "proposal own"),
    )


def preferred_phase2(device: str, words: str) -> Change:
    """A phase 2 proposal ahead of the one that both ends have."""
    return both(
        first(device, f"set ike p2-proposal own {words}"),
        swapped(device, "proposal g2-esp-aes128-sha", "proposal own g2-esp-aes128-sha"),
    )


FAULTS: dict[str, tuple[str, Change, set[str]]] = {
    "key at one end": ("route", swapped("paris", KEY, "another"), {"key"}),
    "key in other letters": ("policy", swapped("tokyo", KEY, KEY.upper()), {"key"}),
    "mode": ("route", swapped("paris", "1.1.1.1 main", "1.1.1.1 aggressive"), {"mode"}),
    "phase 1 group": ("route", own_phase1("tokyo", "group5", "3des", "sha-1"), {"phase 1"}),
    "phase 1 cipher": ("policy", own_phase1("paris", "group2", "aes256", "sha-1"), {"phase 1"}),
    "phase 1 hash": ("route", own_phase1("paris", "group2", "3des", "md5"), {"phase 1"}),
    "phase 2 cipher": ("route", own_phase2("tokyo", "group2 esp aes192 sha-1"), {"phase 2"}),
    "phase 2 hash": ("policy", own_phase2("tokyo", "group2 esp aes128 md5"), {"phase 2"}),
    "phase 2 protocol": ("route", own_phase2("paris", "group2 ah sha-1"), {"phase 2"}),
    "PFS group": ("route", own_phase2("paris", "group1 esp aes128 sha-1"), {"phase 2"}),
    "no PFS": ("policy", own_phase2("paris", "no-pfs esp aes128 sha-1"), {"phase 2"}),
    "PFS of the first proposal": ("route", preferred_phase2("tokyo", "no-pfs esp aes128 sha-1"), {"phase 2"}),
    "local ID": ("route", swapped("paris", "1.1.1.1 main", "1.1.1.1 main local-id x.example"), {"identity"}),
    "peer ID": ("policy", swapped("tokyo", "2.2.2.2 main", "2.2.2.2 main id y@example"), {"identity"}),
    "heartbeats of one end": ("route", also("tokyo", "set ike gateway to_peer heartbeat hello 5"), {"heartbeat"}),
    "own network": ("route", swapped("tokyo", "local-ip 10.1.1.0/24", "local-ip 10.1.1.0/25"), {"proxy-id"}),
    "service": ("route", swapped("paris", "10.1.1.0/24 any", "10.1.1.0/24 http"), {"proxy-id"}),
    "derived network": (
        "policy",
        swapped("tokyo", "set address Untrust There 10.2.2.0/24", "set address Untrust There 10.2.3.0/24"),
        {"proxy-id"},
    ),
    "gateway elsewhere": ("route", swapped("tokyo", "address 2.2.2.2 ", "address 2.2.2.9 "), {"address"}),
    "no route to the gateway": ("route", without("paris", "route 0.0.0.0/0"), {"route"}),
    "no route into the tunnel": ("route", without("paris", "10.1.1.0/24 interface tunnel.1"), {"route"}),
    "a better route past the tunnel": (
        "route",
        also("tokyo", "set route 10.2.2.0/25 interface ethernet3 gateway 1.1.1.254"),
        {"route"},
    ),
    "no policies": ("route", without("paris", "set policy"), {"policy"}),
    "all policies off": (
        "route",
        also("paris", "set policy id 11 disable", "set policy id 12 disable"),
        {"policy"},
    ),
    "no policy names the VPN": ("policy", without("tokyo", "set policy"), {"policy", "vpn"}),
    "not bound": ("route", without("tokyo", "bind interface"), {"policy", "vpn"}),
    "outgoing interface": (
        "route",
        swapped("tokyo", "outgoing-interface ethernet3", "outgoing-interface ethernet1"),
        {"address"},
    ),
}


def examine(folder: Path, capsys: pytest.CaptureFixture[str], change: Change, style: str) -> list[dict[str, object]]:
    """What the doctor says, as JSON; the text of the same must not show a key either."""
    sites = replace(TOKYO, style=style), replace(PARIS, style=style)
    path = two_sites_plan(folder, *sites, ONE, change).write()
    assert main(["doctor", str(path)]) == 1
    assert main(["doctor", str(path), "--json"]) == 1
    text, _, report = capsys.readouterr().out.partition("[")
    for key in (KEY, KEY.upper(), "another"):
        assert key not in text + report
    found: list[dict[str, object]] = json.loads("[" + report)
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_named_and_nothing_else(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    style, change, topics = FAULTS[name]
    found = examine(tmp_path, capsys, change, style)
    assert {item["topic"] for item in found} == topics, [item["message"] for item in found]


MANUAL = Path(__file__).parents[2] / "topologies" / "tokyo_paris_manual_route_based"


def manual_pair(folder: Path, old: str, new: str) -> Path:
    """The lab with manual keys, with something else at Paris."""
    lab = MANUAL.with_suffix(".yaml").read_text()
    (folder / MANUAL.name).mkdir()
    for file in MANUAL.glob("*.cfg"):
        text = file.read_text()
        if file.stem == "paris":
            assert old in text
            text = text.replace(old, new)
        (folder / MANUAL.name / file.name).write_text(text)
    path = folder / "lab.yaml"
    path.write_text(lab)
    return path


MANUAL_FAULTS = {
    "swapped SPIs": ("manual 3030 3020", "manual 3020 3030", "spi"),
    "another SPI": ("manual 3030 3020", "manual 3031 3020", "spi"),
    "cipher": ("esp 3des password", "esp aes128 password", "algorithm"),
    "hash": ("auth sha-1", "auth md5", "algorithm"),
    "password of the cipher": ("asdlk24234", "asdlk24235", "key"),
    "password of the hash": ("PNas134a", "PNas134b", "key"),
    "peer": ("gateway 1.1.1.1 outgoing", "gateway 1.1.1.7 outgoing", "address"),
}


@pytest.mark.parametrize("name", MANUAL_FAULTS)
def test_one_fault_of_manual_keys(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each end may say so; nothing else is said, and no password is shown."""
    old, new, topic = MANUAL_FAULTS[name]
    path = manual_pair(tmp_path, old, new)
    assert main(["doctor", str(path), "--json"]) == 1
    report = capsys.readouterr().out
    assert {item["topic"] for item in json.loads(report)} == {topic}
    for secret in ("asdlk24234", "asdlk24235", "PNas134a", "PNas134b"):
        assert secret not in report
