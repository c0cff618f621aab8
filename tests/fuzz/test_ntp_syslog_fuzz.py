"""NTP and syslog messages under any octets: they parse, or are malformed; what is built is parsed again."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.wire.errors import MalformedPacket
from nsemu.wire.ntp import NtpMessage, date, timestamp
from nsemu.wire.syslog import SyslogMessage

stamps = st.integers(0, 2**64 - 1)
keys = st.integers(0, 65535)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=80)


@given(
    st.integers(0, 7),
    st.integers(0, 255),
    st.tuples(stamps, stamps, stamps),
    st.integers(0, 65535),
    st.binary(max_size=20),
)
@settings(deadline=None, max_examples=80)
def test_ntp_survives_the_wire(mode: int, stratum: int, times: tuple[int, int, int], key_id: int, key: bytes) -> None:
    message = NtpMessage(mode, stratum, *times, key_id=key_id)
    data = message.build(key)
    parsed = NtpMessage.parse(data)
    assert (parsed.mode, parsed.stratum, parsed.originate, parsed.receive, parsed.transmit) == (mode, stratum, *times)
    assert parsed.is_authentic(key) is (key_id != 0)
    assert not parsed.is_authentic(key + b"x")
    for length in range(len(data)):
        if length != 48:
            with pytest.raises(MalformedPacket):
                NtpMessage.parse(data[:length])


@given(st.binary(max_size=100))
@settings(deadline=None, max_examples=100)
def test_any_octets(data: bytes) -> None:
    for parse in (NtpMessage.parse, SyslogMessage.parse):
        with contextlib.suppress(MalformedPacket):
            parse(data)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)))
@settings(deadline=None, max_examples=100)
def test_dates_survive(moment: datetime) -> None:
    assert abs(date(timestamp(moment)) - moment) <= timedelta(microseconds=1)


@given(
    st.integers(0, 23), st.integers(0, 7), st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=80)
)
@settings(deadline=None, max_examples=100)
def test_syslog_survives_the_wire(facility: int, severity: int, text: str) -> None:
    message = SyslogMessage(facility, severity, text)
    assert SyslogMessage.parse(message.build()) == message


def test_syslog_priorities() -> None:
    assert SyslogMessage.parse(b"no priority") == SyslogMessage(1, 5, "no priority")
    assert SyslogMessage.parse(b"<007>text") == SyslogMessage(1, 5, "<007>text")
    with pytest.raises(MalformedPacket):
        SyslogMessage.parse(b"<192>text")
    assert len(SyslogMessage(1, 1, "x" * 5000).build()) == 1024
