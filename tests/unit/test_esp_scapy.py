"""scapy's own ESP opens what we seal, and we open what scapy seals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.ipsec import ESP, SecurityAssociation

from nsemu.config.algorithms import Encryption, Integrity
from nsemu.ipsec.esp import EspInbound, EspOutbound
from nsemu.wire.address import format_ipv4
from support.ipsec import PAIR_IDS, PAIRS, inner_packet, parameters, stream

CRYPT_NAMES = {
    Encryption.NULL: "NULL",
    Encryption.DES: "DES",
    Encryption.TRIPLE_DES: "3DES",
    Encryption.AES128: "AES-CBC",
    Encryption.AES192: "AES-CBC",
    Encryption.AES256: "AES-CBC",
}
AUTH_NAMES = {
    Integrity.NULL: "NULL",
    Integrity.MD5: "HMAC-MD5-96",
    Integrity.SHA1: "HMAC-SHA1-96",
    Integrity.SHA2_256: "SHA2-256-128",
}
SIZES = (0, 1, 7, 8, 15, 16, 17, 100, 1400)
every_pair = pytest.mark.parametrize(("encryption", "integrity"), PAIRS, ids=PAIR_IDS)


def scapy_sa(encryption: Encryption, integrity: Integrity) -> Any:
    values = parameters(encryption, integrity)
    return SecurityAssociation(
        ESP,
        spi=values.spi,
        crypt_algo=CRYPT_NAMES[encryption],
        crypt_key=values.encryption_key or None,
        auth_algo=AUTH_NAMES[integrity],
        auth_key=values.integrity_key or None,
        tunnel_header=IP(src=format_ipv4(values.local), dst=format_ipv4(values.peer)),
    )


@every_pair
def test_scapy_opens_what_we_seal(encryption: Encryption, integrity: Integrity) -> None:
    association, outbound = scapy_sa(encryption, integrity), EspOutbound(parameters(encryption, integrity), stream())
    for size in SIZES:
        packet = inner_packet(bytes(range(256)) * 6)[: 20 + size]
        packet = inner_packet(packet[20:])
        outer = outbound.seal(packet)
        assert isinstance(outer, bytes)
        assert bytes(association.decrypt(IP(outer))) == packet


@every_pair
def test_we_open_what_scapy_seals(encryption: Encryption, integrity: Integrity) -> None:
    association = scapy_sa(encryption, integrity)
    values = parameters(encryption, integrity)
    inbound = EspInbound(replace(values, local=values.peer, peer=values.local))
    for size in SIZES:
        packet = inner_packet(bytes(range(256))[:size] if size <= 256 else bytes(size))
        assert inbound.open(bytes(association.encrypt(IP(packet)))) == packet
    assert inbound.packets == len(SIZES)
