"""One packet that asks for an answer: an echo request, a SYN, a datagram. What `trace` follows through a lab."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from nsemu.lab.icmp_layer import EchoReply
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.udp_layer import UdpReceived
from nsemu.runtime.ip import IcmpError, SendResult
from nsemu.runtime.tcp.table import RawUser, TcpTable
from nsemu.runtime.trace import PacketTrace
from nsemu.wire import icmp
from nsemu.wire.address import format_ipv4
from nsemu.wire.ipv4 import PROTOCOL_ICMP
from nsemu.wire.summary import icmp_name
from nsemu.wire.tcp import RST, SYN, TcpOptions, TcpSegment, flag_names

_WINDOW = 65535
_PAYLOAD = bytes(range(0x61, 0x61 + 16))


class ProbeKind(Enum):
    """The protocol of a probe, as commands write it."""

    ICMP = "icmp"
    TCP = "tcp"
    UDP = "udp"


class Probe:
    """`answered` tells whether anything came back, `reached` whether from the destination; `answer` words it."""

    def __init__(self, stack: IpStack, tcp: TcpTable, destination: int) -> None:
        self._stack = stack
        self._tcp = tcp
        self._destination = destination
        self._release: Callable[[], None] = _nothing
        self.result = SendResult.SENT
        self.answered = False
        self.reached = False
        self.answer = ""

    def send(self, kind: ProbeKind, port: int, number: int, trace: PacketTrace | None) -> None:
        """Send it; `number` becomes the sequence number of a SYN."""
        if kind is ProbeKind.ICMP:
            self._send_echo(trace)
        elif kind is ProbeKind.TCP:
            self._send_syn(port, number, trace)
        else:
            socket = self._stack.udp.bind(0, self._on_datagram, self._on_error)
            self._release = socket.close
            self.result = socket.send(self._destination, port, _PAYLOAD, trace=trace)
        if self.result is not SendResult.SENT:
            self.close()

    def close(self) -> None:
        """Wait no longer for the answer; twice does nothing."""
        release, self._release = self._release, _nothing
        release()

    def _send_echo(self, trace: PacketTrace | None) -> None:
        identifier = self._stack.icmp.open_echo(self._on_reply, self._on_error)
        self._release = lambda: self._stack.icmp.close_echo(identifier)
        request = icmp.echo_request(identifier, 1, _PAYLOAD).build()
        self.result = self._stack.send(self._destination, PROTOCOL_ICMP, request, trace=trace)

    def _send_syn(self, port: int, number: int, trace: PacketTrace | None) -> None:
        user = RawUser(self._on_segment, self._on_error)
        self._release = lambda: self._tcp.forget_raw(user)
        mss = TcpOptions(mss=self._tcp.settings.mss)
        syn = TcpSegment(self._tcp.free_port(), port, number, 0, SYN, _WINDOW, options=mss)
        self.result = self._tcp.send_raw(syn, self._destination, user, trace)

    def _take(self, source: int, text: str) -> None:
        if self.answered:
            return
        self.answered = True
        self.reached = source == self._destination
        self.answer = f"{text} from {format_ipv4(source)}"
        self.close()

    def _on_reply(self, reply: EchoReply) -> None:
        self._take(reply.source, "echo reply")

    def _on_segment(self, segment: TcpSegment) -> None:
        meaning = "refused" if segment.flags & RST else "accepted"
        self._take(self._destination, f"{flag_names(segment.flags)} ({meaning})")

    def _on_datagram(self, datagram: UdpReceived) -> None:
        self._take(datagram.source, f"{len(datagram.payload)} octets from port {datagram.source_port}")

    def _on_error(self, error: IcmpError) -> None:
        self._take(error.reporter, f"ICMP {icmp_name(error.message.type, error.message.code)}")


def _nothing() -> None:
    return None
