"""What each `set flow …` does to packets, on one device with hosts that answer ARP."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import GRE

from nsemu.device.views.sessions import session_views
from nsemu.flow.session import Session
from nsemu.flow.steps import Dropped, EspSeal
from nsemu.runtime.drop import DropReason
from nsemu.sim.scheduler import SECOND, Scheduler
from nsemu.wire import icmp
from nsemu.wire.address import parse_ipv4
from nsemu.wire.ipv4 import Ipv4Packet, fragment
from nsemu.wire.tcp import TcpOptions, TcpSegment
from support.box import Box, as_dns_answer, echo, ip, last_step, segment, udp
from support.drop_scenes import BASE, INBOUND, PERMIT, established

FIN, SYN, RST, ACK = 1, 2, 4, 16
CLIENT, SERVER = "10.1.1.5", "9.9.9.9"
OUT, BACK = (4000, 80), (80, 4000)


def box(*lines: str) -> Box:
    return Box(BASE + PERMIT + "".join(f"{line}\n" for line in lines))


class Connection:
    """One TCP connection through a box, segment by segment. Client 10.1.1.5:4000, server 9.9.9.9:80."""

    def __init__(self, where: Box, *, client: int = 1000, server: int = 5000, scale: int | None = None) -> None:
        self.box, self.client, self.server = where, client, server
        options = TcpOptions(mss=1460, window_scale=scale)
        assert self.out(SYN, (client, 0), options=options)
        assert self.back(SYN | ACK, (server, client + 1), options=options)
        assert self.out(ACK, (client + 1, server + 1))

    def out(self, flags: int, numbers: tuple[int, int], **fields: object) -> bool:
        """Whether a segment of the client leaves."""
        return self._pass("ethernet1", "ethernet3", segment(CLIENT, SERVER, OUT, flags, _wrapped(numbers), **fields))

    def back(self, flags: int, numbers: tuple[int, int], **fields: object) -> bool:
        """Whether a segment of the server arrives."""
        return self._pass("ethernet3", "ethernet1", segment(SERVER, CLIENT, BACK, flags, _wrapped(numbers), **fields))

    def _pass(self, way_in: str, way_out: str, packet: bytes) -> bool:
        before = len(self.box.packets(way_out))
        self.box.receive(way_in, packet, trace=False)
        return len(self.box.packets(way_out)) > before


def _wrapped(numbers: tuple[int, int]) -> tuple[int, int]:
    return numbers[0] & 0xFFFFFFFF, numbers[1] & 0xFFFFFFFF


def only(where: Box) -> Session:
    (session,) = where.device.state.sessions
    return session


# --- sequence numbers


@pytest.mark.parametrize("start", [1000, 0xFFFFF000], ids=["plain", "wrapping"])
def test_segments_outside_of_the_window_are_dropped(start: int) -> None:
    where = box()
    tcp = Connection(where, client=start)
    assert tcp.back(ACK, (5001, start + 1), payload=bytes(100))
    assert not tcp.back(ACK, (5001 + 8193, start + 1)), "beyond the client's window"
    assert not tcp.back(ACK, (5001 - 9000, start + 1)), "before the window"
    assert not tcp.back(ACK, (5101, start + 2)), "acknowledges what was not sent"
    assert tcp.back(ACK, (5001, start + 1), payload=bytes(100)), "a retransmission"
    assert where.counter("tcp out of seq") == 3
    assert tcp.out(ACK, (start + 1, 5101))
    assert tcp.back(ACK, (5001 + 8192, start + 1)), "the window has moved on"


def test_the_window_is_scaled_as_both_agreed() -> None:
    """RFC 7323: the window of a SYN is as it says, later ones are shifted."""
    where = box()
    tcp = Connection(where, scale=4)
    assert tcp.back(ACK, (5001 + 8192 * 16, 1001))
    assert not tcp.back(ACK, (5001 + 8192 * 16 + 1, 1001))
    where = box()
    tcp = Connection(where)
    assert not tcp.back(ACK, (5001 + 8192 * 16, 1001))


def test_get_session_tells_the_scale_of_each_side() -> None:
    """`wsf` of releases 6.x is the shift that both agreed on."""
    lines = (BASE + PERMIT).replace("ethernet", "ethernet0/")
    ports = ("ethernet0/1", "ethernet0/3")
    where = Box(lines, platform="ssg140", plugged=ports)
    for port, packet in (
        (0, segment(CLIENT, SERVER, OUT, SYN, (1000, 0), options=TcpOptions(window_scale=3))),
        (1, segment(SERVER, CLIENT, BACK, SYN | ACK, (5000, 1001), options=TcpOptions(window_scale=7))),
        (0, segment(CLIENT, SERVER, OUT, ACK, (1001, 5001))),
    ):
        where.receive(ports[port], packet, trace=False)
    (view,) = session_views(where.device)
    assert (view.client.scale, view.server.scale) == (3, 7)
    text = where.type("get session")
    assert re.search(r"->9\.9\.9\.9/80,6,.*,wsf 3,seg 1", text)
    assert re.search(r"<-9\.9\.9\.9/80,6,.*,wsf 7, seg 0", text)


def test_one_end_alone_cannot_scale() -> None:
    where = box()
    where.receive("ethernet1", segment(CLIENT, SERVER, OUT, SYN, (1000, 0), options=TcpOptions(window_scale=4)))
    where.receive("ethernet3", segment(SERVER, CLIENT, BACK, SYN | ACK, (5000, 1001)))
    where.receive("ethernet1", segment(CLIENT, SERVER, OUT, ACK, (1001, 5001)))
    trace = where.receive("ethernet3", segment(SERVER, CLIENT, BACK, ACK, (5001 + 8192 * 16, 1001)))
    assert last_step(trace).reason is DropReason.TCP_OUT_OF_SEQUENCE  # type: ignore[attr-defined]


def test_no_tcp_seq_check_lets_everything_pass() -> None:
    where = box("set flow no-tcp-seq-check")
    tcp = Connection(where)
    assert tcp.back(ACK, (99_999_999, 1001))
    assert where.counter("tcp out of seq") == 0
    where = box()
    tcp = Connection(where)
    where.type("set flow no-tcp-seq-check")
    assert tcp.back(ACK, (99_999_999, 1001)), "it holds for connections that began before"


def test_a_connection_that_began_elsewhere_is_not_checked() -> None:
    where = box("unset flow tcp-syn-check")
    where.receive("ethernet1", segment(CLIENT, SERVER, OUT, ACK, (70_000, 5001)), trace=False)
    where.receive("ethernet3", segment(SERVER, CLIENT, BACK, ACK, (900_000, 70_000)), trace=False)
    assert len(where.packets("ethernet1")) == 1


def test_sequence_check_behind_source_translation() -> None:
    where = Box(BASE + "set interface ethernet1 nat\n" + PERMIT)
    where.receive("ethernet1", segment(CLIENT, SERVER, OUT, SYN, (1000, 0)), trace=False)
    (sent,) = where.packets("ethernet3")
    port = int.from_bytes(sent.payload[:2], "big")
    for numbers, flags, passes in (((5000, 1001), SYN | ACK, 1), ((99_999, 1001), ACK, 1), ((5001, 1001), ACK, 2)):
        where.receive("ethernet3", segment(SERVER, "1.1.1.1", (80, port), flags, numbers), trace=False)
        assert len(where.packets("ethernet1")) == passes


def test_ports_that_are_used_again_make_a_new_connection() -> None:
    """After both FINs a SYN with other numbers begins anew: other windows, the time-out of a handshake."""
    where = box()
    tcp = Connection(where)
    assert tcp.out(FIN | ACK, (1001, 5001))
    assert tcp.back(FIN | ACK, (5001, 1002))
    assert only(where).timeout == 10 * SECOND
    assert tcp.out(ACK, (1002, 5002))
    again = Connection(where, client=800_000_000, server=700_000_000)
    assert only(where).timeout == 300 * SECOND
    assert only(where).close_reason == "Close - AGE OUT"
    assert not again.back(ACK, (5001, 1001))


def test_a_server_that_never_answers_leaves_the_old_connection_alone() -> None:
    """A SYN with other numbers changes nothing until its answer comes: a forged one cannot move the windows."""
    where = box()
    tcp = Connection(where)
    assert tcp.out(SYN, (600_000, 0))
    assert tcp.back(ACK, (5001, 1001), payload=b"on")
    assert not tcp.out(ACK, (600_001, 5001))
    assert tcp.out(ACK, (1001, 5003))


def test_check_tcp_rst_sequence() -> None:
    """A RST within the window, but not with the next number, is answered by the ACK that says what is right."""
    where = box("set flow check tcp-rst-sequence")
    tcp = Connection(where)
    before = len(where.packets("ethernet3"))
    assert not tcp.back(RST, (5001 + 77, 0))
    assert only(where).timeout == 300 * SECOND
    (challenge,) = where.packets("ethernet3")[before:]
    told = TcpSegment.parse(challenge.payload, challenge.source, challenge.destination)
    assert (told.sequence, told.acknowledgment, told.flags, told.window) == (1001, 5001, ACK, 8192)
    assert tcp.back(RST, (5001, 0))
    assert only(where).close_reason == "Close - TCP RST"


def test_without_it_a_reset_within_the_window_is_believed() -> None:
    where = box()
    tcp = Connection(where)
    assert tcp.back(RST, (5001 + 77, 0))
    assert only(where).timeout == 10 * SECOND
    where = box()
    tcp = Connection(where)
    assert not tcp.back(RST, (99_999_999, 0)), "a blind one is not"


def test_tcp_rst_invalid_session() -> None:
    where = box("set flow tcp-rst-invalid-session", "set policy id 1 from Trust to Untrust any any any permit log")
    tcp = Connection(where)
    assert tcp.back(RST, (5001, 0))
    assert not list(where.device.state.sessions)
    assert "Close - TCP RST" in where.type("get log traffic")


# --- the beginning


def test_initial_timeout() -> None:
    where = box("set flow initial-timeout 60")
    where.receive("ethernet1", segment(CLIENT, SERVER, OUT, SYN, (1000, 0)), trace=False)
    assert only(where).timeout == 60 * SECOND
    where.run(75)
    assert not list(where.device.state.sessions)


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [((), 20), (("unset flow tcp-syn-check",), 300), (("unset flow tcp-syn-check", "set flow tcp-syn-bit-check"), 300)],
)
def test_only_tcp_syn_check_waits_for_the_handshake(lines: tuple[str, ...], seconds: int) -> None:
    where = box(*lines)
    where.receive("ethernet1", segment(CLIENT, SERVER, OUT, SYN, (1000, 0)), trace=False)
    assert only(where).timeout == seconds * SECOND


def test_tcp_syn_bit_check_refuses_what_is_no_syn() -> None:
    where = box("unset flow tcp-syn-check", "set flow tcp-syn-bit-check")
    trace = where.receive("ethernet1", segment(CLIENT, SERVER, OUT, ACK, (1000, 0)))
    (dropped,) = (step for step in trace.hops[0].steps if isinstance(step, Dropped))
    assert (dropped.reason, dropped.subject) == (DropReason.NOT_SYN, ("flow", "tcp-syn-bit-check"))


def test_dns_answers_need_a_question() -> None:
    answer = as_dns_answer(udp(CLIENT, SERVER, 53, size=12))
    where = box()
    assert last_step(where.receive("ethernet1", answer)).reason is DropReason.DNS_REPLY  # type: ignore[attr-defined]
    assert not list(where.device.state.sessions)
    assert where.counter("illegal pak") == 1
    where.receive("ethernet1", udp(CLIENT, SERVER, 53, size=12), trace=False)
    assert len(where.packets("ethernet3")) == 1, "a question passes"
    where = box("set flow allow-dns-reply")
    where.receive("ethernet1", answer, trace=False)
    assert len(where.packets("ethernet3")) == 1


# --- errors


def _unreachable(code: int) -> tuple[bytes, bytes]:
    sent = udp(CLIENT, SERVER, 7)
    return sent, ip(SERVER, CLIENT, 1, icmp.destination_unreachable(code, sent).build())


def test_icmp_ur_msg_filter() -> None:
    sent, error = _unreachable(3)
    for lines, passed in (((), 3), (("set flow icmp-ur-msg-filter",), 1)):
        where = box(*lines)
        where.receive("ethernet1", sent, trace=False)
        for _ in range(3):
            where.receive("ethernet3", error, trace=False)
        assert len(where.packets("ethernet1")) == passed
        assert where.counter("in icmp") == 3 - passed


@pytest.mark.parametrize(("code", "closes"), [(1, True), (3, True), (4, False)])
def test_icmp_ur_session_close(code: int, closes: bool) -> None:
    """Fragmentation needed is about a packet, not about its session."""
    sent, error = _unreachable(code)
    where = box("set flow icmp-ur-session-close")
    where.receive("ethernet1", sent, trace=False)
    session = only(where)
    where.receive("ethernet3", error, trace=False)
    assert len(where.packets("ethernet1")) == 1
    assert len(where.device.state.sessions) == (0 if closes else 1)
    assert session.close_reason == ("Close - ICMP" if closes else "Close - AGE OUT")
    where = box()
    where.receive("ethernet1", sent, trace=False)
    where.receive("ethernet3", error, trace=False)
    assert len(where.device.state.sessions) == 1


# --- sizes


def test_fragments_leave_as_they_came() -> None:
    """Without `force-ip-reassembly` no fragment is longer than those that came; with it the packet leaves whole."""
    whole = udp(CLIENT, SERVER, 7, size=1200, identification=9)
    for lines, lengths in (((), [500, 500, 268]), (("set flow force-ip-reassembly",), [1228])):
        where = box(*lines)
        for piece in fragment(whole, 500):
            where.receive("ethernet1", piece, trace=False)
        left = where.packets("ethernet3")
        assert [packet.total_length for packet in left] == lengths
        assert b"".join(packet.payload for packet in left) == Ipv4Packet.parse(whole).payload


def test_reassembly_for_alg_of_a_zone() -> None:
    whole = udp(CLIENT, SERVER, 7, size=1200, identification=9)
    for zone, pieces in (("Trust", 1), ("Untrust", 3)):
        where = box(f"set zone {zone} reassembly-for-alg")
        for piece in fragment(whole, 500):
            where.receive("ethernet1", piece, trace=False)
        assert len(where.packets("ethernet3")) == pieces


@pytest.mark.parametrize(("line", "lengths"), [("", [1500, 340]), ("set flow max-frag-pkt-size 1024", [1020, 820])])
def test_max_frag_pkt_size(line: str, lengths: list[int]) -> None:
    """Only what must be cut is cut in smaller pieces."""
    where = box("set flow force-ip-reassembly", *filter(None, [line]))
    for piece in fragment(udp(CLIENT, SERVER, 7, size=1792, identification=9), 1400):
        where.receive("ethernet1", piece, trace=False)
    assert [packet.total_length for packet in where.packets("ethernet3")] == lengths
    where.receive("ethernet1", udp(CLIENT, SERVER, 7, size=1300), trace=False)
    assert where.packets("ethernet3")[-1].total_length == 1328


@pytest.mark.parametrize("told", [False, True])
def test_path_mtu(told: bool) -> None:
    """A packet with DF that does not fit into the tunnel: encrypted and cut, or its sender is told what would fit."""
    west, east = established("set flow path-mtu\n" if told else "")
    before = len(east.packets("ethernet1"))
    west.receive("ethernet1", echo("10.1.1.5", "10.2.2.5", number=9, size=1460, df=True), trace=False, seconds=1)
    assert len(east.packets("ethernet1")) - before == (0 if told else 1)
    errors = [packet for packet in west.packets("ethernet1") if packet.payload[:2] == b"\x03\x04"]
    assert len(errors) == (1 if told else 0)
    if told:
        mtu = int.from_bytes(errors[0].payload[6:8], "big")
        fits = echo("10.1.1.5", "10.2.2.5", number=10, size=mtu - 28, df=True)
        west.receive("ethernet1", fits, trace=False, seconds=1)
        assert len(east.packets("ethernet1")) - before == 1
        esp = [packet for packet in west.packets("ethernet3") if packet.protocol == 50]
        assert not any(packet.is_fragment for packet in esp)


def _mss(packet: Ipv4Packet) -> int:
    option = TcpSegment.parse(packet.payload, packet.source, packet.destination).options.mss
    assert option is not None
    return option


@pytest.mark.parametrize(
    ("west_line", "east_line", "seen"),
    [
        ("", "", 1350),
        ("unset flow tcp-mss", "", 1460),
        ("unset flow tcp-mss", "set flow vpn-tcp-mss 1200", 1200),
        ("set flow vpn-tcp-mss 1300", "", 1300),
        ("unset flow tcp-mss", "set flow all-tcp-mss 1111", 1111),
        ("set flow tcp-mss 1000", "set flow all-tcp-mss 1111", 1000),
    ],
)
def test_mss_into_and_out_of_tunnels(west_line: str, east_line: str, seen: int) -> None:
    """`tcp-mss` is for what enters a tunnel, `vpn-tcp-mss` for what leaves it as well; `all-tcp-mss` for the rest."""
    west, east = established(f"{west_line}\n", INBOUND + f"{east_line}\n")
    syn = segment("10.1.1.5", "10.2.2.5", (4000, 80), SYN, (1000, 0), options=TcpOptions(mss=1460))
    west.receive("ethernet1", syn, trace=False, seconds=1)
    assert _mss(east.packets("ethernet1")[-1]) == seen


@pytest.mark.parametrize(
    ("west_line", "east_line", "seen"),
    [
        ("", "", 1460),
        ("set flow gre-out-tcp-mss", "", 1320),
        ("", "set flow gre-in-tcp-mss 1000", 1000),
        ("set flow gre-in-tcp-mss 1000", "set flow gre-out-tcp-mss 1000", 1460),
    ],
)
@pytest.mark.parametrize("checked", [0, 1])
def test_mss_in_gre(west_line: str, east_line: str, seen: int, checked: int) -> None:
    """Into a VPN and out of it; the checksum of GRE is made anew where there is one."""
    west, east = established(f"{west_line}\n", INBOUND + f"{east_line}\n")
    inner = IP(src="192.168.1.5", dst="192.168.2.5") / TCP(sport=4000, dport=80, flags="S", options=[("MSS", 1460)])
    packet = bytes(IP(src="10.1.1.5", dst="10.2.2.5") / GRE(chksum_present=checked, key_present=1, key=7) / inner)
    west.receive("ethernet1", packet, trace=False, seconds=1)
    (left,) = (one for one in east.packets("ethernet1") if one.protocol == 47)
    gre = IP(left.build())[GRE]
    assert dict(gre[TCP].options)["MSS"] == seen
    again = gre.copy()
    del again.chksum, again[TCP].chksum, again[IP].chksum
    assert bytes(again) == bytes(gre)


# --- the way back

ELSEWHERE = "set vrouter trust-vr route 10.7.7.0/24 interface ethernet2 gateway 10.9.9.9"


@pytest.mark.parametrize(
    ("line", "route", "passes", "replies"),
    [
        ("", "", True, ["ethernet1"]),
        ("", ELSEWHERE, True, ["ethernet1"]),
        ("", "set vrouter trust-vr route 10.7.7.0/24 interface ethernet1 gateway 10.1.1.9", True, ["ethernet1"]),
        ("set flow reverse-route clear-text always", "", False, []),
        ("set flow reverse-route clear-text always", ELSEWHERE, False, []),
        (
            "set flow reverse-route clear-text always",
            "set vrouter trust-vr route 10.7.7.0/24 interface ethernet1 gateway 10.1.1.9",
            True,
            ["ethernet1"],
        ),
        ("unset flow reverse-route clear-text", ELSEWHERE, True, ["ethernet1"]),
    ],
)
def test_reverse_route_of_clear_text(line: str, route: str, passes: bool, replies: list[str]) -> None:
    """`always` wants a route that leads back; without it replies go to the link address that the packet came from."""
    where = box(*filter(None, [line, route]))
    where.receive("ethernet1", udp("10.7.7.7", SERVER, 7), trace=False)
    assert len(where.packets("ethernet3")) == passes
    back = bytearray(udp(SERVER, "10.7.7.7", 4000))
    back[20:22] = (7).to_bytes(2, "big")
    back[26:28] = bytes(2)
    where.sent.clear()
    where.receive("ethernet3", bytes(back), trace=False)
    assert [name for name, _ in where.sent] == replies


def test_unset_reverse_route_looks_up_nothing() -> None:
    """A route to another gateway of the same interface is not asked: replies go to the node that sent the packet."""
    route = "set vrouter trust-vr route 10.7.7.0/24 interface ethernet1 gateway 10.1.1.9"
    for line, route_id in (("", True), ("unset flow reverse-route clear-text", False)):
        where = box(route, *filter(None, [line]))
        where.receive("ethernet1", udp("10.7.7.7", SERVER, 7), trace=False)
        assert bool(only(where).reverse.route_id) is route_id


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("", False),
        ("set flow reverse-route tunnel prefer", True),
        ("unset flow reverse-route tunnel", True),
    ],
)
def test_reverse_route_of_what_came_out_of_a_tunnel(line: str, passes: bool) -> None:
    """Without a route into a tunnel `always` refuses, `prefer` and none answer through the tunnel it came from."""
    lan = "set vrouter trust-vr route 10.7.7.0/24 interface ethernet1 gateway 10.1.1.9\n"
    west, east = established(lan, INBOUND + f"{line}\n")
    before = len(east.packets("ethernet1"))
    west.receive("ethernet1", echo("10.7.7.7", "10.2.2.5", number=9), trace=False, seconds=1)
    assert len(east.packets("ethernet1")) - before == passes
    if passes:
        request = east.packets("ethernet1")[-1]
        answer = replace(request, source=request.destination, destination=request.source)
        payload = bytearray(answer.payload)
        payload[0] = 0
        payload[2:4] = (int.from_bytes(payload[2:4], "big") + 0x0800).to_bytes(2, "big")
        west.sent.clear()
        east.receive("ethernet1", replace(answer, payload=bytes(payload), ttl=64).build(), trace=False, seconds=1)
        assert any(packet.destination == parse_ipv4("10.7.7.7") for packet in west.packets("ethernet1"))


KEYS = "esp 3des password p auth sha-1 password p"
MANUAL = """
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.{near}.1.1/24
set interface ethernet1 route
set interface ethernet3 zone Untrust
set interface ethernet3 ip 1.1.1.{near}/24
set interface tunnel.1 zone Untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set interface tunnel.2 zone {zone}
set interface tunnel.2 ip unnumbered interface ethernet3
set vpn a manual {one}00 {two}00 gateway 1.1.1.{far} outgoing-interface ethernet3 {keys}
set vpn b manual {one}11 {two}11 gateway 1.1.1.{far} outgoing-interface ethernet3 {keys}
set vpn a bind interface tunnel.1
set vpn b bind interface tunnel.2
set route 10.{far}.1.0/24 interface tunnel.{way}
set policy from trust to untrust any any any permit
set policy from untrust to trust any any any permit
"""


@pytest.mark.parametrize(
    ("line", "zone", "comes_back"),
    [("", "Untrust", False), ("set zone Untrust asymmetric-vpn\n", "Untrust", True),
     ("set zone Untrust asymmetric-vpn\n", "DMZ", False)],
)  # fmt: skip
def test_asymmetric_vpn(line: str, zone: str, comes_back: bool) -> None:
    """Replies through another tunnel belong to the session only where the zone of both says so."""
    scheduler = Scheduler()
    west = Box(MANUAL.format(near=1, far=2, one=10, two=20, way=1, zone=zone, keys=KEYS) + line, scheduler=scheduler)
    east = Box(
        MANUAL.format(near=2, far=1, one=20, two=10, way=2, zone="Untrust", keys=KEYS)
        + "unset flow reverse-route tunnel\n"
        "set flow reverse-route tunnel always\n",
        scheduler=scheduler,
    )
    west.join("ethernet3", east, "ethernet3")
    west.receive("ethernet1", segment("10.1.1.5", "10.2.1.5", OUT, SYN, (1, 0)), trace=False, seconds=1)
    assert len(east.packets("ethernet1")) == 1
    east.receive("ethernet1", segment("10.2.1.5", "10.1.1.5", BACK, SYN | ACK, (7, 2)), trace=False, seconds=1)
    assert len(west.packets("ethernet1")) == comes_back
    assert west.counter("wrong intf") == (not comes_back)


HUB = """
set interface ethernet3 zone Untrust
set interface ethernet3 ip 1.1.1.1/24
set interface tunnel.1 zone Untrust
set interface tunnel.1 ip 10.50.0.1/24
set interface tunnel.1 mip 10.50.0.9 host 10.3.3.3 netmask 255.255.255.255 vrouter trust-vr
set interface tunnel.2 zone Untrust
set interface tunnel.2 ip unnumbered interface ethernet3
set vpn a manual 1000 2000 gateway 1.1.1.2 outgoing-interface ethernet3 {keys}
set vpn b manual 1011 2011 gateway 1.1.1.3 outgoing-interface ethernet3 {keys}
set vpn a bind interface tunnel.1
set vpn b bind interface tunnel.2
set route 10.2.1.0/24 interface tunnel.1
set route 10.3.3.0/24 interface tunnel.2
set policy from untrust to untrust any any any permit
"""
SPOKE = """
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.2.1.1/24
set interface ethernet1 route
set interface ethernet3 zone Untrust
set interface ethernet3 ip 1.1.1.2/24
set interface tunnel.1 zone Untrust
set interface tunnel.1 ip unnumbered interface ethernet3
set vpn a manual 2000 1000 gateway 1.1.1.1 outgoing-interface ethernet3 {keys}
set vpn a bind interface tunnel.1
set route 10.50.0.0/24 interface tunnel.1
set policy from trust to untrust any any any permit
"""


@pytest.mark.parametrize("on", [True, False])
def test_hub_n_spoke_mip(on: bool) -> None:
    """A MIP leads from one tunnel into another on the same interface of Untrust, unless the option is off."""
    scheduler = Scheduler()
    hub = Box(HUB.format(keys=KEYS) + ("" if on else "unset flow hub-n-spoke-mip\n"), scheduler=scheduler)
    spoke = Box(SPOKE.format(keys=KEYS), scheduler=scheduler)
    hub.join("ethernet3", spoke, "ethernet3")
    trace = spoke.receive("ethernet1", echo("10.2.1.5", "10.50.0.9"), seconds=1)
    relayed = [step for hop in trace.hops for step in hop.steps if isinstance(step, EspSeal)]
    assert [step.vpn for step in relayed] == (["a", "b"] if on else ["a"])
    dropped = [step for hop in trace.hops for step in hop.steps if isinstance(step, Dropped)]
    if not on:
        assert [(step.reason, step.subject) for step in dropped] == [
            (DropReason.NO_MAPPING, ("flow", "hub-n-spoke-mip"))
        ]


def test_mac_cache_mgt() -> None:
    """Answers to managers to whom no route leads go back where their packets came from."""
    ping = echo("172.16.0.9", "10.1.1.1")
    for line, answered in (("", 0), ("set flow mac-cache mgt", 1)):
        where = Box(
            BASE + f"unset vrouter trust-vr route 0.0.0.0/0\nset interface ethernet1 manage ping\n{line}\n",
        )
        where.receive("ethernet1", ping, trace=False)
        assert len(where.packets("ethernet1")) == answered


# --- the table


def test_aggressive_aging() -> None:
    """Between the marks time-outs are shorter, and what has least left goes first."""
    where = box("set flow aging high-watermark 80", "set flow aging low-watermark 50", "set flow aging early-ageout 5")
    table = where.device.state.sessions
    table.capacity = 10
    for port in range(7):
        where.receive("ethernet1", udp(CLIENT, SERVER, 7000 + port), trace=False, seconds=1)
    where.run(20)
    assert len(table) == 7, "below the high mark nothing hurries"
    where.receive("ethernet1", udp(CLIENT, SERVER, 8000), trace=False)
    where.run(10)
    assert sorted(session.forward.flow[3] for session in table) == [7004, 7005, 7006, 8000]
    assert not table.aging
    where.run(20)
    assert len(table) == 4


@pytest.mark.parametrize(
    ("lines", "at", "share"),
    [
        (("set alarm threshold session count 3",), 3, 0),
        (("set alarm threshold session percent 1",), 161, 1),
        (("set alarm threshold session count 9", "set alarm threshold session percent 1"), 9, 0),
    ],
)
def test_an_alarm_when_the_table_fills_up(lines: tuple[str, ...], at: int, share: int) -> None:
    """Once, until there are fewer sessions at a sweep."""
    config = BASE.replace("ethernet1", "ethernet0/2").replace("ethernet2", "ethernet0/1").replace("t3", "t0/0")
    ports = ("ethernet0/2", "ethernet0/0")
    where = Box(config + PERMIT + "\n".join(lines) + "\n", platform="ssg5", plugged=ports)
    text = f"Session utilization has reached {at}, which is {share}% of the system capacity!"
    for round_ in (1, 2):
        for port in range(at + 2):
            where.receive(ports[0], udp(CLIENT, SERVER, 7000 + port), trace=False, seconds=0.001)
            told = [entry.text for entry in where.device.event_log.newest_first()].count(text)
            assert told == round_ - (port < at - 1), port
        where.run(90)


def test_sessions_end_with_the_link_they_need() -> None:
    """A session that no other way is left for is closed when its interface goes down, and noted so."""
    where = box("set policy id 1 from Trust to Untrust any any any permit log")
    where.receive("ethernet1", udp(CLIENT, SERVER, 7), trace=False)
    where.device.set_carrier("ethernet3", False)
    assert not list(where.device.state.sessions)
    assert "Close - OTHER" in where.type("get log traffic")
    where = box()
    where.receive("ethernet1", udp(CLIENT, SERVER, 7), trace=False)
    where.device.set_carrier("ethernet1", False)
    assert not list(where.device.state.sessions)


def test_a_session_with_another_way_lives_on() -> None:
    config = (
        "set interface ethernet4 zone Untrust",
        "set interface ethernet4 ip 1.1.2.1/24",
        "set vrouter trust-vr route 0.0.0.0/0 interface ethernet4 gateway 1.1.2.250 metric 5",
    )
    where = Box(BASE + PERMIT + "\n".join(config) + "\n", plugged=("ethernet1", "ethernet3", "ethernet4"))
    where.receive("ethernet1", udp(CLIENT, SERVER, 7), trace=False)
    where.device.set_carrier("ethernet3", False)
    assert only(where).forward.egress.name == "ethernet4"


def test_get_flow_shows_every_setting() -> None:
    where = box()
    before = where.type("get flow").splitlines()
    for line, wanted in (
        ("set flow gre-out-tcp-mss 1000", "flow GRE outbound tcp-mss = 1000"),
        ("set flow gre-in-tcp-mss", "flow GRE inbound tcp-mss = 1320"),
        ("set flow all-tcp-mss 1300", "flow change tcp mss option for all packets = 1300"),
        ("unset flow tcp-mss", "flow change tcp mss option for outbound vpn packets is not set"),
        ("set flow vpn-tcp-mss", "flow change tcp mss option for bi-directional vpn packets = 1350"),
        ("set flow syn-proxy syn-cookie", "TCP syn-proxy syn-cookie enabled"),
        ("set flow allow-dns-reply", "Allow dns reply pkt without matched request : YES"),
        ("unset flow tcp-syn-check-in-tunnel", "before create session for tunneled packets : NO"),
        ("set flow tcp-syn-bit-check", "Check TCP SYN bit before create session : YES"),
        ("unset flow hub-n-spoke-mip", "Do not use Hub-and-Spoke policies"),
        ("unset flow mac-flooding", "Check unknown mac flooding : NO"),
        ("set flow no-tcp-seq-check", "Skip sequence number check in stateful inspection : YES"),
        ("set flow path-mtu", "ICMP path mtu discovery : YES"),
        ("set flow tcp-rst-invalid-session", "TCP RST invalidates session immediately : YES"),
        ("set flow force-ip-reassembly", "Force packet fragment reassembly : YES"),
        ("set flow initial-timeout 33", "flow initial session timeout: 33 seconds"),
        ("set flow aging high-watermark 80", "high watermark = 80 (102400 sessions)"),
        ("set flow aging low-watermark 70", "low watermark  = 70 (89600 sessions)"),
        ("set flow aging early-ageout 4", "early ageout   = 4"),
        ("set flow check tcp-rst-sequence", "RST seq. chk ON"),
        ("set flow mac-cache mgt", "MAC cache for management traffic: ON"),
        ("unset flow reverse-route clear-text", "going into tunnel: no reverse route"),
        ("set flow reverse-route tunnel prefer", "first packet from tunnel: prefer reverse route"),
        ("set flow icmp-ur-session-close", "Close session when receive ICMP error packet: YES"),
        ("set flow icmp-ur-msg-filter", "Passing through only one ICMP error packet: YES"),
    ):
        assert not any(wanted in shown for shown in before), line
        assert where.type(line) == "", line
        assert wanted in where.type("get flow"), line
