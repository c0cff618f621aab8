"""Parsers of L2TP and PPP, and both engines, under arbitrary octets."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.l2tp.parameters import CallUp, Path
from nsemu.ppp.parameters import Assigned, Authority, Caller, Scheme
from nsemu.ppp.session import PppSession
from nsemu.sim.entropy import Entropy
from nsemu.wire import l2tp, ppp
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.l2tp import Avp, AvpType, ControlMessage, DataMessage, MessageType, word
from nsemu.wire.ppp import Option, PppPacket, Protocol
from support.l2tp import LAC, LNS, Wire

octets = st.binary(max_size=80)
numbers = st.integers(0, 0xFFFF)
avps = st.builds(
    Avp, st.integers(0, 40), st.binary(max_size=30), st.booleans(), st.booleans(), st.sampled_from([0, 9, 311])
)
quick = settings(max_examples=80, deadline=None)


@given(numbers, numbers, numbers, numbers, st.lists(avps, max_size=6))
@quick
def test_control_messages_come_back(tunnel: int, session: int, ns: int, nr: int, found: list[Avp]) -> None:
    message = ControlMessage(tunnel, session, ns, nr, tuple(found))
    data = message.build()
    assert l2tp.parse(data) == message
    assert l2tp.parse(data + b"padding of the carrier") == message


@given(numbers, numbers, st.binary(max_size=60))
@quick
def test_data_messages_come_back(tunnel: int, session: int, frame: bytes) -> None:
    message = DataMessage(tunnel, session, frame)
    assert l2tp.parse(message.build()) == message


def test_data_messages_of_others() -> None:
    """With sequence numbers and offset, without length (RFC 2661 §3.1)."""
    assert l2tp.parse(bytes.fromhex("0002 0001 0002") + b"frame") == DataMessage(1, 2, b"frame")
    assert l2tp.parse(bytes.fromhex("0802 0001 0002 0003 0004") + b"frame") == DataMessage(1, 2, b"frame")
    offset = bytes.fromhex("0202 0001 0002 0003") + b"xxx" + b"frame"
    assert l2tp.parse(offset) == DataMessage(1, 2, b"frame")


def test_truncation_at_every_octet() -> None:
    message = ControlMessage(1, 2, 3, 4, (Avp(0, b"\0\1"), Avp(7, b"host"), Avp(9, b"\0\5")))
    data = message.build()
    for end in range(len(data)):
        try:
            l2tp.parse(data[:end])
        except MalformedPacket:
            continue
        raise AssertionError(end)


@given(octets)
@quick
def test_octets_are_refused_or_read(data: bytes) -> None:
    texts = partial(ppp.parse_texts, count=2)
    for parse in (l2tp.parse, ppp.parse_frame, PppPacket.parse, ppp.parse_options, texts):
        try:
            parse(data)
        except MalformedPacket:
            continue


@given(st.integers(0, 255), st.integers(0, 255), st.lists(st.builds(Option, st.integers(0, 255), octets), max_size=4))
@quick
def test_ppp_packets_come_back(code: int, identifier: int, options: list[Option]) -> None:
    packet = PppPacket(code, identifier, ppp.build_options(options))
    frame = ppp.build_frame(Protocol.LCP, packet.build())
    protocol, body = ppp.parse_frame(frame)
    assert (protocol, PppPacket.parse(body + b"pad")) == (Protocol.LCP, packet)
    assert ppp.parse_options(packet.data) == tuple(options)
    assert ppp.parse_frame(b"\x21" + body) == (Protocol.IPV4, body)


@given(st.lists(st.tuples(st.sampled_from(list(MessageType)), st.lists(avps, max_size=4), octets), max_size=8))
@quick
def test_the_engine_bears_anything(messages: list[tuple[MessageType, list[Avp], bytes]]) -> None:
    """From an established call on: whatever comes, nothing but events and datagrams comes of it."""
    wire = Wire()
    wire.connect()
    wire.run(1)
    (call,) = wire.of("lns", CallUp)
    for number, (kind, found, junk) in enumerate(messages):
        avps = (Avp(AvpType.MESSAGE_TYPE, word(kind)), *found)
        data = ControlMessage(call.key.tunnel, call.key.session, 4 + number, 1, avps).build()
        for payload in (data, data[:-1], junk, DataMessage(call.key.tunnel, call.key.session, junk).build()):
            wire.lns.receive_datagram(payload, Path(LNS, LAC), wire.now)
    wire.run(200)


@given(st.lists(st.tuples(st.sampled_from([*Protocol, 0x8057]), st.integers(0, 14), octets), max_size=12))
@quick
def test_a_ppp_session_bears_anything(frames: list[tuple[int, int, bytes]]) -> None:
    entropy = Entropy(1)
    authority = Authority("fw", 1, tuple(Scheme), lambda _name: "x", lambda _name: Assigned(9))
    for role in (authority, Caller("adam", "x")):
        session = PppSession(role, entropy.stream("ppp"))
        session.open(0)
        for number, (protocol, code, data) in enumerate(frames):
            try:
                session.receive(ppp.build_frame(protocol, PppPacket(code, 1, data).build()), number)
            except MalformedPacket:
                continue
        for second in range(1, 100):
            session.handle_timer(second * 10**9)
        assert session.next_deadline() is None or session.up
