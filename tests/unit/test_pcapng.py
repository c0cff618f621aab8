"""The pcapng writer: block structure, and what scapy and tshark read of it."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from scapy.utils import RawPcapNgReader

from nsemu.wire import icmp
from nsemu.wire.ethernet import ETHERTYPE_IPV4, EthernetFrame
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.pcapng import interface_block, packet_block, section_header

PACKET = Ipv4Packet(0x0A010105, 0x0A020205, 1, icmp.echo_request(1, 1, b"odd").build()).build()
FRAME = EthernetFrame(b"\x02" * 6, b"\x04" * 6, ETHERTYPE_IPV4, PACKET).build()
TIME = 5_000_000_000 * 1000 + 123_456_789


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each block, after checking both length fields and the alignment."""
    found = []
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        found.append((kind, data[at + 8 : at + length - 4]))
        at += length
    assert at == len(data)
    return found


def example() -> bytes:
    return b"".join(
        [
            section_header(comments=["seed 1"]),
            interface_block("tokyo:ethernet3", description="Untrust"),
            interface_block("paris:ethernet3"),
            packet_block(1, TIME, FRAME, outbound=True, comments=["first"]),
            packet_block(0, TIME + 1, FRAME, outbound=False),
            packet_block(0, TIME + 2, FRAME[:-1]),
        ]
    )


def test_blocks() -> None:
    section, one, two, first, second, third = blocks(example())
    assert section[0] == 0x0A0D0D0A
    assert struct.unpack_from("<IHHq", section[1]) == (0x1A2B3C4D, 1, 0, -1)
    assert [one[0], two[0]] == [1, 1]
    assert struct.unpack_from("<HHI", one[1]) == (1, 0, 0)
    assert one[1][8:27] == struct.pack("<HH", 2, 15) + b"tokyo:ethernet3"
    assert struct.pack("<HHB", 9, 1, 9) in two[1]
    assert {first[0], second[0], third[0]} == {6}
    identifier, high, low, captured, original = struct.unpack_from("<IIIII", first[1])
    assert (identifier, high << 32 | low, captured, original) == (1, TIME, len(FRAME), len(FRAME))
    assert first[1].endswith(struct.pack("<HHI", 2, 4, 2) + bytes(4))
    assert second[1].endswith(struct.pack("<HHI", 2, 4, 1) + bytes(4))
    assert len(third[1]) == 20 + len(FRAME) - 1 + (-(len(FRAME) - 1) % 4)


def test_scapy_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(example())
    with RawPcapNgReader(str(path)) as reader:
        packets = list(reader)
    assert [data for data, _ in packets] == [FRAME, FRAME, FRAME[:-1]]
    assert [meta.tshigh << 32 | meta.tslow for _, meta in packets] == [TIME, TIME + 1, TIME + 2]
    assert [meta.tsresol for _, meta in packets] == [1_000_000_000] * 3


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(example())
    command = ["tshark", "-n", "-r", str(path), "-T", "json", "-o", "ip.check_checksum:TRUE"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    layers = [packet["_source"]["layers"] for packet in json.loads(output)]
    assert [layer["frame"]["frame.interface_id_tree"]["frame.interface_name"] for layer in layers] == [
        "paris:ethernet3",
        "tokyo:ethernet3",
        "tokyo:ethernet3",
    ]
    assert layers[0]["frame"]["frame.time_epoch"].startswith(("5000.123456789", "1970-01-01T01:23:20.123456789"))
    assert layers[0]["ip"]["ip.checksum.status"] == "1"
    assert layers[0]["icmp"]["icmp.checksum.status"] == "1"
