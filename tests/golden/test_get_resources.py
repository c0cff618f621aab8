"""Transcripts of what a device has in use: memory, performance, sockets, gates, files, logs of its own."""

from __future__ import annotations

import re

from nsemu.config.platform import PLATFORMS
from support.box import Box, udp
from support.cli_console import Session
from support.site_pair import SitePair

ADDRESS = "set interface ethernet1 zone trust\nset interface ethernet1 ip 10.1.1.1/24\n"


def test_memory_follows_what_the_tables_hold() -> None:
    pair = SitePair()
    pair.plain()
    before = re.fullmatch(r"Memory: allocated (\d+), left (\d+), frag (\d+)\n", pair.west.type("get memory"))
    assert before is not None
    assert int(before[1]) + int(before[2]) == PLATFORMS["ns208"].memory << 20
    pair.west.ping("10.2.2.5")
    pair.run(0.5)
    after = re.match(r"Memory: allocated (\d+), left (\d+)", pair.west.type("get memory"))
    assert after is not None
    assert int(after[1]) > int(before[1])
    rows = dict(line.split()[:2] for line in pair.west.type("get memory module").splitlines()[2:])
    assert rows["session"] == "1"
    assert rows["policy"] == "2"
    assert int(rows["arp"]) >= 2


def test_performance_counts_the_sessions_of_the_last_time() -> None:
    pair = SitePair()
    pair.plain()
    pair.run(600)
    for number in range(3):
        pair.west.ping("10.2.2.5", sequence=number, identifier=100 + number)
        pair.run(1)
    west = pair.west
    assert west.type("get performance session") == "Last 1 minute: 3, Last 5 minute: 3, Last 15 minute: 3\n"
    detail = west.type("get perf sess detail").splitlines()
    assert detail[0] == "Last 60 seconds:"
    assert detail[11] == "Last 60 minutes:"
    assert detail[22] == "Last 24 hours:"
    assert detail[1] == "  0:      0     1:      1     2:      1     3:      1     4:      0     5:      0"
    assert west.type("get performance cpu") == (
        "Average System Utilization:  1%\nLast 1 minute:  1%, Last 5 minutes:  1%, Last 15 minutes:  1%\n"
    )
    pair.run(3 * 60)
    assert west.type("get performance session") == "Last 1 minute: 0, Last 5 minute: 3, Last 15 minute: 3\n"
    pair.run(3600)
    assert west.type("get performance session") == "Last 1 minute: 0, Last 5 minute: 0, Last 15 minute: 0\n"
    assert west.type("get performance cpu").startswith("Average System Utilization:  0%\n")
    assert "Idle 100%" in west.type("get os task")


def test_what_nothing_wants_is_in_the_self_log() -> None:
    box = Box(ADDRESS)
    box.run(61)
    box.receive("ethernet1", udp("10.1.1.5", "10.1.1.1", 161))
    rule = "=" * 80
    assert box.type("get log self") == (
        f"{rule}\n"
        "Date       Time       Duration Source IP        Port Destination IP   Port Service \n"
        f"{rule}\n"
        "2008-05-01 10:01:01    0:00:00 10.1.1.5         4000 10.1.1.1          161 SNMP\n"
        "Total entries matched = 1\n"
    )
    assert "matched = 0" in box.type("get log self src-ip 10.1.1.9")
    assert "matched = 0" in box.type("get log traffic")
    assert "Entries: 1\n" in box.type("get firewall")
    assert box.type("clear log self") == ""
    assert box.type("get log self").endswith("Total entries matched = 0\n")


def test_files_are_those_that_were_saved() -> None:
    session = Session()
    assert session.type("get file") == ""
    free = re.match(r"There are (\d+) bytes free", session.type("get file info"))
    session.accept("save")
    size = len(session.device.saved_text or "")
    assert session.type("get file") == f"    {'flash:/ns_sys_config':<28}{size:>10}\n"
    session.accept("save config to last-known-good")
    assert session.type("get file").count("flash:/") == 2
    after = re.match(r"There are (\d+) bytes free", session.type("get file info"))
    assert free is not None
    assert after is not None
    assert int(free[1]) - int(after[1]) == size + len(session.device.good_text or "")
    assert session.type("get file flash:/other") == "file flash:/other does not exist\n"


def test_sockets_and_licence() -> None:
    session = Session(platform="ssg140")
    sockets = session.type("get socket")
    assert "udp    open         0.0.0.0              0    0.0.0.0           500" in sockets
    assert session.type("get socket id 99") == "socket 99 does not exist\n"
    licence = session.type("get license-key")
    capacity = PLATFORMS["ssg140"].capacity
    for line in (
        f"Sessions:          {capacity.sessions} sessions",
        f"VPN tunnels:       {capacity.vpns} tunnels",
        f"Vrouters:          {capacity.vrouters} virtual routers",
    ):
        assert f"{line}\n" in licence
    chassis = session.type("get chassis")
    assert "CPU Temperature: 104'F ( 40'C)\n" in chassis
    assert "2 8 port card" in Session(platform="isg2000").type("get chassis")


def test_what_is_only_kept_is_shown_and_said_not_to_run() -> None:
    session = Session(platform="ssg5")
    accept = session.accept
    accept("set interface ethernet0/0 ip 10.7.7.1/24", "set vrouter trust-vr protocol bgp 65001")
    accept("set vrouter trust-vr protocol bgp neighbor 10.7.7.2 remote-as 7224")
    accept("set vrouter trust-vr protocol bgp neighbor 10.7.7.2 weight 77")
    assert session.type("get vr trust-vr prot bgp neigh") == (
        "Peer AS Remote IP       Local IP          Wt Status   State     ConnID Up/Down\n"
        f"{'-' * 80}\n"
        "   7224 10.7.7.2        0.0.0.0           77 Disabled IDLE           0 never\n"
        "\n"
        "total 1 BGP peers shown, none is reached: BGP is not emulated\n"
    )
    detail = session.type("get vr trust-vr prot bgp neigh 10.7.7.2")
    assert detail.startswith(
        "peer: 10.7.7.2,  remote AS: 7224, admin status: disable\ntype: EBGP, multihop: 0(disable)"
    )
    assert "weight: 77\n" in detail
    assert "local router ID: 10.7.7.1\n" in session.type("get vr trust-vr prot bgp")
    assert session.type("get vr trust-vr prot bgp neigh 9.9.9.9") == "BGP neighbor 9.9.9.9 does not exist\n"
    assert session.type("get vr untrust-vr prot ospf") == "OSPF is not configured in vrouter untrust-vr\n"
    accept("set vrouter untrust-vr protocol ospf", "set vrouter untrust-vr protocol ospf area 0.0.0.1 stub")
    assert "area 0.0.0.1: stub, 0 interfaces\n" in session.type("get vr untrust-vr prot ospf")
    assert session.type("get nsrp").startswith(
        "nsrp version: 2.0\n\ncluster info:\ncluster id not set.....nsrp is inactive"
    )
    accept("set nsrp cluster id 3", "set nsrp vsd-group id 0 priority 50")
    assert "cluster id: 3, no name\n" in session.type("get nsrp cluster")
    assert session.type("get nsrp vsd-group all").splitlines()[-2:] == [
        "    0       50 no             3 no         none     none",
        "total number of vsd groups: 1",
    ]
    accept("set snmp contact noc", "set snmp community ops read-only trap-on", "set snmp host ops 10.7.7.9")
    assert session.type("get snmp").splitlines()[0] == "System Contact: noc"
    assert (
        session.type("get snmp community ops") == "Community: ops, Read-Only, trap on, version any\n  host 10.7.7.9\n"
    )


def test_filters_and_pages_work_on_all_of_them() -> None:
    session = Session()
    assert session.type("get license-key | include Zones") == "Zones:             100 zones\n"
    assert "Sessions" not in session.type("get license-key | exclude Sessions")
    pages = Session(interactive=True)
    pages.answers += [" "] * 5
    assert "--- more ---" in pages.type("get alg") + pages.type("get tech-support")
