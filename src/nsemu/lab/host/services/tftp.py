"""A TFTP server on a host (RFC 1350, RFC 2347, RFC 2348): reads and writes its files, each transfer by its own port."""

from __future__ import annotations

from typing import Final

from nsemu.lab.host.store import FileError, FileTree
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived, UdpSocket
from nsemu.runtime.tftp import TftpReceiver, TftpSender, TftpSettings, answer_read, answer_write
from nsemu.sim.scheduler import SECOND, Duration, Timer
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.tftp import NETASCII, OCTET, PORT, ErrorCode, Opcode, TftpMessage, error

MOST_TRANSFERS: Final = 32
LARGEST_BLOCK: Final = 1428
"""A block, with the headers of TFTP, UDP and IP, in an Ethernet frame, and with room for a tunnel's."""

_SETTINGS: Final = TftpSettings(attempts=5, timeout=2 * SECOND)
_LINGER: Final[Duration] = 10 * SECOND

__all__ = ["PORT", "TftpServer"]


class TftpServer:
    """Takes requests at its port."""

    def __init__(self, stack: IpStack, files: FileTree, port: int = PORT) -> None:
        """Raises ValueError when the port is taken."""
        self._stack = stack
        self._files = files
        self._transfers: set[Transfer] = set()
        self.socket = stack.udp.bind(port, self._request)

    def _request(self, datagram: UdpReceived) -> None:
        try:
            message = TftpMessage.parse(datagram.payload)
        except MalformedPacket:
            return
        if message.opcode not in {Opcode.READ, Opcode.WRITE}:
            return
        peer = (datagram.source, datagram.source_port)
        if any(one.peer == peer and one.request == message for one in self._transfers):
            return  # the request came twice; the transfer repeats its answer itself
        if len(self._transfers) >= MOST_TRANSFERS:
            self._refuse(datagram, ErrorCode.UNDEFINED, "too many transfers")
        elif message.mode not in {OCTET, NETASCII}:
            self._refuse(datagram, ErrorCode.ILLEGAL_OPERATION, f"mode {message.mode} is not known")
        else:
            self._begin(datagram, message)

    def _begin(self, datagram: UdpReceived, message: TftpMessage) -> None:
        path, now = self._files.resolve("/", message.text), self._stack.scheduler.now
        try:
            if message.opcode is Opcode.READ:
                data = self._files.read(path)
                engine: TftpSender | TftpReceiver = answer_read(
                    message, to_netascii(data) if message.mode == NETASCII else data, _SETTINGS, now, LARGEST_BLOCK
                )
            elif self._files.is_directory(path):
                raise FileError(f"{path}: is a directory")
            else:
                engine = answer_write(message, _SETTINGS, now, LARGEST_BLOCK)
        except FileError:
            self._refuse(datagram, ErrorCode.NOT_FOUND, "File not found")
            return
        self._transfers.add(Transfer(self, datagram, message, engine))

    def _refuse(self, datagram: UdpReceived, code: ErrorCode, text: str) -> None:
        own = datagram.destination if self._stack.is_local(datagram.destination) else None
        self.socket.send(datagram.source, datagram.source_port, error(code, text).build(), source=own)

    def stored(self, request: TftpMessage, data: bytes) -> None:
        """A file came whole."""
        path = self._files.resolve("/", request.text)
        self._files.write(path, from_netascii(data) if request.mode == NETASCII else data)

    def forget(self, transfer: Transfer) -> None:
        """A transfer is over."""
        self._transfers.discard(transfer)

    @property
    def stack(self) -> IpStack:
        """The host's."""
        return self._stack


class Transfer:
    """One transfer with its port and its timer."""

    def __init__(
        self, server: TftpServer, datagram: UdpReceived, request: TftpMessage, engine: TftpSender | TftpReceiver
    ) -> None:
        self.request = request
        self.peer = (datagram.source, datagram.source_port)
        self._server = server
        self._engine = engine
        self._own = datagram.destination
        self._timer: Timer | None = None
        self._stored = False
        self._socket: UdpSocket = server.stack.udp.bind(0, self._receive)
        self._turn()

    def _receive(self, datagram: UdpReceived) -> None:
        if (datagram.source, datagram.source_port) != self.peer:
            stranger = error(ErrorCode.UNKNOWN_TRANSFER, "Unknown transfer ID").build()
            self._socket.send(datagram.source, datagram.source_port, stranger, source=self._own)
            return
        self._engine.receive(datagram.payload, self._server.stack.scheduler.now)
        self._turn()

    def _turn(self) -> None:
        for octets in self._engine.datagrams_to_send():
            self._socket.send(*self.peer, octets, source=self._own)
        if self._timer is not None:
            self._timer.cancel()
        scheduler, deadline = self._server.stack.scheduler, self._engine.next_deadline()
        if deadline is not None:
            self._timer = scheduler.at(deadline, self._expire)
            return
        if isinstance(self._engine, TftpReceiver) and not self._engine.error and not self._stored:
            self._stored = True
            self._server.stored(self.request, self._engine.data)
        # The last acknowledgment may have to be said again.
        self._timer = scheduler.after(_LINGER if self._stored else 0, self._close)

    def _expire(self) -> None:
        self._engine.handle_timer(self._server.stack.scheduler.now)
        self._turn()

    def _close(self) -> None:
        self._socket.close()
        self._server.forget(self)


def to_netascii(data: bytes) -> bytes:
    """RFC 764: the end of a line is CR LF, a CR alone is CR NUL."""
    return data.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def from_netascii(data: bytes) -> bytes:
    """The other way round."""
    return data.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")
