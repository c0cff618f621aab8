"""Ping from any stack: sends echo requests by timer, records the replies, words itself as iputils' ping does."""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nsemu.lab.arguments import Option, address, number, parse_arguments, seconds
from nsemu.lab.icmp_layer import EchoReply
from nsemu.lab.ip_stack import IpStack
from nsemu.runtime.ip import IcmpError, SendResult
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.scheduler import MICROSECOND, MILLISECOND, SECOND, Duration, Instant, Timer
from nsemu.sim.wait import Progress, Wait
from nsemu.wire import icmp
from nsemu.wire.address import format_ipv4
from nsemu.wire.ipv4 import PROTOCOL_ICMP

LINGER: Final[Duration] = 10 * SECOND
"""How long to wait after the last request when nothing has been answered."""

_IP_AND_ICMP: Final = 28
_MAXIMUM_SIZE: Final = 65535 - _IP_AND_ICMP

_UNREACHABLE: Final = {
    icmp.NET_UNREACHABLE: "Destination Net Unreachable",
    icmp.HOST_UNREACHABLE: "Destination Host Unreachable",
    icmp.PROTOCOL_UNREACHABLE: "Destination Protocol Unreachable",
    icmp.PORT_UNREACHABLE: "Destination Port Unreachable",
    icmp.SOURCE_ROUTE_FAILED: "Source Route Failed",
    icmp.NET_PROHIBITED: "Destination Net Prohibited",
    icmp.HOST_PROHIBITED: "Destination Host Prohibited",
    icmp.COMMUNICATION_PROHIBITED: "Packet filtered",
}
_TIME_EXCEEDED: Final = {
    icmp.TTL_EXCEEDED: "Time to live exceeded",
    icmp.REASSEMBLY_TIME_EXCEEDED: "Frag reassembly time exceeded",
}


@dataclass(frozen=True, slots=True)
class PingOptions:
    """What to send. `size` counts the octets after the ICMP header; `linger` how long to wait for the last reply."""

    destination: int
    count: int = 5
    interval: Duration = SECOND
    size: int = 56
    ttl: int = 64
    df: bool = False
    source: int | None = None
    linger: Duration | None = None


@dataclass(frozen=True, slots=True)
class PingResult:
    """What came of it; `rtts` are seconds, in the order of the replies."""

    sent: int
    received: int
    rtts: tuple[float, ...]


def _path_mtu_mode(text: str) -> bool:
    if text not in ("do", "want", "dont"):
        raise ValueError(f"{text!r} is none of do, want, dont")
    return text == "do"


OPTIONS: Final = {
    word: option
    for words, option in (
        (("count", "-c"), Option("count", number(1, 1_000_000))),
        (("interval", "-i"), Option("interval", seconds)),
        (("size", "-s"), Option("size", number(0, _MAXIMUM_SIZE))),
        (("ttl", "-t"), Option("ttl", number(1, 255))),
        (("df",), Option("df")),
        (("-M",), Option("df", _path_mtu_mode)),
        (("source", "-I"), Option("source", address)),
        (("time-out", "-W"), Option("linger", seconds)),
    )
    for word in words
}


def parse_ping(words: Sequence[str]) -> PingOptions:
    """The words after `ping`. Raises CommandRefused."""
    plain, values = parse_arguments(words, OPTIONS, ["the address to ping"])
    return PingOptions(address(plain[0]), **values)


class Pinger:
    """One run of ping: `start` it, let time pass until `done`, read `result`; `take_text` is what a person sees."""

    def __init__(self, stack: IpStack, options: PingOptions, *, trace: PacketTrace | None = None) -> None:
        self._stack = stack
        self._options = options
        self._trace = trace
        self._identifier = 0
        self._sent_at: dict[int, Instant] = {}
        self._answered: set[int] = set()
        self._sent = 0
        self._errors = 0
        self._duplicates = 0
        self._rtts: list[Duration] = []
        self._started: Instant = 0
        self._last_event: Instant = 0
        self._timer: Timer | None = None
        self._text: deque[str] = deque()
        self.done = False

    @property
    def result(self) -> PingResult:
        """What has been sent and received so far."""
        return PingResult(self._sent, len(self._rtts), tuple(rtt / SECOND for rtt in self._rtts))

    def start(self) -> None:
        """Send the first request; timers do the rest."""
        options = self._options
        target = format_ipv4(options.destination)
        origin = "" if options.source is None else f" from {format_ipv4(options.source)} :"
        size = options.size
        self._say(f"PING {target} ({target}){origin} {size}({size + _IP_AND_ICMP}) bytes of data.")
        self._identifier = self._stack.icmp.open_echo(self._on_reply, self._on_error)
        self._started = self._last_event = self._stack.scheduler.now
        self._send()

    def stop(self) -> None:
        """End now, with the statistics; twice does nothing."""
        if self.done:
            return
        self.done = True
        if self._timer is not None:
            self._timer.cancel()
        self._stack.icmp.close_echo(self._identifier)
        self._text.extend(f"{line}\n" for line in self._statistics())

    def take_text(self) -> str:
        """What has been said since the last call."""
        text = "".join(self._text)
        self._text.clear()
        return text

    def progress(self) -> Progress:
        """The run as a command."""
        self.start()
        try:
            while not self.done:
                yield self.take_text()
                until = self._stack.scheduler.now + max(self._options.interval, LINGER)
                yield Wait(until, lambda: self.done or bool(self._text))
            yield self.take_text()
        finally:
            self.stop()

    def _say(self, line: str) -> None:
        self._text.append(f"{line}\n")

    def _send(self) -> None:
        options, now = self._options, self._stack.scheduler.now
        self._sent += 1
        self._last_event = now
        sequence = self._sent & 0xFFFF
        self._sent_at[sequence] = now
        self._answered.discard(sequence)
        self._schedule_next(now)
        trace, self._trace = self._trace, None
        outcome = self._stack.send(
            options.destination,
            PROTOCOL_ICMP,
            icmp.echo_request(self._identifier, sequence, echo_data(options.size, now)).build(),
            source=options.source,
            ttl=options.ttl,
            df=options.df,
            trace=trace,
        )
        if outcome is not SendResult.SENT:
            self._local_error(outcome)

    def _schedule_next(self, now: Instant) -> None:
        scheduler = self._stack.scheduler
        if self._sent < self._options.count:
            self._timer = scheduler.at(now + self._options.interval, self._send)
        else:
            self._timer = scheduler.at(now + self._final_wait(), self.stop)

    def _final_wait(self) -> Duration:
        # As iputils: twice the longest round trip, but no less than the interval, once there was a reply.
        if self._options.linger is not None:
            return self._options.linger
        return max(2 * max(self._rtts), self._options.interval) if self._rtts else LINGER

    def _local_error(self, outcome: SendResult) -> None:
        if outcome is SendResult.TOO_LARGE:
            mtu = self._stack.mtu_towards(self._options.destination)
            self._say(f"ping: local error: message too long, mtu={mtu}")
        else:
            self._say("ping: sendmsg: Network is unreachable")
        self._count_error()

    def _on_reply(self, reply: EchoReply) -> None:
        sent_at = self._sent_at.get(reply.sequence)
        if sent_at is None:
            return
        self._last_event = self._stack.scheduler.now
        rtt = self._last_event - sent_at
        again = reply.sequence in self._answered
        mark = " (DUP!)" if again else ""
        self._say(
            f"{len(reply.payload) + icmp.HEADER_LENGTH} bytes from {format_ipv4(reply.source)}: "
            f"icmp_seq={reply.sequence} ttl={reply.ttl} time={format_rtt(rtt)} ms{mark}"
        )
        if again:
            self._duplicates += 1
            return
        self._answered.add(reply.sequence)
        self._rtts.append(rtt)
        self._end_if_complete()

    def _on_error(self, error: IcmpError) -> None:
        sequence = icmp.IcmpMessage.parse_quote(error.offending.payload).sequence
        if sequence not in self._sent_at:
            return
        self._say(f"From {format_ipv4(error.reporter)} icmp_seq={sequence} {describe_error(error.message)}")
        self._count_error()

    def _count_error(self) -> None:
        self._errors += 1
        self._last_event = self._stack.scheduler.now
        self._end_if_complete()

    def _end_if_complete(self) -> None:
        if not self.done and self._sent >= self._options.count and len(self._rtts) + self._errors >= self._sent:
            self.stop()

    def _statistics(self) -> list[str]:
        received = len(self._rtts)
        loss = (self._sent - received) * 100 / self._sent if self._sent else 0.0
        extra = f", +{self._duplicates} duplicates" if self._duplicates else ""
        extra += f", +{self._errors} errors" if self._errors else ""
        elapsed = (self._last_event - self._started) // MILLISECOND
        lines = [
            "",
            f"--- {format_ipv4(self._options.destination)} ping statistics ---",
            f"{self._sent} packets transmitted, {received} received{extra}, {loss:g}% packet loss, time {elapsed}ms",
        ]
        if received:
            lines.append(f"rtt min/avg/max/mdev = {_spread(self._rtts)} ms")
        return lines


def echo_data(size: int, now: Instant) -> bytes:
    """What a request carries: the time of sending where it fits, then a count, as iputils fills it."""
    pattern = bytes(index & 0xFF for index in range(size))
    if size < 16:
        return pattern
    return struct.pack("<QQ", now // SECOND, now % SECOND // MICROSECOND) + pattern[16:]


def describe_error(message: icmp.IcmpMessage) -> str:
    """What ping says about an ICMP error."""
    if message.type == icmp.DESTINATION_UNREACHABLE:
        if message.code == icmp.FRAGMENTATION_NEEDED:
            return f"Frag needed and DF set (mtu = {message.next_hop_mtu})"
        return _UNREACHABLE.get(message.code, f"Dest Unreachable, Bad Code: {message.code}")
    if message.type == icmp.TIME_EXCEEDED:
        return _TIME_EXCEEDED.get(message.code, f"Time exceeded, Bad Code: {message.code}")
    if message.type == icmp.PARAMETER_PROBLEM:
        return f"Parameter problem: pointer = {message.pointer}"
    if message.type == icmp.REDIRECT:
        return f"Redirect (New nexthop: {format_ipv4(message.gateway)})"
    return "Source Quench" if message.type == icmp.SOURCE_QUENCH else f"Bad ICMP type: {message.type}"


def format_rtt(rtt: Duration) -> str:
    """Milliseconds with three significant decimals or fewer as they grow, as iputils prints them."""
    micro = rtt // MICROSECOND
    if micro >= 100_000:
        return str((micro + 500) // 1000)
    if micro >= 10_000:
        return f"{(micro + 50) // 1000}.{(micro + 50) % 1000 // 100}"
    if micro >= 1_000:
        return f"{(micro + 5) // 1000}.{(micro + 5) % 1000 // 10:02}"
    return f"{micro // 1000}.{micro % 1000:03}"


def _spread(rtts: Sequence[Duration]) -> str:
    micros = [rtt // MICROSECOND for rtt in rtts]
    average = sum(micros) // len(micros)
    variance = sum(micro * micro for micro in micros) // len(micros) - average * average
    values = (min(micros), average, max(micros), math.isqrt(max(0, variance)))
    return "/".join(f"{value // 1000}.{value % 1000:03}" for value in values)
