"""Keys from passwords (B213), what fits an MTU, and a DF bit that changes during the life of an SA."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.database import SaDatabase
from nsemu.ipsec.manual import ENCRYPTION_PURPOSE, INTEGRITY_PURPOSE, key_from_password
from nsemu.ipsec.sa import DfBit, OutboundSa, SaMode, SaParameters
from nsemu.ipsec.tunnel import TunnelSettings
from nsemu.wire.ipv4 import Ipv4Packet
from support.ipsec import PAIRS, inner_packet, stream

TRANSFORMS = [(IpsecProtocol.ESP, *pair) for pair in PAIRS] + [
    (IpsecProtocol.AH, Encryption.NULL, hash_) for hash_ in Integrity if hash_ is not Integrity.NULL
]


def outbound(protocol: IpsecProtocol, encryption: Encryption, integrity: Integrity, mode: SaMode) -> OutboundSa:
    """An SA with any keys."""
    parameters = SaParameters(
        0x3020, 0x01010101, 0x02020202, protocol, encryption, integrity,
        key_from_password("a", ENCRYPTION_PURPOSE, encryption.key_size),
        key_from_password("b", INTEGRITY_PURPOSE, integrity.key_size),
        mode=mode,
    )  # fmt: skip
    database = SaDatabase(stream())
    tunnel = database.add_tunnel(TunnelSettings("v", "", 0x02020202, 0x01010101, "e3", protocol, encryption, integrity))
    return database.install_outbound(tunnel, parameters, 0)


def packet(size: int, *, df: bool = False) -> bytes:
    """An IPv4 packet of that many octets."""
    return Ipv4Packet(0x0A010105, 0x0A020205, 17, bytes(size - 20), df=df).build()


@pytest.mark.parametrize("size", [0, 8, 16, 20, 24, 32, 64])
def test_a_key_is_what_the_description_says(size: int) -> None:
    """HMAC-SHA-1 of purpose and counter; computed here with the standard library."""
    blocks = b"".join(hmac.digest(b"secret", b"encryption" + bytes((n,)), hashlib.sha1) for n in range(1, 5))
    assert key_from_password("secret", ENCRYPTION_PURPOSE, size) == blocks[:size]


def test_equal_passwords_give_equal_keys() -> None:
    """B213: at both ends, on every run; the two purposes and two passwords never meet."""
    assert (
        key_from_password("PNas134a", INTEGRITY_PURPOSE, 20).hex()
        == key_from_password("PNas134a", INTEGRITY_PURPOSE, 20).hex()
    )
    keys = {key_from_password(word, purpose, 24) for word in ("a", "b", "A", "ä", "")
            for purpose in (ENCRYPTION_PURPOSE, INTEGRITY_PURPOSE)}  # fmt: skip
    assert len(keys) == 10


@pytest.mark.parametrize("mode", list(SaMode))
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_longest_packet_that_fits(transform: tuple[IpsecProtocol, Encryption, Integrity], mode: SaMode) -> None:
    """`longest_inner` fits the MTU, one octet more does not."""
    sa = outbound(*transform, mode)
    for mtu in (*range(200, 220), 576, 1400, 1492, 1500):
        limit = sa.longest_inner(mtu)
        fits, too_long = sa.seal(packet(limit)), sa.seal(packet(limit + 1))
        assert isinstance(fits, bytes)
        assert isinstance(too_long, bytes)
        assert len(fits) <= mtu < len(too_long)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_df_bit_can_change(transform: tuple[IpsecProtocol, Encryption, Integrity]) -> None:
    """From the next packet on, with a right header checksum, and the sequence going on."""
    sa = outbound(*transform, SaMode.TUNNEL)
    for number, (df, inner, expected) in enumerate(
        [(DfBit.CLEAR, True, False), (DfBit.SET, False, True), (DfBit.COPY, True, True), (DfBit.COPY, False, False),
         (DfBit.CLEAR, True, False)], 1,
    ):  # fmt: skip
        sa.set_marks(df, None)
        outer = sa.seal(packet(100, df=inner))
        assert isinstance(outer, bytes)
        assert Ipv4Packet.parse(outer, verify=True).df is expected
        assert sa.sequence == number
        assert sa.parameters == replace(sa.parameters, df=df)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_mark_replaces_the_class_and_keeps_the_congestion_bits(
    transform: tuple[IpsecProtocol, Encryption, Integrity],
) -> None:
    """`set vpn NAME dscp-mark N`: the upper six bits, with a right header checksum; None copies (RFC 2401 §5.1.2.1)."""
    sa = outbound(*transform, SaMode.TUNNEL)
    for dscp in (None, 0, 1, 46, 63):
        sa.set_marks(DfBit.CLEAR, dscp)
        for tos in (0, 3, 0x28, 0xFF):
            outer = sa.seal(inner_packet(bytes(40), tos=tos))
            assert isinstance(outer, bytes)
            assert Ipv4Packet.parse(outer, verify=True).tos == (tos if dscp is None else dscp << 2 | tos & 3)
