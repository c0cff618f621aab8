"""Syslog and NTP of devices against services of hosts: real datagrams, as other tools read them too."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.layers.ntp import NTPHeader

from nsemu import Lab, LabError
from nsemu.device.clock import EPOCH
from nsemu.runtime.event_log import Level
from support.labs import Wiretap, type_lines

_TOPOLOGY = """\
name: services
topology:
  nodes:
    fw: {kind: screenos, type: TYPE, startup-config: fw.cfg}
    far: {kind: screenos, startup-config: far.cfg}
    pc: {kind: host, address: 10.31.0.5/24, gateway: 10.31.0.1}
    ops: {kind: host, address: 10.32.0.9/24, gateway: 10.32.0.1, services: SERVICES}
    second: {kind: host, address: 10.32.0.10/24, gateway: 10.32.0.1, services: [syslog, ntp]}
    remote: {kind: host, address: 10.99.0.9/24, gateway: 10.99.0.1, services: [syslog]}
    lan: {kind: switch}
  links:
    - endpoints: ["pc:eth0", "fw:IN"]
    - endpoints: ["fw:OUT", "lan:1"]
    - endpoints: ["ops:eth0", "lan:2"]
    - endpoints: ["second:eth0", "lan:3"]
    - endpoints: ["far:ethernet3", "lan:4"]
    - endpoints: ["far:ethernet1", "remote:eth0"]
"""
_FW = """\
set hostname guard
set interface IN zone Trust
set interface IN ip 10.31.0.1/24
set interface IN nat
set interface OUT zone Untrust
set interface OUT ip 10.32.0.1/24
set policy id 7 from Trust to Untrust any any http permit log
set policy id 8 from Trust to Untrust any any any deny log
"""
_FAR = """\
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.99.0.1/24
set interface ethernet3 zone Untrust
set interface ethernet3 ip 10.32.0.2/24
set address Trust site 10.99.0.0/24
set address Untrust hq 10.31.0.0/24
set ike gateway gw address 10.32.0.1 outgoing-interface ethernet3 preshare k sec-level standard
set vpn v gateway gw sec-level standard
set policy from Untrust to Trust hq site any tunnel vpn v
set policy from Trust to Untrust site hq any tunnel vpn v
set route 10.31.0.0/24 interface ethernet3 gateway 10.32.0.1
"""
SYSLOG = ("set syslog config 10.32.0.9 log all", "set syslog enable")
NS, SSG = ("ns208", "ethernet1", "ethernet3"), ("ssg550", "ethernet0/2", "ethernet0/0")


def running(folder: Path, lines: Sequence[str] = (), box: tuple[str, str, str] = NS, wait: float = 1) -> Lab:
    platform, inside, outside = box
    config = _FW.replace("IN ", f"{inside} ").replace("OUT ", f"{outside} ")
    (folder / "fw.cfg").write_text(config + "\n".join(lines) + "\n")
    (folder / "far.cfg").write_text(_FAR)
    text = (
        _TOPOLOGY.replace("SERVICES", "[http, syslog, ntp, {name: syslog, port: 5514}]")
        .replace("TYPE", platform)
        .replace(":IN", f":{inside}")
        .replace(":OUT", f":{outside}")
    )
    (folder / "services.yaml").write_text(text)
    lab = Lab.load(folder / "services.yaml")
    lab.run_for(wait)
    return lab


def messages(lab: Lab, host: str = "ops") -> list[str]:
    return [line.split(" ", 1)[1] for line in lab[host].run("syslog show").splitlines()]


def test_events_in_their_frame(tmp_path: Path) -> None:
    lab = running(tmp_path, SYSLOG)
    lab["fw"].device.log(515, Level.WARNING, "A text of an event")
    lab.run_for(0.1)
    last = messages(lab)[-1]
    assert re.fullmatch(
        r"10\.32\.0\.1 local0\.warning guard: NetScreen device_id=guard  \[Root\]system-warning-00515: "
        r"A text of an event \(2008-05-01 10:00:\d\d\)",
        last,
    )


@pytest.mark.parametrize("box", [NS, SSG])
def test_traffic_as_captured(tmp_path: Path, box: tuple[str, str, str]) -> None:
    """The fields and their order of screenos-cli §3.1, for what a policy permits and for what it denies."""
    lab = running(tmp_path, SYSLOG, box)
    assert "200" in lab["pc"].run("http get http://10.32.0.9/readme.txt")
    lab["pc"].ping("10.32.0.9", count=1)
    lab.run_for(20)
    lines = [line for line in messages(lab) if "(traffic)" in line]
    permitted, denied = (next(line for line in lines if f"policy_id={number} " in line) for number in (7, 8))
    head = (
        r"10\.32\.0\.1 local0\.notice guard: NetScreen device_id=guard  \[Root\]system-notification-00257\(traffic\): "
    )
    assert re.fullmatch(
        head + r'start_time="2008-05-01 10:00:\d\d" duration=\d+ policy_id=7 service=http proto=6 src zone=Trust '
        r"dst zone=Untrust action=Permit sent=\d+ rcvd=\d+ src=10\.31\.0\.5 dst=10\.32\.0\.9 src_port=\d+ dst_port=80 "
        r"src-xlated ip=10\.32\.0\.1 port=\d+ dst-xlated ip=10\.32\.0\.9 port=80 session_id=\d+ reason=Close - TCP FIN",
        permitted,
    )
    assert re.fullmatch(
        head + r'start_time="[^"]+" duration=0 policy_id=8 service=icmp proto=1 src zone=Trust dst zone=Untrust '
        r"action=Deny sent=0 rcvd=0 src=10\.31\.0\.5 dst=10\.32\.0\.9 icmp type=8",
        denied,
    )


def test_each_server_gets_its_own(tmp_path: Path) -> None:
    lab = running(tmp_path, (
        "set syslog config 10.32.0.9 port 5514", "set syslog config 10.32.0.9 facilities AUTH/SEC local6",
        "set syslog config 10.32.0.10 log traffic", "set syslog src-interface ethernet1", "set syslog enable",
        "set zone trust screen land",
    ))  # fmt: skip
    lab["pc"].run("http get http://10.32.0.9/")
    lab["fw"].device.log(10, Level.ALERT, "Land attack!")
    lab["fw"].device.log(767, Level.NOTIFICATION, "Saved")
    lab.run_for(10)
    assert all("(traffic)" in line for line in messages(lab, "second"))
    assert len(messages(lab, "second")) == 1
    mine = messages(lab)
    assert not any("(traffic)" in line for line in mine)
    assert next(line for line in mine if "Land attack!" in line).startswith("10.31.0.1 auth.alert ")
    assert next(line for line in mine if "Saved" in line).startswith("10.31.0.1 local6.notice ")
    text = lab["fw"].run("get syslog")
    assert "10.32.0.9 port 5514, facilities AUTH/SEC local6, log event\n" in text
    type_lines(lab, "fw", "unset syslog enable")
    lab["ops"].run("syslog clear")
    lab["fw"].device.log(767, Level.NOTIFICATION, "Nobody")
    lab.run_for(1)
    assert messages(lab) == []


def test_through_a_policy_based_vpn(tmp_path: Path) -> None:
    """`set syslog vpn`: what the policies of the source interface's zone put into a VPN goes there, never in clear."""
    vpn = (
        "set address Trust hq 10.31.0.0/24", "set address Untrust site 10.99.0.0/24",
        "set ike gateway gw address 10.32.0.2 outgoing-interface ethernet3 preshare k sec-level standard",
        "set vpn v gateway gw sec-level standard", "set policy top from Trust to Untrust hq site any tunnel vpn v",
        "set policy from Untrust to Trust site hq any tunnel vpn v",
        "set route 10.99.0.0/24 interface ethernet3 gateway 10.32.0.2",
        "set syslog config 10.99.0.9", "set syslog src-interface ethernet1", "set syslog vpn", "set syslog enable",
    )  # fmt: skip
    lab = running(tmp_path, vpn, wait=0)
    tap = Wiretap.on(lab, "fw:ethernet3")
    lab["fw"].device.log(767, Level.NOTIFICATION, "first")
    lab.run_for(5)
    lab["fw"].device.log(767, Level.NOTIFICATION, "second")
    lab.run_for(1)
    assert any("second" in line for line in messages(lab, "remote"))
    assert not any(b"NetScreen device_id" in frame for frame in tap.frames)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_both(tmp_path: Path) -> None:
    lab = running(tmp_path, (*SYSLOG, "set ntp server 10.32.0.9", "set clock ntp"), wait=0)
    capture = tmp_path / "x.pcapng"
    with lab.capture(capture, ["ops:eth0"]):
        lab.run_for(5)
        lab["fw"].device.log(1, Level.CRITICAL, "for tshark")
        lab.run_for(1)

    def fields(filter_: str, *names: str) -> list[str]:
        command = ["tshark", "-r", str(capture), "-Y", filter_, "-T", "fields"]
        for name in names:
            command += ["-e", name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    assert "16\t2" in fields("syslog", "syslog.facility", "syslog.level")
    assert fields("ntp", "ntp.flags.mode", "ntp.stratum")[:2] == ["3\t0", "4\t2"]


NTP = ("set ntp server 10.32.0.9", "set ntp interval 5", "set clock ntp")


def offset(lab: Lab) -> float:
    """By how many seconds the device's clock is ahead of that of the lab."""
    device = lab["fw"].device
    elapsed = timedelta(microseconds=device.scheduler.now // 1000)
    return (device.clock.now() - EPOCH - elapsed) / timedelta(seconds=1)


def test_the_clock_follows_the_server(tmp_path: Path) -> None:
    lab = running(tmp_path, wait=0)
    lab["ops"].run("ntp offset 2.5")
    type_lines(lab, "fw", *NTP)
    lab.run_for(5)
    assert offset(lab) == pytest.approx(2.5, abs=0.001)
    text = lab["fw"].run("get event type 531").replace("\n" + " " * 39, "")
    assert "updated from primary NTP server type 10.32.0.9 with an adjustment of 2500 ms." in text
    assert "Update mode was Automatic" in text
    lab["ops"].run("ntp offset -0.4")
    lab.run_for(4 * 60)
    assert offset(lab) == pytest.approx(2.5, abs=0.001)
    lab.run_for(60)
    assert offset(lab) == pytest.approx(-0.4, abs=0.001)
    view = lab["fw"].run("get ntp").splitlines()
    assert view[:2] == ["NTP is Enabled", "Primary server: 10.32.0.9 "]
    assert view[4:8] == [
        "Authentication Mode: None", "Max Allowed Adjustment: 3 second(s)", "Request Interval: 5 minute(s).",
        "Sync NTP time to peer: Enabled",
    ]  # fmt: skip
    assert re.fullmatch(r"Last Update at: 05/01/2008 10:0\d:\d\d", view[-1])
    assert "The Network Time Protocol is Enabled" in lab["fw"].run("get clock")


def test_too_large_an_adjustment_is_refused(tmp_path: Path) -> None:
    """By itself the clock moves no more than `max-adjustment`; a person is asked."""
    lab = running(tmp_path, wait=0)
    lab["ops"].run("ntp offset 100")
    type_lines(lab, "fw", *NTP, "set ntp max-adjustment 10")
    lab.run_for(5)
    assert offset(lab) == 0
    assert "exceeds the maximum" in lab["fw"].run("get event type 531").replace("\n" + " " * 39, "")
    assert "was not updated" in lab["fw"].run("exec ntp update")
    assert offset(lab) == 0
    type_lines(lab, "fw", "set ntp max-adjustment 0")
    lab.run_for(5)
    assert offset(lab) == pytest.approx(100, abs=0.001)


def test_a_backup_takes_over(tmp_path: Path) -> None:
    lab = running(tmp_path, wait=0)
    lab["second"].run("ntp offset 1")
    lab["ops"].run("service stop ntp")
    type_lines(lab, "fw", *NTP, "set ntp server backup1 10.32.0.10")
    lab.run_for(15)
    assert offset(lab) == pytest.approx(1, abs=0.001)
    assert "from backup NTP server type 10.32.0.10" in lab["fw"].run("get event type 531").replace("\n" + " " * 39, "")
    lab["second"].run("ntp stratum 0")
    lab["second"].run("ntp offset 2")
    assert "its clock is not set" in lab["fw"].run("exec ntp update")
    assert offset(lab) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(("mode", "key", "moves"), [
    ("required", "good", True), ("required", "bad", False), ("preferred", "bad", True), ("preferred", "good", True),
])  # fmt: skip
def test_answers_are_authenticated(tmp_path: Path, mode: str, key: str, moves: bool) -> None:
    """Required: only a digest by the key counts. Preferred: an answer without digest is taken, a forged one never."""
    lab = running(tmp_path, wait=0)
    lab["ops"].run("ntp key 12 good")
    lab["ops"].run("ntp offset 1")
    tap = Wiretap.on(lab, "ops:eth0")
    type_lines(lab, "fw", *NTP, f"set ntp server key-id 12 preshare-key {key}", f"set ntp auth {mode}")
    lab.run_for(10)
    assert (offset(lab) != 0) is moves
    asked = [Ether(frame) for frame in tap.frames if frame[12:14] == b"\x08\x00"]
    assert any(NTPHeader in frame and len(frame["UDP"].payload) == 68 for frame in asked)
    if moves:
        digest = "MD5" if key == "good" else "None"
        assert f"Authentication was {digest}." in lab["fw"].run("get event type 531").replace("\n" + " " * 39, "")


def test_without_server(tmp_path: Path) -> None:
    lab = running(tmp_path)
    with pytest.raises(LabError, match="no NTP server is configured"):
        lab["fw"].run("exec ntp update")
    assert "Last Update at: never" in lab["fw"].run("get ntp")
