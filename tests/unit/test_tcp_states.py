"""Every state of TCP against every kind of segment (RFC 9293 §3.10.7, RFC 5961): next state and answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.runtime.tcp.connection import TcpConnection, TcpError, reset_for
from nsemu.runtime.tcp.states import TcpEvent, TcpFailure, TcpSettings, TcpState
from nsemu.sim.scheduler import SECOND
from nsemu.wire.tcp import ACK, FIN, PSH, RST, SYN, TcpOptions, TcpSegment, flag_names
from support.tcp_pair import CLIENT, SERVER

OURS, PEERS = 1000, 5000
"""Initial sequence numbers: ours, the peer's."""

NOW = 0


def segment(flags: int, sequence: int, ack: int = 0, payload: bytes = b"", window: int = 65535) -> TcpSegment:
    """A segment of the peer."""
    options = TcpOptions(mss=1460) if flags & SYN else TcpOptions()
    return TcpSegment(
        SERVER.port,
        CLIENT.port,
        sequence & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        flags,
        window,
        options=options,
        payload=payload,
    )


def new() -> TcpConnection:
    return TcpConnection(CLIENT, SERVER, OURS, TcpSettings(timestamps=False))


def syn_sent() -> TcpConnection:
    connection = new()
    connection.open(NOW)
    return connection


def syn_received() -> TcpConnection:
    connection = new()
    connection.accept(segment(SYN, PEERS), NOW)
    return connection


def established() -> TcpConnection:
    connection = syn_sent()
    connection.receive(segment(SYN | ACK, PEERS, OURS + 1), NOW)
    return connection


def fin_wait_1() -> TcpConnection:
    connection = established()
    connection.close(NOW)
    return connection


def fin_wait_2() -> TcpConnection:
    connection = fin_wait_1()
    connection.receive(segment(ACK, PEERS + 1, OURS + 2), NOW)
    return connection


def close_wait() -> TcpConnection:
    connection = established()
    connection.receive(segment(FIN | ACK, PEERS + 1, OURS + 1), NOW)
    return connection


def closing() -> TcpConnection:
    connection = fin_wait_1()
    connection.receive(segment(FIN | ACK, PEERS + 1, OURS + 1), NOW)
    return connection


def last_ack() -> TcpConnection:
    connection = close_wait()
    connection.close(NOW)
    return connection


def time_wait() -> TcpConnection:
    connection = fin_wait_2()
    connection.receive(segment(FIN | ACK, PEERS + 1, OURS + 2), NOW)
    return connection


def closed() -> TcpConnection:
    connection = established()
    connection.abort(NOW)
    return connection


MAKERS: dict[TcpState, Callable[[], TcpConnection]] = {
    TcpState.SYN_SENT: syn_sent,
    TcpState.SYN_RECEIVED: syn_received,
    TcpState.ESTABLISHED: established,
    TcpState.FIN_WAIT_1: fin_wait_1,
    TcpState.FIN_WAIT_2: fin_wait_2,
    TcpState.CLOSE_WAIT: close_wait,
    TcpState.CLOSING: closing,
    TcpState.LAST_ACK: last_ack,
    TcpState.TIME_WAIT: time_wait,
    TcpState.CLOSED: closed,
}

# What we have sent and the peer may acknowledge, and what we expect next, in each state.
FIN_SENT = (TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2, TcpState.CLOSING, TcpState.LAST_ACK, TcpState.TIME_WAIT)
FIN_RECEIVED = (TcpState.CLOSE_WAIT, TcpState.CLOSING, TcpState.LAST_ACK, TcpState.TIME_WAIT)
TOP = {state: OURS + 2 if state in FIN_SENT else OURS + 1 for state in MAKERS}
NEXT = {state: PEERS + 2 if state in FIN_RECEIVED else PEERS + 1 for state in MAKERS}

INPUTS: dict[str, Callable[[int, int], TcpSegment]] = {
    "syn": lambda nxt, _: segment(SYN, nxt),
    "old syn": lambda _, __: segment(SYN, PEERS),
    "syn+ack": lambda nxt, top: segment(SYN | ACK, nxt, top),
    "ack": lambda nxt, top: segment(ACK, nxt, top),
    "ack of unsent": lambda nxt, top: segment(ACK, nxt, top + 7),
    "data": lambda nxt, top: segment(PSH | ACK, nxt, top, b"data"),
    "data beyond window": lambda nxt, top: segment(PSH | ACK, nxt + 70_000, top, b"data"),
    "data without ack": lambda nxt, _: segment(PSH, nxt, 0, b"data"),
    "fin": lambda nxt, top: segment(FIN | ACK, nxt, top),
    "rst": lambda nxt, _: segment(RST, nxt),
    "rst in window": lambda nxt, _: segment(RST, nxt + 1),
    "rst out of window": lambda nxt, _: segment(RST, nxt + 70_000),
    "rst+ack": lambda nxt, top: segment(RST | ACK, nxt, top),
}

S = TcpState
# State × input → next state (same when not named) and the answer's flags ("" for none).
SYNCHRONIZED: dict[str, str] = {
    "syn": "ACK",
    "old syn": "ACK",
    "syn+ack": "ACK",
    "ack": "",
    "ack of unsent": "ACK",
    "data": "ACK",
    "data beyond window": "ACK",
    "data without ack": "",
    "fin": "ACK",
    "rst": "",
    "rst in window": "ACK",
    "rst out of window": "",
    "rst+ack": "",
}
ANSWERS: dict[TcpState, dict[str, str]] = {
    S.SYN_SENT: {
        "syn": "SYN+ACK",
        "old syn": "SYN+ACK",
        "syn+ack": "ACK",
        "ack": "",
        "ack of unsent": "RST",
        "data": "",
        "data beyond window": "",
        "data without ack": "",
        "fin": "",
        "rst": "",
        "rst in window": "",
        "rst out of window": "",
        "rst+ack": "",
    },
    S.SYN_RECEIVED: SYNCHRONIZED | {"old syn": "SYN+ACK", "ack of unsent": "RST"},
    S.ESTABLISHED: SYNCHRONIZED,
    S.FIN_WAIT_1: SYNCHRONIZED,
    S.FIN_WAIT_2: SYNCHRONIZED,
    S.CLOSE_WAIT: SYNCHRONIZED,
    S.CLOSING: SYNCHRONIZED,
    # The ACK that ends LAST-ACK ends it before anything could be answered.
    S.LAST_ACK: SYNCHRONIZED | {"data": "", "fin": ""},
    S.TIME_WAIT: SYNCHRONIZED,
    S.CLOSED: dict.fromkeys(INPUTS, ""),
}
MOVES: dict[TcpState, dict[str, TcpState]] = {
    S.SYN_SENT: {
        "syn": S.SYN_RECEIVED,
        "old syn": S.SYN_RECEIVED,
        "syn+ack": S.ESTABLISHED,
        "rst+ack": S.CLOSED,
    },
    S.SYN_RECEIVED: {"ack": S.ESTABLISHED, "data": S.ESTABLISHED, "fin": S.CLOSE_WAIT},
    S.ESTABLISHED: {"fin": S.CLOSE_WAIT},
    S.FIN_WAIT_1: {"ack": S.FIN_WAIT_2, "data": S.FIN_WAIT_2, "fin": S.TIME_WAIT},
    S.FIN_WAIT_2: {"fin": S.TIME_WAIT},
    S.CLOSE_WAIT: {},
    S.CLOSING: {"ack": S.TIME_WAIT, "data": S.TIME_WAIT, "fin": S.TIME_WAIT},
    S.LAST_ACK: {"ack": S.CLOSED, "data": S.CLOSED, "fin": S.CLOSED},
    S.TIME_WAIT: {},
    S.CLOSED: {},
}
for _state in MAKERS:
    if _state not in {S.SYN_SENT, S.CLOSED}:
        MOVES[_state] = MOVES[_state] | {"rst": S.CLOSED, "rst+ack": S.CLOSED}


def flush(connection: TcpConnection) -> list[TcpSegment]:
    return connection.segments_to_send(NOW)


@pytest.mark.parametrize("state", MAKERS)
def test_the_makers_make(state: TcpState) -> None:
    assert MAKERS[state]().state is state


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("state", MAKERS)
def test_state_and_segment(state: TcpState, name: str) -> None:
    connection = MAKERS[state]()
    flush(connection)
    connection.receive(INPUTS[name](NEXT[state], TOP[state]), NOW)
    assert connection.state is MOVES[state].get(name, state)
    assert [flag_names(answer.flags) for answer in flush(connection)] == [ANSWERS[state][name]] * bool(
        ANSWERS[state][name]
    )


FAILURES = {
    S.SYN_SENT: None,
    S.SYN_RECEIVED: TcpFailure.REFUSED,
    S.ESTABLISHED: TcpFailure.RESET,
    S.FIN_WAIT_1: TcpFailure.RESET,
    S.FIN_WAIT_2: TcpFailure.RESET,
    S.CLOSE_WAIT: TcpFailure.RESET,
    S.CLOSING: None,
    S.LAST_ACK: None,
    S.TIME_WAIT: None,
    S.CLOSED: TcpFailure.ABORTED,
}


@pytest.mark.parametrize("state", MAKERS)
def test_what_the_user_is_told_of_a_reset(state: TcpState) -> None:
    connection = MAKERS[state]()
    connection.receive(INPUTS["rst"](NEXT[state], TOP[state]), NOW)
    assert connection.failure is FAILURES[state]


def test_a_refused_opening_says_so() -> None:
    connection = syn_sent()
    connection.receive(segment(RST | ACK, 0, OURS + 1), NOW)
    assert connection.failure is TcpFailure.REFUSED
    assert connection.next_event() is TcpEvent.CLOSED


CLOSE_MOVES = {
    S.SYN_SENT: S.CLOSED,
    S.SYN_RECEIVED: S.SYN_RECEIVED,
    S.ESTABLISHED: S.FIN_WAIT_1,
    S.CLOSE_WAIT: S.LAST_ACK,
}
ABORT_ANSWERS = {
    state: state in {S.SYN_RECEIVED, S.ESTABLISHED, S.FIN_WAIT_1, S.FIN_WAIT_2, S.CLOSE_WAIT} for state in MAKERS
}


@pytest.mark.parametrize("state", MAKERS)
def test_user_closes(state: TcpState) -> None:
    connection = MAKERS[state]()
    flush(connection)
    connection.close(NOW)
    assert connection.state is CLOSE_MOVES.get(state, state)
    sends_fin = state in {S.ESTABLISHED, S.CLOSE_WAIT}
    assert [flag_names(one.flags) for one in flush(connection)] == ["FIN+ACK"] * sends_fin


def test_close_in_syn_received_sends_fin_after_the_handshake() -> None:
    connection = syn_received()
    flush(connection)
    connection.close(NOW)
    connection.receive(segment(ACK, PEERS + 1, OURS + 1), NOW)
    assert connection.state is S.FIN_WAIT_1
    assert flag_names(flush(connection)[0].flags) == "FIN+ACK"


@pytest.mark.parametrize("state", MAKERS)
def test_user_aborts(state: TcpState) -> None:
    connection = MAKERS[state]()
    flush(connection)
    connection.abort(NOW)
    assert connection.state is S.CLOSED
    assert [flag_names(one.flags) for one in flush(connection)] == ["RST+ACK"] * ABORT_ANSWERS[state]
    assert connection.next_deadline() is None


@pytest.mark.parametrize("state", MAKERS)
def test_user_sends(state: TcpState) -> None:
    connection = MAKERS[state]()
    if state in {S.SYN_SENT, S.SYN_RECEIVED, S.ESTABLISHED, S.CLOSE_WAIT}:
        connection.send(b"x", NOW)
    else:
        with pytest.raises(TcpError, match=f"cannot send in state {state.value}"):
            connection.send(b"x", NOW)


def test_time_wait_ends_after_twice_the_segment_lifetime_and_a_fin_begins_it_anew() -> None:
    connection = time_wait()
    assert connection.next_deadline() == 10 * SECOND
    connection.receive(segment(FIN | ACK, PEERS + 1, OURS + 2), 4 * SECOND)
    assert connection.next_deadline() == 14 * SECOND
    assert flag_names(connection.segments_to_send(4 * SECOND)[-1].flags) == "ACK"
    connection.handle_timer(14 * SECOND)
    assert (connection.state, connection.failure) == (S.CLOSED, None)


def test_challenges_are_limited() -> None:
    """RFC 5961 §7: two confused peers must not answer each other for ever."""
    connection = established()
    flush(connection)
    answers = 0
    for _ in range(100):
        connection.receive(segment(ACK, PEERS + 70_000, OURS + 1), NOW)
        answers += len(flush(connection))
    assert answers == 10
    connection.receive(segment(ACK, PEERS + 70_000, OURS + 1), SECOND)
    assert len(connection.segments_to_send(SECOND)) == 1


@pytest.mark.parametrize("state", MAKERS)
def test_icmp_error_ends_only_an_opening(state: TcpState) -> None:
    connection = MAKERS[state]()
    connection.icmp_error(TcpFailure.HOST_UNREACHABLE, OURS)
    if state is S.SYN_SENT:
        assert (connection.state, connection.failure) == (S.CLOSED, TcpFailure.HOST_UNREACHABLE)
    else:
        assert connection.state is state


def test_icmp_error_about_a_sequence_not_in_flight_is_ignored() -> None:
    """RFC 5927 §4.1."""
    connection = syn_sent()
    connection.icmp_error(TcpFailure.HOST_UNREACHABLE, OURS + 5)
    assert connection.state is S.SYN_SENT


def test_icmp_error_is_the_reason_of_a_later_time_out() -> None:
    connection = established()
    connection.send(b"x", NOW)
    connection.icmp_error(TcpFailure.HOST_UNREACHABLE, OURS + 1)
    while (deadline := connection.next_deadline()) is not None:
        connection.handle_timer(deadline)
    assert connection.failure is TcpFailure.HOST_UNREACHABLE


def test_old_segments_are_refused_by_their_timestamp() -> None:
    """RFC 7323 §5.3 (PAWS)."""
    connection = TcpConnection(CLIENT, SERVER, OURS, TcpSettings())
    connection.open(NOW)

    def stamped(flags: int, sequence: int, stamp: int, payload: bytes = b"") -> TcpSegment:
        options = TcpOptions(mss=1460 if flags & SYN else None, timestamps=(stamp, 0))
        return TcpSegment(SERVER.port, CLIENT.port, sequence, OURS + 1, flags, 65535, options=options, payload=payload)

    connection.receive(stamped(SYN | ACK, PEERS, 100), NOW)
    connection.receive(stamped(ACK, PEERS + 1, 99, b"old"), NOW)
    assert connection.read() == b""
    connection.receive(stamped(ACK, PEERS + 1, 101, b"new"), NOW)
    assert connection.read() == b"new"
    assert flush(connection)[-1].options.timestamps == (0, 101)


def test_a_segment_before_the_window_is_cut() -> None:
    connection = established()
    connection.receive(segment(ACK, PEERS + 1, OURS + 1, b"abcd"), NOW)
    connection.receive(segment(ACK, PEERS + 3, OURS + 1, b"cdef"), NOW)
    assert connection.read() == b"abcdef"


def test_data_beyond_the_window_is_cut() -> None:
    connection = TcpConnection(CLIENT, SERVER, OURS, TcpSettings(window=4, timestamps=False))
    connection.open(NOW)
    connection.receive(segment(SYN | ACK, PEERS, OURS + 1), NOW)
    connection.receive(segment(FIN | ACK, PEERS + 1, OURS + 1, b"abcdef"), NOW)
    assert connection.read() == b"abcd"
    assert connection.state is S.ESTABLISHED


def test_reset_for_what_belongs_to_nothing() -> None:
    """RFC 9293 §3.10.7.1."""
    answer = reset_for(segment(ACK, 7, 99))
    assert (answer.flags, answer.sequence, answer.acknowledgment) == (RST, 99, 0)
    answer = reset_for(segment(SYN, 0xFFFFFFFF))
    assert (answer.flags, answer.sequence, answer.acknowledgment) == (RST | ACK, 0, 0)
    answer = reset_for(segment(FIN, 10, payload=b"abc"))
    assert answer.acknowledgment == 14


FLAGS = st.integers(0, 63)
NEAR = st.integers(-3, 70_000)


@settings(deadline=None, max_examples=300)
@given(
    state=st.sampled_from(sorted(MAKERS, key=lambda one: one.value)),
    steps=st.lists(st.tuples(FLAGS, NEAR, NEAR, st.binary(max_size=5), st.integers(0, 3)), max_size=12),
)
def test_any_segments_leave_a_connection_in_order(
    state: TcpState, steps: list[tuple[int, int, int, bytes, int]]
) -> None:
    """No exception, no answer to a RST, at most one segment out for each in (plus our FIN), one CLOSED event."""
    connection = MAKERS[state]()
    events = []
    now = NOW
    while (event := connection.next_event()) is not None:
        events.append(event)
    flush(connection)
    for flags, sequence, ack, payload, window in steps:
        now += 1
        incoming = segment(flags, PEERS + sequence, OURS + ack, payload, window)
        connection.receive(incoming, now)
        answers = connection.segments_to_send(now)
        assert len(answers) <= 2
        if flags & RST:
            assert all(not answer.flags & RST for answer in answers)
        while (event := connection.next_event()) is not None:
            events.append(event)
        deadline = connection.next_deadline()
        if deadline is not None:
            assert deadline >= now
        if connection.state is S.CLOSED:
            assert deadline is None
    assert events.count(TcpEvent.CLOSED) <= 1
    assert (connection.state in {S.CLOSED, S.TIME_WAIT}) == (TcpEvent.CLOSED in events)
