"""One direction of an edited TCP connection, fed in pieces of every size, in order and again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.flow.alg.stream import LONGEST_LINE, Stream

MASK = 0xFFFFFFFF
MARK = b"ADDR "


class Gateway:
    """A stream that replaces the argument of each `ADDR` line, and holds one that is not whole."""

    def __init__(self, first: int, texts: dict[bytes, bytes]) -> None:
        self.stream = Stream()
        self.stream.begin(first)
        self.texts = texts

    def send(self, sequence: int, data: bytes) -> tuple[int, bytes]:
        """Take a segment; what goes on: its sequence number and octets."""
        stream = self.stream
        assert stream.next is not None
        at = stream.position(sequence)
        new = at + len(data) - stream.next
        assert at <= stream.next
        if new > 0:
            stream.feed(data[-new:])
            self.read()
        return stream.moved(at) & MASK, stream.cut(at, data)

    def read(self) -> None:
        stream = self.stream
        while (line := stream.line()) is not None:
            word = line.text[len(MARK) :].rstrip(b"\r\n")
            if line.text.startswith(MARK) and word in self.texts:
                stream.replace(line, (len(MARK), len(MARK) + len(word)), self.texts[word])
            else:
                stream.release(line)
        stream.hold(len(MARK) if stream.partial.startswith(MARK) else None)


class Receiver:
    """Puts segments together by their numbers; two that disagree fail the test."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.octets: dict[int, int] = {}

    def take(self, sequence: int, data: bytes) -> None:
        at = (sequence - self.first) & MASK
        for offset, octet in enumerate(data):
            assert self.octets.setdefault(at + offset, octet) == octet

    @property
    def contiguous(self) -> bytes:
        text = bytearray()
        while len(text) in self.octets:
            text.append(self.octets[len(text)])
        return bytes(text)


WORDS = {b"1": b"1234567", b"abcdef": b"x", b"same": b"same", b"22": b"33"}
LINES = st.lists(
    st.sampled_from(
        [b"ADDR 1\r\n", b"ADDR abcdef\r\n", b"ADDR same\n", b"ADDR 22\r\n", b"ADDR other\r\n", b"noise\r\n", b"\n"]
    ),
    min_size=1,
    max_size=12,
)


def expected(text: bytes) -> bytes:
    for word, replacement in WORDS.items():
        text = text.replace(MARK + word + b"\r", MARK + replacement + b"\r")
        text = text.replace(MARK + word + b"\n", MARK + replacement + b"\n")
    return text


@settings(deadline=None, max_examples=150)
@given(LINES, st.integers(0, MASK), st.integers(0, 2**32))
def test_the_receiver_gets_the_edited_text_however_it_was_cut_and_repeated(
    lines: list[bytes], first: int, seed: int
) -> None:
    text = b"".join(lines)
    gateway, receiver, chance = Gateway(first, WORDS), Receiver(first), random.Random(seed)
    sent = 0
    while sent < len(text):
        begin = max(0, sent - chance.choice((0, 0, 0, 1, 3, 20)))
        end = min(len(text), sent + chance.choice((1, 1, 2, 5, 30)))
        receiver.take(*gateway.send((first + begin) & MASK, text[begin:end]))
        sent = max(sent, end)
        # What the receiver has acknowledged is never more than the sender has sent, and never less than it knows.
        acknowledged = (gateway.stream.unmoved((first + len(receiver.contiguous)) & MASK) - first) & MASK
        assert acknowledged <= sent
        assert expected(text[:acknowledged]).startswith(receiver.contiguous[: len(expected(text[:acknowledged]))])
    assert receiver.contiguous == expected(text)
    assert gateway.stream.unmoved((first + len(receiver.contiguous)) & MASK) == (first + len(text)) & MASK


@settings(deadline=None, max_examples=80)
@given(LINES, st.integers(0, MASK), st.integers(0, 2**32))
def test_a_sender_that_goes_back_to_the_last_acknowledgment_loses_nothing(
    lines: list[bytes], first: int, seed: int
) -> None:
    """Segments are lost at random; the sender repeats from what the gateway made of the receiver's acknowledgment."""
    text = b"".join(lines)
    gateway, receiver, chance = Gateway(first, WORDS), Receiver(first), random.Random(seed)
    for _ in range(400):
        acknowledged = (gateway.stream.unmoved((first + len(receiver.contiguous)) & MASK) - first) & MASK
        if acknowledged == len(text):
            break
        end = min(len(text), acknowledged + chance.choice((1, 4, 9, 50)))
        passed = gateway.send((first + acknowledged) & MASK, text[acknowledged:end])
        if chance.random() < 0.7:
            receiver.take(*passed)
    assert receiver.contiguous == expected(text)


def test_the_argument_is_kept_back_until_its_line_is_whole() -> None:
    gateway = Gateway(1000, WORDS)
    assert gateway.send(1000, b"ADDR ab") == (1000, b"ADDR ")
    assert gateway.stream.unmoved(1005) == 1007, "what is kept back counts as received"
    assert gateway.send(1007, b"cde") == (1005, b"")
    assert gateway.send(1010, b"f\r\nnext") == (1005, b"x\r\nnext")
    assert gateway.send(1017, b"\r\n") == (1012, b"\r\n")
    assert gateway.stream.unmoved(1014) == 1019


def test_a_line_without_end_is_let_go() -> None:
    gateway = Gateway(0, WORDS)
    head, body = b"ADDR ", b"1" * LONGEST_LINE
    assert gateway.send(0, head) == (0, head)
    sequence, passed = gateway.send(len(head), body)
    assert (sequence, passed) == (len(head), body)
    assert gateway.send(len(head) + len(body), b"\r\nADDR 22\r\n")[1] == b"\r\nADDR 33\r\n"


def test_what_is_held_at_the_end_of_the_stream_is_sent_on() -> None:
    gateway = Gateway(0, WORDS)
    gateway.send(0, b"ADDR 1")
    gateway.stream.flush()
    assert gateway.stream.cut(5, b"1") == b"1"
    assert gateway.stream.moved(6) == 6


@pytest.mark.parametrize("count", [10, 500])
def test_many_edits_keep_the_numbers_right(count: int) -> None:
    gateway, receiver = Gateway(MASK - 100, WORDS), Receiver(MASK - 100)
    text = b"ADDR 1\r\n" * count
    for at in range(0, len(text), 8):
        receiver.take(*gateway.send((MASK - 100 + at) & MASK, text[at : at + 8]))
    assert receiver.contiguous == b"ADDR 1234567\r\n" * count


def test_a_second_syn_begins_anew() -> None:
    stream = Stream()
    stream.begin(5)
    stream.feed(b"abc")
    stream.begin(9)
    assert stream.next == 9
    assert not stream.edited
