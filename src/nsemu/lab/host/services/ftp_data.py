"""The data connections of an FTP server: active from port 20, or passive on a port of its choice (RFC 959 §3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.states import Endpoint, TcpFailure
from nsemu.runtime.tcp.table import Listener, PortInUse, TcpTable

DATA_PORT: Final = 20


@dataclass(frozen=True, slots=True)
class Transfer:
    """What to do with the next data connection: send `payload`, or receive and `store`."""

    subject: str
    payload: bytes = b""
    store: Callable[[bytes], None] | None = None


class DataConnection(Conversation):
    """One data connection, in either direction."""

    def __init__(self, channel: Channel, port: DataPort) -> None:
        super().__init__(channel)
        self._port = port
        self.incoming = bytearray()
        self.is_open = False

    def connected(self) -> None:
        """Tell the control side."""
        self.is_open = True
        self._port.opened(self)

    def received(self, data: bytes) -> None:
        """A piece of an upload."""
        self.incoming += data

    def closed(self, failure: TcpFailure | None) -> None:
        """Tell the control side."""
        self._port.ended(self, failure)


class DataPort:
    """Where the next data connection comes from, and the transfer that runs or waits for it."""

    __slots__ = ("_active", "_connection", "_control", "_listener", "_reply", "_tcp", "_transfer")

    def __init__(self, tcp: TcpTable, control: Channel, reply: Callable[[int, str], None]) -> None:
        self._tcp = tcp
        self._control = control
        self._reply = reply
        self._active: Endpoint | None = None
        self._listener: Listener | None = None
        self._connection: DataConnection | None = None
        self._transfer: Transfer | None = None

    def use_active(self, endpoint: Endpoint) -> None:
        """The client listens there (PORT)."""
        self._forget()
        self._active = endpoint

    def use_passive(self) -> Endpoint:
        """Listen, and tell where (PASV)."""
        self._forget()
        self._listener = self._tcp.listen(0, self._accepted)
        return Endpoint(self._control.local.address, self._listener.port)

    def start(self, transfer: Transfer) -> None:
        """Reply 150 and begin, or wait for the client's connection."""
        if self._transfer is not None:
            self._reply(450, "A transfer is under way.")
            return
        if self._active is None and self._listener is None:
            self._reply(425, "Use PORT or PASV first.")
            return
        self._transfer = transfer
        self._reply(150, f"Opening data connection for {transfer.subject}.")
        if self._active is not None:
            self._connect(self._active)
        elif self._connection is not None and self._connection.is_open:
            self._run(self._connection)

    def abort(self) -> None:
        """End what runs; a transfer is reported as broken."""
        if self._transfer is not None:
            self._transfer = None
            self._reply(426, "Connection closed; transfer aborted.")
        self._forget()

    def opened(self, connection: DataConnection) -> None:
        """A data connection is established."""
        if self._transfer is not None:
            self._run(connection)

    def ended(self, connection: DataConnection, failure: TcpFailure | None) -> None:
        """A data connection is gone."""
        if connection is not self._connection:
            return
        transfer, self._transfer, self._connection = self._transfer, None, None
        self._forget()
        if transfer is None:
            return
        if failure is None:
            if transfer.store is not None:
                transfer.store(bytes(connection.incoming))
            self._reply(226, "Transfer complete.")
        elif connection.is_open:
            self._reply(426, f"Transfer aborted: {failure.value}.")
        else:
            self._reply(425, f"Can't open data connection: {failure.value}.")

    def _accepted(self, channel: Channel) -> Conversation:
        # RFC 2577 §4: nobody but the client may take the port, and only once.
        if self._connection is not None or channel.remote.address != self._control.remote.address:
            return _Refused(channel)
        if self._listener is not None:
            self._tcp.stop_listening(self._listener)
        self._connection = DataConnection(channel, self)
        return self._connection

    def _connect(self, remote: Endpoint) -> None:
        def make(channel: Channel) -> Conversation:
            self._connection = DataConnection(channel, self)
            return self._connection

        try:
            self._tcp.connect(remote, make, source=self._control.local.address, source_port=DATA_PORT)
        except PortInUse:
            self._transfer = None
            self._forget()
            self._reply(425, "Can't open data connection: the address is in use.")

    def _run(self, connection: DataConnection) -> None:
        if self._transfer is not None and self._transfer.store is None:
            connection.channel.send(self._transfer.payload)
            connection.channel.close()

    def _forget(self) -> None:
        """A mode counts for one transfer."""
        connection, self._connection, self._active = self._connection, None, None
        if self._listener is not None:
            self._tcp.stop_listening(self._listener)
            self._listener = None
        if connection is not None:
            connection.channel.abort()


class _Refused(Conversation):
    def connected(self) -> None:
        self.channel.abort()
