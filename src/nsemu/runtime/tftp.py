"""TFTP transfers (RFC 1350, RFC 2347, RFC 2348), both directions and both roles, without sockets and without a clock.

engine.receive(datagram, now); engine.handle_timer(now); engine.next_deadline(); engine.datagrams_to_send()

A transfer is a sender and a receiver of blocks; who asked for it only decides the first message (`ask_to_read`,
`ask_to_write`, `answer_read`, `answer_write`). A block that comes twice is acknowledged again and never answered with
data twice (RFC 1350 §2, the sorcerer's apprentice).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nsemu.sim.scheduler import SECOND, Duration, Instant
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.tftp import BLOCK_SIZE, DEFAULT_BLOCK, LONGEST_BLOCK, ErrorCode, Opcode, TftpMessage, error

LARGEST_FILE: Final = 16 << 20
_SHORTEST_BLOCK: Final = 8


@dataclass(frozen=True, slots=True)
class TftpSettings:
    """How often a message is sent before the transfer fails, and the time between."""

    attempts: int = 10
    timeout: Duration = 2 * SECOND


class TftpTransfer:
    """What senders and receivers share: the last message, its repetition, the end.

    `error` tells why a finished transfer failed; empty when all went well.
    """

    def __init__(self, first: TftpMessage, settings: TftpSettings, now: Instant) -> None:
        self.done = False
        self.error = ""
        self.blocks = 0
        self.block_size = DEFAULT_BLOCK
        self._settings = settings
        self._out: list[bytes] = []
        self._deadline: Instant | None = None
        self._say(first, now)

    def datagrams_to_send(self) -> list[bytes]:
        """What is to be sent now."""
        out, self._out = self._out, []
        return out

    def next_deadline(self) -> Instant | None:
        """When `handle_timer` is to be called."""
        return self._deadline

    def handle_timer(self, now: Instant) -> None:
        """Nothing came: say it again, or give up."""
        if self._deadline is None or now < self._deadline:
            return
        self._left -= 1
        if self._left <= 0:
            self._end("timeout")
        else:
            self._out.append(self._last)
            self._deadline = now + self._settings.timeout

    def receive(self, datagram: bytes, now: Instant) -> None:
        """A datagram of the peer; what is no TFTP is ignored."""
        try:
            message = TftpMessage.parse(datagram)
        except MalformedPacket:
            return
        if self.done:
            self._after_the_end(message)
        elif message.opcode is Opcode.ERROR:
            self._end(message.text or f"error {message.number}")
        else:
            self._take(message, now)

    def _take(self, message: TftpMessage, now: Instant) -> None:
        raise NotImplementedError

    def _after_the_end(self, message: TftpMessage) -> None:
        """What still comes."""

    def _say(self, message: TftpMessage, now: Instant) -> None:
        self._last = message.build()
        self._left = self._settings.attempts
        self._out.append(self._last)
        self._deadline = now + self._settings.timeout

    def _end(self, why: str = "") -> None:
        self.done, self.error, self._deadline = True, why, None

    def _refuse(self, code: ErrorCode, text: str) -> None:
        self._out.append(error(code, text).build())
        self._end(text)


class TftpSender(TftpTransfer):
    """Sends a file. `first` is WRITE, an option acknowledgment, or the first block (None)."""

    def __init__(
        self,
        data: bytes,
        first: TftpMessage | None,
        settings: TftpSettings,
        now: Instant,
        *,
        block_size: int = DEFAULT_BLOCK,
    ) -> None:
        self._data = data
        self._block = 0 if first is not None else 1
        super().__init__(first or self._part(1, block_size), settings, now)
        self.block_size = block_size

    def _take(self, message: TftpMessage, now: Instant) -> None:
        if message.opcode is Opcode.OPTION_ACK and self._block == 0 and not self.blocks:
            size = accepted_block(message.options)
            if size is None:
                self._refuse(ErrorCode.BAD_OPTIONS, "bad options")
                return
            self.block_size = size
            self._next(now)
        elif message.opcode is not Opcode.ACK:
            self._refuse(ErrorCode.ILLEGAL_OPERATION, "illegal TFTP operation")
        elif message.number == self._block & 0xFFFF:
            self._next(now)

    def _next(self, now: Instant) -> None:
        """The last message was acknowledged."""
        self.blocks = self._block
        if self._block and self._block * self.block_size > len(self._data):
            self._end()
            return
        self._block += 1
        self._say(self._part(self._block, self.block_size), now)

    def _part(self, block: int, size: int) -> TftpMessage:
        # RFC 1350 §6: a block that is not full is the last, if need be an empty one.
        return TftpMessage(Opcode.DATA, block & 0xFFFF, data=self._data[(block - 1) * size : block * size])


class TftpReceiver(TftpTransfer):
    """Receives a file into `data`. `first` is READ, an acknowledgment of 0, or one of options."""

    def __init__(
        self, first: TftpMessage, settings: TftpSettings, now: Instant, *, block_size: int = DEFAULT_BLOCK
    ) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        super().__init__(first, settings, now)
        self.block_size = block_size

    @property
    def data(self) -> bytes:
        """What came so far."""
        return b"".join(self._parts)

    def _take(self, message: TftpMessage, now: Instant) -> None:
        if message.opcode is Opcode.OPTION_ACK and not self.blocks:
            size = accepted_block(message.options)
            if size is None:
                self._refuse(ErrorCode.BAD_OPTIONS, "bad options")
                return
            self.block_size = size
            self._say(TftpMessage(Opcode.ACK, 0), now)
        elif message.opcode is not Opcode.DATA:
            self._refuse(ErrorCode.ILLEGAL_OPERATION, "illegal TFTP operation")
        elif message.number == (self.blocks + 1) & 0xFFFF:
            self._keep(message, now)
        elif message.number == self.blocks & 0xFFFF and self.blocks:
            self._out.append(TftpMessage(Opcode.ACK, message.number).build())

    def _keep(self, message: TftpMessage, now: Instant) -> None:
        self._size += len(message.data)
        if self._size > LARGEST_FILE or len(message.data) > self.block_size:
            self._refuse(ErrorCode.DISK_FULL, "file too large")
            return
        self.blocks += 1
        self._parts.append(message.data)
        self._say(TftpMessage(Opcode.ACK, message.number), now)
        if len(message.data) < self.block_size:
            self._end()

    def _after_the_end(self, message: TftpMessage) -> None:
        # RFC 1350 §6: our last acknowledgment may be lost.
        if not self.error and message.opcode is Opcode.DATA and message.number == self.blocks & 0xFFFF:
            self._out.append(TftpMessage(Opcode.ACK, message.number).build())


def accepted_block(options: Mapping[str, str]) -> int | None:
    """The block size that a peer wants or agrees to; the default without one, None for one that cannot be."""
    text = options.get(BLOCK_SIZE)
    if text is None:
        return DEFAULT_BLOCK
    if not (text.isascii() and text.isdigit() and _SHORTEST_BLOCK <= int(text) <= LONGEST_BLOCK):
        return None
    return int(text)


def ask_to_read(file: str, settings: TftpSettings, now: Instant) -> TftpReceiver:
    """A client that fetches a file."""
    return TftpReceiver(TftpMessage(Opcode.READ, text=file), settings, now)


def ask_to_write(file: str, data: bytes, settings: TftpSettings, now: Instant) -> TftpSender:
    """A client that stores a file."""
    return TftpSender(data, TftpMessage(Opcode.WRITE, text=file), settings, now)


def answer_read(request: TftpMessage, data: bytes, settings: TftpSettings, now: Instant, most: int) -> TftpSender:
    """A server that sends; blocks have `most` octets at most."""
    size, first = _agreed(request, most)
    return TftpSender(data, first, settings, now, block_size=size)


def answer_write(request: TftpMessage, settings: TftpSettings, now: Instant, most: int) -> TftpReceiver:
    """A server that receives."""
    size, first = _agreed(request, most)
    return TftpReceiver(first or TftpMessage(Opcode.ACK, 0), settings, now, block_size=size)


def _agreed(request: TftpMessage, most: int) -> tuple[int, TftpMessage | None]:
    """RFC 2347: options that make no sense are left out of the answer."""
    wanted = accepted_block(request.options)
    if BLOCK_SIZE not in request.options or wanted is None:
        return DEFAULT_BLOCK, None
    size = min(wanted, most)
    return size, TftpMessage(Opcode.OPTION_ACK, options={BLOCK_SIZE: str(size)})
