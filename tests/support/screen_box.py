"""One device between a trusted and an untrusted wire, for SCREEN: octets in, what left, what was counted and logged."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Raw

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import run_dialogue
from nsemu.device.device import Device
from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.wire.address import parse_ipv4
from nsemu.wire.arp import ArpPacket

INSIDE = "10.1.0.5"
OUTSIDE = "9.9.9.9"
SERVER = "10.1.0.80"

BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.0.1/16
set interface ethernet1 route
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
set interface ethernet3 manage ping
set route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set policy from trust to untrust any any any permit
set policy from untrust to trust any any any permit
unset zone untrust screen all
"""


class ScreenBox:
    """A device with hosts whose link addresses it knows. Packets from outside come in on ethernet3."""

    def __init__(self, *lines: str, platform: str = "ns208") -> None:
        self.scheduler = Scheduler()
        self.sent: list[tuple[str, bytes]] = []
        self.device = Device("fw", self.scheduler, Entropy(7), self._collect, platform)
        self.console = Console(self.device, device_shell())
        self.inside, self.outside = "ethernet1", "ethernet3"
        text = BASE
        if platform == "ssg5":
            self.inside, self.outside = "ethernet0/2", "ethernet0/0"
            text = BASE.replace("ethernet1", self.inside).replace("ethernet3", self.outside)
        for interface in (self.inside, self.outside):
            self.device.set_carrier(interface, True)
        self.accept(*text.strip().splitlines(), *lines)
        for interface, address in ((self.inside, INSIDE), (self.inside, SERVER), (self.outside, "1.1.1.250")):
            self.learn(interface, address)

    def _collect(self, interface: str, frame: bytes, _trace: PacketTrace | None) -> None:
        self.sent.append((interface, frame))

    def learn(self, interface: str, address: str) -> None:
        number = parse_ipv4(address)
        mac = b"\x02\x00" + number.to_bytes(4, "big")
        arp = ArpPacket(1, mac, number, bytes(6), self.device.interfaces.items[interface].address).build()
        self.device.receive(interface, b"\xff" * 6 + mac + b"\x08\x06" + arp)
        self.sent.clear()

    def type(self, line: str) -> str:
        return run_dialogue(self.console.execute(line), self.scheduler)

    def accept(self, *lines: str) -> None:
        for line in lines:
            output = self.type(line)
            assert not self.console.refused, f"{line}\n{output}"

    def receive(self, packet: ScapyPacket | bytes, interface: str | None = None) -> list[IP]:
        """Send a packet into the device, from outside unless told; the IPv4 packets that left because of it."""
        name = interface or self.outside
        self.sent.clear()
        frame = self.device.interfaces.items[name].mac + b"\x02\0\x01\x01\x01\xfa\x08\x00" + bytes(packet)
        self.device.receive(name, frame)
        return self.taken()

    def taken(self) -> list[IP]:
        """What left since the last look, without ARP."""
        frames, self.sent = self.sent, []
        return [IP(frame[14:]) for _, frame in frames if frame[12:14] == b"\x08\x00"]

    def passes(self, packet: ScapyPacket | bytes) -> bool:
        """Whether a packet from outside comes out inside."""
        return bool(self.receive(packet))

    def trace(self, packet: ScapyPacket | bytes) -> PacketTrace:
        """The trace of a packet from outside."""
        trace = PacketTrace()
        mac = self.device.interfaces.items[self.outside].mac
        self.device.receive(self.outside, mac + b"\x02\0\x01\x01\x01\xfa\x08\x00" + bytes(packet), trace)
        return trace

    def dropped(self, reason: DropReason, interface: str | None = None) -> int:
        """The flow counter of a reason."""
        return self.device.interfaces.items[interface or self.outside].counters.flow[reason.counter]

    def counted(self, option: str, interface: str | None = None) -> int:
        """The SCREEN counter of an option."""
        return self.device.interfaces.items[interface or self.outside].counters.screen[option]

    def log(self, seconds: float = 1.1) -> list[str]:
        """The texts of the event log, after a while; oldest first."""
        self.scheduler.run_for(round(seconds * SECOND))
        return [entry.text for entry in self.device.event_log.newest_first()][::-1]

    def wait(self, seconds: float) -> None:
        self.scheduler.run_for(round(seconds * SECOND))


def ip(**fields: object) -> IP:
    """An IPv4 header from outside to the server inside."""
    return IP(**{"src": OUTSIDE, "dst": SERVER, **fields})


def tcp(flags: str = "S", sport: int = 1024, dport: int = 80, **fields: object) -> ScapyPacket:
    return ip(**fields) / TCP(sport=sport, dport=dport, flags=flags, seq=1000)


def udp(sport: int = 1024, dport: int = 53, **fields: object) -> ScapyPacket:
    return ip(**fields) / UDP(sport=sport, dport=dport) / Raw(b"data")


def ping(sequence: int = 1, size: int = 56, **fields: object) -> ScapyPacket:
    return ip(**fields) / ICMP(type=8, id=7, seq=sequence) / Raw(bytes(size))
