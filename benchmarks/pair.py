"""Two devices back to back for the benchmarks, each with its neighbours' addresses learned and no lab around them."""

from __future__ import annotations

from collections.abc import Callable

from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.editor import Editor
from nsemu.device.device import Device
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import Scheduler
from nsemu.wire.address import parse_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.ipv4 import PROTOCOL_TCP, PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.tcp import NO_OPTIONS, SYN, TcpOptions, TcpSegment
from nsemu.wire.udp import UdpDatagram

HOST_MAC = bytes.fromhex("020000000005")
ROUTER_MAC = bytes.fromhex("0200000000fa")

SITE = """
set interface ethernet1 zone trust
set interface ethernet1 ip 10.{lan}.0.1/16
set interface ethernet1 route
set interface ethernet3 zone untrust
set interface ethernet3 ip {own}/24
set interface tunnel.1 zone untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set ike p2-proposal bench no-pfs esp {cipher} sha-1 second 28800
set ike gateway peer address {peer} main outgoing-interface ethernet3 preshare secret proposal pre-g2-3des-sha
set vpn tunnel gateway peer replay tunnel idletime 0 proposal bench
set vpn tunnel bind interface tunnel.1
set route 10.{remote}.0.0/16 interface tunnel.1
set route 0.0.0.0/0 interface ethernet3 gateway {gateway}
set policy from trust to untrust any any any permit
set policy from untrust to trust any any any permit
"""


class Side:
    """One device, and the frames it has sent, as (interface, frame)."""

    def __init__(self, name: str, scheduler: Scheduler, text: str) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.device = Device(name, scheduler, Entropy(1), self._collect)
        for interface in ("ethernet1", "ethernet3"):
            self.device.set_carrier(interface, True)
        configure(self.device, text)

    def _collect(self, interface: str, frame: bytes, _trace: PacketTrace | None) -> None:
        self.sent.append((interface, frame))

    def mac(self, interface: str) -> bytes:
        return self.device.interfaces.items[interface].mac

    def learn(self, interface: str, address: int, mac: bytes) -> None:
        """Let the device know a neighbour."""
        run = self.device.interfaces.items[interface]
        arp = ArpPacket(1, mac, address, bytes(6), run.address).build()
        self.device.receive(interface, b"\xff" * 6 + mac + b"\x08\x06" + arp)
        self.sent.clear()

    def frame(self, interface: str, packet: bytes) -> bytes:
        """A packet as a neighbour puts it on the wire."""
        return self.mac(interface) + HOST_MAC + b"\x08\x00" + packet


def configure(device: Device, text: str) -> None:
    editor = Editor(device.config)
    errors = load_configuration(text, editor)
    assert not errors, errors[:3]
    device.commit(editor.finish())


def udp(source: str, destination: str, ports: tuple[int, int] = (4000, 5000), size: int = 1400) -> bytes:
    """A UDP packet of `size` octets."""
    ends = parse_ipv4(source), parse_ipv4(destination)
    payload = UdpDatagram(*ports, bytes(size - 28)).build(*ends)
    return Ipv4Packet(*ends, PROTOCOL_UDP, payload).build()


def tcp(
    source: tuple[str, int], destination: tuple[str, int], flags: int, numbers: tuple[int, int], size: int = 40
) -> bytes:
    """A TCP packet of `size` octets between two (address, port), with (sequence, acknowledgment).

    A SYN agrees on the largest scale there is, and is longer by that.
    """
    ends = parse_ipv4(source[0]), parse_ipv4(destination[0])
    options = TcpOptions(window_scale=14) if flags & SYN else NO_OPTIONS
    segment = TcpSegment(source[1], destination[1], *numbers, flags, 65535, 0, options, bytes(size - 40))
    return Ipv4Packet(*ends, PROTOCOL_TCP, segment.build(*ends)).build()


def gateways(cipher: str = "aes128") -> tuple[Side, Side]:
    """Two gateways with an active tunnel between 10.1.0.0/16 and 10.2.0.0/16."""
    scheduler = Scheduler()
    words = {"cipher": cipher}
    tokyo = Side(
        "tokyo", scheduler, SITE.format(lan=1, remote=2, own="1.1.1.1", peer="2.2.2.2", gateway="1.1.1.250", **words)
    )
    paris = Side(
        "paris", scheduler, SITE.format(lan=2, remote=1, own="2.2.2.2", peer="1.1.1.1", gateway="2.2.2.250", **words)
    )
    for side, lan, wan in ((tokyo, "10.1.0.5", "1.1.1.250"), (paris, "10.2.0.5", "2.2.2.250")):
        side.learn("ethernet1", parse_ipv4(lan), HOST_MAC)
        side.learn("ethernet3", parse_ipv4(wan), ROUTER_MAC)
    tokyo.device.receive("ethernet1", tokyo.frame("ethernet1", udp("10.1.0.5", "10.2.0.5")))
    carry(tokyo, paris)
    assert tokyo.device.database.tunnels[1].active
    assert paris.device.database.tunnels[1].active
    return tokyo, paris


def carry(tokyo: Side, paris: Side) -> None:
    """Carry what both say on ethernet3 to the other until they are silent."""
    while tokyo.sent or paris.sent:
        for side, other in ((tokyo, paris), (paris, tokyo)):
            frames, side.sent = side.sent, []
            for interface, frame in frames:
                if interface == "ethernet3" and frame[12:14] == b"\x08\x00":
                    other.device.receive("ethernet3", other.mac("ethernet3") + frame[6:])


def through(tokyo: Side, paris: Side, packet: bytes) -> Callable[[], object]:
    """One packet from LAN to LAN: in at Tokyo's ethernet1, out at Paris's."""
    frame = tokyo.frame("ethernet1", packet)
    mac = paris.mac("ethernet3")

    def once() -> object:
        tokyo.device.receive("ethernet1", frame)
        paris.device.receive("ethernet3", mac + tokyo.sent.pop()[1][6:])
        return paris.sent.pop()

    once()
    return once
