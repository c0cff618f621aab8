"""TFTP transfers between a client and a server over a wire that loses and repeats (RFC 1350, RFC 2347, RFC 2348).

READ  ------------->           WRITE ------------->
      <-------------  DATA 1         <-------------  ACK 0
ACK 1 ------------->           DATA 1 ------------>
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.runtime.tftp import (
    LARGEST_FILE,
    TftpReceiver,
    TftpSender,
    TftpSettings,
    TftpTransfer,
    answer_read,
    answer_write,
    ask_to_read,
    ask_to_write,
)
from nsemu.sim.scheduler import SECOND
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.tftp import ErrorCode, Opcode, TftpMessage, error

PATIENT = TftpSettings(attempts=40, timeout=SECOND)
Fate = Callable[[], int]
"""How many copies of a datagram arrive."""


def play(client: TftpTransfer, make_server: Callable[[TftpMessage], TftpTransfer], copies: Fate) -> TftpTransfer:
    """Carry datagrams until neither side has a deadline. Returns the server."""
    server: TftpTransfer | None = None
    now = 0
    for _ in range(20_000):
        moved = False
        for octets in client.datagrams_to_send():
            for _ in range(copies()):
                moved = True
                if server is None:
                    server = make_server(TftpMessage.parse(octets))
                elif TftpMessage.parse(octets).opcode not in {Opcode.READ, Opcode.WRITE}:
                    server.receive(octets, now)
        if server is not None:
            for octets in server.datagrams_to_send():
                for _ in range(copies()):
                    moved = True
                    client.receive(octets, now)
        if not moved:
            sides = [side for side in (client, server) if side is not None]
            deadlines = [at for side in sides if (at := side.next_deadline()) is not None]
            if not deadlines:
                assert server is not None
                return server
            now = min(deadlines)
            for side in sides:
                side.handle_timer(now)
    raise AssertionError("no end")


SIZES = [0, 1, 511, 512, 513, 1024, 70_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_read(size: int) -> None:
    data = bytes(index * 7 & 0xFF for index in range(size))
    client = ask_to_read("f", PATIENT, 0)
    server = play(client, lambda request: answer_read(request, data, PATIENT, 0, 1428), lambda: 1)
    assert (client.done, client.error, client.data) == (True, "", data)
    assert (server.done, server.error) == (True, "")
    assert client.blocks == size // 512 + 1, "the last block is not full"


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_written(size: int) -> None:
    data = bytes(index * 5 & 0xFF for index in range(size))
    client = ask_to_write("f", data, PATIENT, 0)
    server = play(client, lambda request: answer_write(request, PATIENT, 0, 1428), lambda: 1)
    assert isinstance(server, TftpReceiver)
    assert (client.error, server.error, server.data) == ("", "", data)


@pytest.mark.parametrize(("asked", "size"), [("1024", 1024), ("8192", 1428), ("8", 8), ("7", 512), ("x", 512)])
def test_the_block_size_is_agreed(asked: str, size: int) -> None:
    data = bytes(3000)
    request = TftpMessage(Opcode.READ, text="f", options={"blksize": asked})
    client = TftpReceiver(request, PATIENT, 0)
    server = play(client, lambda message: answer_read(message, data, PATIENT, 0, 1428), lambda: 1)
    assert (client.data, server.error, client.block_size) == (data, "", size)
    sender = TftpSender(data, TftpMessage(Opcode.WRITE, text="f", options={"blksize": asked}), PATIENT, 0)
    receiver = play(sender, lambda message: answer_write(message, PATIENT, 0, 1428), lambda: 1)
    assert isinstance(receiver, TftpReceiver)
    assert (receiver.data, sender.block_size) == (data, size)


def test_block_numbers_wrap() -> None:
    data = bytes(8 * 66_000)
    request = TftpMessage(Opcode.READ, text="f", options={"blksize": "8"})
    sender = answer_read(request, data, PATIENT, 0, 1428)
    receiver = TftpReceiver(request, PATIENT, 0)
    receiver.datagrams_to_send()
    while not receiver.done:
        for octets in sender.datagrams_to_send():
            receiver.receive(octets, 0)
        for octets in receiver.datagrams_to_send():
            sender.receive(octets, 0)
    assert receiver.data == data
    assert receiver.blocks > 65536


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 4000), st.booleans())
def test_losses_and_repetitions_change_nothing(seed: int, size: int, reads: bool) -> None:
    chance = random.Random(seed)
    data = bytes(index * 3 & 0xFF for index in range(size))

    def copies() -> int:
        return chance.choice((0, 1, 1, 2))

    if reads:
        client: TftpTransfer = ask_to_read("f", PATIENT, 0)
        play(client, lambda request: answer_read(request, data, PATIENT, 0, 1428), copies)
        assert isinstance(client, TftpReceiver)
        received = client
    else:
        client = ask_to_write("f", data, PATIENT, 0)
        server = play(client, lambda request: answer_write(request, PATIENT, 0, 1428), copies)
        assert isinstance(server, TftpReceiver)
        received = server
    assert (received.error, received.data) == ("", data)


def test_a_silent_server_is_given_up() -> None:
    client = ask_to_read("f", TftpSettings(attempts=3, timeout=2 * SECOND), 0)
    sent = len(client.datagrams_to_send())
    while (deadline := client.next_deadline()) is not None:
        client.handle_timer(deadline)
        sent += len(client.datagrams_to_send())
    assert (client.done, client.error, sent) == (True, "timeout", 3)


def test_what_a_server_says_is_the_error() -> None:
    client = ask_to_read("f", PATIENT, 0)
    client.receive(error(ErrorCode.NOT_FOUND, "File not found").build(), 1)
    assert (client.done, client.error) == (True, "File not found")


@pytest.mark.parametrize(
    "octets",
    [
        TftpMessage(Opcode.ACK, 0).build(),
        TftpMessage(Opcode.WRITE, text="f").build(),
        TftpMessage(Opcode.OPTION_ACK, options={"blksize": "70000"}).build(),
        TftpMessage(Opcode.DATA, 1, data=bytes(513)).build(),
    ],
)
def test_nonsense_ends_a_transfer_with_an_error(octets: bytes) -> None:
    client = ask_to_read("f", PATIENT, 0)
    client.datagrams_to_send()
    client.receive(octets, 1)
    answer = TftpMessage.parse(client.datagrams_to_send()[0])
    assert (client.done, bool(client.error), answer.opcode) == (True, True, Opcode.ERROR)


def test_a_file_has_an_end() -> None:
    request = TftpMessage(Opcode.WRITE, text="f", options={"blksize": "65464"})
    receiver = answer_write(request, PATIENT, 0, 65464)
    for block in range(1, LARGEST_FILE // 65464 + 3):
        receiver.receive(TftpMessage(Opcode.DATA, block, data=bytes(65464)).build(), 0)
    assert receiver.error == "file too large"


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=80))
def test_any_octets_are_a_message_or_malformed(octets: bytes) -> None:
    try:
        message = TftpMessage.parse(octets)
    except MalformedPacket:
        return
    assert TftpMessage.parse(message.build()) == message


def test_messages_cut_at_every_octet() -> None:
    for whole in (
        TftpMessage(Opcode.READ, text="a.cfg", options={"blksize": "1428"}),
        TftpMessage(Opcode.DATA, 7, data=b"abc"),
        error(ErrorCode.DISK_FULL, "full"),
        TftpMessage(Opcode.OPTION_ACK, options={"blksize": "8"}),
    ):
        octets = whole.build()
        assert TftpMessage.parse(octets) == whole
        for end in range(len(octets)):
            try:
                TftpMessage.parse(octets[:end])
            except MalformedPacket:
                continue
