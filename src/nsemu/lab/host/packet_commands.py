"""The commands that send single packets: `udp send`, `tcp connect`, and bare TCP segments for tests of a flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nsemu.lab.arguments import CommandRefused, Option, address, number, parse_arguments, seconds
from nsemu.lab.host.client_commands import DEFAULT_WAIT, Handler, connect_run, shown
from nsemu.lab.host.store import pattern_octets
from nsemu.lab.ping import describe_error, format_rtt
from nsemu.lab.udp_layer import PortInUse, UdpReceived
from nsemu.runtime.ip import IcmpError, SendResult
from nsemu.runtime.tcp.states import Endpoint
from nsemu.runtime.tcp.table import RawUser
from nsemu.sim.scheduler import SECOND, Duration
from nsemu.sim.wait import Progress, Wait
from nsemu.wire.address import format_ipv4
from nsemu.wire.tcp import ACK, FIN, PSH, RST, SYN, TcpOptions, TcpSegment, flag_names

if TYPE_CHECKING:
    from nsemu.lab.host.host import Host

_ANSWER_WAIT: Final[Duration] = 2 * SECOND
_PORT_NUMBER: Final = number(1, 65535)


@dataclass(frozen=True, slots=True)
class _UdpTask:
    remote: Endpoint
    payload: bytes
    count: int
    source_port: int
    interval: Duration
    wait: Duration


_UDP_OPTIONS: Final = {
    "count": Option("count", number(1, 100_000)),
    "size": Option("size", number(0, 65507)),
    "source-port": Option("source_port", _PORT_NUMBER),
    "interval": Option("interval", seconds),
    "time-out": Option("wait", seconds),
}


def _udp(host: Host, words: Sequence[str]) -> Progress:
    if not words or words[0] != "send":
        raise CommandRefused("udp send ADDRESS PORT [TEXT] [count N] [size N] [source-port N]")
    rest = list(words[1:])
    positional = ["the address", "the port"]
    if len(rest) > 2 and rest[2] not in _UDP_OPTIONS:
        positional.append("the text")
    plain, values = parse_arguments(rest, _UDP_OPTIONS, positional)
    text = plain[2].encode() if len(plain) > 2 else b""
    size = values.get("size", len(text) or 16)
    task = _UdpTask(
        Endpoint(address(plain[0]), _port(plain[1])),
        (text + pattern_octets(size))[:size] if size >= len(text) else text[:size],
        values.get("count", 1),
        values.get("source_port", 0),
        values.get("interval", SECOND),
        values.get("wait", _ANSWER_WAIT),
    )
    return _udp_run(host, task)


def _port(text: str) -> int:
    try:
        return _PORT_NUMBER(text)
    except ValueError as error:
        raise CommandRefused(str(error)) from None


@dataclass(slots=True)
class _UdpAnswers:
    """What has come back; `said` is what is not yet printed."""

    received: int = 0
    failures: int = 0
    said: list[str] = field(default_factory=list)

    def take_datagram(self, datagram: UdpReceived) -> None:
        self.received += 1
        source = f"{format_ipv4(datagram.source)} port {datagram.source_port}"
        self.said.append(f"{len(datagram.payload)} octets from {source}: {shown(datagram.payload, 256)}")

    def take_error(self, error: IcmpError) -> None:
        self.fail(f"From {format_ipv4(error.reporter)}: {describe_error(error.message)}")

    def fail(self, text: str) -> None:
        self.failures += 1
        self.said.append(f"{text}\n")

    def take_text(self) -> str:
        text = "".join(self.said)
        self.said.clear()
        return text


def _udp_run(host: Host, task: _UdpTask) -> Progress:
    answers = _UdpAnswers()
    try:
        socket = host.stack.udp.bind(task.source_port, answers.take_datagram, answers.take_error)
    except PortInUse as error:
        yield f"udp: {error}\n"
        return
    for index in range(task.count):
        result = socket.send(task.remote.address, task.remote.port, task.payload)
        if result is not SendResult.SENT:
            answers.fail(f"udp: {result.value}")
        if index + 1 < task.count:
            yield Wait(host.scheduler.now + task.interval)
            yield answers.take_text()
    yield Wait(host.scheduler.now + task.wait, lambda: answers.received + answers.failures >= task.count)
    yield answers.take_text()
    socket.close()
    yield f"{task.count} datagrams sent from port {socket.port}, {answers.received} received\n"


# TCP

_RAW_FLAGS: Final = {
    "syn": SYN,
    "ack": ACK,
    "fin": FIN | ACK,
    "rst": RST,
    "syn-ack": SYN | ACK,
    "data": PSH | ACK,
}
_TCP_OPTIONS: Final = {
    "source-port": Option("source_port", _PORT_NUMBER),
    "sequence": Option("sequence", number(0, 0xFFFFFFFF)),
    "acknowledgment": Option("acknowledgment", number(0, 0xFFFFFFFF)),
    "time-out": Option("wait", seconds),
}


def _tcp(host: Host, words: Sequence[str]) -> Progress:
    if not words or words[0] not in {"connect", *_RAW_FLAGS}:
        raise CommandRefused(f"tcp connect|{'|'.join(_RAW_FLAGS)} ADDRESS PORT [source-port N]")
    verb, *rest = words
    options = {word: _TCP_OPTIONS[word] for word in ("source-port", "time-out")} if verb == "connect" else _TCP_OPTIONS
    plain, values = parse_arguments(rest, options, ["the address", "the port"])
    remote = Endpoint(address(plain[0]), _port(plain[1]))
    if verb == "connect":
        return connect_run(host, remote, values.get("wait", DEFAULT_WAIT), values.get("source_port", 0))
    flags = _RAW_FLAGS[verb]
    segment = TcpSegment(
        values.get("source_port") or host.tcp.free_port(),
        remote.port,
        values.get("sequence", host.stream.integer(0, 0xFFFFFFFF)),
        values.get("acknowledgment", host.stream.integer(0, 0xFFFFFFFF) if flags & ACK else 0),
        flags,
        65535,
        options=TcpOptions(mss=host.tcp.settings.mss) if flags & SYN else TcpOptions(),
        payload=b"data\r\n" if flags & PSH else b"",
    )
    return _tcp_run(host, remote, segment, values.get("wait", _ANSWER_WAIT))


def _tcp_run(host: Host, remote: Endpoint, segment: TcpSegment, wait: Duration) -> Progress:
    """Send one segment that belongs to no connection; say what answers it first."""
    answers: list[str] = []
    started = host.scheduler.now

    def took() -> str:
        return f"{format_rtt(host.scheduler.now - started)} ms"

    def on_segment(answer: TcpSegment) -> None:
        answers.append(
            f"{flag_names(answer.flags)} from {format_ipv4(remote.address)} port {remote.port} after {took()}"
        )

    def on_error(error: IcmpError) -> None:
        answers.append(f"{describe_error(error.message)} from {format_ipv4(error.reporter)} after {took()}")

    user = RawUser(on_segment, on_error)
    result = host.tcp.send_raw(segment, remote.address, user)
    sent = f"{flag_names(segment.flags)} from port {segment.source_port}"
    if result is SendResult.SENT:
        yield Wait(started + wait, lambda: bool(answers))
        yield f"{sent}: {answers[0] if answers else 'no answer'}\n"
    else:
        yield f"{sent}: {result.value}\n"
    host.tcp.forget_raw(user)


_Commands = dict[str, tuple[Handler, str, str]]
_UDP_SYNTAX: Final = "send ADDRESS PORT [TEXT] [count N] [size N] [source-port N] [interval S] [time-out S]"
_TCP_SYNTAX: Final = "connect|syn|ack|fin|rst|syn-ack|data ADDRESS PORT [source-port N] [time-out S]"

COMMANDS: Final[_Commands] = {
    "udp": (_udp, _UDP_SYNTAX, "Send datagrams and show the replies"),
    "tcp": (_tcp, _TCP_SYNTAX, "Try a connection, or send a bare segment and show what answers"),
}
