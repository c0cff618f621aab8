"""SAs and inner packets for tests of the IPsec engine."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.database import SaDatabase
from nsemu.ipsec.sa import InboundSa, OutboundSa, SaParameters
from nsemu.ipsec.tunnel import TunnelSettings
from nsemu.sim.entropy import Entropy, Stream
from nsemu.wire.address import parse_ipv4
from nsemu.wire.checksum import checksum

PAIRS = [
    pair for pair in product(Encryption, Integrity) if pair != (Encryption.NULL, Integrity.NULL)
]  # RFC 4303 §3.2 forbids both NULL
PAIR_IDS = [f"{encryption.value}-{integrity.value}" for encryption, integrity in PAIRS]

LOCAL = parse_ipv4("198.51.100.7")
PEER = parse_ipv4("203.0.113.201")


def stream(name: str = "ipsec") -> Stream:
    """A seeded stream."""
    return Entropy(7).stream(name)


def parameters(encryption: Encryption, integrity: Integrity, **changes: Any) -> SaParameters:
    """Parameters of an outbound SA LOCAL → PEER with keys that depend on the algorithms' names alone."""
    keys = stream(f"{encryption.value}/{integrity.value}")
    values: dict[str, Any] = {
        "spi": 0x8C0FF1CE,
        "local": LOCAL,
        "peer": PEER,
        "protocol": IpsecProtocol.ESP,
        "encryption": encryption,
        "integrity": integrity,
        "encryption_key": keys.octets(encryption.key_size),
        "integrity_key": keys.octets(integrity.key_size),
        "replay": True,
    }
    return SaParameters(**(values | changes))


def inner_packet(payload: bytes = b"", *, tos: int = 0, dont_fragment: bool = False) -> bytes:
    """A valid IPv4 packet 10.1.1.5 → 10.2.2.5 of an unassigned protocol."""
    header = bytearray(20)
    header[0:2] = bytes((0x45, tos))
    header[2:4] = (20 + len(payload)).to_bytes(2, "big")
    header[6] = 0x40 if dont_fragment else 0
    header[8:10] = bytes((64, 253))
    header[12:20] = bytes((10, 1, 1, 5, 10, 2, 2, 5))
    header[10:12] = checksum(header).to_bytes(2, "big")
    return bytes(header) + payload


def ends(values: SaParameters) -> tuple[OutboundSa, InboundSa]:
    """Both ends, made by two databases as a device makes them."""
    base = TunnelSettings("v", "g", values.peer, values.local, "e3", values.protocol, values.encryption, Integrity.MD5)
    near, far = SaDatabase(stream("near")), SaDatabase(stream("far"))
    there = replace(values, local=values.peer, peer=values.local)
    other = replace(base, local=base.peer, peer=base.local)
    return (
        near.install_outbound(near.add_tunnel(base), values, 0),
        far.install_inbound(far.add_tunnel(other), there, 0),
    )


def sealed(sa: OutboundSa, packet: bytes) -> bytes:
    outer = sa.seal(packet)
    assert isinstance(outer, bytes)
    return outer
