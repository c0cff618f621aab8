"""What others read in our messages: scapy takes them apart, tshark decrypts them with the exported keys."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.isakmp import ISAKMP, ISAKMP_payload_KE, ISAKMP_payload_Nonce, ISAKMP_payload_SA
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from nsemu.config.algorithms import DhGroup, Encryption, ExchangeMode, Integrity
from nsemu.ike.events import Phase1Completed, Phase2Completed
from nsemu.wire.address import format_ipv4
from nsemu.wire.isakmp import FLAG_ENCRYPTED
from support.ike import Pair, keys_match, p1, p2

TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")

CASES = [
    pytest.param(Encryption.TRIPLE_DES, Integrity.SHA1, DhGroup.GROUP2, id="3des-sha1"),
    pytest.param(Encryption.DES, Integrity.MD5, DhGroup.GROUP1, id="des-md5"),
    pytest.param(Encryption.AES128, Integrity.SHA1, DhGroup.GROUP5, id="aes128-sha1"),
    pytest.param(Encryption.AES256, Integrity.MD5, DhGroup.GROUP2, id="aes256-md5"),
]


def test_scapy_dissects_every_message() -> None:
    pair = Pair(p1s=(p1(), p1(Encryption.AES256))).establish()
    packets = [ISAKMP(datagram.data) for datagram in pair.seen]
    completed = pair.west.one(Phase1Completed)
    assert all(packet.init_cookie == completed.initiator_cookie for packet in packets)
    assert all(packet.resp_cookie == completed.responder_cookie for packet in packets[1:])
    assert [packet.length for packet in packets] == [len(datagram.data) for datagram in pair.seen]
    assert [packet.exch_type for packet in packets] == [2] * 6 + [32] * 3
    assert len({packet.id for packet in packets[6:]}) == 1
    offered = packets[0][ISAKMP_payload_SA].prop
    assert (offered.proposal, offered.proto, offered.trans_nb) == (1, 1, 2)
    assert dict(packets[1][ISAKMP_payload_SA].prop.trans.transforms) == {
        "Encryption": "3DES-CBC",
        "Hash": "SHA",
        "Authentication": "PSK",
        "GroupDesc": "1024MODPgr",
        "LifeType": "Seconds",
        "LifeDuration": 28800,
    }
    for packet in packets[2:4]:
        assert len(packet[ISAKMP_payload_KE].load) == 128
        assert len(packet[ISAKMP_payload_Nonce].load) == 20
    for datagram in pair.seen:
        if not datagram.data[19] & FLAG_ENCRYPTED:
            assert bytes(ISAKMP(datagram.data)) == datagram.data


def dissect(pair: Pair, folder: Path) -> list[dict[str, Any]]:
    """The isakmp layer of every datagram on the wire, decrypted by tshark with the key of the first Phase 1."""
    assert TSHARK is not None
    capture = folder / "ike.pcap"
    frames = [
        Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        / IP(src=format_ipv4(d.source.address), dst=format_ipv4(d.destination.address))
        / UDP(sport=d.source.port, dport=d.destination.port)
        / d.data
        for d in pair.seen
    ]
    wrpcap(str(capture), frames)
    completed = pair.west.of(Phase1Completed)[0]
    row = f"uat:ikev1_decryption_table:{completed.initiator_cookie.hex()},{completed.encryption_key.hex()}"
    command = [TSHARK, "-r", str(capture), "-o", row, "-T", "json", "--no-duplicate-keys", "-J", "isakmp"]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [frame["_source"]["layers"]["isakmp"] for frame in json.loads(output)]


def values(tree: Any, key: str) -> list[str]:
    """All values of `key` anywhere in the dissection, in order."""
    if isinstance(tree, dict):
        found = [item for name, child in tree.items() for item in values(child, key)]
        own = tree.get(key)
        direct = own if isinstance(own, list) else [own] if own is not None else []
        return [item for item in direct if isinstance(item, str)] + found
    if isinstance(tree, list):
        return [item for child in tree for item in values(child, key)]
    return []


@needs_tshark
@pytest.mark.parametrize("mode", ExchangeMode)
@pytest.mark.parametrize(("encryption", "hash_", "group"), CASES)
def test_tshark_decrypts_every_message(
    encryption: Encryption, hash_: Integrity, group: DhGroup, mode: ExchangeMode, tmp_path: Path
) -> None:
    pair = Pair(p1s=(p1(encryption, hash_, group),), p2s=(p2(encryption, hash_, group),), mode=mode).establish()
    pair.west.engine.delete_tunnel_sas(1, pair.now)
    pair.run()
    frames = dissect(pair, tmp_path)
    phase1 = 6 if mode is ExchangeMode.MAIN else 3
    assert len(frames) == len(pair.seen) == phase1 + 4
    text = json.dumps(frames)
    assert "malformed" not in text.lower()
    assert "expert" not in text
    chains = [values(frame, "isakmp.typepayload") for frame in frames]
    if mode is ExchangeMode.MAIN:
        assert chains[4] == chains[5] == ["5", "8"]
    else:
        assert chains[2] == ["8"]
    assert chains[phase1][0] == "8"
    assert {"1", "4", "5", "10"} <= set(chains[phase1])
    assert chains[phase1 + 2] == ["8"]
    assert chains[phase1 + 3] == ["8", "12"]
    spis = [event.spi for event in (pair.west.one(Phase2Completed).inbound, pair.east.one(Phase2Completed).inbound)]
    shown = [values(frame, "isakmp.spi")[0].replace(":", "") for frame in frames[phase1 : phase1 + 2]]
    assert shown == [f"{spi:08x}" for spi in spis]
    assert keys_match(pair)
