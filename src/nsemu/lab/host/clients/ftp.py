"""An FTP client: logs in, does one thing, quits (RFC 959). Active or passive data connections."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.lab.host.clients.base import Dialogue, Step
from nsemu.lab.host.services.ftp import format_host_port, parse_host_port
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.states import Endpoint, TcpFailure
from nsemu.runtime.tcp.table import Listener, TcpTable
from nsemu.wire.address import format_ipv4


@dataclass(frozen=True, slots=True)
class FtpTask:
    """What to do: `verb` is RETR, STOR, LIST or NLST; `upload` is what STOR sends.

    `firewall` are user and password for a firewall on the way that asks before the server does.
    """

    verb: str
    path: str = ""
    upload: bytes = b""
    user: str = "guest"
    password: str = "guest"
    active: bool = False
    firewall: tuple[str, str] | None = None


class FtpDataClient(Conversation):
    """Our end of the data connection."""

    def __init__(self, channel: Channel, client: FtpClient) -> None:
        super().__init__(channel)
        self._client = client

    def connected(self) -> None:
        """An upload begins at once: the server reads when it is ready."""
        self._client.data_connected()
        if self._client.task.verb == "STOR":
            self.channel.send(self._client.task.upload)
            self.channel.close()

    def received(self, data: bytes) -> None:
        """A piece of a download."""
        self._client.take(data)

    def closed(self, failure: TcpFailure | None) -> None:
        """The end of the data."""
        self._client.data_ended(failure)


class FtpClient(Dialogue):
    """The control connection. `data` is what RETR, LIST or NLST brought."""

    def __init__(self, channel: Channel, tcp: TcpTable, task: FtpTask) -> None:
        super().__init__(channel)
        self.task = task
        self.data = bytearray()
        self._tcp = tcp
        self._data_channel: Channel | None = None
        self._listener: Listener | None = None
        self._data_over = False
        self._data_connected = False
        self._steps = self._plan()

    def _plan(self) -> list[Step]:
        task = self.task
        mode = Step(self._listen, ("200",)) if task.active else Step("PASV", ("227",), self._connect)
        return [
            Step(None, ("220",)),
            *self._firewall_steps(),
            Step(f"USER {task.user}", ("331", "230"), self._user_answered),
            Step(f"PASS {task.password}", ("230", "202"), secret=True),
            Step("TYPE A" if task.verb in {"LIST", "NLST"} else "TYPE I", ("200",)),
            mode,
            Step(f"{task.verb} {task.path}".strip(), ("150", "125")),
            Step(None, ("226", "250")),
            Step("QUIT", ("221",)),
        ]

    def _firewall_steps(self) -> list[Step]:
        if self.task.firewall is None:
            return []
        user, password = self.task.firewall
        return [Step(f"USER {user}", ("331",)), Step(f"PASS {password}", ("230",), secret=True)]

    def may_go_on(self) -> bool:
        """QUIT waits for the end of the data, whichever of the two connections is faster."""
        return len(self._steps) > 1 or self._data_over

    def progress(self) -> int:
        """The data connection counts as well."""
        data = self._data_channel.acknowledged if self._data_channel is not None else 0
        return super().progress() + data

    def waits_for(self) -> str:
        """The data connection, when a transfer was asked for and it is not established."""
        return "" if self._data_connected or len(self._steps) > 3 else "data connection: "

    def closed(self, failure: TcpFailure | None) -> None:
        """The control connection ended, and with it all."""
        self._stop_listening()
        if self._data_channel is not None and not self._data_over:
            self._data_channel.abort()
        super().closed(failure)

    def take(self, data: bytes) -> None:
        """Data of a download."""
        self.state.activity += len(data)
        self.data += data

    def data_connected(self) -> None:
        """The data connection is established."""
        self._data_connected = True

    def data_ended(self, failure: TcpFailure | None) -> None:
        """The data connection is over; a failure to open it, or a break, ends the whole."""
        self._data_over = True
        if failure is None:
            if len(self._steps) == 1:
                self.go_on()
        elif failure is not TcpFailure.ABORTED:
            self.fail(f"data connection: {failure.value}")

    def _user_answered(self, reply: list[str]) -> None:
        if reply[-1].startswith("230"):
            del self._steps[0]  # no password is wanted

    def _listen(self) -> str:
        self._listener = self._tcp.listen(0, self._accepted)
        return f"PORT {format_host_port(Endpoint(self.channel.local.address, self._listener.port))}"

    def _accepted(self, channel: Channel) -> Conversation:
        self._stop_listening()
        self._data_channel = channel
        return FtpDataClient(channel, self)

    def _connect(self, reply: list[str]) -> None:
        endpoint = parse_host_port(reply[-1])
        if endpoint is None or not endpoint.port:
            self.fail(f"bad reply to PASV: {reply[-1]}")
            return
        self.transcript.append(f"  data connection to {format_ipv4(endpoint.address)} port {endpoint.port}")

        def make(channel: Channel) -> Conversation:
            self._data_channel = channel
            return FtpDataClient(channel, self)

        self._tcp.connect(endpoint, make)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._tcp.stop_listening(self._listener)
            self._listener = None
