"""A host of the lab telnets to a device: the console is there where the configuration allows it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.config.interface import ManagementService
from support.app import office

LOGIN = "send netscreen send netscreen"
TRUST, DMZ = "10.20.1.1", "10.20.2.1"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab.load(office(tmp_path), state=tmp_path / "state")


def told(lab: Lab) -> list[str]:
    return [entry.text for entry in lab["gate"].device.event_log.newest_first()]


def refused(lab: Lab, host: str, address: str) -> bool:
    before = lab["gate"].device.state.interfaces["ethernet1" if host == "ann" else "ethernet2"].counters.in_self
    text = lab[host].run(f"telnet {address} time-out 20")
    after = lab["gate"].device.state.interfaces["ethernet1" if host == "ann" else "ethernet2"].counters.in_self
    assert "login" not in text
    return f"connect to {address} port 23: connection timed out" in text and after > before


def test_a_console_inside_the_lab(lab: Lab) -> None:
    text = lab["ann"].run(f'telnet {TRUST} {LOGIN} send "get hostname" send "set hostname tokyo" send exit send n')
    assert text.startswith("Connected to 10.20.1.1 port 23.\nRemote Management Console\nlogin: netscreen\npassword: \n")
    assert "ns208-> get hostname\nHostname: ns208\nns208-> set hostname tokyo\ntokyo-> exit\n" in text
    assert "Configuration modified, save? [y]/n n\n" in text
    assert "Connection closed by the other side." in text
    assert lab["gate"].device.config.system.hostname == "tokyo"
    assert told(lab)[0].startswith("Admin user netscreen has logged out via Telnet from 10.20.1.9:")


def test_commands_that_take_time_and_long_output(lab: Lab) -> None:
    lines = 'send "ping 10.20.2.80 count 3" send "set console page 0" send "get service" send "get config" send exit'
    text = lab["ann"].run(f"telnet {TRUST} {LOGIN} {lines}")
    assert "Success Rate is 100 percent (3/3)" in text
    assert "Total number of user-defined services shown: 0" in text
    assert 'set policy id 7 from "Trust" to "DMZ"' in text


def test_a_wrong_password(lab: Lab) -> None:
    text = lab["ann"].run(f"telnet {TRUST} send netscreen send wrong")
    assert "password: \n ### Login failed\nlogin: " in text


def test_only_where_manage_telnet_allows_it(lab: Lab) -> None:
    gate = lab["gate"]
    assert ManagementService.TELNET not in gate.device.state.interfaces["ethernet2"].manage
    assert refused(lab, "www", DMZ)
    gate.run("set interface ethernet2 manage telnet")
    assert "ns208-> " in lab["www"].run(f"telnet {DMZ} {LOGIN}")
    gate.run("unset interface ethernet1 manage telnet")
    assert refused(lab, "ann", TRUST)


def test_only_for_manager_ips(lab: Lab) -> None:
    gate = lab["gate"]
    gate.run("set admin manager-ip 10.20.1.128 255.255.255.128")
    assert refused(lab, "ann", TRUST)
    gate.run("set admin manager-ip 10.20.1.9")
    assert "ns208-> " in lab["ann"].run(f"telnet {TRUST} {LOGIN}")
    gate.run("unset admin manager-ip 10.20.1.9")
    assert refused(lab, "ann", TRUST)
    gate.run("unset admin manager-ip all")
    assert "ns208-> " in lab["ann"].run(f"telnet {TRUST} {LOGIN}")


def test_a_policy_is_needed_from_another_zone(lab: Lab) -> None:
    gate = lab["gate"]
    assert refused(lab, "www", TRUST)
    gate.run("set policy id 9 from DMZ to Trust any any telnet permit")
    assert "ns208-> " in lab["www"].run(f"telnet {TRUST} {LOGIN}")


def test_ports_that_nothing_serves_stay_silent(lab: Lab) -> None:
    assert "connection timed out" in lab["ann"].run(f"telnet {TRUST} 22 time-out 20")
    assert "connection timed out" in lab["ann"].run(f"telnet {TRUST} 8023 time-out 20")


def test_read_only_administrators(lab: Lab) -> None:
    lab["gate"].run("set admin user bob password reader privilege read-only")
    text = lab["ann"].run(f'telnet {TRUST} send bob send reader send "set hostname x" send "get hostname"')
    assert "Read-only administrators cannot set hostname" in text
    assert "Hostname: ns208" in text


def test_a_reset_over_telnet_ends_the_session_and_the_console_is_there_again(lab: Lab) -> None:
    text = lab["ann"].run(f'telnet {TRUST} {LOGIN} send "reset no-prompt"')
    assert "ns208-> reset no-prompt\nIn reset ...\n" in text
    assert lab["gate"].device.resets == 1
    lab.run_for(30)
    assert "ns208-> " in lab["ann"].run(f"telnet {TRUST} {LOGIN}")


def test_power_off_leaves_nothing_running(lab: Lab) -> None:
    lab["gate"].run("set console timeout 0")
    lab["ann"].run(f"telnet {TRUST} {LOGIN}")
    device = lab["gate"].device
    lab["gate"].run("reset no-prompt")
    assert not device.on_restart
    lab.run_for(120)
    assert "ns208-> " in lab["ann"].run(f"telnet {TRUST} {LOGIN}")


def test_idle_time_inside_the_lab_is_virtual(lab: Lab) -> None:
    """A client that stays connected and types nothing."""
    lab["gate"].run("set console timeout 2")
    running, _ = lab["ann"].start(f"telnet {TRUST} {LOGIN}")
    text = ""
    while "ns208-> " not in text:
        item = next(running)
        text += item if isinstance(item, str) else ""
        lab.run_for(0.5)
    assert not any("has timed out" in line for line in told(lab))
    lab.run_for(2 * 60)
    assert "via Telnet from 10.20.1.9:" in told(lab)[0]
    assert told(lab)[0].endswith(" for admin netscreen has timed out")


def test_the_walk_of_a_telnet_segment(lab: Lab) -> None:
    walk = lab.trace("ann", TRUST, proto="tcp", dport=23).text()
    assert "to the listener of TCP port 23" in walk
