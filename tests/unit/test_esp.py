"""ESP in tunnel mode: what the packets look like, that both ends agree, and which failures move which counter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.esp import EspInbound, EspOutbound
from nsemu.ipsec.sa import DfBit, IpsecFailure, Octets, SaError
from nsemu.runtime.crypto.ciphers import decrypt_cbc, encrypt_cbc
from nsemu.runtime.crypto.integrity import hmac
from nsemu.wire.checksum import checksum
from support.ipsec import LOCAL, PAIR_IDS, PAIRS, PEER, inner_packet, parameters, stream

AES = (Encryption.AES128, Integrity.SHA1)
every_pair = pytest.mark.parametrize(("encryption", "integrity"), PAIRS, ids=PAIR_IDS)


def pair_of(encryption: Encryption, integrity: Integrity, **changes: object) -> tuple[EspOutbound, EspInbound]:
    """One SA at both of its ends: what LOCAL seals, PEER opens."""
    sending = parameters(encryption, integrity, **changes)
    receiving = replace(sending, local=sending.peer, peer=sending.local)
    return EspOutbound(sending, stream()), EspInbound(receiving)


def sealed(sa: EspOutbound, packet: Octets) -> bytes:
    outer = sa.seal(packet)
    assert isinstance(outer, bytes)
    return outer


def handmade(encryption: Encryption, integrity: Integrity, text: bytes, sequence: int = 1) -> bytes:
    """A datagram whose protected text, trailer included, is `text`: made by the book, not by the engine."""
    values = parameters(encryption, integrity)
    esp = values.spi.to_bytes(4, "big") + sequence.to_bytes(4, "big")
    if encryption is Encryption.NULL:
        esp += text
    else:
        iv = bytes(range(encryption.block_size))
        esp += iv + encrypt_cbc(encryption, values.encryption_key, iv, text)
    if integrity is not Integrity.NULL:
        esp += hmac(integrity, values.integrity_key, esp)[: integrity.icv_size]
    return bytes(20) + esp


@every_pair
def test_every_size_makes_the_round_trip(encryption: Encryption, integrity: Integrity) -> None:
    """B022, B023, B024: encrypt and authenticate, encrypt only, authenticate only."""
    outbound, inbound = pair_of(encryption, integrity)
    for size in (*range(40), 1400, 1480, 9000):
        packet = inner_packet(bytes(range(256)) * (size // 256) + bytes(range(size % 256)))
        assert inbound.open(sealed(outbound, packet)) == packet
    assert outbound.packets == inbound.packets == 43
    assert outbound.octets == inbound.octets == sum(range(40)) + 1400 + 1480 + 9000 + 43 * 20
    assert inbound.authentication_failures == inbound.other_failures == 0


@every_pair
def test_layout_by_the_standard(encryption: Encryption, integrity: Integrity) -> None:
    """RFC 4303 §2, B156: header, IV, ciphertext with padding 1, 2, 3 …, ICV over everything but itself."""
    values = parameters(encryption, integrity)
    packet = inner_packet(b"payload of no round length")
    outer = sealed(EspOutbound(values, stream()), packet)
    esp, icv = outer[20 : len(outer) - integrity.icv_size], outer[len(outer) - integrity.icv_size :]
    assert esp[:8] == values.spi.to_bytes(4, "big") + (1).to_bytes(4, "big")
    text, alignment = esp[8:], 4
    if encryption is not Encryption.NULL:
        alignment = encryption.block_size
        iv, ciphertext = esp[8 : 8 + alignment], esp[8 + alignment :]
        text = decrypt_cbc(encryption, values.encryption_key, iv, ciphertext)
    pad = text[-2]
    assert len(text) % alignment == 0
    assert pad < alignment
    assert text == packet + bytes(range(1, pad + 1)) + bytes((pad, 4))
    if integrity is not Integrity.NULL:
        assert icv == hmac(integrity, values.integrity_key, esp)[: integrity.icv_size]


@every_pair
def test_outer_header(encryption: Encryption, integrity: Integrity) -> None:
    """B156: from the outgoing interface's address to the gateway's; every checksum holds, ToS is copied."""
    outbound, _ = pair_of(encryption, integrity)
    identifications = set()
    for tos in range(256):
        outer = sealed(outbound, inner_packet(bytes(tos), tos=tos))
        assert (outer[0], outer[1]) == (0x45, tos)
        assert int.from_bytes(outer[2:4], "big") == len(outer)
        assert outer[6:10] == bytes((0, 0, 64, 50))
        assert checksum(outer[:20]) == 0
        assert outer[10:12] != b"\xff\xff"
        assert outer[12:20] == LOCAL.to_bytes(4, "big") + PEER.to_bytes(4, "big")
        identifications.add(outer[4:6])
    assert len(identifications) == 256


def test_checksum_holds_for_every_identification() -> None:
    """A sum that folds to 0xffff must give the field 0, not 0xffff; 65536 identifications meet that case."""
    outbound, _ = pair_of(Encryption.NULL, Integrity.MD5)
    packet = inner_packet()
    fields = set()
    for _ in range(0x10000):
        outer = sealed(outbound, packet)
        assert checksum(outer[:20]) == 0
        fields.add(outer[10:12])
    assert b"\0\0" in fields
    assert b"\xff\xff" not in fields


@pytest.mark.parametrize("df", DfBit)
@pytest.mark.parametrize("inner_df", [False, True])
def test_df_bit(df: DfBit, inner_df: bool) -> None:
    outbound, inbound = pair_of(*AES, df=df)
    packet = inner_packet(b"x", dont_fragment=inner_df)
    outer = sealed(outbound, packet)
    expected = {DfBit.CLEAR: False, DfBit.SET: True, DfBit.COPY: inner_df}[df]
    assert outer[6:8] == (b"\x40\0" if expected else b"\0\0")
    assert checksum(outer[:20]) == 0
    assert inbound.open(outer) == packet


def test_ivs_are_fresh_and_repeat_under_a_seed() -> None:
    packet = inner_packet(bytes(100))

    def ivs(name: str) -> list[bytes]:
        sa = EspOutbound(parameters(*AES), stream(name))
        return [sealed(sa, packet)[28:44] for _ in range(300)]

    assert len(set(ivs("a"))) == 300
    assert ivs("a") == ivs("a")
    assert not set(ivs("a")) & set(ivs("b"))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do(kind: type[bytes] | type[bytearray] | type[memoryview]) -> None:
    for encryption, integrity in PAIRS:
        outbound, inbound = pair_of(encryption, integrity)
        packet = inner_packet(b"some payload")
        outer = sealed(outbound, kind(packet))
        opened = inbound.open(kind(outer))
        assert opened == packet
        assert type(opened) is bytes


@every_pair
def test_header_options_move_the_esp_header(encryption: Encryption, integrity: Integrity) -> None:
    outbound, inbound = pair_of(encryption, integrity)
    packet = inner_packet(b"abc")
    outer = sealed(outbound, packet)
    assert inbound.open(outer[:20] + bytes(8) + outer[20:], 28) == packet


# -- failures -------------------------------------------------------------------------------------------------------


def test_replay_is_refused_before_authentication() -> None:
    """B059, B160: a repeated packet, and one left of the window, even with a wrong ICV."""
    outbound, inbound = pair_of(*AES)
    packets = [sealed(outbound, inner_packet(bytes(n))) for n in range(70)]
    for packet in packets[:69]:
        assert isinstance(inbound.open(packet), bytes)
    damaged = packets[68][:-1] + bytes((packets[68][-1] ^ 1,))
    for late in (packets[68], packets[0], packets[4], damaged):
        assert inbound.open(late) is IpsecFailure.REPLAY
    assert (inbound.replay_failures, inbound.other_failures, inbound.authentication_failures) == (4, 4, 0)
    assert inbound.packets == 69


def test_order_within_the_window_is_free() -> None:
    outbound, inbound = pair_of(*AES)
    packets = [sealed(outbound, inner_packet(bytes(n))) for n in range(64)]
    for packet in reversed(packets):
        assert isinstance(inbound.open(packet), bytes)
    assert {inbound.open(packet) for packet in packets} == {IpsecFailure.REPLAY}


def test_without_replay_protection_a_packet_opens_twice() -> None:
    outbound, inbound = pair_of(*AES, replay=False)
    outer = sealed(outbound, inner_packet())
    assert inbound.open(outer) == inbound.open(outer) == inner_packet()


def test_a_forged_sequence_number_does_not_move_the_window() -> None:
    """B160, B161, B162: check, authenticate, decrypt, and only then move the window."""
    outbound, inbound = pair_of(*AES)
    first = sealed(outbound, inner_packet(b"1"))
    second = sealed(outbound, inner_packet(b"2"))
    assert isinstance(inbound.open(first), bytes)
    forged = second[:24] + b"\xff\xff\xff\xff" + second[28:]
    assert inbound.open(forged) is IpsecFailure.AUTHENTICATION
    assert inbound.authentication_failures == 1
    assert isinstance(inbound.open(second), bytes)
    assert inbound.window is not None
    assert inbound.window.highest == 2


@every_pair
def test_wrong_padding_and_next_header(encryption: Encryption, integrity: Integrity) -> None:
    """RFC 4303 §2.4, §2.6: padding that is not 1, 2, 3 …, too long, or a trailer that is no tunnel's."""
    alignment = max(encryption.block_size, 4)
    base = inner_packet(bytes(96 - 20 - 8))
    good = base + bytes((1, 2, 3, 4, 5, 6, 6, 4))
    cases = {
        good: base,
        base + bytes((1, 2, 3, 9, 5, 6, 6, 4)): IpsecFailure.PADDING,
        base + bytes((0, 0, 0, 0, 0, 0, 6, 4)): IpsecFailure.PADDING,
        base + bytes((1, 2, 3, 4, 5, 6, 7, 4)): IpsecFailure.PADDING,
        base + bytes((1, 2, 3, 4, 5, 6, 255, 4)): IpsecFailure.PADDING,
        base + bytes((1, 2, 3, 4, 5, 6, 6, 17)): IpsecFailure.NEXT_HEADER,
        base + bytes((1, 2, 3, 4, 5, 6, 6, 59)): IpsecFailure.NEXT_HEADER,
        bytes(range(1, 95)) + bytes((94, 4)): IpsecFailure.PADDING,
    }
    for sequence, (text, expected) in enumerate(cases.items(), 1):
        assert len(text) % alignment == 0
        inbound = EspInbound(parameters(encryption, integrity))
        assert inbound.open(handmade(encryption, integrity, text, sequence)) == expected
        assert inbound.other_failures == (isinstance(expected, IpsecFailure))


def test_long_padding_is_taken_off() -> None:
    """RFC 4303 §2.4: up to 255 octets, to hide the length of what is inside."""
    packet = inner_packet(bytes(255 + 1 - 20 - 2 + 16))
    for pad in (253, 237, 13):
        text = packet + bytes(range(1, pad + 1)) + bytes((pad, 4))
        text = text[len(text) % 16 :] if len(text) % 16 else text
        expected = text[: -pad - 2]
        assert EspInbound(parameters(*AES)).open(handmade(*AES, text)) == expected


@pytest.mark.parametrize(("encryption", "integrity"), [pair for pair in PAIRS if pair[1] is not Integrity.NULL])
def test_another_key_opens_nothing(encryption: Encryption, integrity: Integrity) -> None:
    """B161."""
    outbound, _ = pair_of(encryption, integrity)
    values = parameters(encryption, integrity, integrity_key=bytes(integrity.key_size))
    inbound = EspInbound(values)
    for count in range(1, 4):
        assert inbound.open(sealed(outbound, inner_packet())) is IpsecFailure.AUTHENTICATION
        assert inbound.authentication_failures == count
    assert inbound.packets == inbound.octets == 0


@every_pair
def test_too_long_to_be_encapsulated(encryption: Encryption, integrity: Integrity) -> None:
    """An IPv4 packet has at most 65535 octets; the last size that fits is sealed, the next is refused."""
    alignment = max(encryption.block_size, 4)
    iv = encryption.block_size if encryption is not Encryption.NULL else 0
    room = 65535 - 20 - 8 - iv - integrity.icv_size
    longest = room - room % alignment - 2
    outbound, inbound = pair_of(encryption, integrity)
    packet = inner_packet(bytes(longest - 20))
    outer = sealed(outbound, packet)
    assert 65535 - alignment < len(outer) <= 65535
    assert inbound.open(outer) == packet
    assert outbound.seal(packet + b"x") is IpsecFailure.TOO_LONG
    assert (outbound.other_failures, outbound.sequence) == (1, 1)


def test_sequence_numbers_never_wrap() -> None:
    """RFC 4303 §3.3.3."""
    outbound, inbound = pair_of(*AES)
    outbound.sequence = 2**32 - 2
    assert outbound.soft_expired
    last = sealed(outbound, inner_packet())
    assert last[24:28] == b"\xff\xff\xff\xff"
    assert outbound.exhausted
    assert outbound.seal(inner_packet()) is IpsecFailure.EXHAUSTED
    assert outbound.sequence == 2**32 - 1
    assert outbound.other_failures == 1
    assert isinstance(inbound.open(last), bytes)
    assert inbound.open(last) is IpsecFailure.REPLAY


def test_lifetime_in_kilobytes() -> None:
    outbound, inbound = pair_of(*AES, lifesize_kilobytes=10)
    packet = inner_packet(bytes(1004))  # 1024 octets
    for count in range(1, 11):
        assert inbound.open(sealed(outbound, packet)) == packet
        for sa in (outbound, inbound):
            assert sa.soft_expired is (count >= 9)
            assert sa.hard_expired is (count == 10)
            assert sa.octets_remaining == (10 - count) * 1024
    assert outbound.seal(packet) is IpsecFailure.EXPIRED
    late, _ = pair_of(*AES)
    late.sequence = 10
    assert inbound.open(sealed(late, packet)) is IpsecFailure.EXPIRED
    assert outbound.packets == inbound.packets == 10


def test_without_a_lifetime_nothing_expires() -> None:
    outbound, _ = pair_of(*AES)
    outbound.octets = 2**50
    assert isinstance(outbound.seal(inner_packet()), bytes)
    assert not outbound.soft_expired
    assert outbound.octets_remaining == 0
    assert outbound.expires_at is None
    assert outbound.nanoseconds_remaining(10**18) is None


def test_lifetime_in_seconds_is_told() -> None:
    sa = EspInbound(parameters(*AES, lifetime_seconds=3600), now=5_000_000_000)
    assert sa.expires_at == 3_605_000_000_000
    assert sa.nanoseconds_remaining(3_604_000_000_000) == 1_000_000_000
    assert sa.nanoseconds_remaining(9_999_000_000_000) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spi": 255}, "reserved"),
        ({"spi": 2**32}, "too large"),
        ({"encryption_key": bytes(15)}, "15 octets"),
        ({"integrity_key": bytes(21)}, "21 octets"),
        ({"protocol": IpsecProtocol.AH}, "AH does not encrypt"),
        ({"lifetime_seconds": -1}, "negative"),
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SaError, match=message):
        parameters(*AES, **changes)


def test_an_sa_must_protect_somehow() -> None:
    """RFC 4303 §3.2: not both NULL."""
    with pytest.raises(SaError, match="neither"):
        parameters(Encryption.NULL, Integrity.NULL)


def test_keys_do_not_show() -> None:
    values = parameters(*AES)
    assert "key" not in repr(values)


def test_labels() -> None:
    assert parameters(*AES).label == "esp:a128/sha1"
    assert parameters(Encryption.DES, Integrity.MD5).label == "esp: des/md5"
    assert parameters(Encryption.TRIPLE_DES, Integrity.SHA1).label == "esp:3des/sha1"
    assert parameters(Encryption.NULL, Integrity.MD5).label == "esp:null/md5"
