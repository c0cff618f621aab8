"""Two devices joined by a wire, a host behind each: enough of a network to look at with `get`.

host 10.1.1.5 - (inside) west 1.1.1.1 (outside) - wire, 5 ms - (outside) 1.1.1.2 east (inside) - host 10.2.2.5
"""

from __future__ import annotations

from collections.abc import Callable

from nsemu.cli.commands import device_shell
from nsemu.cli.console import Console
from nsemu.cli.dialogue import run_dialogue
from nsemu.device.device import Device, Transmit
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND, Scheduler
from nsemu.wire import icmp
from nsemu.wire.address import format_ipv4, parse_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.tcp import ACK, SYN, TcpSegment

ARP, IPV4 = b"\x08\x06", b"\x08\x00"
DELAY = 5 * MILLISECOND
_PORTS = {"ns208": ("ethernet1", "ethernet3"), "ssg5": ("ethernet0/2", "ethernet0/0")}


class Site:
    """A device, the console on it, and the host on its inside, which answers ARP and pings and accepts connections."""

    def __init__(self, name: str, scheduler: Scheduler, entropy: Entropy, host: str, platform: str) -> None:
        self.inside, self.outside = _PORTS[platform]
        self.host = parse_ipv4(host)
        self.host_mac = bytes.fromhex("0200") + self.host.to_bytes(4, "big")
        self.heard: list[Ipv4Packet] = []
        self.peer: Callable[[str, bytes, PacketTrace | None], None] = lambda *_arguments: None
        self._scheduler = scheduler
        transmit: Transmit = self._transmit
        self.device = Device(name, scheduler, entropy, transmit, platform)
        self.console = Console(self.device, device_shell())

    def type(self, *lines: str) -> str:
        """Run lines; what they print."""
        return "".join(run_dialogue(self.console.execute(line), self._scheduler) for line in lines)

    def accept(self, text: str) -> None:
        """Run the lines of a text; all must be accepted."""
        for line in text.strip().splitlines():
            output = self.type(line)
            assert not self.console.refused, f"{line}\n{output}"

    def send(self, packet: Ipv4Packet) -> None:
        """The host sends a packet to the device."""
        mac = self.device.interfaces.items[self.inside].mac
        self.device.receive(self.inside, mac + self.host_mac + IPV4 + packet.build())

    def ping(self, destination: str, sequence: int = 1, identifier: int = 77) -> None:
        """The host sends one echo request of 84 octets."""
        message = icmp.echo_request(identifier, sequence, bytes(56))
        self.send(Ipv4Packet(self.host, parse_ipv4(destination), 1, message.build()))

    def connect(self, destination: str, port: int, source_port: int = 1024) -> None:
        """The host opens a TCP connection: SYN now, ACK when the answer is here."""
        self._segment(destination, TcpSegment(source_port, port, 100, 0, SYN, 8192))
        self._scheduler.run_for(SECOND)
        self._segment(destination, TcpSegment(source_port, port, 101, 501, ACK, 8192))

    def _segment(self, destination: str, segment: TcpSegment) -> None:
        to = parse_ipv4(destination)
        self.send(Ipv4Packet(self.host, to, 6, segment.build(self.host, to)))

    def _transmit(self, interface: str, frame: bytes, trace: PacketTrace | None) -> None:
        if interface == self.outside:
            self._scheduler.after(DELAY, self.peer, interface, frame, trace)
        elif frame[12:14] == ARP:
            self._answer_arp(ArpPacket.parse(memoryview(frame)[14:]))
        elif frame[12:14] == IPV4 and frame[:6] == self.host_mac:
            packet = Ipv4Packet.parse(frame[14:])
            self.heard.append(packet)
            self._scheduler.after(MILLISECOND, self._answer, packet)

    def _answer_arp(self, arp: ArpPacket) -> None:
        if arp.operation == 1 and arp.target_ip == self.host:
            reply = ArpPacket(2, self.host_mac, self.host, arp.sender_mac, arp.sender_ip)
            frame = arp.sender_mac + self.host_mac + ARP + reply.build()
            self._scheduler.after(MILLISECOND, self.device.receive, self.inside, frame)

    def _answer(self, packet: Ipv4Packet) -> None:
        if packet.protocol == 1 and packet.payload[0] == icmp.ECHO_REQUEST:
            message = icmp.IcmpMessage.parse(packet.payload)
            reply = icmp.echo_reply(message.identifier, message.sequence, message.payload)
            self.send(Ipv4Packet(self.host, packet.source, 1, reply.build()))
        elif packet.protocol == 6:
            segment = TcpSegment.parse(packet.payload, packet.source, packet.destination)
            if segment.flags == SYN:
                answer = TcpSegment(segment.destination_port, segment.source_port, 500, 101, SYN | ACK, 8192)
                self._segment(format_ipv4(packet.source), answer)


class SitePair:
    """Both sites, with addresses and links up; nothing else is configured."""

    def __init__(self, platform: str = "ns208", seed: int = 1) -> None:
        self.scheduler = Scheduler()
        entropy = Entropy(seed)
        self.west = Site("west", self.scheduler, entropy, "10.1.1.5", platform)
        self.east = Site("east", self.scheduler, entropy, "10.2.2.5", platform)
        self.west.peer, self.east.peer = self.east.device.receive, self.west.device.receive
        for site, inside, outside in ((self.west, "10.1.1.1", "1.1.1.1"), (self.east, "10.2.2.1", "1.1.1.2")):
            site.accept(
                f"""
set hostname {site.device.name}
set interface {site.inside} zone Trust
set interface {site.inside} ip {inside}/24
set interface {site.outside} zone Untrust
set interface {site.outside} ip {outside}/24
"""
            )
            site.device.set_carrier(site.inside, True)
            site.device.set_carrier(site.outside, True)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.scheduler.run_for(int(seconds * SECOND))

    def plain(self) -> None:
        """Routes and policies for clear text in both directions; NAT mode stays on in Trust."""
        for site, gateway in ((self.west, "1.1.1.2"), (self.east, "1.1.1.1")):
            site.accept(
                f"""
set vrouter trust-vr route 0.0.0.0/0 interface {site.outside} gateway {gateway}
set policy from Trust to Untrust any any any permit log count
set policy from Untrust to Trust any any any permit
"""
            )

    def route_based(self) -> None:
        """A route-based VPN between the LANs."""
        for site, peer, remote in ((self.west, "1.1.1.2", "10.2.2.0/24"), (self.east, "1.1.1.1", "10.1.1.0/24")):
            site.accept(
                f"""
set interface tunnel.1 zone Untrust
set interface tunnel.1 ip unnumbered interface {site.outside}
set ike gateway peer address {peer} main outgoing-interface {site.outside} preshare h1p8A24nG5 proposal pre-g2-3des-sha
set vpn lan_to_lan gateway peer replay proposal g2-esp-aes128-sha
set vpn lan_to_lan bind interface tunnel.1
set vrouter trust-vr route {remote} interface tunnel.1
set policy from Trust to Untrust any any any permit
set policy from Untrust to Trust any any any permit
"""
            )

    def policy_based(self) -> None:
        """A policy-based VPN between the LANs."""
        plans = (
            (self.west, "1.1.1.2", "10.1.1.0/24", "10.2.2.0/24"),
            (self.east, "1.1.1.1", "10.2.2.0/24", "10.1.1.0/24"),
        )
        for site, peer, local, remote in plans:
            site.accept(
                f"""
set address Trust here {local}
set address Untrust there {remote}
set ike gateway peer address {peer} main outgoing-interface {site.outside} preshare h1p8A24nG5 sec-level compatible
set vpn lan_to_lan gateway peer sec-level compatible
set vrouter trust-vr route 0.0.0.0/0 interface {site.outside} gateway {peer}
set policy id 5 top name out from Trust to Untrust here there any tunnel vpn lan_to_lan log
set policy id 9 top name in from Untrust to Trust there here any tunnel vpn lan_to_lan
"""
            )
