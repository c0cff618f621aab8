"""The windows of a TCP connection: what `expects` takes at a glance is what `refuses` would let pass."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.flow.tcp_window import TcpWindow
from nsemu.wire.tcp import ACK, SYN, TcpOptions, TcpSegment

MASK = 0xFFFFFFFF
ENDS = (0x0A010005, 0x09090909)
NEAR_THE_WRAP = st.sampled_from((0, 1000, 2**31 - 500, 2**32 - 40_000, 2**32 - 700, 2**32 - 2))


@dataclass(frozen=True, slots=True)
class Said:
    """A segment: by whom, how far from what that end sent last and from what it heard last, its length, its window."""

    forward: bool
    ahead: int
    behind: int
    size: int
    window: int


SAID = st.builds(
    Said,
    st.booleans(),
    st.sampled_from((0, 0, 0, 0, 0, -300, -1, 1, 300, 70_000, -70_000)),
    st.sampled_from((0, 0, 0, 0, 300, -1, 70_000)),
    st.sampled_from((0, 1, 300, 1400)),
    st.sampled_from((0, 500, 4000, 30_000)),
)


def segment(sequence: int, acknowledgment: int, flags: int, size: int = 0, window: int = 30_000) -> bytes:
    options = TcpOptions(window_scale=0) if flags & SYN else TcpOptions()
    values = (sequence & MASK, acknowledgment & MASK, flags, window)
    return TcpSegment(4000, 80, *values, 0, options, bytes(size)).build(*ENDS)


def handshake(window: TcpWindow, client: int, server: int) -> None:
    assert window.refuses(segment(client, 0, SYN), 0, True) == ""
    assert window.refuses(segment(server, client + 1, SYN | ACK), 0, False) == ""
    assert window.refuses(segment(client + 1, server + 1, ACK), 0, True) == ""


@settings(deadline=None, max_examples=150)
@given(NEAR_THE_WRAP, NEAR_THE_WRAP, st.lists(SAID, max_size=40))
def test_a_glance_and_a_close_look_agree(client: int, server: int, said: list[Said]) -> None:
    quick, slow = TcpWindow(), TcpWindow()
    for window in (quick, slow):
        handshake(window, client, server)
    sent = {True: client + 1, False: server + 1}
    for one in said:
        octets = segment(sent[one.forward] + one.ahead, sent[not one.forward] - one.behind, ACK, one.size, one.window)
        expected = quick.expects(octets, 0, one.forward)
        why = "" if expected else quick.refuses(octets, 0, one.forward)
        assert why == slow.refuses(octets, 0, one.forward)
        assert [quick.challenge(way) for way in (True, False)] == [slow.challenge(way) for way in (True, False)]
        if not why:
            sent[one.forward] = max(sent[one.forward], sent[one.forward] + one.ahead + one.size)


@pytest.mark.parametrize("before", [0, 1, 700, 1400, 29_999, 30_000, 30_001, 60_000])
@pytest.mark.parametrize("windows", [(30_000,), (0, 30_000), (1400, 30_000)])
def test_a_long_transfer_goes_on_when_its_numbers_wrap(before: int, windows: tuple[int, ...]) -> None:
    """Both ways look at its segments in turn, as they do in life; none of them may lose sight of the window."""
    window, client, server = TcpWindow(), -1 - before & MASK, 500
    handshake(window, client, server)
    sent = client + 1
    for _ in range(100):
        data = segment(sent, server + 1, ACK, 1400)
        assert window.expects(data, 0, True) or window.refuses(data, 0, True) == ""
        sent += 1400
        for room in windows:
            heard = segment(server + 1, sent, ACK, 0, room)
            assert window.expects(heard, 0, False) or window.refuses(heard, 0, False) == ""


def test_what_follows_in_order_needs_no_close_look() -> None:
    window = TcpWindow()
    handshake(window, 100, 500)
    assert window.expects(segment(101, 501, ACK, 1000), 0, True)
    assert window.expects(segment(101, 501, ACK, 1000), 0, True)  # the same again
    assert window.expects(segment(501, 1101, ACK, 0), 0, False)
    assert not window.expects(segment(101, 501, ACK, 30_000), 0, True)  # beyond what the server takes
    assert not window.expects(segment(1102, 501, ACK, 10), 0, True)  # something is missing before it
    assert not window.expects(segment(1101, 502, ACK, 10), 0, True)  # acknowledges what nobody sent


def test_a_connection_that_nobody_saw_begin_is_not_known() -> None:
    assert not TcpWindow().expects(segment(1, 1, ACK, 10), 0, True)
