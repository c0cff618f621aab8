"""ISAKMP wire formats, beside scapy's and against truncation."""

from __future__ import annotations

import pytest
from scapy.layers.isakmp import ISAKMP, ISAKMP_payload_SA, ISAKMP_payload_Transform, ISAKMP_payload_VendorID

from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp import (
    FLAG_ENCRYPTED,
    HEADER_SIZE,
    ExchangeType,
    Header,
    PayloadType,
    build_message,
    build_payloads,
    parse_header,
    parse_payloads,
)
from nsemu.wire.isakmp_payloads import (
    Delete,
    Identification,
    Notification,
    NotifyType,
    Proposal,
    SecurityAssociation,
    build_attributes,
    build_delete,
    build_identification,
    build_notification,
    build_security_association,
    build_transform,
    parse_attributes,
    parse_delete,
    parse_identification,
    parse_notification,
    parse_security_association,
)

COOKIES = bytes(range(1, 17))
TRANSFORMS = (
    build_transform(1, 1, [(1, 7), (2, 2), (3, 1), (4, 2), (14, 128), (11, 1), (12, 28800)]),
    build_transform(2, 1, [(1, 5), (2, 2), (3, 1), (4, 2), (11, 1), (12, 100_000)]),
)
SA = build_security_association([Proposal(1, 1, b"", TRANSFORMS)])


def test_header_is_read_as_it_was_written() -> None:
    data = build_message(COOKIES, ExchangeType.QUICK, 0xDEADBEEF, PayloadType.HASH, bytes(24), flags=FLAG_ENCRYPTED)
    assert parse_header(data) == Header(COOKIES[:8], COOKIES[8:], 8, 0x10, 32, 1, 0xDEADBEEF, 52)


@pytest.mark.parametrize("size", range(HEADER_SIZE))
def test_stump_of_a_header(size: int) -> None:
    data = build_message(COOKIES, ExchangeType.MAIN, 0, PayloadType.NONE, b"")
    with pytest.raises(MalformedPacket, match="no header"):
        parse_header(data[:size])


def test_length_field_must_be_the_length_of_the_datagram() -> None:
    data = build_message(COOKIES, ExchangeType.MAIN, 0, PayloadType.NONCE, build_payloads([(10, b"12345678")]))
    for wrong in (data + b"\0", data[:-1]):
        with pytest.raises(MalformedPacket, match="length field"):
            parse_header(wrong)


def test_payload_chain_uses_the_numbers_of_rfc_2408() -> None:
    """B066, and E003: 1 SA, 13 vendor ID, not the book's bit masks."""
    chain = build_payloads([(PayloadType.SA, b"abcd"), (PayloadType.VENDOR_ID, b"xy"), (PayloadType.HASH, b"")])
    assert chain == bytes.fromhex("0d000008 61626364 08000006 7879 00000004")
    assert [(p.type, p.body, p.start, p.end) for p in parse_payloads(1, chain, 0)] == [
        (1, b"abcd", 0, 8),
        (13, b"xy", 8, 14),
        (8, b"", 14, 18),
    ]


@pytest.mark.parametrize("size", range(18))
def test_chain_cut_short(size: int) -> None:
    chain = build_payloads([(PayloadType.SA, b"abcd"), (PayloadType.VENDOR_ID, b"xy"), (PayloadType.HASH, b"")])
    with pytest.raises(MalformedPacket):
        parse_payloads(1, chain[:size], 0)


def test_octets_after_the_chain_are_padding_only_when_encrypted() -> None:
    """RFC 2409 Appendix B."""
    chain = build_payloads([(PayloadType.NONCE, b"12345678")]) + bytes(4)
    assert len(parse_payloads(10, chain, 0, padded=True)) == 1
    with pytest.raises(MalformedPacket, match="4 octets after"):
        parse_payloads(10, chain, 0)


@pytest.mark.parametrize("chain", ["00010008 00000000", "00000003 00", "00000000", "0000ffff"])
def test_impossible_generic_header(chain: str) -> None:
    with pytest.raises(MalformedPacket):
        parse_payloads(10, bytes.fromhex(chain), 0)


def test_attributes_in_both_encodings() -> None:
    """RFC 2408 §3.3: short below 2**16, long from there."""
    data = build_attributes([(11, 1), (12, 65535), (12, 65536), (2, 1 << 32)])
    assert data.hex() == "800b0001800cffff000c00040001000000020008" + "0000000100000000"
    assert parse_attributes(data) == ((11, 1), (12, 65535), (12, 65536), (2, 1 << 32))
    assert parse_attributes(bytes.fromhex("000c000400007080")) == ((12, 28800),)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
def test_attribute_cut_short(size: int) -> None:
    with pytest.raises(MalformedPacket):
        parse_attributes(bytes.fromhex("000c000400007080")[:size])


def test_security_association_is_read_as_it_was_written() -> None:
    esp = Proposal(1, 3, b"\0\0\1\2", (build_transform(1, 12, [(4, 1), (5, 2), (6, 256)]),))
    ah = Proposal(2, 2, b"\0\0\1\3", (build_transform(1, 3, [(4, 1), (5, 2)]),))
    assert parse_security_association(build_security_association([esp, ah])) == SecurityAssociation(1, 1, (esp, ah))


def test_unknown_doi_or_situation_is_not_read_further() -> None:
    assert parse_security_association(bytes.fromhex("00000000 00000001 ffff")) == SecurityAssociation(0, 1, ())
    assert parse_security_association(bytes.fromhex("00000001 00000002 ffff")) == SecurityAssociation(1, 2, ())


@pytest.mark.parametrize("size", range(len(SA)))
def test_security_association_cut_short(size: int) -> None:
    with pytest.raises(MalformedPacket):
        parse_security_association(SA[:size])


@pytest.mark.parametrize(
    ("offset", "value"),
    [(8, 3), (9, 1), (11, 200), (14, 9), (15, 3), (16, 2), (17, 1), (19, 7), (23, 1)],
    ids=["type", "reserved", "length", "spi size", "count", "transform type", "reserved", "length", "reserved 2"],
)
def test_security_association_with_a_wrong_field(offset: int, value: int) -> None:
    damaged = bytearray(SA)
    damaged[offset] = value
    with pytest.raises(MalformedPacket):
        parse_security_association(bytes(damaged))


def test_small_payloads_are_read_as_they_were_written() -> None:
    assert parse_identification(build_identification(4, 17, 500, b"12345678")) == Identification(
        4, 17, 500, b"12345678"
    )
    spi = bytes(4)
    notification = Notification(1, 3, NotifyType.NO_PROPOSAL_CHOSEN, spi, b"why")
    assert parse_notification(build_notification(3, 14, spi, b"why")) == notification
    assert parse_delete(build_delete(3, [b"1234", b"5678"])) == Delete(1, 3, (b"1234", b"5678"))


@pytest.mark.parametrize(
    "parse", [parse_identification, parse_notification, parse_delete], ids=["ID", "notification", "delete"]
)
def test_stumps_of_small_payloads(parse: object) -> None:
    assert callable(parse)
    for size in range(4):
        with pytest.raises(MalformedPacket):
            parse(bytes(size))
    with pytest.raises(MalformedPacket):
        parse_delete(build_delete(3, [b"1234", b"5678"])[:-1])
    with pytest.raises(MalformedPacket):
        parse_notification(build_notification(3, 14, b"1234")[:-1])


def test_scapy_reads_the_same() -> None:
    chain = build_payloads([(PayloadType.SA, SA), (PayloadType.VENDOR_ID, b"v" * 28)])
    packet = ISAKMP(build_message(COOKIES, ExchangeType.MAIN, 0, PayloadType.SA, chain))
    assert (packet.init_cookie, packet.resp_cookie, packet.exch_type) == (COOKIES[:8], COOKIES[8:], 2)
    transforms = packet[ISAKMP_payload_SA].prop.trans
    assert ("Encryption", "AES-CBC") in transforms[ISAKMP_payload_Transform].transforms
    assert ("LifeDuration", 28800) in transforms[ISAKMP_payload_Transform].transforms
    assert bytes(packet[ISAKMP_payload_VendorID])[4:] == b"v" * 28
