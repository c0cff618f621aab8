"""Others read what we write: scapy and tshark dissect every frame of captures of whole labs, and tshark decrypts them.

The packets inside are compared with what hosts sent, so a decryption that yields rubbish fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror
from scapy.layers.ipsec import ESP
from scapy.layers.isakmp import ISAKMP
from scapy.layers.l2 import ARP, Ether
from scapy.utils import PcapNgReader

from nsemu import Lab
from support.labs import PARIS, TOKYO, Change, Security, all_of, also, two_sites

TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A capture of the Internet link of Tokyo, one of all links, and the lab that made them."""

    outside: Path
    everything: Path
    lab: Lab


VARIANTS = {
    "route-3des-compatible": ("route", Security()),
    "policy-aes-standard-pfs": ("policy", Security(phase1="sec-level standard", phase2="proposal g2-esp-aes128-sha")),
    "route-des-md5-group1": ("route", Security(phase1="proposal pre-g1-des-md5", phase2="proposal nopfs-esp-des-md5")),
    "policy-aes256-group5": (
        "policy",
        Security(
            phase1="proposal p1",
            phase2="proposal p2",
            proposals=(
                "set ike p1-proposal p1 preshare group5 esp aes256 sha-1 second 28800",
                "set ike p2-proposal p2 group5 esp aes256 md5 second 600",
            ),
            options="replay",
        ),
    ),
}


@pytest.fixture(scope="module", params=VARIANTS)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A lab in which much happened."""
    folder = tmp_path_factory.mktemp("decode")
    style, security = VARIANTS[request.param]
    change: Change = all_of(
        also("paris", "set interface ethernet1 manage ping"), also("tokyo", "set interface ethernet1 manage ping")
    )
    lab = two_sites(folder, replace(TOKYO, style=style), replace(PARIS, style=style), security, change)
    outside, everything = folder / "outside.pcapng", folder / "everything.pcapng"
    with lab.capture(outside, links=["tokyo:ethernet3"]), lab.capture(everything):
        traffic(lab)
    return Recorded(outside, everything, lab)


def traffic(lab: Lab) -> None:
    """Every kind of packet that a lab can make."""
    lab["tokyo-pc"].ping("10.2.2.5", count=4)
    lab["paris-pc"].ping("10.1.1.1", count=2, size=2500)
    lab["tokyo-pc"].run("http get 10.2.2.5")
    lab["paris-pc"].run("ftp put 10.1.1.5 a.bin size 20000 active")
    lab["tokyo-pc"].run("udp send 10.2.2.5 7 'the quick brown fox'")
    lab["tokyo-pc"].run("udp send 10.2.2.5 9 'nobody listens'")
    lab["tokyo-pc"].run("traceroute 10.2.2.5 time-out 1")
    lab["tokyo-pc"].run("ping 10.2.2.77 count 1 time-out 5")
    lab["tokyo-pc"].run("tcp connect 10.2.2.5 4444")
    lab["tokyo-pc"].ping("2.2.2.2", count=1)
    device = lab["tokyo"].device
    device.clear_tunnel(next(iter(device.database.tunnels)))
    lab["paris-pc"].ping("10.1.1.5", count=3)
    lab.run_for(700)
    lab["tokyo-pc"].ping("10.2.2.5", count=3)
    lab["paris"].device.restart(lab["paris"].device.config)
    lab["tokyo-pc"].ping("10.2.2.5", count=5)


# --- scapy


def test_scapy_reads_every_frame_and_finds_every_checksum_right(recorded: Recorded) -> None:
    """Dissect, rebuild with the checksums and lengths left to scapy, compare octet by octet."""
    kinds: Counter[str] = Counter()
    with PcapNgReader(str(recorded.everything)) as frames:
        for frame in frames:
            octets = bytes(frame)
            dissected = Ether(octets)
            assert ARP in dissected or IP in dissected, dissected.summary()
            if IP in dissected:
                check(dissected, octets)
            kinds.update(layer.__name__ for layer in (ARP, ESP, UDP, ISAKMP, TCP, ICMP) if layer in dissected)
    assert set(kinds) == {"ARP", "ESP", "UDP", "ISAKMP", "TCP", "ICMP"}
    assert kinds["ESP"] > 100


def check(dissected: Any, octets: bytes) -> None:
    """Lengths and checksums, those of packets quoted in ICMP errors aside."""
    packet = dissected[IP]
    assert packet.len == len(octets) - 14, "no padding is ever sent"
    rebuilt = packet.copy()
    for layer in (IP, UDP, TCP, ICMP):
        if layer in rebuilt and ICMPerror not in rebuilt:
            found = rebuilt[layer]
            if not packet.frag and not packet.flags.MF:
                found.chksum = None
                if layer in {IP, UDP}:
                    found.len = None
    assert bytes(rebuilt) == octets[14:], packet.summary()
    header = IP(octets[14 : 14 + packet.ihl * 4])
    header.chksum = None
    assert bytes(header)[: packet.ihl * 4][10:12] == octets[24:26]


# --- tshark


def tshark(capture: Path, *words: str, keys: bool = True) -> str:
    """Run tshark with the keys beside the capture, as the printed command does."""
    assert TSHARK is not None
    folder = capture.with_suffix(".keys") if keys else capture.parent / "empty"
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(folder)}
    command = [TSHARK, "-n", "-r", str(capture), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def layers(capture: Path, display: str) -> Iterator[dict[str, Any]]:
    """The dissected frames that a display filter lets pass."""
    for frame in json.loads(tshark(capture, "-Y", display, "-T", "json")):
        yield frame["_source"]["layers"]


CHECKSUMS = ("ip", "udp", "tcp")


@needs_tshark
def test_tshark_finds_nothing_wrong(recorded: Recorded) -> None:
    """No malformed frame, no bad checksum, no expert error, inside ESP and ISAKMP either."""
    options = [word for name in CHECKSUMS for word in ("-o", f"{name}.check_checksum:TRUE")]
    wrong = (
        "_ws.malformed || ip.checksum.status==0 || udp.checksum.status==0 || tcp.checksum.status==0 "
        "|| icmp.checksum.status==0 || _ws.expert.severity==error || esp.icv_bad==1"
    )
    assert tshark(recorded.outside, *options, "-Y", wrong) == ""
    # Of an encrypted IKE message on several links only the first copy decrypts (see `capture_keys`): here without keys.
    assert tshark(recorded.everything, *options, "-Y", wrong, keys=False) == ""


@needs_tshark
def test_tshark_finds_what_is_wrong(recorded: Recorded, tmp_path: Path) -> None:
    """So the test above can fail: a changed octet in one ESP packet is noticed."""
    spoiled = tmp_path / "outside.pcapng"
    octets = bytearray(recorded.outside.read_bytes())
    start = octets.find(b"\x08\x00\x45\x00")
    while octets[start + 2 + 9] != 50:
        start = octets.find(b"\x08\x00\x45\x00", start + 1)
    octets[start + 2 + 60] ^= 0xFF
    spoiled.write_bytes(octets)
    shutil.copytree(recorded.outside.with_suffix(".keys"), spoiled.with_suffix(".keys"))
    assert tshark(spoiled, "-Y", "esp.icv_bad==1") != ""


@needs_tshark
def test_tshark_decrypts_isakmp(recorded: Recorded) -> None:
    """B041, B049: identities of messages 5 and 6, all of quick mode, deletes and notifications are readable."""
    identities = tshark(
        recorded.outside, "-Y", "isakmp.exchangetype==2 && isakmp.id.data.ipv4_addr", "-T", "fields",
        "-e", "isakmp.id.data.ipv4_addr",
    ).split()  # fmt: skip
    assert {"1.1.1.1", "2.2.2.2"} <= set(identities)
    quick = tshark(
        recorded.outside, "-Y", "isakmp.exchangetype==32", "-T", "fields",
        "-e", "isakmp.messageid", "-e", "isakmp.id.data.ipv4_addr", "-e", "isakmp.sa.doi", "-e", "isakmp.hash",
    ).splitlines()  # fmt: skip
    assert len(quick) >= 6
    proposing = [row for row in quick if "10.1.1.0" in row and "10.2.2.0" in row]
    assert len(proposing) >= 4, quick
    # Every encrypted message holds a HASH payload.
    assert tshark(recorded.outside, "-Y", "isakmp.flag_e==1 && isakmp.hash").count("\n") >= 8
    undecrypted = tshark(recorded.outside, "-Y", "isakmp.flag_e==1 && !isakmp.hash")
    assert undecrypted == ""


@needs_tshark
def test_tshark_decrypts_esp(recorded: Recorded) -> None:
    """Every ESP packet has a good ICV, and the packets inside are those of the hosts."""
    whole = "esp && !(ip.flags.mf==1)"
    total = tshark(recorded.outside, "-Y", whole).count("\n")
    good = tshark(recorded.outside, "-Y", f"({whole}) && esp.icv_good==1").count("\n")
    assert total == good > 60
    inner = tshark(recorded.outside, "-Y", "esp && icmp", "-T", "fields", "-e", "ip.src", "-e", "icmp.type")
    assert {row.split("\t")[1] for row in inner.splitlines()} >= {"8", "0"}
    assert "10.1.1.5" in inner
    assert "HTTP/1.1 200 OK" in tshark(recorded.outside, "-Y", "esp && http.response", "-O", "http")
    assert "the quick brown fox" in "".join(
        bytes.fromhex(text.replace(":", "")).decode("latin-1")
        for row in tshark(
            recorded.outside, "-Y", "esp && udp.port==7", "-T", "fields", "-e", "udp.payload"
        ).splitlines()
        for text in row.split(",")
        if text
    )


@needs_tshark
def test_the_printed_command_works(recorded: Recorded) -> None:
    """The command line in the README beside the capture, run by a shell, shows the inner packets."""
    folder = recorded.outside.parent
    text = (recorded.outside.with_suffix(".keys") / "README.txt").read_text(encoding="utf-8")
    command = next(line.strip() for line in text.splitlines() if "tshark -n -r" in line)
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    assert "10.1.1.5" in done.stdout
    assert "Echo (ping) request" in done.stdout
