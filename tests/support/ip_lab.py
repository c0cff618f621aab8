"""A chain of two hosts and two routers, with a tap on every link, for tests of the IPv4 stack.

alice 10.1.1.5 -- 10.1.1.1 west 192.0.2.1 -- 192.0.2.2 east 10.2.2.1 -- 10.2.2.5 bob
"""

from __future__ import annotations

from nsemu.lab.ip_stack import IpStack
from nsemu.lab.link import Link, LinkProperties, Seen
from nsemu.lab.port import Port
from nsemu.lab.router import Router
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import SECOND, Instant, Scheduler
from nsemu.sim.wait import run_to_end
from nsemu.wire.address import Prefix, parse_ipv4
from nsemu.wire.ethernet import ETHERTYPE_IPV4, EthernetFrame
from nsemu.wire.ipv4 import Ipv4Packet

ALICE = parse_ipv4("10.1.1.5")
BOB = parse_ipv4("10.2.2.5")
WEST = parse_ipv4("10.1.1.1")
EAST_TRANSIT = parse_ipv4("192.0.2.2")
ANYWHERE = Prefix(0, 0)


def prefixes(**texts: str) -> dict[str, Prefix]:
    return {name: Prefix.parse(text) for name, text in texts.items()}


class Chain:
    """The lab; the keyword arguments are the properties of the three links, west to east."""

    def __init__(
        self,
        *,
        near: LinkProperties | None = None,
        transit: LinkProperties | None = None,
        far: LinkProperties | None = None,
        transit_mtu: int = 1500,
    ) -> None:
        self.scheduler = Scheduler()
        self.entropy = Entropy(5)
        self.alice = self.host("alice", "10.1.1.5/24", "10.1.1.1")
        self.bob = self.host("bob", "10.2.2.5/24", "10.2.2.1")
        self.west = Router(
            "west",
            self.scheduler,
            self.entropy.stream("west"),
            prefixes(eth1="10.1.1.1/24", eth2="192.0.2.1/30"),
            {Prefix.parse("10.2.2.0/24"): EAST_TRANSIT},
        )
        self.east = Router(
            "east",
            self.scheduler,
            self.entropy.stream("east"),
            prefixes(eth1="192.0.2.2/30", eth2="10.2.2.1/24"),
            {ANYWHERE: parse_ipv4("192.0.2.1")},
        )
        self.west.stack.interfaces["eth2"].configured_mtu = transit_mtu
        self.east.stack.interfaces["eth1"].configured_mtu = transit_mtu
        self.frames: list[tuple[str, Instant, bytes]] = []
        self.near = self.link(self.alice.interfaces["eth0"].port, self.west.port("eth1"), near)
        self.transit = self.link(self.west.port("eth2"), self.east.port("eth1"), transit)
        self.far = self.link(self.east.port("eth2"), self.bob.interfaces["eth0"].port, far)

    def host(self, name: str, address: str, gateway: str) -> IpStack:
        stack = IpStack(name, self.scheduler, self.entropy.stream(name))
        stack.add_interface("eth0", Prefix.parse(address))
        stack.add_route(ANYWHERE, parse_ipv4(gateway))
        return stack

    def link(self, a: Port, b: Port, properties: LinkProperties | None) -> Link:
        stream = self.entropy.stream(f"{a.label} {b.label}")
        link = Link(a, b, self.scheduler, stream, properties or LinkProperties())
        link.add_tap(self._record)
        return link

    def _record(self, port: Port, frame: bytes, at: Instant, seen: Seen) -> None:
        if seen is Seen.SENT:
            self.frames.append((port.label, at, frame))

    def packets(self, port: str) -> list[Ipv4Packet]:
        """The IPv4 packets that a port (`node:interface`) has sent."""
        frames = [EthernetFrame.parse(data) for label, _, data in self.frames if label == port]
        return [Ipv4Packet.parse(one.payload, verify=True) for one in frames if one.ethertype == ETHERTYPE_IPV4]

    def run(self, seconds: float = 10.0) -> None:
        self.scheduler.run_for(int(seconds * SECOND))

    def command(self, router: Router, line: str) -> str:
        return run_to_end(router.run(line), self.scheduler)
