"""Two TCPs over a pipe: octets arrive whole and in order, connections end (RFC 9293)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.runtime.tcp.states import TcpEvent, TcpFailure, TcpSettings, TcpState
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire.tcp import ACK, FIN, RST, SYN
from support.tcp_pair import Pair


def pattern(size: int, seed: int = 1) -> bytes:
    return bytes((index * 31 + index // 251 + seed) & 0xFF for index in range(size))


def opened(**options: object) -> Pair:
    pair = Pair(**options)  # type: ignore[arg-type]
    pair.open()
    pair.scheduler.run_for(SECOND)
    assert pair.states == (TcpState.ESTABLISHED, TcpState.ESTABLISHED)
    return pair


def test_handshake_data_and_close() -> None:
    """client SYN > < SYN+ACK  ACK >  data >  < ACK  FIN >  < ACK  < FIN  ACK >."""
    pair = opened()
    pair.send(pair.client, b"hello")
    pair.scheduler.run_for(SECOND)
    assert pair.server.received == b"hello"
    pair.close(pair.client)
    pair.scheduler.run_for(SECOND)
    assert pair.states == (TcpState.FIN_WAIT_2, TcpState.CLOSE_WAIT)
    pair.send(pair.server, b"half close")
    pair.close(pair.server)
    pair.scheduler.run_for(SECOND)
    assert pair.client.received == b"half close"
    assert pair.states == (TcpState.TIME_WAIT, TcpState.CLOSED)
    pair.scheduler.run_for(10 * SECOND)
    assert pair.states == (TcpState.CLOSED, TcpState.CLOSED)
    wanted = [TcpEvent.CONNECTED, TcpEvent.READABLE, TcpEvent.PEER_CLOSED, TcpEvent.CLOSED]
    assert pair.client.events == pair.server.events == wanted
    flags = [segment.flags & ~8 for segment in pair.client.sent]
    assert flags == [SYN, ACK, ACK, ACK | FIN, ACK, ACK]


def test_simultaneous_open() -> None:
    """RFC 9293 §3.5, figure 7."""
    pair = Pair()
    pair.open_both()
    pair.scheduler.run_for(SECOND // 2)
    assert pair.states == (TcpState.ESTABLISHED, TcpState.ESTABLISHED)
    assert [segment.flags for segment in pair.client.sent] == [SYN, SYN | ACK, ACK]
    pair.send(pair.client, b"a")
    pair.send(pair.server, b"b")
    pair.scheduler.run_for(SECOND)
    assert (bytes(pair.client.received), bytes(pair.server.received)) == (b"b", b"a")


def test_simultaneous_close() -> None:
    """RFC 9293 §3.6, figure 13: both pass CLOSING and TIME-WAIT."""
    pair = opened()
    pair.close(pair.client)
    pair.close(pair.server)
    pair.scheduler.run_for(10 * MILLISECOND)
    assert pair.states == (TcpState.CLOSING, TcpState.CLOSING)
    pair.scheduler.run_for(SECOND)
    assert pair.states == (TcpState.TIME_WAIT, TcpState.TIME_WAIT)
    pair.scheduler.run_for(20 * SECOND)
    assert pair.states == (TcpState.CLOSED, TcpState.CLOSED)


def test_silent_peer_times_out_after_six_syns() -> None:
    pair = Pair(iter([()] * 100))
    pair.open()
    pair.scheduler.run_for(200 * SECOND)
    assert pair.client.connection.failure is TcpFailure.TIMED_OUT
    assert pair.client.events == [TcpEvent.CLOSED]
    assert [segment.flags for segment in pair.client.sent] == [SYN] * 6


def test_peer_that_falls_silent_times_out() -> None:
    pair = opened()
    pair.fates = iter([()] * 100)
    pair.send(pair.client, b"anyone?")
    pair.scheduler.run_for(3600 * SECOND)
    assert pair.client.connection.failure is TcpFailure.TIMED_OUT
    assert pair.client.connection.next_deadline() is None


def test_abort_resets_the_peer() -> None:
    pair = opened()
    pair.act(pair.client, lambda connection: connection.abort(pair.scheduler.now))
    pair.scheduler.run_for(SECOND)
    assert pair.client.sent[-1].flags == RST | ACK
    assert pair.server.connection.failure is TcpFailure.RESET


@pytest.mark.parametrize(("timestamps", "largest"), [(False, 900), (True, 888)])
def test_mss_of_the_smaller_side_is_kept(timestamps: bool, largest: int) -> None:
    """RFC 6691: the timestamps take their 12 octets from the text."""
    pair = opened(settings=(TcpSettings(mss=1460, timestamps=timestamps), TcpSettings(mss=900)))
    pair.send(pair.client, pattern(10_000))
    pair.send(pair.server, pattern(10_000, 2))
    pair.scheduler.run_for(5 * SECOND)
    assert pair.server.received == pattern(10_000)
    assert max(len(segment.payload) for segment in pair.client.sent + pair.server.sent) == largest


def test_closed_window_is_probed_and_opens() -> None:
    """A reader that stops reading closes the window; probes go on, and nothing is lost when it reads again."""
    data = pattern(200_000)
    pair = opened()
    pair.server.reads = False
    pair.send(pair.client, data)
    pair.scheduler.run_for(600 * SECOND)
    assert pair.server.connection.readable == 65535
    assert pair.client.connection.failure is None
    probes = [segment for segment in pair.client.sent if len(segment.payload) == 1]
    assert 10 < len(probes) < 30
    pair.server.reads = True
    pair.turn(pair.server)
    pair.scheduler.run_for(120 * SECOND)
    assert pair.server.received == data


def test_lost_window_update_is_found_by_a_probe() -> None:
    pair = opened()
    pair.server.reads = False
    pair.send(pair.client, pattern(80_000))
    pair.scheduler.run_for(30 * SECOND)
    pair.server.reads = True
    pair.fates = iter([()])
    pair.turn(pair.server)
    pair.scheduler.run_for(200 * SECOND)
    assert pair.server.received == pattern(80_000)


def test_fin_waits_behind_a_closed_window() -> None:
    settings_of_both = (TcpSettings(), TcpSettings(window=1000))
    pair = opened(settings=settings_of_both)
    pair.server.reads = False
    pair.send(pair.client, pattern(1000))
    pair.close(pair.client)
    pair.scheduler.run_for(60 * SECOND)
    pair.server.reads = True
    pair.turn(pair.server)
    pair.scheduler.run_for(120 * SECOND)
    assert pair.server.received == pattern(1000)
    assert pair.states == (TcpState.FIN_WAIT_2, TcpState.CLOSE_WAIT)


def test_one_loss_is_repaired_by_fast_retransmit() -> None:
    """Three duplicate acknowledgments bring the segment again before the time-out (RFC 5681 §3.2)."""
    pair = opened()
    pair.send(pair.client, pattern(30_000))
    pair.scheduler.run_for(SECOND)
    pair.fates = iter([(), *[(10,)] * 9])
    start = pair.scheduler.now
    pair.send(pair.client, pattern(30_000, 7))
    pair.scheduler.run_for(200 * MILLISECOND)
    assert pair.server.received == pattern(30_000) + pattern(30_000, 7)
    assert pair.scheduler.now - start < SECOND


def test_path_mtu_shrinks_segments() -> None:
    """RFC 1191: "fragmentation needed" about a segment in flight sends it again in smaller ones."""
    pair = opened()
    pair.fates = iter([()] * 3)
    pair.send(pair.client, pattern(5000))
    quoted = pair.client.sent[-1].sequence
    pair.act(pair.client, lambda connection: connection.path_mtu(1360, quoted, pair.scheduler.now))
    pair.scheduler.run_for(SECOND // 2)
    assert pair.server.received == pattern(5000)
    assert pair.client.connection.mss == 1348


def test_sequence_numbers_wrap() -> None:
    pair = opened(isn=(0xFFFFFFF0, 0xFFFFFFFF))
    pair.send(pair.client, pattern(100_000))
    pair.send(pair.server, pattern(100_000, 3))
    pair.scheduler.run_for(10 * SECOND)
    assert pair.server.received == pattern(100_000)
    assert pair.client.received == pattern(100_000, 3)


@pytest.mark.parametrize("stamps", [False, True])
def test_round_trip_longer_than_the_first_timeout(stamps: bool) -> None:
    """RFC 6298 §5.7 and Karn: a path of 4 s does not make TCP send everything twice for ever."""
    of_both = TcpSettings(timestamps=stamps, mss=1460 if stamps else 1448)
    pair = Pair(iter([(2000,)] * 10_000), settings=(of_both, of_both))
    pair.open()
    pair.scheduler.run_for(30 * SECOND)
    pair.send(pair.client, pattern(20_000))
    pair.scheduler.run_for(200 * SECOND)
    assert pair.server.received == pattern(20_000)
    before = len(pair.client.sent)
    pair.send(pair.client, pattern(14_480, 9))
    pair.scheduler.run_for(100 * SECOND)
    assert len(pair.client.sent) - before == 10


FATES = st.lists(st.lists(st.integers(1, 400), max_size=3).map(tuple), max_size=120)


@settings(deadline=None, max_examples=100)
@given(
    fates=FATES,
    sizes=st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)),
    both=st.booleans(),
    stamps=st.tuples(st.booleans(), st.booleans()),
)
def test_streams_arrive_whole_over_any_pipe(
    fates: list[tuple[int, ...]], sizes: tuple[int, int], both: bool, stamps: tuple[bool, bool]
) -> None:
    """Whatever the pipe loses, repeats and reorders at first, all octets arrive in order and both ends close."""
    of_both = (TcpSettings(timestamps=stamps[0]), TcpSettings(timestamps=stamps[1]))
    pair = Pair(iter(fates), isn=(0xFFFFF000, 17), settings=of_both)
    upload, download = pattern(sizes[0], 5), pattern(sizes[1], 6)
    if both:
        pair.open_both()
    else:
        pair.open()
    pair.send(pair.client, upload)
    ends = ((pair.client, b""), (pair.server, download))
    waiting = list(ends)
    for _ in range(600):
        pair.scheduler.run_for(SECOND)
        for end, data in [item for item in waiting if TcpEvent.CONNECTED in item[0].events]:
            waiting.remove((end, data))
            pair.send(end, data)
            pair.close(end)
    if waiting:
        # So many SYNs were lost in a row that an end gave up: then it must have said so.
        assert sum(not fate for fate in fates) >= 6
        assert TcpFailure.TIMED_OUT in (pair.client.connection.failure, pair.server.connection.failure)
        return
    pair.scheduler.run_for(1200 * SECOND)
    if TcpFailure.TIMED_OUT in (pair.client.connection.failure, pair.server.connection.failure):
        assert sum(not fate for fate in fates) >= 6
        return
    assert pair.server.received == upload
    assert pair.client.received == download
    assert pair.states == (TcpState.CLOSED, TcpState.CLOSED)
    assert pair.client.events.count(TcpEvent.CLOSED) == pair.server.events.count(TcpEvent.CLOSED) == 1
