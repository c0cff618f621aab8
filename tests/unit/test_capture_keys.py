"""The keys beside a capture: the printed command is run, and tshark decrypts IKE and ESP with nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nsemu.config.algorithms import Encryption, Integrity
from nsemu.ipsec.esp import EspOutbound
from nsemu.ipsec.keyexport import ESP_TABLE as ENGINE_ESP_TABLE
from nsemu.ipsec.keyexport import IKE_TABLE as ENGINE_IKE_TABLE
from nsemu.ipsec.keyexport import esp_row, ike_row
from nsemu.lab.capture import Capture, CaptureSummary
from nsemu.lab.capture_keys import ESP_TABLE, IKE_TABLE, KeyRows, tshark_command, write_keys
from nsemu.lab.link import Link, LinkProperties
from nsemu.lab.port import Port
from nsemu.runtime.crypto.ciphers import encrypt_cbc
from nsemu.runtime.crypto.integrity import digest
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.wire.checksum import checksum
from nsemu.wire.isakmp import FLAG_ENCRYPTED, ExchangeType, PayloadType, build_message, build_payloads
from nsemu.wire.isakmp_payloads import Proposal, build_identification, build_security_association, build_transform
from support.ipsec import inner_packet, parameters

NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
EPOCH = 1_083_369_600 * SECOND
INITIATOR, RESPONDER = bytes((198, 51, 100, 7)), bytes((203, 0, 113, 201))
COOKIES = bytes(range(1, 17))
KEY = bytes(range(40, 56))
ESP_KEYS = parameters(Encryption.AES256, Integrity.SHA1, spi=0xCAFE0001)


def ethernet(packet: bytes) -> bytes:
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00" + packet


def datagram(message: bytes, source: bytes, destination: bytes) -> bytes:
    udp = b"\x01\xf4\x01\xf4" + (8 + len(message)).to_bytes(2, "big") + b"\0\0" + message
    header = bytearray(
        b"\x45\0" + (20 + len(udp)).to_bytes(2, "big") + bytes(4) + b"\x40\x11\0\0" + source + destination
    )
    header[10:12] = checksum(header).to_bytes(2, "big")
    return ethernet(bytes(header) + udp)


def main_mode() -> Iterator[tuple[bool, bytes]]:
    """The messages of a main mode up to the two encrypted ones (RFC 2409 §5.4): (from the initiator?, frame).

    AES-128, SHA-1, group 2, preshared key. tshark takes the encryption key from its table and the initialisation
    vector from the public values, so those can be anything.
    """
    transform = build_transform(1, 1, [(1, 7), (14, 128), (2, 2), (4, 2), (3, 1), (11, 1), (12, 28800)])
    proposal = build_security_association([Proposal(1, 1, b"", (transform,))])
    halves = (COOKIES[:8] + bytes(8), COOKIES)
    for sender, cookies in zip((True, False), halves, strict=True):
        yield sender, clear(cookies, [(PayloadType.SA, proposal)], sender)
    publics = {True: b"\x11" * 128, False: b"\x22" * 128}
    for sender, public in publics.items():
        chain = [(PayloadType.KEY_EXCHANGE, public), (PayloadType.NONCE, bytes((sender,)) * 20)]
        yield sender, clear(COOKIES, chain, sender)
    vector = digest(Integrity.SHA1, publics[True] + publics[False])[:16]
    for sender, name in ((True, b"left.example"), (False, b"right.example")):
        identity = build_identification(2, 17, 500, name)
        plain = build_payloads([(PayloadType.IDENTIFICATION, identity), (PayloadType.HASH, bytes(20))])
        text = encrypt_cbc(Encryption.AES128, KEY, vector, plain + bytes(-len(plain) % 16))
        vector = text[-16:]
        message = build_message(COOKIES, ExchangeType.MAIN, 0, PayloadType.IDENTIFICATION, text, flags=FLAG_ENCRYPTED)
        yield sender, datagram(message, *ends(sender))


def ends(from_initiator: bool) -> tuple[bytes, bytes]:
    return (INITIATOR, RESPONDER) if from_initiator else (RESPONDER, INITIATOR)


def clear(cookies: bytes, payloads: Sequence[tuple[int, bytes]], sender: bool) -> bytes:
    message = build_message(cookies, ExchangeType.MAIN, 0, payloads[0][0], build_payloads(payloads))
    return datagram(message, *ends(sender))


def rows(esp_keys: bytes | None = None) -> KeyRows:
    esp = esp_row(ESP_KEYS, outbound=True)
    assert esp is not None
    return KeyRows((ike_row(COOKIES[:8], esp_keys or KEY),), (esp,))


def capture(path: Path, key_rows: KeyRows, *, arrivals: bool = False) -> CaptureSummary:
    scheduler = Scheduler()
    one, other = Port("left", "ethernet3"), Port("right", "ethernet3")
    link = Link(one, other, scheduler, Entropy(1).stream("link"), LinkProperties(delay_ns=5))
    recording = Capture(path, [link], epoch_ns=EPOCH, key_rows=lambda: key_rows, arrivals=arrivals)
    recording.start()
    for from_initiator, frame in main_mode():
        (one if from_initiator else other).transmit(frame, None)
        scheduler.run_for(SECOND)
    sealed = EspOutbound(ESP_KEYS, Entropy(2).stream("esp")).seal(inner_packet(b"the inner packet"))
    assert isinstance(sealed, bytes)
    one.transmit(ethernet(sealed), None)
    scheduler.run_for(SECOND)
    return recording.stop()


def run(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(folder)},
    )
    return done.stdout


def fields(summary: CaptureSummary, *names: str) -> list[list[str]]:
    words = " ".join(f"-e {name}" for name in names)
    return [line.split("\t") for line in run(f"{summary.command} -T fields {words}", summary.path.parent).splitlines()]


@NEEDS_TSHARK
@pytest.mark.parametrize("name", ["x.pcapng", "it's a $capture.pcapng"])
def test_the_printed_command_decrypts_ike_and_esp(name: str, tmp_path: Path) -> None:
    summary = capture(tmp_path / name, rows())
    found = fields(summary, "isakmp.id.data.fqdn", "esp.icv_good", "ip.proto", "_ws.malformed")
    assert [row[0] for row in found] == ["", "", "", "", "left.example", "right.example", ""]
    assert found[6][1] in ("1", "True")
    assert found[6][2] == "50,253"
    assert not any(row[3] for row in found)
    assert b"the inner packet".hex() in fields(summary, "data.data")[6][0].replace(":", "")


@NEEDS_TSHARK
def test_a_wrong_key_does_not_decrypt(tmp_path: Path) -> None:
    """So the test above can fail."""
    summary = capture(tmp_path / "x.pcapng", rows(bytes(16)))
    assert "left.example" not in run(f"{summary.command} -V", tmp_path)


@NEEDS_TSHARK
def test_the_first_copy_of_a_message_decrypts_when_arrivals_are_recorded(tmp_path: Path) -> None:
    summary = capture(tmp_path / "x.pcapng", rows(), arrivals=True)
    found = [row[0] for row in fields(summary, "isakmp.id.data.fqdn")]
    assert len(found) == 14
    assert found[8::2] == ["left.example", "right.example", ""]
    assert found[9::2] == ["", "", ""]


@NEEDS_TSHARK
def test_the_commands_of_the_readme_work(tmp_path: Path) -> None:
    summary = capture(tmp_path / "x.pcapng", rows(), arrivals=True)
    assert summary.keys is not None
    readme = (summary.keys / "README.txt").read_text()
    commands = [
        line.strip() for line in readme.splitlines() if " tshark " in line or line.strip().startswith("tshark ")
    ]
    assert len(commands) == 4
    outputs = [run(command, tmp_path) for command in commands[:3]]
    assert "left.example" in outputs[1]
    assert "right.example" not in outputs[2]
    narrowing = commands[3].replace("NODE:INTERFACE", "left:ethernet3").replace("OTHER:INTERFACE", "nobody:eth0")
    run(narrowing, tmp_path)
    assert len(run("tshark -r one.pcapng", tmp_path).splitlines()) == 7


def test_the_folder_beside_the_capture(tmp_path: Path) -> None:
    folder = write_keys(tmp_path / "lab.one.pcapng", KeyRows(("aa,bb", "cc,dd", "aa,bb"), ('"IPv4",…',)))
    assert folder == tmp_path / "lab.one.keys"
    assert sorted(path.name for path in folder.iterdir()) == sorted([IKE_TABLE, ESP_TABLE, "README.txt", "preferences"])
    assert (folder / IKE_TABLE).read_text() == "aa,bb\ncc,dd\n"
    assert "Keys of the capture lab.one.pcapng" in (folder / "README.txt").read_text()
    write_keys(tmp_path / "lab.one.pcapng", KeyRows())
    assert (folder / ESP_TABLE).read_text() == ""


def test_the_tables_are_those_the_engine_writes_rows_for() -> None:
    assert (IKE_TABLE, ESP_TABLE) == (ENGINE_IKE_TABLE, ENGINE_ESP_TABLE)


def test_the_command_is_quoted_for_a_shell() -> None:
    assert tshark_command(Path("out/x.pcapng")) == "WIRESHARK_CONFIG_DIR=out/x.keys tshark -n -r out/x.pcapng"
    assert tshark_command(Path("a b.pcapng")) == "WIRESHARK_CONFIG_DIR='a b.keys' tshark -n -r 'a b.pcapng'"
