"""AH, and ESP in transport mode: round trips, scapy as the other end, damage, and what routers may change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.ipsec import AH, ESP, SecurityAssociation

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.sa import IpsecFailure, SaMode, SaParameters
from nsemu.wire.address import format_ipv4
from nsemu.wire.checksum import checksum
from support.ipsec import PAIRS, ends, inner_packet, parameters, sealed

HASHES = [hash_ for hash_ in Integrity if hash_ is not Integrity.NULL]
TUNNEL, TRANSPORT = SaMode.TUNNEL, SaMode.TRANSPORT
SCAPY_CIPHERS = {
    Encryption.NULL: "NULL",
    Encryption.DES: "DES",
    Encryption.TRIPLE_DES: "3DES",
    Encryption.AES128: "AES-CBC",
    Encryption.AES192: "AES-CBC",
    Encryption.AES256: "AES-CBC",
}
SCAPY_HASHES = {
    Integrity.NULL: "NULL",
    Integrity.MD5: "HMAC-MD5-96",
    Integrity.SHA1: "HMAC-SHA1-96",
    Integrity.SHA2_256: "SHA2-256-128",
}
KINDS = [(IpsecProtocol.AH, mode, Encryption.NULL, hash_) for mode in SaMode for hash_ in HASHES] + [
    (IpsecProtocol.ESP, TRANSPORT, *pair) for pair in PAIRS
]
every_kind = pytest.mark.parametrize(("protocol", "mode", "encryption", "integrity"), KINDS)
SIZES = (0, 1, 2, 13, 14, 15, 100, 1400)


def values_of(protocol: IpsecProtocol, mode: SaMode, encryption: Encryption, integrity: Integrity) -> SaParameters:
    return parameters(encryption, integrity, protocol=protocol, mode=mode)


def scapy_sa(values: SaParameters) -> Any:
    tunnel = IP(src=format_ipv4(values.local), dst=format_ipv4(values.peer)) if values.mode is TUNNEL else None
    keys: dict[str, Any] = {"auth_algo": SCAPY_HASHES[values.integrity], "auth_key": values.integrity_key or None}
    if values.protocol is IpsecProtocol.ESP:
        keys |= {"crypt_algo": SCAPY_CIPHERS[values.encryption], "crypt_key": values.encryption_key or None}
    layer = ESP if values.protocol is IpsecProtocol.ESP else AH
    return SecurityAssociation(layer, spi=values.spi, tunnel_header=tunnel, **keys)


def with_options(packet: bytes, options: bytes) -> bytes:
    header = bytearray(packet[:20]) + options
    header[0] = 0x40 | len(header) // 4
    header[2:4] = (len(packet) + len(options)).to_bytes(2, "big")
    header[10:12] = b"\0\0"
    header[10:12] = checksum(header).to_bytes(2, "big")
    return bytes(header) + packet[20:]


@every_kind
def test_round_trip(protocol: IpsecProtocol, mode: SaMode, encryption: Encryption, integrity: Integrity) -> None:
    """B019 to B024."""
    outbound, inbound = ends(values_of(protocol, mode, encryption, integrity))
    for size in SIZES:
        packet = inner_packet(bytes(range(256))[:size] if size <= 256 else bytes(size), tos=size & 0xFC)
        outer = sealed(outbound, packet)
        assert checksum(outer[:20]) == 0
        assert int.from_bytes(outer[2:4], "big") == len(outer)
        assert (outer[1], outer[9]) == (packet[1], protocol.value)
        assert (outer[12:20] == packet[12:20]) is (mode is TRANSPORT)
        assert inbound.open(outer) == packet
        assert inbound.open(outer) is IpsecFailure.REPLAY
    assert outbound.octets == inbound.octets
    assert (outbound.packets, inbound.packets, inbound.replay_failures) == (len(SIZES), len(SIZES), len(SIZES))


@every_kind
def test_scapy_is_the_other_end(
    protocol: IpsecProtocol, mode: SaMode, encryption: Encryption, integrity: Integrity
) -> None:
    values = values_of(protocol, mode, encryption, integrity)
    outbound, inbound = ends(values)
    association = scapy_sa(values)
    for size in (1, 13, 100, 1400):
        packet = inner_packet(bytes(range(256))[:size] if size <= 256 else bytes(size))
        assert bytes(association.decrypt(IP(sealed(outbound, packet)))) == packet
        assert inbound.open(bytes(association.encrypt(IP(packet)))) == packet


@every_kind
def test_damage_never_escapes(
    protocol: IpsecProtocol, mode: SaMode, encryption: Encryption, integrity: Integrity
) -> None:
    outbound, inbound = ends(values_of(protocol, mode, encryption, integrity))
    packet = inner_packet(b"0123456789" * 3)
    outer = sealed(outbound, packet)
    for size in range(len(outer)):
        before = inbound.authentication_failures + inbound.other_failures + inbound.packets
        result = inbound.open(outer[:size])
        assert inbound.authentication_failures + inbound.other_failures + inbound.packets == before + 1
        if integrity is not Integrity.NULL:
            assert isinstance(result, IpsecFailure)
    if integrity is not Integrity.NULL:
        for bit in range(20 * 8, len(outer) * 8):
            damaged = bytearray(outer)
            damaged[bit // 8] ^= 1 << bit % 8
            assert isinstance(inbound.open(damaged), IpsecFailure)
        assert inbound.open(outer) == packet


@pytest.mark.parametrize("mode", SaMode)
def test_ah_covers_what_does_not_change_on_the_way(mode: SaMode) -> None:
    """RFC 4302 §3.3.3.1: ToS, flags, TTL and checksum may change; everything else of the header may not."""
    outbound, inbound = ends(values_of(IpsecProtocol.AH, mode, Encryption.NULL, Integrity.SHA1))
    for position in range(20):
        packet = inner_packet(b"payload")
        damaged = bytearray(sealed(outbound, packet))
        damaged[position] ^= 0x10
        result = inbound.open(damaged)
        if position in (1, 6, 7, 8, 10, 11):
            assert isinstance(result, bytes)
            assert result[20:] == b"payload"
        else:
            assert result is IpsecFailure.AUTHENTICATION


@every_kind
def test_options_of_the_header_stay_in_transport_mode(
    protocol: IpsecProtocol, mode: SaMode, encryption: Encryption, integrity: Integrity
) -> None:
    options = bytes((148, 4, 0, 0)) + bytes((7, 7, 4, 0, 0, 0, 0)) + b"\0"  # router alert, record route, end
    packet = with_options(inner_packet(b"payload"), options)
    outbound, inbound = ends(values_of(protocol, mode, encryption, integrity))
    outer = sealed(outbound, packet)
    offset = (outer[0] & 15) * 4
    assert offset == (32 if mode is TRANSPORT else 20)
    assert inbound.open(outer, offset) == packet


def test_ah_authenticates_the_options_that_stay_and_not_the_others() -> None:
    """RFC 4302 Appendix A1: a router fills in the recorded route, but must leave the router alert alone."""
    options = bytes((148, 4, 0, 0)) + bytes((7, 7, 4, 0, 0, 0, 0)) + b"\0"
    packet = with_options(inner_packet(b"payload"), options)
    outbound, inbound = ends(values_of(IpsecProtocol.AH, TRANSPORT, Encryption.NULL, Integrity.MD5))
    on_the_way = bytearray(sealed(outbound, packet))
    on_the_way[27:31] = bytes((10, 0, 0, 1))
    assert isinstance(inbound.open(on_the_way, 32), bytes)
    on_the_way = bytearray(sealed(outbound, packet))
    on_the_way[22] = 1
    assert inbound.open(on_the_way, 32) is IpsecFailure.AUTHENTICATION


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(KINDS), st.binary(max_size=150), st.integers(0, 60))
def test_noise_never_escapes(
    kind: tuple[IpsecProtocol, SaMode, Encryption, Integrity], noise: bytes, offset: int
) -> None:
    _, inbound = ends(values_of(*kind))
    result = inbound.open(noise, offset)
    assert isinstance(result, IpsecFailure) or kind[3] is Integrity.NULL
    if isinstance(result, IpsecFailure):
        assert inbound.authentication_failures + inbound.other_failures == 1


@every_kind
def test_limits(protocol: IpsecProtocol, mode: SaMode, encryption: Encryption, integrity: Integrity) -> None:
    values = replace(values_of(protocol, mode, encryption, integrity), lifesize_kilobytes=1)
    outbound, inbound = ends(values)
    assert outbound.seal(inner_packet(bytes(65500))) is IpsecFailure.TOO_LONG
    outer = sealed(outbound, inner_packet(bytes(1004)))
    assert outbound.seal(inner_packet()) is IpsecFailure.EXPIRED
    assert isinstance(inbound.open(outer), bytes)
    assert inbound.open(outer) is IpsecFailure.EXPIRED
    outbound, _ = ends(replace(values, lifesize_kilobytes=0))
    outbound.sequence = 2**32 - 1
    assert outbound.seal(inner_packet()) is IpsecFailure.EXHAUSTED
    assert outbound.sequence == 2**32 - 1
