"""ike-scan, which nobody here wrote, finds and names our responder, and psk-crack finds its preshared key.

tokyo 1.1.1.1 -- internet -- 2.2.2.2 ike-scan
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from support.live import finish, missing, namespace
from support.live_lab import live_lab

absent = missing("ike-scan", "psk-crack")
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(absent), reason=absent or "-")]

VENDORS = (
    "Netscreen-15",
    "Dead Peer Detection v1.0",
    "HeartBeat_Notify",
    "draft-ietf-ipsec-nat-t-ike-02\\n",
    "draft-ietf-ipsec-nat-t-ike-00",
)
IDS = {"fqdn": (2, "scan.abc.com"), "u-fqdn": (3, "scan@abc.com")}


def gateway(name: str, peer: str, phase1: str, key: str = "h1p8A24nG5") -> str:
    """A gateway without a VPN."""
    line = f"set ike gateway {name} {peer} outgoing-interface ethernet3 preshare {key} {phase1}\n"
    return line + f"set ike gateway {name} nat-traversal\n"


def scan(folder: Path, lines: str, *words: str) -> str:
    """What ike-scan prints."""
    with namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250") as space, live_lab(folder, space.outside, lines) as lab:
        return finish(lab, space.start("ike-scan", "--retry=3", "--timeout=1500", *words, "1.1.1.1"))


def shown(output: str) -> set[str]:
    """The words of what ike-scan tells."""
    return set(re.split(r"[ ()]", output))


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_the_responder_is_named_by_its_vendor_ids(mode: str, tmp_path: Path) -> None:
    """The vendor IDs are those of ike-scan's own list."""
    peer = "address 2.2.2.2 main" if mode == "main" else "dynamic scan@abc.com aggressive"
    words = ["--trans=5,2,1,2"]
    if mode == "aggressive":
        words += ["--aggressive", "--id=scan@abc.com", "--idtype=3", "--dhgroup=2"]
    output = scan(tmp_path, gateway("peer", peer, "proposal pre-g2-3des-sha"), *words)
    assert f"{mode.capitalize()} Mode Handshake returned" in output
    assert {"Enc=3DES", "Hash=SHA1", "Group=2:modp1024", "Auth=PSK"} <= shown(output), output
    for vendor in VENDORS:
        assert f"({vendor})" in output


TRANSFORMS = {
    "1,1,1,1": ("group1 esp des md5", {"Enc=DES", "Hash=MD5", "Group=1:modp768"}),
    "1,2,1,2": ("group2 esp des sha-1", {"Enc=DES", "Hash=SHA1", "Group=2:modp1024"}),
    "5,1,1,5": ("group5 esp 3des md5", {"Enc=3DES", "Hash=MD5", "Group=5:modp1536"}),
    "7/128,2,1,2": ("group2 esp aes128 sha-1", {"Enc=AES", "KeyLength=128", "Hash=SHA1", "Group=2:modp1024"}),
    "7/192,1,1,5": ("group5 esp aes192 md5", {"Enc=AES", "KeyLength=192", "Hash=MD5", "Group=5:modp1536"}),
    "7/256,4,1,14": ("group14 esp aes256 sha2-256", {"Enc=AES", "KeyLength=256", "Hash=SHA2-256", "Group=14:modp2048"}),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_transform_that_both_know_is_chosen(transform: str, tmp_path: Path) -> None:
    """B045, B046: of several that are offered, and none when none is known."""
    ours, found = TRANSFORMS[transform]
    lines = f"set ike p1-proposal own preshare {ours}\n" + gateway("peer", "address 2.2.2.2 main", "proposal own")
    strangers = ["--trans=6,2,1,2", "--trans=7/256,5,1,16"]
    with namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250") as space, live_lab(tmp_path, space.outside, lines) as lab:
        words = ["ike-scan", "--retry=3", "--timeout=1500", *strangers]
        output = finish(lab, space.start(*words, f"--trans={transform}", "1.1.1.1"))
        refused = finish(lab, space.start(*words, "1.1.1.1"))
    assert "Main Mode Handshake returned" in output
    assert found <= shown(output), output
    assert "Notify message 14 (NO-PROPOSAL-CHOSEN)" in refused, refused


@pytest.mark.parametrize("hash_", ["md5", "sha"])
@pytest.mark.parametrize("kind", IDS)
def test_psk_crack_finds_the_preshared_key_in_our_hash(kind: str, hash_: str, tmp_path: Path) -> None:
    """HASH_R of aggressive mode (RFC 2409 §5.4) as somebody else computes it: psk-crack finds our key, and no other."""
    number, name = IDS[kind]
    lines = gateway("peer", f"dynamic {name} aggressive", f"proposal pre-g2-3des-{hash_}", key="Tr1cky+Key")
    parameters, words = tmp_path / "psk", tmp_path / "words"
    output = scan(
        tmp_path,
        lines,
        "--aggressive",
        f"--id={name}",
        f"--idtype={number}",
        f"--trans=5,{'1' if hash_ == 'md5' else '2'},1,2",
        "--dhgroup=2",
        f"--pskcrack={parameters}",
    )
    assert "Aggressive Mode Handshake returned" in output
    for dictionary, found in (("alpha\nTr1cky+Key\nomega\n", True), ("alpha\ntr1cky+key\nomega\n", False)):
        words.write_text(dictionary)
        told = subprocess.run(
            ["psk-crack", f"--dictionary={words}", str(parameters)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert ('key "Tr1cky+Key" matches' in told.stdout) is found, told.stdout + told.stderr


def test_each_of_several_gateways_is_found_by_its_own_id(tmp_path: Path) -> None:
    """B194: the ID chooses the gateway, and with it the proposal; an ID of nobody gets no answer."""
    lines = gateway("one", "dynamic one@abc.com aggressive", "proposal pre-g2-3des-sha")
    lines += gateway("two", "dynamic two.abc.com aggressive", "proposal pre-g2-aes128-sha")
    lines += gateway("three", "address 2.2.2.2 main", "proposal pre-g2-des-md5")
    with namespace("2.2.2.2/24", "10.2.2.1/24", "2.2.2.250") as space, live_lab(tmp_path, space.outside, lines) as lab:

        def ask(*words: str) -> str:
            return finish(lab, space.start("ike-scan", "--retry=2", "--timeout=700", *words, "1.1.1.1"))

        offers = ["--aggressive", "--dhgroup=2", "--trans=5,2,1,2", "--trans=7/128,2,1,2", "--trans=1,1,1,2"]
        one = ask(*offers, "--id=one@abc.com", "--idtype=3")
        two = ask(*offers, "--id=two.abc.com", "--idtype=2")
        nobody = ask(*offers, "--id=nobody@abc.com", "--idtype=3")
        three = ask("--trans=5,2,1,2", "--trans=1,1,1,2")
    assert "Enc=3DES" in shown(one), one
    assert {"Enc=AES", "KeyLength=128"} <= shown(two), two
    assert "Handshake returned" not in nobody
    assert {"Enc=DES", "Hash=MD5"} <= shown(three), three


def test_one_packet_draws_one_answer(tmp_path: Path) -> None:
    """To whoever sends one packet, perhaps with a forged address, the responder does not say the same again."""
    lines = gateway("peer", "address 2.2.2.2 main", "proposal pre-g2-3des-sha")
    output = scan(tmp_path, lines, "--trans=5,2,1,2", "--showbackoff=6")
    assert "Main Mode Handshake returned" in output
    assert re.findall(r"^1\.1\.1\.1\t(\d+)\t\d", output, re.MULTILINE) == ["1"], output
