"""A device on a bench, or two with a wire between: packets go in, frames come out, every neighbour answers ARP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import Question, run_dialogue
from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.editor import Editor
from nsemu.device.device import Device
from nsemu.runtime.trace import PacketTrace, Step
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND, Scheduler
from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.ipv4 import PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.tcp import TcpSegment
from nsemu.wire.udp import UdpDatagram

NEIGHBOUR_MAC = bytes.fromhex("00005e005301")
_IPV4, _ARP = b"\x08\x00", b"\x08\x06"


class Box:
    """A device with the interfaces `plugged` in. `sent` holds (interface, frame) of every IPv4 frame it sent.

    A neighbour with an address in `silent` does not answer ARP.
    """

    def __init__(
        self,
        config: str,
        *,
        name: str = "fw",
        platform: str = "ns208",
        plugged: Sequence[str] = ("ethernet1", "ethernet2", "ethernet3"),
        scheduler: Scheduler | None = None,
    ) -> None:
        self.scheduler = scheduler or Scheduler()
        self.device = Device(name, self.scheduler, Entropy(7), self._transmit, platform)
        editor = Editor(self.device.config)
        errors = load_configuration(config, editor)
        assert not errors, [str(error) for error in errors]
        self.device.commit(editor.finish())
        self.device.modified = False
        self.sent: list[tuple[str, bytes]] = []
        self.silent: set[int] = set()
        self.peers: dict[str, tuple[Box, str]] = {}
        for interface in plugged:
            self.device.set_carrier(interface, True)
        self.console = Console(self.device, device_shell())
        self.answers: list[str] = []
        self.asked: list[str] = []

    def join(self, interface: str, other: Box, far: str) -> None:
        """A wire of 5 ms between two boxes, instead of the neighbours."""
        self.peers[interface] = (other, far)
        other.peers[far] = (self, interface)

    def _transmit(self, interface: str, frame: bytes, trace: PacketTrace | None) -> None:
        if frame[12:14] == _IPV4:
            self.sent.append((interface, frame))
        peer = self.peers.get(interface)
        if peer is not None:
            box, far = peer
            self.scheduler.after(5 * MILLISECOND, box.device.receive, far, frame, trace)
        elif frame[12:14] == _ARP:
            self._answer_arp(interface, frame)

    def _answer_arp(self, interface: str, frame: bytes) -> None:
        asked = ArpPacket.parse(frame[14:])
        if asked.operation != 1 or asked.target_ip == asked.sender_ip or asked.target_ip in self.silent:
            return
        reply = ArpPacket(2, NEIGHBOUR_MAC, asked.target_ip, asked.sender_mac, asked.sender_ip)
        data = asked.sender_mac + NEIGHBOUR_MAC + _ARP + reply.build()
        self.scheduler.after(MILLISECOND, self.device.receive, interface, data)

    def receive(self, interface: str, packet: bytes, *, trace: bool = True, seconds: float = 0.1) -> PacketTrace:
        """An IPv4 packet comes in; then time passes."""
        story = PacketTrace()
        frame = self.device.interfaces.items[interface].mac + NEIGHBOUR_MAC + _IPV4 + packet
        self.device.receive(interface, frame, story if trace else None)
        self.run(seconds)
        return story

    def run(self, seconds: float) -> None:
        self.scheduler.run_for(int(seconds * SECOND))

    def type(self, line: str) -> str:
        """Type a line at the console; questions take `answers`, then their default."""
        return run_dialogue(self.console.execute(line), self.scheduler, self._answer)

    def _answer(self, question: Question) -> str:
        self.asked.append(question.text)
        return question.answer(self.answers.pop(0)) if self.answers else question.default

    def packets(self, interface: str) -> list[Ipv4Packet]:
        """The IPv4 packets that left through an interface."""
        return [Ipv4Packet.parse(frame[14:]) for name, frame in self.sent if name == interface]

    def counter(self, name: str) -> int:
        """A flow counter, summed over all interfaces."""
        return sum(interface.counters.flow[name] for interface in self.device.interfaces.items.values())


def ip(source: str, destination: str, protocol: int, payload: bytes, **fields: object) -> bytes:
    """An IPv4 packet."""
    return Ipv4Packet(parse_ipv4(source), parse_ipv4(destination), protocol, payload, **fields).build()  # type: ignore[arg-type]


def echo(source: str, destination: str, *, number: int = 1, size: int = 32, **fields: object) -> bytes:
    """An echo request."""
    fields.setdefault("identification", 0x1234)
    return ip(source, destination, PROTOCOL_ICMP, icmp.echo_request(512, number, bytes(size)).build(), **fields)


def udp(source: str, destination: str, port: int, *, size: int = 10, **fields: object) -> bytes:
    """A UDP datagram from port 4000."""
    ends = parse_ipv4(source), parse_ipv4(destination)
    return ip(source, destination, PROTOCOL_UDP, UdpDatagram(4000, port, bytes(size)).build(*ends), **fields)


def tcp(source: str, destination: str, ports: tuple[int, int], flags: int) -> bytes:
    """A TCP segment without data."""
    ends = parse_ipv4(source), parse_ipv4(destination)
    return ip(source, destination, PROTOCOL_TCP, TcpSegment(*ports, 1000, 0, flags, 8192).build(*ends))


def segment(
    source: str, destination: str, ports: tuple[int, int], flags: int, numbers: tuple[int, int], **fields: Any
) -> bytes:
    """A TCP segment with (sequence, acknowledgment); `payload`, `window` and `options` are those of `TcpSegment`."""
    ends = parse_ipv4(source), parse_ipv4(destination)
    window = fields.pop("window", 8192)
    return ip(source, destination, PROTOCOL_TCP, TcpSegment(*ports, *numbers, flags, window, **fields).build(*ends))


def as_dns_answer(packet: bytes) -> bytes:
    """A UDP packet without IP options, with the bit set that makes its payload a DNS answer (RFC 1035 §4.1.1)."""
    answer = bytearray(packet)
    answer[30] |= 0x80
    answer[26:28] = bytes(2)  # no UDP checksum
    return bytes(answer)


def last_step(trace: PacketTrace) -> Step:
    """How the story ends."""
    return trace.hops[-1].steps[-1]


Scene = Callable[[], tuple[Box, PacketTrace]]
