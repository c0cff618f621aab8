"""L2TP between two engines: opening, secrets, loss of any message, hellos, ends of calls and connections.

LAC  SCCRQ -->  <-- SCCRP  SCCCN -->  ICRQ -->  <-- ICRP  ICCN -->  PPP
"""

from __future__ import annotations

import pytest

from nsemu.l2tp.parameters import CallDown, CallKey, CallUp, Ending, Frame, Path, Profile, TunnelDown, TunnelUp
from nsemu.l2tp.secrets import hide, reveal
from nsemu.wire.l2tp import Avp, AvpType, ControlMessage, MessageType, parse, word
from support.l2tp import LAC, LNS, SERVER, Wire


def kinds(wire: Wire) -> list[str]:
    found = []
    for datagram in wire.seen:
        message = parse(datagram.data)
        if isinstance(message, ControlMessage) and message.avps:
            found.append(MessageType(int.from_bytes(message.avps[0].value, "big")).name)
    return found


def connected(wire: Wire) -> tuple[CallKey, CallKey]:
    (here,), (there,) = wire.of("lac", CallUp), wire.of("lns", CallUp)
    return here.key, there.key


def test_a_call_is_set_up() -> None:
    """B275, B276: the exchange of RFC 2661, then frames by tunnel ID and call ID."""
    wire = Wire()
    wire.connect()
    wire.run(1)
    assert kinds(wire) == ["SCCRQ", "SCCRP", "SCCCN", "ICRQ", "ICRP", "ICCN"]
    assert [event.host for event in wire.of("lns", TunnelUp)] == ["pc"]
    assert wire.asked[0].host == "pc"
    here, there = connected(wire)
    for engine, key in ((wire.lac, here), (wire.lns, there)):
        datagram = engine.send_frame(key, b"\xff\x03\xc0\x21frame")
        assert datagram is not None
        wire.put(datagram)
    wire.run(1)
    assert [(event.key, event.frame) for event in wire.of("lns", Frame)] == [(there, b"\xff\x03\xc0\x21frame")]
    assert [event.key for event in wire.of("lac", Frame)] == [here]


@pytest.mark.parametrize("lost", range(14))
def test_any_one_datagram_may_get_lost(lost: int) -> None:
    """RFC 2661 §5.8: it is repeated, and nothing happens twice."""
    wire = Wire(lose=lambda number, _datagram: number == lost)
    wire.connect()
    wire.run(20)
    connected(wire)
    assert len(wire.of("lns", TunnelUp)) == len(wire.of("lac", TunnelUp)) == 1


def test_everything_comes_twice() -> None:
    wire = Wire()
    put = wire.put

    def twice(datagram: object) -> None:
        put(datagram)  # type: ignore[arg-type]
        put(datagram)  # type: ignore[arg-type]

    wire.put = twice  # type: ignore[method-assign]
    wire.connect()
    wire.run(5)
    connected(wire)
    assert len(wire.asked) == 1


def test_a_silent_peer_is_given_up() -> None:
    wire = Wire(lose=lambda _number, _datagram: True)
    wire.connect()
    wire.run(120)
    assert kinds(wire) == ["SCCRQ"] * 6
    assert [event.ending for event in wire.of("lac", TunnelDown)] == [Ending.SILENCE]
    assert not wire.lac.tunnels


def test_whoever_may_not_call_gets_no_answer() -> None:
    """B286, B289: the device decides by address and host name."""
    wire = Wire()
    wire.profile = None
    wire.connect()
    wire.run(3)
    assert not wire.lns.tunnels
    assert {datagram.path.local for datagram in wire.seen} == {LAC}


@pytest.mark.parametrize(
    ("ours", "theirs", "good"),
    [("netscreen", "netscreen", True), ("netscreen", "other", False), ("netscreen", "", False), ("", "x", False)],
)
def test_the_tunnel_secret(ours: str, theirs: str, good: bool) -> None:
    """B288: the secret, if one end has it, must be the other's too; the secret itself is never sent."""
    wire = Wire(Profile("corp", ours))
    wire.connect(theirs)
    wire.run(5)
    assert bool(wire.of("lns", CallUp)) is good
    if not good:
        endings = [event.ending for name in ("lac", "lns") for event in wire.of(name, TunnelDown)]
        assert Ending.SECRET in endings
        assert wire.of("lac", CallUp) == []
    assert not any(b"netscreen" in datagram.data for datagram in wire.seen)


def test_with_a_secret_the_ids_of_calls_are_hidden() -> None:
    """RFC 2661 §4.3."""
    wire = Wire(Profile("corp", "netscreen"))
    wire.connect("netscreen")
    wire.run(5)
    messages = [parse(datagram.data) for datagram in wire.seen]
    avps = [avp for message in messages if isinstance(message, ControlMessage) for avp in message.avps]
    assert {avp.hidden for avp in avps if avp.type == AvpType.ASSIGNED_SESSION_ID} == {True}


@pytest.mark.parametrize("size", [0, 1, 14, 15, 16, 40])
def test_hidden_values_come_back(size: int) -> None:
    plain = Avp(AvpType.HOST_NAME, bytes(range(size)))
    vector = Avp(AvpType.RANDOM_VECTOR, b"0123456789abcdef")
    hidden = hide(plain, "secret", vector.value, b"pad")
    assert plain.value not in hidden.value or size < 2
    assert reveal((vector, hidden), "secret") == (vector, plain)
    assert reveal((vector, hidden), "") is None
    assert reveal((hidden,), "secret") is None


def test_hellos_after_silence() -> None:
    """B287: one after each 60 seconds in which nothing came; traffic puts it off; 0 for none."""
    wire = Wire()
    wire.connect()
    wire.run(30)
    here, _ = connected(wire)
    datagram = wire.lac.send_frame(here, b"x")
    assert datagram is not None
    wire.put(datagram)
    wire.run(45)
    assert "HELLO" not in kinds(wire)
    wire.run(150)
    assert kinds(wire).count("HELLO") == 3
    quiet = Wire(Profile("corp", keepalive=0))
    quiet.connect()
    quiet.run(400)
    assert "HELLO" not in kinds(quiet)


def test_a_peer_that_has_gone_is_noticed_by_hellos() -> None:
    """B287."""
    wire = Wire()
    wire.connect()
    wire.run(1)
    wire.lose = lambda _number, datagram: datagram.path.local == LAC
    wire.run(120)
    assert [event.ending for event in wire.of("lns", TunnelDown)] == [Ending.SILENCE]
    assert [event.ending for event in wire.of("lns", CallDown)] == [Ending.SILENCE]


@pytest.mark.parametrize("end", ["lac", "lns"])
def test_each_end_may_end_it(end: str) -> None:
    """CDN ends the call, StopCCN the connection."""
    for whole in (False, True):
        wire = Wire()
        wire.connect()
        wire.run(1)
        keys = dict(zip(("lac", "lns"), connected(wire), strict=True))
        engine = wire.lac if end == "lac" else wire.lns
        if whole:
            engine.close(keys[end].tunnel, wire.now)
        else:
            engine.hang_up(keys[end], wire.now)
        wire.run(1)
        other = "lns" if end == "lac" else "lac"
        assert [event.ending for event in wire.of(other, CallDown)] == [Ending.PEER]
        assert [event.ending for event in wire.of(end, CallDown)] == [Ending.ADMIN]
        assert len(wire.of(other, TunnelDown)) == whole
        assert kinds(wire)[-1] == ("STOP_CCN" if whole else "CDN")
        wire.run(60)
        assert bool(wire.lac.tunnels or wire.lns.tunnels) is not whole


def test_the_window_of_the_peer_is_kept() -> None:
    """RFC 2661 §5.8: no more messages are under way than the peer takes; the others wait."""
    wire = Wire()
    wire.connect()
    wire.run(1)
    (tunnel,) = wire.lac.tunnels.values()
    tunnel.channel.peer_window = 2
    before = len(wire.seen)
    for _ in range(5):
        tunnel.channel.transmit(0, (Avp(AvpType.MESSAGE_TYPE, word(MessageType.HELLO)),), wire.now)
    wire.collect()
    assert len(wire.seen) - before == 2
    wire.run(1)
    assert kinds(wire).count("HELLO") == 5
    assert tunnel.channel.idle


def test_strangers_do_not_get_into_a_call() -> None:
    """Another address, or another IPsec tunnel, is not the peer."""
    wire = Wire(SERVER)
    wire.connect()
    wire.run(1)
    _, there = connected(wire)
    here, _ = connected(wire)
    datagram = wire.lac.send_frame(here, b"frame")
    assert datagram is not None
    for path in (Path(LNS, LAC + 1), Path(LNS, LAC, through=9)):
        wire.lns.receive_datagram(datagram.data, path, wire.now)
    wire.collect()
    assert wire.of("lns", Frame) == []
    wire.lns.receive_datagram(datagram.data, Path(LNS, LAC), wire.now)
    wire.collect()
    assert [event.key for event in wire.of("lns", Frame)] == [there]
