"""A device in transparent mode on a bench: frames go in, frames come out, nothing answers unless it is told to."""

from __future__ import annotations

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import run_dialogue
from nsemu.device.device import Device
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.wire.address import BROADCAST_MAC, ZERO_MAC, parse_ipv4
from nsemu.wire.arp import ArpPacket

ARP, IPV4 = b"\x08\x06", b"\x08\x00"
HOST, ROUTER, SERVER = (bytes.fromhex(text) for text in ("02aa00000011", "02bb00000022", "02cc00000033"))

PORTS = """
unset interface ethernet2 zone
set interface ethernet1 zone v1-trust
set interface ethernet2 zone v1-dmz
set interface ethernet3 zone v1-untrust
set interface ethernet4 zone v1-trust
set interface vlan1 ip 10.0.0.1/24
"""
PERMIT = "set policy id 1 from v1-trust to v1-untrust any any any permit\n"


class Bridge:
    """A device whose ports are ethernet1 and 4 in V1-Trust, 2 in V1-DMZ, 3 in V1-Untrust. `sent` are (port, frame)."""

    def __init__(self, config: str = PERMIT, *, ports: str = PORTS, platform: str = "ns208") -> None:
        self.scheduler = Scheduler()
        self.device = Device("bridge", self.scheduler, Entropy(3), self._transmit, platform)
        self.console = Console(self.device, device_shell())
        self.sent: list[tuple[str, bytes]] = []
        self.accept("unset interface ethernet1 zone\nunset interface ethernet3 zone\n" + ports + config)
        for number in range(1, 5):
            self.device.set_carrier(f"ethernet{number}", True)
        self.sent.clear()

    def _transmit(self, interface: str, frame: bytes, _trace: PacketTrace | None) -> None:
        self.sent.append((interface, frame))

    def type(self, line: str) -> str:
        """Run a line; what it prints."""
        return run_dialogue(self.console.execute(line), self.scheduler)

    def accept(self, text: str) -> None:
        """Run lines that must all be accepted."""
        for line in text.strip().splitlines():
            output = self.type(line)
            assert not self.console.refused, f"{line}\n{output}"

    def refuse(self, line: str) -> str:
        """Run a line that must be refused; why it was."""
        output = self.type(line)
        assert self.console.refused, line
        return output

    def put(self, port: str, frame: bytes, seconds: float = 0.0) -> list[tuple[str, bytes]]:
        """A frame comes in; what the device sends because of it."""
        self.sent.clear()
        self.device.receive(port, frame)
        if seconds:
            self.run(seconds)
        return list(self.sent)

    def trace(self, port: str, frame: bytes) -> PacketTrace:
        """A frame comes in with a trace."""
        story = PacketTrace()
        self.device.receive(port, frame, story)
        return story

    def meet(self, port: str, mac: bytes) -> None:
        """The device learns an address: a frame that goes nowhere."""
        self.device.receive(port, mac + mac + IPV4 + bytes(46))
        self.sent.clear()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.scheduler.run_for(int(seconds * SECOND))

    def counter(self, port: str, name: str) -> int:
        """A flow counter of a port."""
        return self.device.interfaces.items[port].counters.flow[name]


def frame(destination: bytes, source: bytes, packet: bytes) -> bytes:
    """An IPv4 packet in a frame."""
    return destination + source + IPV4 + packet


def question(mac: bytes, sender: str, target: str) -> bytes:
    """An ARP request."""
    arp = ArpPacket(1, mac, parse_ipv4(sender), ZERO_MAC, parse_ipv4(target))
    return BROADCAST_MAC + mac + ARP + arp.build()


def answer(mac: bytes, sender: str, to: bytes, target: str) -> bytes:
    """An ARP reply."""
    return to + mac + ARP + ArpPacket(2, mac, parse_ipv4(sender), to, parse_ipv4(target)).build()
