"""ID payloads: IKE IDs and proxy IDs (RFC 2407 §4.6.2)."""

from __future__ import annotations

import pytest

from nsemu.config.ike import Identity, IdentityType
from nsemu.ike.errors import PeerError
from nsemu.ike.identification import Selector, check_identity, decode_selector, encode_identity, encode_selector
from nsemu.wire.address import Prefix
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.isakmp_payloads import NotifyType, build_identification

ADDRESS = bytes.fromhex("02020202")


def test_default_identity_is_the_ip_address() -> None:
    """B133."""
    assert encode_identity(None, 0x02020202).hex() == "011101f402020202"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.3.3.3", "011101f403030303"),
        ("www.juniper.net", "021101f4" + b"www.juniper.net".hex()),
        ("pmason@abc.com", "031101f4" + b"pmason@abc.com".hex()),
    ],
)
def test_identity_types(text: str, expected: str) -> None:
    """B064."""
    assert encode_identity(Identity.infer(text), 0).hex() == expected


def test_distinguished_name_needs_a_certificate() -> None:
    """B135."""
    with pytest.raises(ValueError, match="needs a certificate"):
        encode_identity(Identity(IdentityType.ASN1_DN, "CN=x"), 0)


@pytest.mark.parametrize(("protocol", "port"), [(0, 0), (17, 500), (17, 0)])
def test_identity_with_an_allowed_port(protocol: int, port: int) -> None:
    check_identity(build_identification(1, protocol, port, ADDRESS), encode_identity(None, 0x02020202))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (build_identification(1, 17, 500, bytes(4)), "IP address 0.0.0.0"),
        (build_identification(2, 17, 500, b"evil\n\x00"), "FQDN evil??"),
        (build_identification(1, 6, 500, ADDRESS), "IP address 2.2.2.2"),
        (build_identification(1, 17, 501, ADDRESS), "IP address 2.2.2.2"),
        (build_identification(1, 17, 500, ADDRESS + b"\1"), "IP address 0202020201"),
        (build_identification(11, 17, 500, b"key"), "ID type 11 key"),
    ],
)
def test_wrong_identity(body: bytes, text: str) -> None:
    with pytest.raises(PeerError) as caught:
        check_identity(body, encode_identity(None, 0x02020202))
    assert caught.value.notify is NotifyType.INVALID_ID_INFORMATION
    assert caught.value.details == (text, "IP address 2.2.2.2")


@pytest.mark.parametrize("prefix", ["10.1.1.0/24", "0.0.0.0/0", "10.1.1.5/32"])
def test_selector_is_sent_as_a_subnet_and_read_back(prefix: str) -> None:
    """B056."""
    selector = Selector(Prefix.parse(prefix), 6, 80)
    body = encode_selector(selector)
    assert body[0] == 4
    assert decode_selector(body) == selector


def test_address_and_range_forms_mean_the_same_as_subnets() -> None:
    assert decode_selector(build_identification(1, 0, 0, ADDRESS)).prefix == Prefix.parse("2.2.2.2/32")
    network = bytes.fromhex("0a010100 0a0101ff")
    assert decode_selector(build_identification(7, 0, 0, network)).prefix == Prefix.parse("10.1.1.0/24")


@pytest.mark.parametrize(
    "body",
    [
        build_identification(4, 0, 0, bytes.fromhex("0a010100 ff00ff00")),
        build_identification(4, 0, 0, bytes.fromhex("0a010105 ffffff00")),
        build_identification(4, 0, 0, bytes(7)),
        build_identification(1, 0, 0, bytes(8)),
        build_identification(7, 0, 0, bytes.fromhex("0a010101 0a0101fe")),
        build_identification(7, 0, 0, bytes.fromhex("0a0101ff 0a010100")),
        build_identification(2, 0, 0, b"www.juniper.net"),
    ],
    ids=["mask with holes", "host bits", "short", "long", "odd range", "reversed range", "name"],
)
def test_proxy_id_that_is_no_subnet(body: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        decode_selector(body)
    assert caught.value.notify is NotifyType.INVALID_ID_INFORMATION


def test_stump() -> None:
    with pytest.raises(MalformedPacket):
        decode_selector(b"\1\0\0")
