"""Three ways to seal and open one packet: the engine, the bare cryptography, scapy. For benchmarks to compare."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.esp import EspInbound, EspOutbound
from nsemu.ipsec.sa import SaParameters
from nsemu.sim.entropy import Entropy

Pass = Callable[[], object]

CIPHERS = {Encryption.TRIPLE_DES: TripleDES, Encryption.AES128: AES}
SCAPY_NAMES = {Encryption.TRIPLE_DES: "3DES", Encryption.AES128: "AES-CBC"}
RANDOM = Entropy(1).stream("benchmark")
PACKET = bytes(IP(src="10.1.1.5", dst="10.2.2.5") / UDP(sport=4000, dport=5000) / RANDOM.octets(1372))


def parameters(encryption: Encryption) -> SaParameters:
    return SaParameters(
        spi=0x1234,
        local=0x01010101,
        peer=0x02020202,
        protocol=IpsecProtocol.ESP,
        encryption=encryption,
        integrity=Integrity.SHA1,
        encryption_key=RANDOM.octets(encryption.key_size),
        integrity_key=RANDOM.octets(20),
        replay=True,
    )


def engine(encryption: Encryption) -> Pass:
    """Our seal and open."""
    values = parameters(encryption)
    seal = EspOutbound(values, RANDOM).seal
    open_ = EspInbound(replace(values, local=values.peer, peer=values.local)).open

    def once() -> object:
        return open_(seal(PACKET))  # type: ignore[arg-type]

    assert once() == PACKET
    return once


def bare(encryption: Encryption) -> Pass:
    """The same two cipher runs and two HMACs, with everything made anew for each packet."""
    values, algorithm, size = parameters(encryption), CIPHERS[encryption], encryption.block_size
    key, mac_key = values.encryption_key, values.integrity_key
    padding = bytes(-len(PACKET) % size)
    header = struct.pack("!II", values.spi, 1)
    ivs = cycle([RANDOM.octets(size) for _ in range(64)])

    def once() -> object:
        iv = next(ivs)
        encryptor = Cipher(algorithm(key), CBC(iv)).encryptor()
        sealed = header + iv + encryptor.update(PACKET + padding) + encryptor.finalize()
        sealed += hmac.digest(mac_key, sealed, "sha1")[:12]
        assert hmac.digest(mac_key, sealed[:-12], "sha1")[:12] == sealed[-12:]
        decryptor = Cipher(algorithm(key), CBC(sealed[8 : 8 + size])).decryptor()
        return decryptor.update(sealed[8 + size : -12]) + decryptor.finalize()

    assert once() == PACKET + padding
    return once


def scapy(encryption: Encryption) -> Pass:
    """scapy's SecurityAssociation: encrypt, dissect, decrypt."""
    values = parameters(encryption)
    association: Any = SecurityAssociation(
        ESP,
        spi=values.spi,
        crypt_algo=SCAPY_NAMES[encryption],
        crypt_key=values.encryption_key,
        auth_algo="HMAC-SHA1-96",
        auth_key=values.integrity_key,
        tunnel_header=IP(src="1.1.1.1", dst="2.2.2.2"),
    )
    packet = IP(PACKET)

    def once() -> object:
        return association.decrypt(association.encrypt(packet))

    assert bytes(once()) == PACKET  # type: ignore[call-overload]
    return once


WAYS = {"engine": engine, "bare": bare, "scapy": scapy}
