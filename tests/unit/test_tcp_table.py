"""The TCP of a host on its stack: demultiplexing, refusals, the backlog, ICMP errors, malformed segments."""

from __future__ import annotations

import pytest

from nsemu.lab.link import LinkProperties
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.states import Endpoint, TcpFailure, TcpState
from nsemu.runtime.tcp.table import PortInUse, TcpSocket
from nsemu.sim.scheduler import MILLISECOND, SECOND
from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from nsemu.wire.ipv4 import PROTOCOL_ICMP, PROTOCOL_TCP, Ipv4Packet
from nsemu.wire.tcp import ACK, FIN, RST, SYN, TcpSegment, flag_names
from support.host_lab import PC, SERVER, TwoHosts


class Kept(Conversation):
    """Remembers what it is told."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self.told: list[object] = []

    def connected(self) -> None:
        self.told.append("connected")

    def received(self, data: bytes) -> None:
        self.told.append(data)

    def closed(self, failure: TcpFailure | None) -> None:
        self.told.append(failure)


def connect(lab: TwoHosts, port: int, address: int = SERVER, source_port: int = 0) -> tuple[TcpSocket, Kept]:
    socket = lab.pc.tcp.connect(Endpoint(address, port), Kept, source_port=source_port)
    assert isinstance(socket.conversation, Kept)
    return socket, socket.conversation


def tcp_segments(lab: TwoHosts) -> list[str]:
    """Direction and flags of all TCP frames so far."""
    found = []
    for _, frame in lab.frames:
        if frame[12:14] == b"\x08\x00" and frame[23] == PROTOCOL_TCP:
            packet = Ipv4Packet.parse(frame[14:])
            segment = TcpSegment.parse(packet.payload, packet.source, packet.destination)
            found.append(f"{'>' if packet.source == PC else '<'} {flag_names(segment.flags)}")
    return found


def test_a_closed_port_refuses() -> None:
    lab = TwoHosts(services=())
    _, conversation = connect(lab, 80)
    lab.scheduler.run_for(SECOND)
    assert conversation.told == [TcpFailure.REFUSED]
    assert tcp_segments(lab) == ["> SYN", "< RST+ACK"]
    assert list(lab.pc.tcp.sockets()) == []


def test_a_silent_peer_times_out_after_six_syns() -> None:
    lab = TwoHosts()
    connect(lab, 80)
    lab.scheduler.run_for(SECOND // 2)
    lab.link.set(loss=1.0)
    _, conversation = connect(lab, 80)
    before = len(tcp_segments(lab))
    lab.scheduler.run_for(62 * SECOND)
    assert conversation.told == []
    lab.scheduler.run_for(2 * SECOND)
    assert conversation.told == [TcpFailure.TIMED_OUT]
    assert tcp_segments(lab)[before:].count("> SYN") == 5


def test_no_arp_answer_is_no_route_to_host() -> None:
    lab = TwoHosts()
    _, conversation = connect(lab, 80, parse_ipv4("10.1.1.77"))
    lab.scheduler.run_for(10 * SECOND)
    assert conversation.told == [TcpFailure.HOST_UNREACHABLE]


def test_no_route_is_told_at_once() -> None:
    lab = TwoHosts()
    lab.link.down()
    _, conversation = connect(lab, 80)
    assert conversation.told == [TcpFailure.NETWORK_UNREACHABLE]


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (icmp.NET_UNREACHABLE, TcpFailure.NETWORK_UNREACHABLE),
        (icmp.HOST_UNREACHABLE, TcpFailure.HOST_UNREACHABLE),
        (icmp.PROTOCOL_UNREACHABLE, TcpFailure.PROTOCOL_UNREACHABLE),
        (icmp.PORT_UNREACHABLE, TcpFailure.REFUSED),
        (icmp.COMMUNICATION_PROHIBITED, TcpFailure.HOST_UNREACHABLE),
    ],
)
def test_icmp_unreachable_ends_an_opening(code: int, failure: TcpFailure) -> None:
    lab = TwoHosts()
    lab.server.stack.register(PROTOCOL_TCP, lambda *_: None)
    _, conversation = connect(lab, 80)
    lab.scheduler.run_for(100 * MILLISECOND)
    syn = next(frame[14:] for _, frame in lab.frames if frame[12:14] == b"\x08\x00")
    lab.server.stack.send(PC, PROTOCOL_ICMP, icmp.destination_unreachable(code, syn).build())
    lab.scheduler.run_for(100 * MILLISECOND)
    assert conversation.told == [failure]


def test_the_backlog_limits_handshakes() -> None:
    lab = TwoHosts(services=())
    lab.server.tcp.listen(80, Kept, backlog=2)
    for port in (1001, 1002, 1003):
        segment = TcpSegment(port, 80, 0, 0, SYN, 1000)
        lab.pc.stack.send(SERVER, PROTOCOL_TCP, segment.build(PC + 1, SERVER), source=PC + 1)
    lab.scheduler.run_for(100 * MILLISECOND)
    assert [socket.connection.state for socket in lab.server.tcp.sockets()] == [TcpState.SYN_RECEIVED] * 2
    assert lab.server.stack.counters["TCP backlog full"] == 1
    lab.scheduler.run_for(100 * SECOND)
    assert list(lab.server.tcp.sockets()) == []
    _, conversation = connect(lab, 80)
    lab.scheduler.run_for(SECOND)
    assert conversation.told == ["connected"]


def test_segments_for_nothing_are_reset_but_never_a_reset() -> None:
    lab = TwoHosts(services=("http",))
    lab.run("ping 10.1.1.9 count 1")
    answers = {}
    for flags in (ACK, FIN, SYN | ACK, RST, RST | ACK, 0):
        segment = TcpSegment(2000, 80, 5, 6, flags, 0)
        lab.pc.stack.send(SERVER, PROTOCOL_TCP, segment.build(PC + 1, SERVER), source=PC + 1)
        lab.scheduler.run_for(10 * MILLISECOND)
        answers[flag_names(flags)] = lab.server.stack.counters["TCP resets sent"]
    assert answers == {"ACK": 1, "FIN": 2, "SYN+ACK": 3, "RST": 3, "RST+ACK": 3, "none": 4}


def test_malformed_segments_are_counted_at_every_length() -> None:
    lab = TwoHosts(services=("http",))
    lab.run("ping 10.1.1.9 count 1")
    whole = TcpSegment(2000, 80, 5, 6, SYN, 0, payload=b"abc").build(PC, SERVER)
    for size in range(len(whole)):
        lab.pc.stack.send(SERVER, PROTOCOL_TCP, whole[:size])
    lab.scheduler.run_for(SECOND)
    assert lab.server.stack.counters["malformed"] == len(whole)
    assert list(lab.server.tcp.sockets()) == []


def test_a_port_can_be_listened_on_once() -> None:
    lab = TwoHosts()
    with pytest.raises(PortInUse, match="TCP port 80 is in use"):
        lab.server.tcp.listen(80, Kept)
    connect(lab, 80, source_port=5000)
    with pytest.raises(PortInUse, match="TCP port 5000 is in use"):
        connect(lab, 80, source_port=5000)


def test_ports_and_sequence_numbers_come_from_the_seed_alone() -> None:
    first, again, other = (TwoHosts(seed=seed) for seed in (7, 7, 8))
    for lab in (first, again, other):
        lab.run("http get 10.1.1.9")
        lab.settle()
    assert first.frames == again.frames
    assert first.frames != other.frames


def test_a_path_mtu_learnt_on_the_way_makes_segments_smaller() -> None:
    """RFC 1191: the segments have DF, and the MSS follows the MTU of the own interface."""
    lab = TwoHosts(mtu=900, properties=LinkProperties(delay_ns=MILLISECOND))
    assert "100000 octets in" in lab.run("http get 10.1.1.9/big?size=100000")
    sizes = {len(frame) - 14 for _, frame in lab.frames}
    assert max(sizes) == 900
    assert all(frame[20] & 0x40 for _, frame in lab.frames if frame[12:14] == b"\x08\x00" and frame[23] == PROTOCOL_TCP)


def test_tcp_to_a_broadcast_address_is_not_answered() -> None:
    """RFC 1122 §4.2.3.10."""
    lab = TwoHosts()
    broadcast = parse_ipv4("10.1.1.255")
    lab.pc.stack.send(broadcast, PROTOCOL_TCP, TcpSegment(2000, 80, 5, 0, SYN, 0).build(PC, broadcast))
    lab.scheduler.run_for(SECOND)
    assert lab.server.stack.counters["TCP to a broadcast address"] == 1
    assert tcp_segments(lab) == ["> SYN"]
