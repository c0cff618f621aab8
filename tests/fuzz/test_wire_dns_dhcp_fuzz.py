"""DNS and DHCP parsers under any octets: round trips, scapy as a second opinion, truncation, only MalformedPacket."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS

from nsemu.wire.dhcp import REQUEST, DhcpMessage, DhcpOption, DhcpType
from nsemu.wire.dns import DnsMessage, DnsQuestion, DnsRecord, address_record
from nsemu.wire.errors import MalformedPacket

u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
names = st.lists(labels, max_size=5).map(".".join)
questions = st.builds(DnsQuestion, names, u16, u16)
records = st.builds(DnsRecord, names, u16, st.integers(0, 2**31 - 1), st.binary(max_size=30), u16)
messages = st.builds(
    DnsMessage, u16, st.booleans(), st.integers(0, 15), st.booleans(), st.booleans(), st.booleans(),
    st.integers(0, 15), st.lists(questions, max_size=3).map(tuple), st.lists(records, max_size=4).map(tuple),
)  # fmt: skip
options = st.dictionaries(st.integers(1, 254).filter(lambda code: code != 52), st.binary(max_size=40), max_size=8)
leases = st.builds(DhcpMessage, st.sampled_from([1, 2]), u32, st.binary(min_size=6, max_size=6), options,
                   u32, u32, u32, u32, u16, st.booleans())  # fmt: skip

ANSWER = DnsMessage(
    7, response=True, questions=(DnsQuestion("www.nspar.com"),),
    answers=(address_record("www.nspar.com", 0x02020202, 60), address_record("mail.nspar.com", 0x02020203, 60)),
)  # fmt: skip
LEASE = DhcpMessage(
    REQUEST, 0x1234, b"\x02abcde",
    {DhcpOption.MESSAGE_TYPE: bytes((DhcpType.REQUEST,)), DhcpOption.ROUTER: b"\x02\x02\x02\xfa",
     DhcpOption.LEASE_TIME: b"\0\0\x0e\x10"},
)  # fmt: skip


@given(messages)
@settings(deadline=None, max_examples=150)
def test_dns_round_trip(message: DnsMessage) -> None:
    assert DnsMessage.parse(message.build()) == message


@given(leases)
@settings(deadline=None, max_examples=150)
def test_dhcp_round_trip(message: DhcpMessage) -> None:
    assert DhcpMessage.parse(message.build()) == message


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=300)
def test_any_octets(data: bytes) -> None:
    for parse in (DnsMessage.parse, DhcpMessage.parse):
        with contextlib.suppress(MalformedPacket):
            parse(data)
    with contextlib.suppress(MalformedPacket):
        DhcpMessage.parse(LEASE.build()[:240] + data)
    with contextlib.suppress(MalformedPacket):
        DnsMessage.parse(ANSWER.build()[:12] + data)


@pytest.mark.parametrize("message", [ANSWER, LEASE], ids=["dns", "dhcp"])
def test_truncated_anywhere(message: DnsMessage | DhcpMessage) -> None:
    """A DHCP message may end behind any option, as an end option is no must for the reader."""
    whole = message.build()
    for size in range(len(whole)):
        with contextlib.suppress(MalformedPacket):
            assert type(message).parse(whole[:size]) != message or size > 240


def test_scapy_reads_the_same() -> None:
    """Compression and all: another implementation finds the same names and addresses."""
    seen = DNS(ANSWER.build())
    assert [record.rdata for record in seen.an] == ["2.2.2.2", "2.2.2.3"]
    assert [record.rrname for record in seen.an] == [b"www.nspar.com.", b"mail.nspar.com."]
    assert len(ANSWER.build()) < 12 + 3 * 16 + 2 * 14
    lease = BOOTP(LEASE.build())
    assert lease.xid == 0x1234
    assert ("router", "2.2.2.250") in lease[DHCP].options
    assert ("message-type", 3) in lease[DHCP].options


def test_we_read_what_scapy_writes() -> None:
    data = bytes(
        BOOTP(op=2, xid=5, yiaddr="1.2.3.4", chaddr=b"\x02abcde") / DHCP(options=[("message-type", "offer"), "end"])
    )
    message = DhcpMessage.parse(data)
    assert (message.type, message.yours, message.hardware) == (DhcpType.OFFER, 0x01020304, b"\x02abcde")


@pytest.mark.parametrize(
    "name", [b"\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0", b"\x40a\0", b"\x05ab", b"\x01.\0", b"\x01\xff\0"]
)
def test_names_that_are_none(name: bytes) -> None:
    """Pointers to themselves, reserved kinds, labels that are cut off or hold what no name holds."""
    with pytest.raises(MalformedPacket):
        DnsMessage.parse(b"\0\1\0\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
