"""A device with three networks for translation, and packets that scapy has made and checks."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror, IPerror, TCPerror, UDPerror
from scapy.packet import Packet as ScapyPacket

from nsemu.device.views.sessions import SessionView, session_views
from nsemu.wire.address import format_ipv4, parse_ipv4
from nsemu.wire.arp import ArpPacket
from support.box import NEIGHBOUR_MAC, Box

BASE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 route
set interface ethernet2 zone dmz
set interface ethernet2 ip 10.2.2.1/24
set interface ethernet3 zone untrust
set interface ethernet3 ip 1.1.1.1/24
unset zone untrust screen syn-flood
set route 0.0.0.0/0 interface ethernet3 gateway 1.1.1.250
set address trust lan 10.1.1.0/24
set address trust web 10.1.1.5/32
set address dmz farm 10.2.2.0/24
set policy id 100 from dmz to untrust any any any permit
"""


class NatBox(Box):
    """A box that speaks scapy. What leaves has sound checksums, or the test fails."""

    def __init__(self, *lines: str, base: str = BASE, **options: object) -> None:
        super().__init__(base + "\n".join(lines) + "\n", **options)  # type: ignore[arg-type]

    def send(self, interface: str, packet: ScapyPacket) -> list[tuple[str, IP]]:
        """A packet comes in; what left because of it, by interface."""
        self.sent.clear()
        self.receive(interface, bytes(packet), trace=False)
        return [(name, checked(frame[14:])) for name, frame in self.sent]

    def one(self, interface: str, packet: ScapyPacket) -> IP:
        """A packet comes in and one leaves."""
        found = self.send(interface, packet)
        assert len(found) == 1, found
        return found[0][1]

    def nothing(self, interface: str, packet: ScapyPacket) -> bool:
        """A packet comes in and none leaves."""
        return not self.send(interface, packet)

    def answers_arp(self, interface: str, address: str) -> bool:
        """Whether the device says that an address is its own."""
        found: list[bytes] = []
        transmit = self.device._transmit
        self.device._transmit = lambda _interface, frame, _trace: found.append(frame)
        try:
            asked = ArpPacket(1, NEIGHBOUR_MAC, parse_ipv4("1.1.1.200"), bytes(6), parse_ipv4(address))
            self.device.receive(interface, b"\xff" * 6 + NEIGHBOUR_MAC + b"\x08\x06" + asked.build())
        finally:
            self.device._transmit = transmit
        return any(ArpPacket.parse(frame[14:]).sender_ip == parse_ipv4(address) for frame in found)

    def sessions(self) -> list[SessionView]:
        """The sessions."""
        return list(session_views(self.device))

    def accept(self, *lines: str) -> None:
        """Type lines that must be accepted."""
        for line in lines:
            output = self.type(line)
            assert not self.console.refused, f"{line}\n{output}"


def checked(data: bytes) -> IP:
    """The packet, once scapy has computed the same checksums."""
    packet = IP(data)
    again = IP(data)
    layer: ScapyPacket = again
    while layer:
        if layer.name not in {"IP in ICMP", "TCP in ICMP", "UDP in ICMP", "ICMP in ICMP"}:
            for field in ("chksum", "len"):
                if field in layer.fields and not (layer.name == "UDP" and layer.fields[field] == 0):
                    del layer.fields[field]
        layer = layer.payload
    assert bytes(again) == data, f"{packet.show(dump=True)}\n{IP(bytes(again)).show(dump=True)}"
    return packet


def tcp(source: str, destination: str, sport: int = 4000, dport: int = 80, flags: str = "S") -> ScapyPacket:
    """A TCP segment."""
    return IP(src=source, dst=destination) / TCP(sport=sport, dport=dport, flags=flags, seq=1000, ack=0)


def udp(source: str, destination: str, sport: int = 4000, dport: int = 53) -> ScapyPacket:
    """A UDP datagram."""
    return IP(src=source, dst=destination) / UDP(sport=sport, dport=dport) / b"question"


def ping(source: str, destination: str, number: int = 1, identifier: int = 512) -> ScapyPacket:
    """An echo request."""
    return IP(src=source, dst=destination) / ICMP(type=8, id=identifier, seq=number) / b"abcdefgh"


def reply_to(packet: IP) -> ScapyPacket:
    """What the one it was for would answer."""
    ip = IP(src=packet.dst, dst=packet.src)
    if packet.haslayer(TCP):
        layer = packet[TCP]
        return ip / TCP(sport=layer.dport, dport=layer.sport, flags="SA", seq=77, ack=layer.seq + 1)
    if packet.haslayer(UDP):
        return ip / UDP(sport=packet[UDP].dport, dport=packet[UDP].sport) / b"answer"
    return ip / ICMP(type=0, id=packet[ICMP].id, seq=packet[ICMP].seq) / bytes(packet[ICMP].payload)


def error_about(packet: IP, source: str, kind: int = 3, code: int = 3) -> ScapyPacket:
    """An ICMP error of `source` about a packet that it has seen."""
    return IP(src=source, dst=packet.src) / ICMP(type=kind, code=code) / bytes(packet)[:28]


def ends(packet: IP) -> tuple[str, int, str, int]:
    """(source, port, destination, port); for ICMP the identifier twice."""
    if packet.haslayer(TCP):
        return packet.src, packet[TCP].sport, packet.dst, packet[TCP].dport
    if packet.haslayer(UDP):
        return packet.src, packet[UDP].sport, packet.dst, packet[UDP].dport
    return packet.src, packet[ICMP].id, packet.dst, packet[ICMP].id


def quoted_ends(error: IP) -> tuple[str, int, str, int]:
    """The same of the packet that an error quotes."""
    inner = error[IPerror]
    if error.haslayer(TCPerror):
        return inner.src, error[TCPerror].sport, inner.dst, error[TCPerror].dport
    if error.haslayer(UDPerror):
        return inner.src, error[UDPerror].sport, inner.dst, error[UDPerror].dport
    return inner.src, error[ICMPerror].id, inner.dst, error[ICMPerror].id


def side(pair: tuple[int, int]) -> tuple[str, int]:
    """(address, port) of a session view with the address as text."""
    return format_ipv4(pair[0]), pair[1]
