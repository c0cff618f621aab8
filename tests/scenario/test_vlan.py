"""IEEE 802.1Q on sub-interfaces: routers on a stick, trunks, tags on the wire as other tools read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.layers.l2 import ARP, Dot1Q, Ether

from nsemu import Lab
from nsemu.wire.ethernet import EthernetFrame, VlanTag
from support.labs import Wiretap

_TOPOLOGY = """\
name: vlans
topology:
  nodes:
    fw: {kind: screenos, type: ssg140, startup-config: fw.cfg}
    sw:
      kind: switch
      ports: {up: {trunk: [110, 220], native: 7}, a: {access: 110}, b: {access: 220}, c: {access: 7}, d: {trunk: all}}
    red: {kind: host, address: 10.110.0.5/24, gateway: 10.110.0.1}
    blue: {kind: host, address: 10.220.0.5/24, gateway: 10.220.0.1}
    plain: {kind: host, address: 10.7.0.5/24, gateway: 10.7.0.1}
    tagged: {kind: host, address: 10.220.0.6/24, gateway: 10.220.0.1, vlan: 220}
    isp:
      kind: router
      interfaces: {eth0.110: 192.0.2.2/30, eth0: 192.0.2.6/30, eth1: 198.51.100.1/24}
      routes: [{to: 10.0.0.0/8, via: 192.0.2.1}]
    far: {kind: host, address: 198.51.100.9/24, gateway: 198.51.100.1}
  links:
    - endpoints: ["fw:ethernet0/5", "sw:up"]
    - endpoints: ["red:eth0", "sw:a"]
    - endpoints: ["blue:eth0", "sw:b"]
    - endpoints: ["plain:eth0", "sw:c"]
    - endpoints: ["tagged:eth0", "sw:d"]
    - endpoints: ["fw:ethernet0/8", "isp:eth0"]
    - endpoints: ["far:eth0", "isp:eth1"]
"""
_FW = """\
set zone name Red
set zone name Blue
set interface ethernet0/5.1 tag 110 zone Red
set interface ethernet0/5.9 tag 220 zone Blue
set interface ethernet0/5 zone Trust
set interface ethernet0/5 ip 10.7.0.1/24
set interface ethernet0/5 route
set interface ethernet0/5.1 ip 10.110.0.1/24
set interface ethernet0/5.9 ip 10.220.0.1/24
set interface ethernet0/5.1 manage ping
set interface ethernet0/8.3 tag 110 zone Untrust
set interface ethernet0/8.3 ip 192.0.2.1/30
set interface ethernet0/8 zone Untrust
set interface ethernet0/8 ip 192.0.2.5/30
set policy id 1 from Red to Blue any any any permit
set policy id 2 from Trust to Blue any any any permit
set policy id 3 from Red to Untrust any any any permit
set route 0.0.0.0/0 interface ethernet0/8.3 gateway 192.0.2.2
"""


def running(folder: Path) -> Lab:
    (folder / "fw.cfg").write_text(_FW)
    path = folder / "vlans.yaml"
    path.write_text(_TOPOLOGY)
    lab = Lab.load(path)
    assert [str(problem) for problem in lab.problems] == []
    lab.run_for(1)
    return lab


def test_routing_between_vlans_follows_the_zones(tmp_path: Path) -> None:
    lab = running(tmp_path)
    assert lab["red"].ping("10.220.0.5", count=3).received == 3
    assert lab["red"].ping("10.220.0.6", count=3).received == 3
    assert lab["plain"].ping("10.220.0.5", count=3).received == 3
    assert lab["blue"].ping("10.110.0.5", count=2).received == 0  # no policy
    assert lab["red"].ping("10.110.0.1", count=1).received == 1  # manage ping of the sub-interface
    assert lab["blue"].ping("10.220.0.1", count=1).received == 0
    assert lab["red"].ping("198.51.100.9", count=2).received == 2  # the same tag on another interface is another VLAN


def test_what_is_on_the_trunk(tmp_path: Path) -> None:
    """All of VLAN 110 and 220 has its tag, ARP too; what is of the parent has none; first packet and fast path."""
    lab = running(tmp_path)
    tap = Wiretap.on(lab, "fw:ethernet0/5")
    lab["red"].ping("10.220.0.5", count=4)
    lab["plain"].ping("10.7.0.1", count=1)
    seen = [Ether(frame) for frame in tap.frames]
    tags = {110: 0, 220: 0, 0: 0}
    for frame in seen:
        tags[frame[Dot1Q].vlan if Dot1Q in frame else 0] += 1
        if frame.haslayer("IP"):
            net = int(frame["IP"].dst.split(".")[1]) if frame["IP"].dst.startswith("10.") else 0
            assert net in (110, 220, 7)
    assert tags[110] >= 8
    assert tags[220] >= 8
    assert tags[0] >= 2
    assert {frame[Dot1Q].vlan for frame in seen if Dot1Q in frame and ARP in frame} == {110, 220}


def test_tables_show_the_tag(tmp_path: Path) -> None:
    lab = running(tmp_path)
    rows = {row.split()[0]: row.split() for row in lab["fw"].run("get interface").splitlines() if "eth0/5" in row}
    assert rows["eth0/5.1"][4] == "110"
    assert rows["eth0/5.9"][4] == "220"
    assert rows["eth0/5"][4] == "-"
    assert rows["eth0/5.1"][3] == rows["eth0/5"][3]  # the MAC address is the parent's
    block = lab["fw"].run("get interface ethernet0/5.9")
    assert "number 5, if_info 512, if_index 9, VLAN tag 220, mode route" in block
    config = lab["fw"].run("get config")
    assert 'set interface "ethernet0/5.1" tag 110 zone "Red"\n' in config
    assert 'set interface "ethernet0/5.1" zone' not in config
    lab["red"].ping("10.220.0.5", count=1)
    assert "trust-vr/eth0/5.1" in lab["fw"].run("get arp")
    session = lab["fw"].run("get session src-ip 10.110.0.5")
    assert ",vlan 110,tun 0," in session
    assert ",vlan 220,tun 0," in session


@pytest.mark.parametrize(("tag", "answers"), [(110, True), (0, False), (111, False), (4095, False), (220, False)])
def test_a_frame_belongs_to_the_interface_with_its_tag(tmp_path: Path, tag: int, answers: bool) -> None:
    """The parent and the other VLAN do not hear an ARP request for the address of VLAN 110."""
    lab = running(tmp_path)
    device = lab["fw"].device
    tap = Wiretap.on(lab, "fw:ethernet0/5")
    asked = ARP(hwsrc="02:00:00:00:00:77", psrc="10.110.0.77", pdst="10.110.0.1")
    frame = bytes(Ether(src="02:00:00:00:00:77", dst="ff:ff:ff:ff:ff:ff", type=0x0806) / asked)
    parsed = EthernetFrame.parse(frame)
    data = EthernetFrame(parsed.destination, parsed.source, 0x0806, parsed.payload, VlanTag(tag, 5)).build()
    before = device.interfaces.items["ethernet0/5"].counters.flow["drop vlan"]
    device.receive("ethernet0/5", data)
    lab.run_for(0.1)
    replies = [Ether(frame) for frame in tap.frames]
    replies = [frame for frame in replies if ARP in frame and frame[ARP].op == 2]
    assert bool(replies) is answers
    assert all(frame[Dot1Q].vlan == 110 for frame in replies)
    dropped = device.interfaces.items["ethernet0/5"].counters.flow["drop vlan"] - before
    assert dropped == (tag in (111, 4095))


def test_a_priority_tag_is_the_parents(tmp_path: Path) -> None:
    lab = running(tmp_path)
    device = lab["fw"].device
    tap = Wiretap.on(lab, "fw:ethernet0/5")
    asked = ARP(hwsrc="02:00:00:00:00:77", psrc="10.7.0.77", pdst="10.7.0.1")
    frame = EthernetFrame(b"\xff" * 6, bytes.fromhex("020000000077"), 0x0806, bytes(asked), VlanTag(0, 6)).build()
    counters = device.interfaces.items["ethernet0/5"].counters
    before = (counters.in_packets, counters.in_bytes)
    device.receive("ethernet0/5", frame)
    assert (counters.in_packets, counters.in_bytes) == (before[0] + 1, before[1] + len(frame))
    lab.run_for(0.1)
    replies = [Ether(frame) for frame in tap.frames]
    assert [ARP in frame and Dot1Q not in frame for frame in replies] == [True]


def test_a_link_down_takes_the_vlans_with_it(tmp_path: Path) -> None:
    lab = running(tmp_path)
    lab.link("fw:ethernet0/5").down()
    lab.run_for(1)
    states = {row.split()[0]: row.split()[5] for row in lab["fw"].run("get interface").splitlines() if "eth0/5" in row}
    assert set(states.values()) == {"D"}
    assert "10.220.0.0/24" in lab["fw"].run("get route")
    assert "10.220.0.0/24" not in lab["fw"].run("get route ip 10.220.0.5")
    lab.link("fw:ethernet0/5").up()
    lab.run_for(1)
    assert lab["red"].ping("10.220.0.5", count=2).received == 2


def test_the_tag_does_not_count_in_the_mtu(tmp_path: Path) -> None:
    lab = running(tmp_path)
    tap = Wiretap.on(lab, "fw:ethernet0/5")
    assert lab["red"].ping("10.220.0.5", count=1, size=1472).received == 1
    assert max(len(frame) for frame in tap.frames) == 1500 + 14 + 4
    for line in ("set interface ethernet0/5.9 mtu 1000", "set interface ethernet0/5 mtu 1200"):
        lab["fw"].run(line)
    device = lab["fw"].device
    assert [device.interfaces.items[f"ethernet0/5{part}"].mtu for part in ("", ".1", ".9")] == [1200, 1200, 1000]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_the_tags(tmp_path: Path) -> None:
    lab = running(tmp_path)
    capture = tmp_path / "trunk.pcapng"
    with lab.capture(capture, ["fw:ethernet0/5"]):
        lab["red"].ping("10.220.0.5", count=2)
    command = ["tshark", "-r", str(capture), "-Y", "icmp", "-T", "fields", "-e", "vlan.id", "-e", "ip.dst"]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    assert {"110\t10.220.0.5", "220\t10.220.0.5", "220\t10.110.0.5", "110\t10.110.0.5"} <= set(rows)


def test_the_switch_keeps_its_vlans_apart(tmp_path: Path) -> None:
    lab = running(tmp_path)
    lab["red"].ping("10.220.0.5", count=1)
    macs = lab["sw"].run("macs")
    assert "vlan 110 a" in macs
    assert "vlan 220 b" in macs
    assert "vlan 110 up" in macs
    assert "d up trunk all\n" in lab["sw"].run("ports")
    assert "up up trunk 110,220 native 7\n" in lab["sw"].run("ports")
    tap = Wiretap.on(lab, "sw:c")
    lab["red"].ping("10.110.0.99", count=1)  # a broadcast of VLAN 110
    assert tap.frames == []
