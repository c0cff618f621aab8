"""Traceroute from any stack: probes with a growing TTL, UDP to high ports or ICMP echoes, rows as on Linux."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from nsemu.lab.arguments import Option, address, number, parse_arguments, seconds
from nsemu.lab.icmp_layer import EchoReply
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived, UdpSocket
from nsemu.runtime.ip import IcmpError, SendResult
from nsemu.sim.scheduler import MICROSECOND, SECOND, Duration, Instant
from nsemu.sim.wait import Progress, Wait
from nsemu.wire import icmp
from nsemu.wire.address import format_ipv4
from nsemu.wire.ipv4 import PROTOCOL_ICMP

FIRST_PORT: Final = 33434
_LAST_PORT: Final = 65535
_PACKET_SIZE: Final = 60
_HEADERS: Final = 28

_MARKS: Final = {
    icmp.NET_UNREACHABLE: "!N",
    icmp.HOST_UNREACHABLE: "!H",
    icmp.PROTOCOL_UNREACHABLE: "!P",
    icmp.SOURCE_ROUTE_FAILED: "!S",
    icmp.NET_PROHIBITED: "!X",
    icmp.HOST_PROHIBITED: "!X",
    icmp.COMMUNICATION_PROHIBITED: "!X",
}


@dataclass(frozen=True, slots=True)
class TracerouteOptions:
    """`use_icmp` sends echo requests instead of UDP datagrams; `numeric` prints addresses once."""

    destination: int
    use_icmp: bool = False
    max_hops: int = 30
    probes: int = 3
    wait: Duration = 5 * SECOND
    source: int | None = None
    numeric: bool = False


OPTIONS: Final = {
    word: option
    for words, option in (
        (("icmp", "-I"), Option("use_icmp")),
        (("hops", "-m"), Option("max_hops", number(1, 255))),
        (("probes", "-q"), Option("probes", number(1, 10))),
        (("time-out", "-w"), Option("wait", seconds)),
        (("source", "-s"), Option("source", address)),
        (("-n",), Option("numeric")),
    )
    for word in words
}


def parse_traceroute(words: Sequence[str]) -> TracerouteOptions:
    """The words after `traceroute`. Raises CommandRefused."""
    plain, values = parse_arguments(words, OPTIONS, ["the address to trace"])
    return TracerouteOptions(address(plain[0]), **values)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to one probe. `final` tells that no greater TTL can bring more; `mark` is traceroute's note."""

    source: int
    rtt: Duration
    final: bool
    mark: str = ""


@dataclass(slots=True)
class HopAnswers:
    """One row: the answers to the probes with one TTL, None for those without."""

    ttl: int
    answers: list[Answer | None] = field(default_factory=list)


class Traceroute:
    """One run. `progress` is the command; `hops` holds what was found, `reached` whether the destination answered."""

    def __init__(self, stack: IpStack, options: TracerouteOptions) -> None:
        self._stack = stack
        self._options = options
        self._probe = 0
        self._sent_at: Instant = 0
        self._answer: Answer | None = None
        self._socket: UdpSocket | None = None
        self._identifier = 0
        self.hops: list[HopAnswers] = []

    @property
    def reached(self) -> bool:
        """Whether the destination itself answered."""
        target = self._options.destination
        return any(answer is not None and answer.source == target for hop in self.hops for answer in hop.answers)

    def progress(self) -> Progress:
        """Probe hop by hop; a row of text for each."""
        options = self._options
        target = format_ipv4(options.destination)
        yield f"traceroute to {target} ({target}), {options.max_hops} hops max, {_PACKET_SIZE} byte packets\n"
        self._open()
        try:
            for ttl in range(1, options.max_hops + 1):
                hop = HopAnswers(ttl)
                self.hops.append(hop)
                for _ in range(options.probes):
                    outcome = self._send(ttl)
                    if outcome is not SendResult.SENT:
                        yield f"send: {outcome.value.capitalize()}\n"
                        return
                    yield Wait(self._sent_at + options.wait, lambda: self._answer is not None)
                    hop.answers.append(self._answer)
                yield format_hop(hop, numeric=options.numeric)
                if any(answer is not None and answer.final for answer in hop.answers):
                    return
        finally:
            self._close()

    def _open(self) -> None:
        if self._options.use_icmp:
            self._identifier = self._stack.icmp.open_echo(self._on_echo, self._on_error)
        else:
            self._socket = self._stack.udp.bind(0, self._on_datagram, self._on_error)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        else:
            self._stack.icmp.close_echo(self._identifier)

    def _send(self, ttl: int) -> SendResult:
        options = self._options
        self._probe += 1
        self._answer = None
        self._sent_at = self._stack.scheduler.now
        data = bytes(0x40 + index & 0x7F for index in range(_PACKET_SIZE - _HEADERS))
        if self._socket is not None:
            return self._socket.send(options.destination, self._port, data, source=options.source, ttl=ttl)
        request = icmp.echo_request(self._identifier, self._probe, data).build()
        return self._stack.send(options.destination, PROTOCOL_ICMP, request, source=options.source, ttl=ttl)

    @property
    def _port(self) -> int:
        return FIRST_PORT + (self._probe - 1) % (_LAST_PORT - FIRST_PORT + 1)

    def _on_error(self, error: IcmpError) -> None:
        payload = error.offending.payload
        if self._socket is not None:
            current = int.from_bytes(payload[2:4], "big") == self._port
        else:
            current = icmp.IcmpMessage.parse_quote(payload).sequence == self._probe
        if current and self._answer is None:
            final = error.message.type == icmp.DESTINATION_UNREACHABLE
            self._take(error.reporter, final=final, mark=_mark(error.message))

    def _on_datagram(self, datagram: UdpReceived) -> None:
        if datagram.source_port == self._port and self._answer is None:
            self._take(datagram.source, final=True)

    def _on_echo(self, reply: EchoReply) -> None:
        if reply.sequence == self._probe and self._answer is None:
            self._take(reply.source, final=True)

    def _take(self, source: int, *, final: bool, mark: str = "") -> None:
        self._answer = Answer(source, self._stack.scheduler.now - self._sent_at, final, mark)


def _mark(message: icmp.IcmpMessage) -> str:
    if message.type != icmp.DESTINATION_UNREACHABLE or message.code == icmp.PORT_UNREACHABLE:
        return ""
    if message.code == icmp.FRAGMENTATION_NEEDED:
        return f"!F-{message.next_hop_mtu}"
    return _MARKS.get(message.code, f"!<{message.code}>")


def format_hop(hop: HopAnswers, *, numeric: bool) -> str:
    """` 1  10.1.1.1 (10.1.1.1)  0.341 ms  0.298 ms *`: an address is printed when it differs from the last."""
    parts = [f"{hop.ttl:2} "]
    last = None
    for answer in hop.answers:
        if answer is None:
            parts.append(" *")
            continue
        if answer.source != last:
            last = answer.source
            text = format_ipv4(last)
            parts.append(f" {text}" if numeric else f" {text} ({text})")
        micro = answer.rtt // MICROSECOND
        parts.append(f"  {micro // 1000}.{micro % 1000:03} ms")
        if answer.mark:
            parts.append(f" {answer.mark}")
    return "".join(parts) + "\n"
