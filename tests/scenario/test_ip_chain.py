"""Hosts and routers end to end: delivery, forwarding, fragments, ICMP errors, path MTU, UDP, traces.

alice 10.1.1.5 -- 10.1.1.1 west 192.0.2.1 -- 192.0.2.2 east 10.2.2.1 -- 10.2.2.5 bob
"""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from nsemu.lab.icmp_layer import EchoReply
from nsemu.lab.ip_interface import IpInterface
from nsemu.lab.ip_stack import IpStack
from nsemu.lab.link import LinkProperties
from nsemu.lab.udp_layer import PortInUse, UdpReceived
from nsemu.runtime.ip import IcmpError, SendResult
from nsemu.runtime.trace import Delivered, Lost, Note, PacketTrace
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire import icmp
from nsemu.wire.address import BROADCAST_ADDRESS, BROADCAST_MAC, Prefix, parse_ipv4
from nsemu.wire.ethernet import ETHERTYPE_IPV4, EthernetFrame
from nsemu.wire.icmp import IcmpMessage
from nsemu.wire.ipv4 import PROTOCOL_ICMP, PROTOCOL_UDP, Ipv4Packet
from nsemu.wire.udp import UdpDatagram
from support.ip_lab import ALICE, ANYWHERE, BOB, EAST_TRANSIT, WEST, Chain


class Echo:
    """An echo user that writes down what it gets."""

    def __init__(self, stack: IpStack) -> None:
        self.stack = stack
        self.replies: list[EchoReply] = []
        self.errors: list[IcmpError] = []
        self.identifier = stack.icmp.open_echo(self.replies.append, self.errors.append)

    def send(
        self, destination: int, size: int = 8, *, df: bool = False, ttl: int = 64, trace: PacketTrace | None = None
    ) -> SendResult:
        data = icmp.echo_request(self.identifier, 1, bytes(index & 255 for index in range(size))).build()
        return self.stack.send(destination, PROTOCOL_ICMP, data, df=df, ttl=ttl, trace=trace)

    def error(self) -> tuple[int, int, int]:
        (error,) = self.errors
        return error.reporter, error.message.type, error.message.code


def collect(stack: IpStack, port: int) -> list[UdpReceived]:
    received: list[UdpReceived] = []
    stack.udp.bind(port, received.append)
    return received


def test_an_echo_over_two_routers() -> None:
    lab = Chain()
    echo = Echo(lab.alice)
    assert echo.send(BOB) is SendResult.SENT
    lab.run()
    (reply,) = echo.replies
    assert (reply.source, reply.ttl, reply.payload) == (BOB, 62, bytes(range(8)))
    assert [packet.ttl for packet in lab.packets("east:eth2")] == [62]


def test_scapy_reads_every_frame_and_agrees_with_every_checksum() -> None:
    lab = Chain(transit_mtu=600)
    Echo(lab.alice).send(BOB, 2000)
    Echo(lab.alice).send(BOB, 100, ttl=1)
    lab.alice.udp.bind(0, lambda _: None).send(BOB, 9, b"closed")
    lab.run()
    kinds = set()
    for _, _, data in lab.frames:
        frame, again = Ether(data), Ether(data)
        assert ARP in frame or IP in frame
        for layer in (IP, ICMP, UDP):
            if layer in frame and (layer is IP or not (frame[IP].frag or frame[IP].flags.MF)):
                kinds.add(layer)
                again[layer].chksum = None
        assert bytes(again) == data
    assert kinds == {IP, ICMP, UDP}


def test_arp_is_asked_once_and_packets_wait() -> None:
    lab = Chain(near=LinkProperties(delay_ns=10 * MILLISECOND))
    echo = Echo(lab.alice)
    for _ in range(3):
        echo.send(WEST)
    lab.run()
    assert len(echo.replies) == 3
    asked = [data for port, _, data in lab.frames if port == "alice:eth0" and data[12:14] == b"\x08\x06"]
    assert len(asked) == 1


# Errors


def test_ttl_exceeded_comes_from_the_router_that_dropped() -> None:
    lab = Chain()
    for ttl, reporter in ((1, WEST), (2, EAST_TRANSIT)):
        echo = Echo(lab.alice)
        echo.send(BOB, ttl=ttl)
        lab.run()
        assert echo.error() == (reporter, icmp.TIME_EXCEEDED, icmp.TTL_EXCEEDED)
        assert echo.errors[0].offending.ttl == 1
    assert lab.west.stack.counters["TTL exceeded"] == 1


def test_no_route_is_net_unreachable() -> None:
    lab = Chain()
    echo = Echo(lab.alice)
    echo.send(parse_ipv4("198.51.100.1"))
    lab.run()
    assert echo.error() == (WEST, icmp.DESTINATION_UNREACHABLE, icmp.NET_UNREACHABLE)


def test_a_silent_neighbour_is_host_unreachable_after_three_seconds() -> None:
    lab = Chain()
    echo = Echo(lab.alice)
    echo.send(parse_ipv4("10.2.2.77"))
    lab.run(2.9)
    assert echo.errors == []
    lab.run(0.2)
    assert echo.error() == (EAST_TRANSIT, icmp.DESTINATION_UNREACHABLE, icmp.HOST_UNREACHABLE)


def test_a_silent_neighbour_of_the_host_itself_is_an_error_event() -> None:
    lab = Chain()
    echo = Echo(lab.alice)
    echo.send(parse_ipv4("10.1.1.77"))
    lab.run()
    assert echo.error() == (ALICE, icmp.DESTINATION_UNREACHABLE, icmp.HOST_UNREACHABLE)
    assert lab.packets("alice:eth0") == []


def test_a_closed_port_and_an_unknown_protocol() -> None:
    lab = Chain()
    errors: list[IcmpError] = []
    socket = lab.alice.udp.bind(0, lambda _: None, errors.append)
    socket.send(BOB, 7, b"anybody?")
    lab.alice.on_icmp_error(99, errors.append)
    lab.alice.send(BOB, 99, b"what is this")
    lab.run()
    assert [(error.reporter, error.message.code) for error in errors] == [
        (BOB, icmp.PORT_UNREACHABLE),
        (BOB, icmp.PROTOCOL_UNREACHABLE),
    ]
    assert errors[1].offending.payload == b"what is "


def test_errors_have_precedence_and_the_address_that_was_asked() -> None:
    lab = Chain()
    lab.alice.udp.bind(0, lambda _: None).send(parse_ipv4("10.2.2.1"), 7, b"to the far address of east")
    lab.run()
    (error,) = lab.packets("west:eth1")
    assert (error.source, error.tos) == (parse_ipv4("10.2.2.1"), 0xC0)


def inject(lab: Chain, packet: Ipv4Packet, *, mac: bytes | None = None) -> None:
    """Put a packet on alice's cable towards west."""
    destination = mac or lab.west.stack.interfaces["eth1"].mac
    frame = EthernetFrame(destination, b"\x02\xff\xff\xff\xff\xff", ETHERTYPE_IPV4, packet.build())
    lab.alice.interfaces["eth0"].port.transmit(frame.build(), None)
    lab.run()


DIRECTED = parse_ipv4("10.1.1.255")
UNROUTED = parse_ipv4("198.51.100.1")


@pytest.mark.parametrize(
    ("packet", "counter"),
    [
        (Ipv4Packet(ALICE, UNROUTED, 1, icmp.time_exceeded(0, bytes(28)).build()), "no route"),
        (Ipv4Packet(ALICE, UNROUTED, 17, bytes(16), fragment_offset=64), "no route"),
        (Ipv4Packet(0, UNROUTED, 17, bytes(16)), "no route"),
        (Ipv4Packet(parse_ipv4("224.0.0.1"), UNROUTED, 17, bytes(16)), "martian source"),
        (Ipv4Packet(parse_ipv4("10.1.1.255"), BOB, 17, bytes(16)), "martian source"),
        (Ipv4Packet(parse_ipv4("127.0.0.1"), BOB, 17, bytes(16)), "martian source"),
        (Ipv4Packet(ALICE, DIRECTED, 17, UdpDatagram(1, 2, b"").build(ALICE, DIRECTED)), "closed UDP ports"),
        (Ipv4Packet(ALICE, parse_ipv4("239.1.2.3"), 17, bytes(16)), "not for this node"),
        (Ipv4Packet(ALICE, parse_ipv4("192.0.2.3"), 17, bytes(16)), "directed broadcast"),
        (Ipv4Packet(ALICE, DIRECTED, 1, icmp.echo_request(1, 1).build()), "broadcast echoes"),
    ],
)  # fmt: skip
def test_what_is_never_answered_with_an_error(packet: Ipv4Packet, counter: str) -> None:
    """RFC 1122 §3.2.2, RFC 1812 §4.3.2.7."""
    lab = Chain()
    inject(lab, packet)
    assert lab.west.stack.counters[counter] == 1
    assert lab.packets("west:eth1") == []
    assert lab.packets("west:eth2") == []


def test_unicast_packets_in_broadcast_frames_are_dropped() -> None:
    """RFC 1122 §3.3.6, RFC 1812 §5.3.4."""
    lab = Chain()
    inject(lab, Ipv4Packet(ALICE, BOB, 17, bytes(16)), mac=BROADCAST_MAC)
    inject(lab, Ipv4Packet(ALICE, WEST, 1, icmp.echo_request(1, 1).build()), mac=BROADCAST_MAC)
    assert lab.west.stack.counters["not for this node"] == 2
    assert lab.packets("west:eth1") == []


def test_hosts_do_not_forward() -> None:
    lab = Chain()
    stray = Ipv4Packet(ALICE, parse_ipv4("10.3.3.3"), 17, bytes(16)).build()
    frame = EthernetFrame(lab.bob.interfaces["eth0"].mac, bytes(6), ETHERTYPE_IPV4, stray)
    lab.east.port("eth2").transmit(frame.build(), None)
    lab.run()
    assert lab.bob.counters["not for this node"] == 1
    assert lab.packets("bob:eth0") == []


def test_a_wrong_header_checksum_is_malformed() -> None:
    lab = Chain()
    data = bytearray(Ipv4Packet(ALICE, WEST, 1, icmp.echo_request(1, 1).build()).build())
    data[8] = 9
    frame = EthernetFrame(lab.west.stack.interfaces["eth1"].mac, bytes(6), ETHERTYPE_IPV4, bytes(data))
    lab.near.ends[0].transmit(frame.build(), None)
    lab.run()
    assert lab.west.stack.counters["malformed"] == 1


# Fragments and path MTU


def test_fragments_are_cut_by_host_and_router_and_joined_by_the_other_host() -> None:
    lab = Chain(transit_mtu=576)
    echo = Echo(lab.alice)
    echo.send(BOB, 4000)
    lab.run()
    (reply,) = echo.replies
    assert reply.payload == bytes(index & 255 for index in range(4000))
    assert [packet.total_length for packet in lab.packets("alice:eth0")] == [1500, 1500, 1068]
    transit = lab.packets("west:eth2")
    assert all(packet.total_length <= 576 for packet in transit)
    assert [packet.fragment_offset for packet in transit] == [0, 552, 1104, 1480, 2032, 2584, 2960, 3512]
    assert [packet.mf for packet in transit] == [True] * 7 + [False]


def test_a_lost_fragment_times_out_with_time_exceeded() -> None:
    lab = Chain()
    errors: list[IcmpError] = []
    lab.alice.udp.bind(4000, lambda _: None, errors.append)
    received = collect(lab.bob, 7)
    whole = UdpDatagram(4000, 7, bytes(24)).build(ALICE, BOB)
    first = Ipv4Packet(ALICE, BOB, PROTOCOL_UDP, whole[:16], identification=8, mf=True)
    lab.alice.send_packet(first.build())
    lab.run(29)
    assert errors == []
    lab.run(2)
    assert received == []
    assert [(one.reporter, one.message.type, one.message.code) for one in errors] == [
        (BOB, icmp.TIME_EXCEEDED, icmp.REASSEMBLY_TIME_EXCEEDED)
    ]
    assert lab.bob.counters["reassembly time-outs"] == 1


def test_without_the_first_fragment_nothing_is_sent() -> None:
    """RFC 792: a time-out in reassembly without fragment zero sends no time exceeded."""
    lab = Chain()
    lab.alice.send_packet(Ipv4Packet(ALICE, BOB, PROTOCOL_UDP, bytes(8), identification=8, fragment_offset=16).build())
    lab.run(60)
    assert lab.bob.counters["reassembly time-outs"] == 1
    assert lab.packets("bob:eth0") == []


def test_path_mtu_discovery() -> None:
    lab = Chain(transit_mtu=1400)
    echo = Echo(lab.alice)
    assert echo.send(BOB, 1472, df=True) is SendResult.SENT
    lab.run()
    assert echo.error() == (WEST, icmp.DESTINATION_UNREACHABLE, icmp.FRAGMENTATION_NEEDED)
    assert echo.errors[0].message.next_hop_mtu == 1400
    assert lab.alice.mtu_towards(BOB) == 1400
    assert echo.send(BOB, 1373, df=True) is SendResult.TOO_LARGE
    assert echo.send(BOB, 1372, df=True) is SendResult.SENT
    lab.run()
    assert len(echo.replies) == 1
    lab.run(600)
    assert lab.alice.mtu_towards(BOB) == 1500


def test_the_mtu_of_a_cable_is_known_at_both_ends() -> None:
    lab = Chain(transit=LinkProperties(mtu=900))
    echo = Echo(lab.alice)
    echo.send(BOB, 1400)
    echo.send(BOB, 1400, df=True)
    lab.run()
    assert len(echo.replies) == 1
    assert echo.errors[0].message.next_hop_mtu == 900
    lab.transit.set(mtu=None)
    lab.run(600)
    assert echo.send(BOB, 1400, df=True) is SendResult.SENT
    lab.run()
    assert len(echo.replies) == 2
    assert lab.transit.counters(lab.west.port("eth2")).too_large == 0


def test_a_forged_report_about_a_packet_of_another_teaches_nothing() -> None:
    lab = Chain()
    stolen = Ipv4Packet(parse_ipv4("10.1.1.6"), BOB, 17, bytes(1400), df=True).build()
    report = icmp.destination_unreachable(icmp.FRAGMENTATION_NEEDED, stolen, 100).build()
    lab.west.stack.send(ALICE, PROTOCOL_ICMP, report)
    lab.run()
    assert lab.alice.counters["ICMP errors for others"] == 1
    assert lab.alice.mtu_towards(BOB) == 1500


def test_an_old_router_without_mtu_means_the_next_plateau() -> None:
    """RFC 1191 §7.1."""
    lab = Chain()
    sent = Ipv4Packet(ALICE, BOB, 17, bytes(1480), df=True).build()
    lab.west.stack.send(ALICE, PROTOCOL_ICMP, icmp.destination_unreachable(4, sent, 0).build())
    lab.run()
    assert lab.alice.mtu_towards(BOB) == 1492


def test_a_packet_longer_than_ip_can_say() -> None:
    lab = Chain()
    assert lab.alice.send(BOB, 99, bytes(65516)) is SendResult.TOO_LARGE
    assert lab.alice.send(BOB, 99, bytes(65515)) is SendResult.SENT


# Routes


def test_the_longest_active_prefix_wins() -> None:
    lab = Chain()
    stack = lab.west.stack
    stack.add_interface("eth3", Prefix.parse("172.16.0.1/24"))
    stack.add_route(Prefix.parse("10.2.2.5/32"), parse_ipv4("172.16.0.2"))
    stack.add_route(ANYWHERE, EAST_TRANSIT)
    # eth3 has no cable: the host route is not active.
    assert route_interface(stack, BOB) == "eth2"
    stack.interfaces["eth3"].port.carrier = True
    assert route_interface(stack, BOB) == "eth3"
    assert route_interface(stack, BOB + 1) == "eth2"
    assert route_interface(stack, UNROUTED) == "eth2"
    assert stack.routes.remove(Prefix.parse("10.2.2.5/32"), parse_ipv4("172.16.0.2"))
    assert not stack.routes.remove(Prefix.parse("10.2.2.5/32"), parse_ipv4("172.16.0.2"))
    assert route_interface(stack, BOB) == "eth2"


def route_interface(stack: IpStack, destination: int) -> str:
    route = stack.routes.lookup(destination)
    assert route is not None
    return route.interface.name


def test_configuration_errors() -> None:
    lab = Chain()
    with pytest.raises(ValueError, match=r"gateway 10\.9\.9\.9 is on no connected network"):
        lab.alice.add_route(ANYWHERE, parse_ipv4("10.9.9.9"))
    with pytest.raises(ValueError, match="interface eth0 exists"):
        lab.alice.add_interface("eth0", Prefix.parse("10.1.1.6/24"))


def test_a_pulled_cable_takes_the_routes_away() -> None:
    lab = Chain()
    lab.near.down()
    assert Echo(lab.alice).send(BOB) is SendResult.NO_ROUTE
    lab.near.up()
    echo = Echo(lab.alice)
    lab.transit.down()
    echo.send(BOB)
    lab.run()
    assert echo.error() == (WEST, icmp.DESTINATION_UNREACHABLE, icmp.NET_UNREACHABLE)


def test_secondary_addresses() -> None:
    lab = Chain()
    lab.bob.add_interface("eth1", Prefix.parse("172.31.0.1/24"), secondary=[Prefix.parse("172.31.1.1/24")])
    peer = IpStack("carol", lab.scheduler, lab.entropy.stream("carol"))
    peer.add_interface("eth0", Prefix.parse("172.31.1.9/24"))
    lab.link(lab.bob.interfaces["eth1"].port, peer.interfaces["eth0"].port, None)
    echo = Echo(lab.bob)
    echo.send(parse_ipv4("172.31.1.9"))
    lab.run()
    assert len(echo.replies) == 1
    assert [packet.source for packet in lab.packets("bob:eth1")] == [parse_ipv4("172.31.1.1")]


# UDP


def test_udp_there_and_back() -> None:
    lab = Chain()
    answers: list[UdpReceived] = []
    server = lab.bob.udp.bind(7, lambda one: void(server.send(one.source, one.source_port, one.payload.upper())))
    client = lab.alice.udp.bind(0, answers.append)
    assert client.port == 1024
    client.send(BOB, 7, b"shout")
    lab.run()
    (answer,) = answers
    assert (answer.source, answer.source_port, answer.destination_port) == (BOB, 7, 1024)
    assert answer.payload == b"SHOUT"


def void(_result: object) -> None:
    return None


def test_ports_are_taken_once_and_come_back() -> None:
    lab = Chain()
    socket = lab.alice.udp.bind(1025, void)
    with pytest.raises(PortInUse, match="UDP port 1025 is in use"):
        lab.alice.udp.bind(1025, void)
    assert [lab.alice.udp.bind(0, void).port for _ in range(2)] == [1024, 1026]
    socket.close()
    socket.close()
    assert lab.alice.udp.bind(1025, void).port == 1025


def test_the_ephemeral_ports_run_out() -> None:
    lab = Chain()
    for _ in range(65536 - 1024):
        lab.alice.udp.bind(0, void)
    with pytest.raises(PortInUse, match="all UDP ports are in use"):
        lab.alice.udp.bind(0, void)


def test_a_wrong_udp_checksum_is_dropped_without_an_error() -> None:
    lab = Chain()
    received = collect(lab.bob, 7)
    bad = bytearray(UdpDatagram(1, 7, b"payload").build(ALICE, BOB))
    bad[-1] ^= 1
    lab.alice.send(BOB, PROTOCOL_UDP, bytes(bad))
    lab.alice.send(BOB, PROTOCOL_UDP, UdpDatagram(1, 7, b"unchecked").build(0, 0, with_checksum=False))
    lab.run()
    assert [one.payload for one in received] == [b"unchecked"]
    assert lab.bob.counters["malformed"] == 1
    assert lab.packets("bob:eth0") == []


def test_broadcast_reaches_the_sockets_of_one_network() -> None:
    lab = Chain()
    heard = collect(lab.west.stack, 68)
    socket = lab.alice.udp.bind(67, void)
    for destination in (BROADCAST_ADDRESS, DIRECTED, parse_ipv4("239.1.2.3")):
        assert socket.send(destination, 68, b"all") is SendResult.SENT
    lab.run()
    assert [one.destination for one in heard] == [BROADCAST_ADDRESS, DIRECTED]
    assert [frame[:6].hex() for port, _, frame in lab.frames if port == "alice:eth0"] == [
        "ffffffffffff",
        "ffffffffffff",
        "01005e010203",
    ]
    assert lab.packets("west:eth2") == []


def test_a_node_talks_to_itself() -> None:
    lab = Chain()
    heard = collect(lab.alice, 7)
    socket = lab.alice.udp.bind(0, void)
    socket.send(ALICE, 7, b"me")
    socket.send(parse_ipv4("127.0.0.1"), 7, b"loop")
    assert heard == []
    lab.run()
    assert [(one.payload, one.source) for one in heard] == [(b"me", ALICE), (b"loop", parse_ipv4("127.0.0.1"))]
    assert lab.frames == []


def test_a_protocol_of_ones_own() -> None:
    lab = Chain()
    seen: list[tuple[int, bytes, str]] = []

    def handler(packet: Ipv4Packet, payload: bytes, interface: IpInterface, trace: PacketTrace | None) -> None:
        seen.append((packet.tos, payload, interface.name))
        assert trace is None

    lab.bob.register(253, handler)
    lab.alice.send(BOB, 253, b"own", tos=0x28, ttl=3, identification=4711, options=bytes([1, 1, 1, 0]))
    lab.run()
    assert seen == [(0x28, b"own", "eth0")]
    (packet,) = lab.packets("east:eth2")
    assert (packet.identification, packet.options, packet.ttl) == (4711, bytes([1, 1, 1, 0]), 1)


# Traces


def test_the_trace_of_an_echo_goes_there_and_back() -> None:
    lab = Chain()
    trace = PacketTrace()
    Echo(lab.alice).send(BOB, trace=trace)
    lab.run()
    assert [(hop.node, hop.interface, hop.returning) for hop in trace.hops] == [
        ("alice", "", False),
        ("west", "eth1", False),
        ("east", "eth1", False),
        ("bob", "eth0", False),
        ("bob", "", True),
        ("east", "eth2", True),
        ("west", "eth2", True),
        ("alice", "eth0", True),
    ]
    assert trace.hops[1].summary.startswith("10.1.1.5 > 10.2.2.5 icmp echo request")
    assert Note("forwarded to 192.0.2.2 through eth2, TTL 63") in trace.hops[1].steps
    assert trace.hops[3].steps == [Delivered("echo request 1 answered")]
    assert trace.hops[-1].steps == [Delivered("echo reply 1 from 10.2.2.5")]


def test_the_trace_of_a_lost_packet_says_why() -> None:
    lab = Chain()
    trace = PacketTrace()
    Echo(lab.alice).send(BOB, ttl=1, trace=trace)
    lab.run()
    assert trace.hops[1].steps == [Lost("TTL is used up")]
    assert trace.hops[-1].node == "alice"
    assert trace.hops[-1].steps == [Delivered("time to live exceeded from 10.1.1.1")]


def test_the_trace_of_a_packet_without_arp() -> None:
    lab = Chain()
    trace = PacketTrace()
    Echo(lab.alice).send(parse_ipv4("10.1.1.77"), trace=trace)
    lab.run()
    assert trace.hops[0].steps[-1] == Lost("no ARP reply from 10.1.1.77 on eth0")


def test_the_trace_of_a_packet_without_a_route() -> None:
    lab = Chain()
    lab.near.down()
    trace = PacketTrace()
    Echo(lab.alice).send(BOB, trace=trace)
    (hop,) = trace.hops
    assert hop.steps == [Lost("network is unreachable: 10.2.2.5")]


def test_the_trace_of_fragments_ends_in_delivery() -> None:
    lab = Chain()
    trace = PacketTrace()
    received = collect(lab.bob, 7)
    lab.alice.udp.bind(0, void).send(BOB, 7, bytes(3000), trace=trace)
    lab.run()
    assert len(received[0].payload) == 3000
    assert received[0].trace is trace
    assert trace.hops[-1].steps[-2:] == [Note("reassembled to 3028 octets"), Delivered("to UDP port 7")]


# Repetition


def test_two_runs_give_the_same_frames() -> None:
    def run() -> list[tuple[str, int, bytes]]:
        lab = Chain(transit=LinkProperties(loss=0.2, jitter_ns=MILLISECOND, delay_ns=2 * MILLISECOND))
        echo = Echo(lab.alice)
        for index in range(50):
            lab.scheduler.at(index * SECOND, void_send, echo)
        lab.run(60)
        assert 10 < len(echo.replies) < 50
        return lab.frames

    assert run() == run()


def void_send(echo: Echo) -> None:
    echo.send(BOB, 2000)


def test_identifications_do_not_repeat() -> None:
    lab = Chain()
    for _ in range(5):
        lab.alice.send(WEST, 99, b"")
    lab.run()
    seen = [packet.identification for packet in lab.packets("alice:eth0")]
    assert len(set(seen)) == 5


def test_icmp_that_is_not_handled_is_counted() -> None:
    lab = Chain()
    lab.alice.send(WEST, PROTOCOL_ICMP, IcmpMessage(icmp.TIMESTAMP_REQUEST, 0, 0, bytes(12)).build())
    lab.alice.send(WEST, PROTOCOL_ICMP, b"short")
    lab.run()
    counters = lab.west.stack.counters
    assert (counters["ICMP not handled"], counters["malformed"]) == (1, 1)
