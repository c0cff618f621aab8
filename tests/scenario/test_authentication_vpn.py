"""Users who log in at a firewall where tunnels end, in transparent mode, and behind a TCP proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.flow.packet import Packet
from support.firewall import firewall

TOPOLOGIES = Path(__file__).parent.parent.parent / "topologies"
USER = "set user ann password An-1"


def say(lab: Lab, device: str, *lines: str) -> None:
    for line in lines:
        lab[device].cli(line)
        assert not lab[device].console.refused, line


def with_login(lab: Lab, device: str, zones: str) -> None:
    """The policy of a pair of zones wants a user from now on."""
    lines = lab[device].cli("get config").splitlines()
    policy = next(line.strip() for line in lines if line.startswith("set policy id") and zones in line)
    say(lab, device, USER, f"unset policy id {policy.split()[3]}", f"{policy} auth")


@pytest.mark.parametrize("topology", ["tokyo_paris_route_based", "tokyo_paris_policy_based"])
def test_what_comes_out_of_a_tunnel_has_to_log_in_too(topology: str) -> None:
    """The dialogue and all that follows go back into the tunnel; the login is for what comes through that VPN."""
    lab = Lab.load(TOPOLOGIES / f"{topology}.yaml")
    host, paris = lab["tokyo-pc"], lab["paris"]
    assert "4 received" in host.run("ping 10.2.2.5 count 5")
    with_login(lab, "paris", 'from "Untrust" to "Trust"')
    assert "0 received" in host.run("ping 10.2.2.5 count 2")
    assert "401" in host.run("http get 10.2.2.5 user ann password no")
    assert "You are 10.1.1.5" in host.run("http get 10.2.2.5 user ann password An-1")
    assert "3 received" in host.run("ping 10.2.2.5 count 3")
    assert "logged in" in host.run("ftp ls 10.2.2.5")
    # The same address in clear would be somebody else.
    assert [entry.origin.vpn.lower() for entry in paris.device.state.auth] == ["paris_tokyo"]


def test_a_login_goes_on_while_its_tunnel_is_still_negotiated() -> None:
    """The way to the server is tried again until there is an SA."""
    lab = Lab.load(TOPOLOGIES / "tokyo_paris_policy_based.yaml")
    with_login(lab, "tokyo", 'from "Trust" to "Untrust"')
    assert "Total active sa: 0" in lab["tokyo"].cli("get sa active")
    assert "You are 10.1.1.5" in lab["tokyo-pc"].run("http get 10.2.2.5 user ann password An-1")


TRANSPARENT = """
name: transparent_auth
topology:
  nodes:
    fw: {kind: screenos, startup-config: fw.cfg}
    pc: {kind: host, address: 10.1.1.5/24}
    server: {kind: host, address: 10.1.1.9/24, services: [http, ftp, telnet, echo]}
  links:
    - endpoints: ["pc:eth0", "fw:ethernet1"]
    - endpoints: ["server:eth0", "fw:ethernet3"]
"""


@pytest.mark.parametrize("vlan1", ["", "set interface vlan1 ip 10.1.1.1/24\n"])
def test_in_transparent_mode_the_dialogue_stays_in_the_frames_of_the_bridge(tmp_path: Path, vlan1: str) -> None:
    """With and without an address of its own the device answers in the server's name."""
    (tmp_path / "fw.cfg").write_text(
        "unset interface ethernet1 ip\nunset interface ethernet1 zone\nset interface ethernet1 zone v1-trust\n"
        "unset interface ethernet3 ip\nunset interface ethernet3 zone\nset interface ethernet3 zone v1-untrust\n"
        f"{vlan1}{USER}\nset policy id 1 from v1-trust to v1-untrust any any any permit auth\n"
    )
    path = tmp_path / "lab.yaml"
    path.write_text(TRANSPARENT)
    lab = Lab.load(path)
    assert lab.problems == []
    pc = lab["pc"]
    assert "0 received" in pc.run("ping 10.1.1.9 count 2")
    assert "401" in pc.run("http get 10.1.1.9 user ann password no")
    assert "You are 10.1.1.5" in pc.run("http get 10.1.1.9 user ann password An-1")
    assert "2 received" in pc.run("ping 10.1.1.9 count 2")
    lab["fw"].cli("clear auth")
    assert "logged in" in pc.run("ftp ls 10.1.1.9 firewall ann:An-1")


def test_behind_the_tcp_proxy_users_are_asked_all_the_same(tmp_path: Path) -> None:
    """Beyond the threshold of a SYN flood the login answers instead of the proxy."""
    lab = firewall(
        tmp_path,
        USER,
        "set policy id 1 from Trust to Untrust any any any permit auth",
        "set zone Trust screen syn-flood",
        "set zone Trust screen syn-flood attack-threshold 1",
        "set zone Trust screen syn-flood source-threshold 1000",
    )
    inside = lab["inside"]
    for _ in range(5):
        inside.run("tcp connect 198.51.100.5 25 time-out 0.1")
    assert "401" in inside.run("http get 198.51.100.5 user ann password no")
    assert "You are 1.1.1.1" in inside.run("http get 198.51.100.5 user ann password An-1")
    assert "hello" in inside.run("echo 198.51.100.5 hello")


def test_a_login_in_clear_is_not_one_of_the_same_address_in_another_zone(tmp_path: Path) -> None:
    lab = firewall(
        tmp_path,
        USER,
        "set policy id 1 from Trust to Untrust any any any permit auth",
        "set policy id 2 from DMZ to Untrust any any any permit auth",
    )
    assert "You are" in lab["inside"].run("http get 198.51.100.5 user ann password An-1")
    origins = [entry.origin for entry in lab["fw"].device.state.auth]
    assert [(origin.zone, origin.vpn) for origin in origins] == [("Trust", "")]
    assert "0 received" in lab["dmz"].run("ping 198.51.100.5 count 1")


def test_nobody_can_take_over_a_dialogue_from_another_zone(tmp_path: Path) -> None:
    """A segment with the addresses and ports of a login that comes in elsewhere is not part of it."""
    lab = firewall(tmp_path, USER, "set policy id 1 from Trust to Untrust any any any permit auth")
    lab["inside"].run("telnet 198.51.100.5 send ann time-out 0.5")
    device = lab["fw"].device
    [attempt] = device.logins.attempts()
    elsewhere = device.interfaces.items["ethernet2"]
    packet = Packet(attempt.last.data, elsewhere, None, None)
    assert packet.parse()
    assert device.logins.knows(packet)
    assert not device.logins.takes(packet)
    packet = Packet(attempt.last.data, attempt.last.ingress, None, None)
    assert packet.parse()
    assert device.logins.takes(packet)
