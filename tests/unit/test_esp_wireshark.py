"""tshark decrypts what we seal with the keys we export, and finds every ICV right."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.esp import EspOutbound
from nsemu.ipsec.keyexport import ESP_OPTIONS, ESP_TABLE, esp_row, ike_row
from support.ipsec import PAIRS, inner_packet, parameters, stream

TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
RAW_IP = 101  # link type


def capture(path: Path, packets: list[bytes]) -> None:
    records = [pack("<IIII", n, 0, len(packet), len(packet)) + packet for n, packet in enumerate(packets)]
    path.write_bytes(pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP) + b"".join(records))


def dissect(path: Path, rows: list[str]) -> list[dict[str, Any]]:
    assert TSHARK is not None
    options = [*ESP_OPTIONS, *(f"uat:{ESP_TABLE}:{row}" for row in rows)]
    command = [TSHARK, "-r", str(path), "-T", "json", *(word for option in options for word in ("-o", option))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [frame["_source"]["layers"] for frame in json.loads(done.stdout)]


@needs_tshark
def test_tshark_decrypts_and_verifies_every_pair(tmp_path: Path) -> None:
    """One capture with an SA of every pair of algorithms, told apart by SPI."""
    rows, packets, payloads = [], [], []
    for number, (encryption, integrity) in enumerate(PAIRS):
        values = parameters(encryption, integrity, spi=0x10000 + number)
        row = esp_row(values, outbound=True)
        assert row is not None
        rows.append(row)
        sa = EspOutbound(values, stream())
        for size in (0, 5, 300):
            payload = bytes((number, size & 255)) + bytes(range(256)) + bytes(size)
            outer = sa.seal(inner_packet(payload))
            assert isinstance(outer, bytes)
            packets.append(outer)
            payloads.append(payload)
    path = tmp_path / "esp.pcap"
    capture(path, packets)
    frames = dissect(path, rows)
    assert len(frames) == len(packets)
    for frame, payload, (_, integrity) in zip(
        frames, payloads, (pair for pair in PAIRS for _ in range(3)), strict=True
    ):
        esp = frame["esp"]
        assert "_ws.malformed" not in frame
        assert frame["data"]["data.data"].replace(":", "") == payload.hex()
        if integrity is not Integrity.NULL:
            assert '"esp.icv_good": "1"' in json.dumps(esp)


@needs_tshark
def test_a_wrong_key_is_noticed(tmp_path: Path) -> None:
    """So the test above can fail."""
    values = parameters(Encryption.AES128, Integrity.SHA1)
    outer = EspOutbound(values, stream()).seal(inner_packet(bytes(50)))
    assert isinstance(outer, bytes)
    path = tmp_path / "esp.pcap"
    capture(path, [outer])
    row = esp_row(parameters(Encryption.AES128, Integrity.SHA1, integrity_key=bytes(20)), outbound=True)
    assert row is not None
    assert '"esp.icv_bad": "1"' in json.dumps(dissect(path, [row])[0]["esp"])


def test_rows() -> None:
    values = parameters(Encryption.AES256, Integrity.SHA2_256, encryption_key=bytes(32), integrity_key=b"\xab" * 32)
    cipher, mac = f'"AES-CBC [RFC3602]","0x{"00" * 32}"', f'"HMAC-SHA-256-128 [RFC4868]","0x{"ab" * 32}"'
    sending = f'"IPv4","198.51.100.7","203.0.113.201","0x8c0ff1ce",{cipher},{mac}'
    receiving = f'"IPv4","203.0.113.201","198.51.100.7","0x8c0ff1ce",{cipher},{mac}'
    assert esp_row(values, outbound=True) == sending
    assert esp_row(values, outbound=False) == receiving
    assert esp_row(parameters(Encryption.NULL, Integrity.SHA1, protocol=IpsecProtocol.AH), outbound=True) is None
    assert ike_row(bytes(range(8)), b"\xff" * 16) == "0001020304050607," + "ff" * 16
