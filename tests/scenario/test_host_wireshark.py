"""tshark reads what hosts say: every protocol is recognised, nothing is malformed, every checksum is right."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from nsemu.lab.link import LinkProperties
from nsemu.sim.scheduler import MILLISECOND, SECOND
from support.host_lab import TwoHosts

TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")

COMMANDS = (
    "ping 10.1.1.9 count 2",
    "http get 10.1.1.9/big?size=5000",
    "http get 10.1.1.9/none",
    "ftp get 10.1.1.9 readme.txt",
    "ftp put 10.1.1.9 readme.txt active",
    "telnet 10.1.1.9 send guest send guest send who send exit",
    "smtp send 10.1.1.9 from a@x.com to guest@y.com subject Hello",
    "pop3 10.1.1.9 retr 1",
    "echo 10.1.1.9 hello",
    "udp send 10.1.1.9 7 hello",
    "udp send 10.1.1.9 99 hello",
    "tcp connect 10.1.1.9 81",
    "tcp ack 10.1.1.9 80",
)


def captured(tmp_path: Path, properties: LinkProperties) -> Path:
    lab = TwoHosts(services=("http", "ftp", "telnet", "smtp:ident", "pop3", "echo"), pc_services=("ident",))
    lab.link.set(loss=properties.loss, delay_ns=properties.delay_ns)
    for command in COMMANDS:
        lab.run(command)
    lab.settle()
    packets = []
    for at, frame in lab.frames:
        packet = Ether(frame)
        packet.time = at / SECOND
        packets.append(packet)
    path = tmp_path / "hosts.pcap"
    wrpcap(str(path), packets)
    return path


def fields(path: Path, display_filter: str, *names: str) -> list[list[str]]:
    """What tshark finds; checksums of all layers are checked."""
    assert TSHARK is not None
    command = [TSHARK, "-n", "-r", str(path), "-Y", display_filter, "-T", "fields"]
    for layer in ("ip", "tcp", "udp"):
        command += ["-o", f"{layer}.check_checksum:TRUE"]
    for name in names or ("frame.number", "_ws.col.Info"):
        command += ["-e", name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("\t") for line in lines]


BAD = (
    "_ws.malformed or _ws.short or tcp.checksum.status == 0 or ip.checksum.status == 0 or "
    "udp.checksum.status == 0 or icmp.checksum.status == 0"
)
"""0 is tshark's value for a wrong checksum."""

SUSPECT = (
    "tcp.analysis.retransmission or tcp.analysis.duplicate_ack or tcp.analysis.out_of_order or "
    "tcp.analysis.lost_segment or tcp.analysis.ack_lost_segment or tcp.analysis.zero_window"
)


def test_all_protocols_are_read_without_complaint(tmp_path: Path) -> None:
    path = captured(tmp_path, LinkProperties(delay_ns=2 * MILLISECOND))
    assert fields(path, BAD) == []
    assert fields(path, SUSPECT) == []
    protocols = Counter(
        protocol for row in fields(path, "frame", "frame.protocols") for protocol in set(row[0].split(":"))
    )
    for protocol in ("arp", "icmp", "http", "ftp", "ftp-data", "telnet", "smtp", "pop", "echo"):
        assert protocols[protocol], f"tshark sees no {protocol}: {protocols}"
    assert fields(path, "http.response", "http.response.code") == [["200"], ["404"]]
    assert {row[0] for row in fields(path, "ftp.response.code == 226", "ftp.response.arg")} == {"Transfer complete."}
    assert fields(path, 'ftp.request.command == "PORT"', "ftp.active.cip")[0] == ["10.1.1.5"]
    assert fields(path, "ftp.response.code == 227", "ftp.passive.ip")[0] == ["10.1.1.9"]
    assert len(fields(path, "imf.subject", "imf.subject")) == 2
    # tshark has no dissector for RFC 1413.
    [[answer]] = fields(path, "tcp.srcport == 113 and tcp.len > 0", "tcp.payload")
    assert bytes.fromhex(answer).endswith(b" , 25 : USERID : UNIX : guest\r\n")


def test_the_filter_finds_a_wrong_checksum(tmp_path: Path) -> None:
    lab = TwoHosts()
    lab.run("http get 10.1.1.9")
    spoiled = [frame[:-1] + bytes([frame[-1] ^ 1]) if frame[23] == 6 else frame for _, frame in lab.frames]
    path = tmp_path / "spoiled.pcap"
    wrpcap(str(path), [Ether(frame) for frame in spoiled])
    assert len(fields(path, BAD)) == sum(frame[12:14] == b"\x08\x00" for frame in spoiled)


def test_a_lossy_path_brings_retransmissions_but_nothing_malformed(tmp_path: Path) -> None:
    path = captured(tmp_path, LinkProperties(delay_ns=2 * MILLISECOND, loss=0.1))
    assert fields(path, BAD) == []
    assert fields(path, "tcp.analysis.retransmission") != []
