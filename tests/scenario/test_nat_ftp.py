"""FTP between real hosts through every kind of translation, on wires that lose, repeat and reorder, and in tunnels."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu.api import Lab

LAB = """
name: nat_ftp
seed: {seed}
topology:
  nodes:
    fw: {{kind: screenos, startup-config: fw.cfg}}
    inside: {{kind: host, address: 10.1.1.5/24, gateway: 10.1.1.1, services: [ftp]}}
    outside: {{kind: host, address: 1.1.1.9/24, gateway: 1.1.1.1, services: [ftp]}}
  links:
    - {{endpoints: ["inside:eth0", "fw:ethernet1"]{link}}}
    - {{endpoints: ["outside:eth0", "fw:ethernet3"]{link}}}
"""
BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
"""
OUTWARD = {
    "plain": "set interface ethernet1 route\nset policy from trust to untrust any any ftp permit",
    "interface mode": "set interface ethernet1 nat\nset policy from trust to untrust any any ftp permit",
    "pool": "set interface ethernet3 dip 5 1.1.1.20 1.1.1.25\n"
    "set policy from trust to untrust any any ftp nat src dip-id 5 permit",
    "fixed port": "set interface ethernet3 dip 5 1.1.1.20 fix-port\n"
    "set policy from trust to untrust any any ftp nat src dip-id 5 permit",
    "mip": "set interface ethernet3 mip 1.1.1.77 host 10.1.1.5\nset policy from trust to untrust any any ftp permit",
}
INWARD = {
    "plain": ("10.1.1.5", "set policy from untrust to trust any any ftp permit"),
    "mip": (
        "1.1.1.5",
        "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5\n"
        "set policy from untrust to trust any MIP(1.1.1.5) ftp permit",
    ),
    "vip": (
        "1.1.1.10",
        "set interface ethernet3 vip 1.1.1.10 21 ftp 10.1.1.5\n"
        "set policy from untrust to trust any VIP(1.1.1.10) ftp permit",
    ),
    "own address": (
        "1.1.1.1",
        "set interface ethernet3 vip interface-ip 21 ftp 10.1.1.5\n"
        "set policy from untrust to trust any VIP(ethernet3) ftp permit",
    ),
    "both": (
        "1.1.1.40",
        "set address trust virtual 1.1.1.40/32\nset route 1.1.1.40/32 interface ethernet1\n"
        "set interface ethernet1 dip 5 10.1.1.200\n"
        "set policy from untrust to trust any virtual ftp nat src dip-id 5 dst ip 10.1.1.5 permit",
    ),
}


def lab(folder: Path, lines: str, link: str = "", seed: int = 1) -> Lab:
    (folder / "fw.cfg").write_text(f"{BASE}{lines}\n")
    path = folder / "lab.yaml"
    path.write_text(LAB.format(seed=seed, link=f", {link}" if link else ""))
    made = Lab.load(path)
    assert [str(problem) for problem in made.problems] == []
    return made


def transfers(made: Lab, node: str, address: str) -> list[str]:
    """What goes wrong in four transfers: up and down, active and passive."""
    failures = []
    for mode in ("", " active"):
        for words in (f"ftp put {address} up.bin size 30000{mode}", f"ftp get {address} up.bin{mode}"):
            text = made[node].run(f"{words} user guest password guest time-out 300")
            if "226" not in text or ("get" in words and "30000" not in text):
                failures.append(f"{words}\n{text}")
    return failures


@pytest.mark.parametrize("way", OUTWARD)
def test_from_inside(tmp_path: Path, way: str) -> None:
    assert transfers(lab(tmp_path, OUTWARD[way]), "inside", "1.1.1.9") == []


@pytest.mark.parametrize("way", INWARD)
def test_from_outside(tmp_path: Path, way: str) -> None:
    address, lines = INWARD[way]
    route = f"set route 10.1.1.0/24 interface ethernet1\n{lines}" if way == "none" else lines
    assert transfers(lab(tmp_path, route), "outside", address) == []


@pytest.mark.parametrize("link", ["loss: 5%", "jitter: 30ms, delay: 30ms", "loss: 3%, jitter: 20ms, delay: 20ms"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_bad_wires(tmp_path: Path, link: str, seed: int) -> None:
    """Retransmissions and segments out of order keep the control connection whole."""
    made = lab(tmp_path, OUTWARD["pool"], link, seed)
    assert transfers(made, "inside", "1.1.1.9") == []


def test_with_the_tcp_proxy_in_front(tmp_path: Path) -> None:
    """The sequence numbers of the proxy and those of the gateway add up."""
    address, lines = INWARD["vip"]
    proxied = "\nset zone untrust screen syn-flood\nset zone untrust screen syn-flood attack-threshold 1"
    made = lab(tmp_path, lines + proxied)
    for _ in range(3):
        assert transfers(made, "outside", address) == []
    assert proxied_segments(made), "no connection was proxied"


def proxied_segments(made: Lab) -> int:
    """How many connection requests the SCREEN option counted."""
    return made["fw"].device.interfaces.items["ethernet3"].counters.screen["syn-flood"]


def test_nothing_but_ftp_passes(tmp_path: Path) -> None:
    made = lab(tmp_path, OUTWARD["pool"])
    assert transfers(made, "inside", "1.1.1.9") == []
    assert "0 received" in made["inside"].run("ping 1.1.1.9 count 2")
    made.run_for(120)
    made["fw"].run("clear session all")
    assert made["fw"].device.state.pools[5].in_use == 0
    assert len(made["fw"].device.state.gates) == 0
