"""SYN floods: thresholds, the TCP proxy with its queue and with cookies, and the connections that it splices.

client (outside)          device                    server (inside)
SYN  seq=C          -->   answers in its place
                    <--   SYN-ACK seq=Y ack=C+1 window=0
ACK  ack=Y+1        -->   asks the server      -->  SYN seq=C
                                               <--  SYN-ACK seq=Z ack=C+1
window opens        <--   ACK seq=Y+1          -->  ACK ack=Z+1
data ack=Y+1        -->   ack + (Z - Y)        -->
                    <--   seq + (Y - Z)        <--  data seq=Z+1
"""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from nsemu.config.screen import ScreenOptions
from nsemu.flow.tcp_splice import SequenceShift
from nsemu.runtime.drop import DropReason
from support.screen_box import OUTSIDE, SERVER, ScreenBox, tcp

CLIENT_ISN, SERVER_ISN = 1000, 0xFFFFFF00
FLOOD = ("set zone untrust screen syn-flood", "set zone untrust screen syn-flood attack-threshold 2")
COOKIE = "set flow syn-proxy syn-cookie"


def syn(sport: int, seq: int = CLIENT_ISN, dport: int = 80, **fields: object) -> IP:
    packet = tcp("S", sport, dport, **fields)
    packet[TCP].seq = seq
    packet[TCP].options = [("MSS", 1400), ("SAckOK", b""), ("WScale", 7)]
    return packet


def from_client(sport: int, flags: str, ack: int, seq: int = CLIENT_ISN + 1, data: bytes = b"") -> IP:
    return (
        IP(src=OUTSIDE, dst=SERVER) / TCP(sport=sport, dport=80, flags=flags, seq=seq, ack=ack, window=8192) / Raw(data)
    )


def from_server(to: IP, flags: str, seq: int, ack: int, data: bytes = b"") -> IP:
    """What the server answers to a segment that reached it."""
    ports = {"sport": to[TCP].dport, "dport": to[TCP].sport}
    return IP(src=to.dst, dst=to.src) / TCP(**ports, flags=flags, seq=seq, ack=ack, window=5840) / Raw(data)


def sound(packet: IP) -> IP:
    """The packet, whose checksums must be right."""
    again = packet.copy()
    del again[IP].chksum
    del again[TCP].chksum
    built = IP(bytes(again))
    assert (built[IP].chksum, built[TCP].chksum) == (packet[IP].chksum, packet[TCP].chksum)
    return packet


def flooded(*lines: str) -> ScreenBox:
    """A device whose attack threshold for the server was just reached."""
    box = ScreenBox(*FLOOD, *lines)
    assert [box.passes(syn(port)) for port in (2001, 2002)] == [True, True]
    return box


@pytest.fixture(params=["queue", "cookie"])
def box(request: pytest.FixtureRequest) -> ScreenBox:
    return flooded(*((COOKIE,) if request.param == "cookie" else ()))


def answered(box: ScreenBox, sport: int = 3000) -> IP:
    """The device's answer to a proxied request."""
    (answer,) = box.receive(syn(sport))
    return sound(answer)


def spliced(box: ScreenBox, sport: int = 3000) -> tuple[IP, IP]:
    """A connection through the proxy: the device's answer to the client, and its request to the server."""
    answer = answered(box, sport)
    (request,) = box.receive(from_client(sport, "A", answer[TCP].seq + 1 & 0xFFFFFFFF))
    sound(request)
    to_server, to_client = box.receive(from_server(request, "SA", SERVER_ISN, request[TCP].seq + 1), "ethernet1")
    assert (to_server[TCP].flags, to_server[TCP].seq, to_server[TCP].ack) == ("A", CLIENT_ISN + 1, SERVER_ISN + 1)
    assert (to_client[TCP].flags, to_client[TCP].seq, to_client[TCP].ack) == (
        "A",
        answer[TCP].seq + 1 & 0xFFFFFFFF,
        CLIENT_ISN + 1,
    )
    assert (to_client[TCP].window, to_server[TCP].window) == (5840, 8192)
    sound(to_client)
    sound(to_server)
    return answer, request


# Thresholds


@pytest.mark.parametrize(("sent", "proxied"), [(1, 0), (2, 0), (3, 1), (5, 3)])
def test_requests_beyond_the_attack_threshold_are_proxied(sent: int, proxied: int) -> None:
    box = ScreenBox(*FLOOD)
    answers = [packet for port in range(2000, 2000 + sent) for packet in box.receive(syn(port))]
    assert sum(packet.src == SERVER for packet in answers) == proxied
    assert sum(packet.dst == SERVER for packet in answers) == sent - proxied
    assert len(box.device.state.sessions) == sent - proxied
    assert box.counted("syn-flood") == proxied
    assert box.device.interfaces.items["ethernet3"].counters.flow["tcp proxy"] == proxied


def test_thresholds_are_by_destination_and_port_and_begin_anew_each_second() -> None:
    box = flooded()
    assert box.receive(syn(2003, dport=81))[0].dst == SERVER
    assert box.receive(syn(2003, dst="10.1.0.5"))[0].dst == "10.1.0.5"
    box.wait(1)
    assert box.receive(syn(2004))[0].dst == SERVER


@pytest.mark.parametrize(("requests", "logged"), [(5, 0), (6, 1), (8, 3)])
def test_the_alarm_counts_requests_beyond_both_thresholds(requests: int, logged: int) -> None:
    """The first 2 pass, the next 3 are proxied, each further one in the second is one of the alarm."""
    box = ScreenBox(*FLOOD, "set zone untrust screen syn-flood alarm-threshold 3")
    for port in range(2000, 2000 + requests):
        box.receive(syn(port, src=f"9.9.8.{port - 2000}"))
    lines = box.log()
    assert len(lines) == bool(logged)
    if logged:
        assert lines[0].startswith("SYN flood! From 9.9.8.5:2005 to 10.1.0.80:80, proto TCP (zone Untrust, int ")
        assert lines[0].endswith(f"Occurred {logged} times.")


@pytest.mark.parametrize(
    ("threshold", "source", "destination"),
    [("source-threshold", OUTSIDE, "10.1.0.{}"), ("destination-threshold", "9.9.8.{}", SERVER)],
)
def test_beyond_source_and_destination_thresholds_requests_are_dropped(
    threshold: str, source: str, destination: str
) -> None:
    box = ScreenBox("set zone untrust screen syn-flood", f"set zone untrust screen syn-flood {threshold} 4")
    for number in range(11, 16):
        box.learn("ethernet1", f"10.1.0.{number}")
    sent = [syn(2000 + n, src=source.format(n), dst=destination.format(n), dport=80 + n) for n in range(11, 16)]
    assert [box.passes(packet) for packet in sent] == [True] * 4 + [False]
    assert box.dropped(DropReason.SCREEN_SYN_FLOOD) == 1
    assert box.log()[0].startswith("SYN flood! From ")
    assert box.passes(sent[-1])


def test_alarm_without_drop_lets_requests_through() -> None:
    box = flooded("set zone untrust screen alarm-without-drop")
    assert [box.receive(syn(port))[0].dst for port in (3000, 3001)] == [SERVER, SERVER]
    assert box.counted("syn-flood") == 2
    assert box.log()[0].endswith("Occurred 2 times.")


def test_the_queue_is_bounded_and_empties_with_time() -> None:
    box = flooded(
        "set zone untrust screen syn-flood queue-size 10",
        "set zone untrust screen syn-flood timeout 5",
    )
    answers = [box.receive(syn(port)) for port in range(3000, 3012)]
    assert [bool(answer) for answer in answers] == [True] * 10 + [False] * 2
    assert box.dropped(DropReason.SCREEN_SYN_FLOOD) == 12, "ten that were proxied count with the two that were not"
    box.wait(5)
    for port in (3020, 3021):
        box.receive(syn(port))
    assert box.receive(syn(3022))[0].src == SERVER


def test_a_cookie_flood_leaves_no_state() -> None:
    box = flooded(COOKIE)
    for number in range(3000):
        (answer,) = box.receive(syn(1024 + number, src=f"9.8.{number // 250}.{number % 250}", seq=number))
        assert answer.src == SERVER
    screen = box.device.interfaces.items["ethernet3"].screen
    assert len(screen.queue) == 0
    assert len(box.device.state.sessions) == 2


def test_policies_are_asked_before_the_proxy_answers() -> None:
    box = flooded("set policy id 9 top from untrust to trust any any telnet deny")
    for port in (2001, 2002, 3000):
        assert not box.receive(syn(port, dport=23))
    assert box.dropped(DropReason.POLICY_DENY) == 3


# The answer


def test_the_answer_promises_nothing_of_the_server(box: ScreenBox) -> None:
    answer = answered(box)
    assert (answer.src, answer.dst, answer[TCP].sport, answer[TCP].dport) == (SERVER, OUTSIDE, 80, 3000)
    assert (answer[TCP].flags, answer[TCP].ack, answer[TCP].window) == ("SA", CLIENT_ISN + 1, 0)
    assert answer[TCP].options == [("MSS", 1460)]


def test_initial_sequence_numbers_differ_between_clients(box: ScreenBox) -> None:
    assert len({answered(box, port)[TCP].seq for port in range(3000, 3020)}) == 20


def test_a_repeated_request_gets_the_same_answer() -> None:
    box = flooded()
    first = answered(box)
    assert answered(box)[TCP].seq == first[TCP].seq
    (other,) = box.receive(syn(3000, seq=77777))
    assert other[TCP].ack == 77778


# Splicing


def test_the_server_sees_the_client_itself(box: ScreenBox) -> None:
    _, request = spliced(box)
    assert (request.src, request.dst, request[TCP].sport, request[TCP].dport) == (OUTSIDE, SERVER, 3000, 80)
    assert (request[TCP].flags, request[TCP].seq) == ("S", CLIENT_ISN)
    assert [name for name, _ in request[TCP].options] == ["MSS"]
    assert request[TCP].options[0][1] in {1350, 1380, 1400}


def test_sequence_numbers_are_shifted_both_ways(box: ScreenBox) -> None:
    answer, request = spliced(box)
    own = answer[TCP].seq
    (up,) = box.receive(from_client(3000, "PA", own + 1 & 0xFFFFFFFF, data=b"GET / HTTP/1.0\r\n\r\n"))
    assert (sound(up)[TCP].seq, up[TCP].ack) == (CLIENT_ISN + 1, SERVER_ISN + 1)
    body = bytes(range(256)) * 2
    (down,) = box.receive(from_server(request, "PA", SERVER_ISN + 1, CLIENT_ISN + 19, body), "ethernet1")
    assert (sound(down)[TCP].seq, down[TCP].ack) == (own + 1 & 0xFFFFFFFF, CLIENT_ISN + 19)
    assert bytes(down[TCP].payload) == body
    (ack,) = box.receive(from_client(3000, "A", own + 1 + len(body) & 0xFFFFFFFF, CLIENT_ISN + 19))
    assert sound(ack)[TCP].ack == SERVER_ISN + 1 + len(body) & 0xFFFFFFFF, "past the end of the number space"


def test_resets_are_shifted_as_well(box: ScreenBox) -> None:
    answer, request = spliced(box)
    (down,) = box.receive(from_server(request, "R", SERVER_ISN + 1, 0), "ethernet1")
    assert sound(down)[TCP].seq == answer[TCP].seq + 1 & 0xFFFFFFFF


def test_a_spliced_session_survives_a_commit(box: ScreenBox) -> None:
    answer, request = spliced(box)
    box.accept("set address trust x 10.1.0.9/32", "set zone untrust screen land")
    (down,) = box.receive(from_server(request, "PA", SERVER_ISN + 1, CLIENT_ISN + 1, b"x"), "ethernet1")
    assert down[TCP].seq == answer[TCP].seq + 1 & 0xFFFFFFFF
    (session,) = (item for item in box.device.state.sessions if item.forward.flow[2] == 3000)
    assert isinstance(session.forward.shift, SequenceShift)


def test_the_client_waits_until_the_server_is_there(box: ScreenBox) -> None:
    answer = answered(box)
    ack = answer[TCP].seq + 1 & 0xFFFFFFFF
    (request,) = box.receive(from_client(3000, "A", ack))
    assert not box.receive(from_client(3000, "PA", ack, data=b"early"))
    assert not box.receive(from_server(request, "A", SERVER_ISN, CLIENT_ISN + 1), "ethernet1"), "no SYN"
    assert not box.receive(from_server(request, "SA", SERVER_ISN, CLIENT_ISN + 7), "ethernet1"), "another number"
    assert len(box.receive(from_server(request, "SA", SERVER_ISN, CLIENT_ISN + 1), "ethernet1")) == 2


def test_the_server_is_asked_again_and_then_given_up(box: ScreenBox) -> None:
    answer = answered(box)
    ack = answer[TCP].seq + 1 & 0xFFFFFFFF
    box.receive(from_client(3000, "A", ack))
    times = []
    for tick in range(200):
        box.wait(0.1)
        times += [(round((tick + 1) / 10, 1), packet) for packet in box.taken()]
    assert [(at, packet.dst) for at, packet in times] == [
        (1.0, SERVER),
        (3.0, SERVER),
        (7.0, SERVER),
        (15.0, OUTSIDE),
    ]
    reset = sound(times[-1][1])
    assert (reset[TCP].flags, reset[TCP].seq, reset[TCP].ack) == ("RA", ack, CLIENT_ISN + 1)
    assert not any(session.forward.flow[2] == 3000 for session in box.device.state.sessions)


def test_a_server_that_refuses_resets_the_client(box: ScreenBox) -> None:
    answer = answered(box)
    (request,) = box.receive(from_client(3000, "A", answer[TCP].seq + 1 & 0xFFFFFFFF))
    (reset,) = box.receive(from_server(request, "RA", 0, CLIENT_ISN + 1), "ethernet1")
    assert (sound(reset)[TCP].flags, reset[TCP].seq) == ("RA", answer[TCP].seq + 1 & 0xFFFFFFFF)
    box.wait(20)
    assert box.taken() == []


def test_a_wrong_acknowledgment_opens_nothing(box: ScreenBox) -> None:
    answer = answered(box)
    before = len(box.device.state.sessions)
    for ack, seq in (
        (answer[TCP].seq, CLIENT_ISN + 1),
        (answer[TCP].seq + 2, CLIENT_ISN + 1),
        (answer[TCP].seq + 1, 5),
    ):
        assert not box.receive(from_client(3000, "A", ack & 0xFFFFFFFF, seq))
    assert not box.receive(from_client(3001, "A", answer[TCP].seq + 1 & 0xFFFFFFFF)), "another port"
    assert len(box.device.state.sessions) == before
    assert box.dropped(DropReason.NOT_SYN) == 4


@pytest.mark.parametrize(("mode", "seconds"), [((), 21), ((COOKIE,), 130)])
def test_an_acknowledgment_that_comes_too_late(mode: tuple[str, ...], seconds: int) -> None:
    box = flooded(*mode)
    answer = answered(box)
    box.wait(seconds)
    assert not box.receive(from_client(3000, "A", answer[TCP].seq + 1 & 0xFFFFFFFF))


def test_a_client_that_resets_leaves_the_queue() -> None:
    box = flooded()
    answer = answered(box)
    box.receive(from_client(3000, "R", 0))
    assert not box.receive(from_client(3000, "A", answer[TCP].seq + 1 & 0xFFFFFFFF))


def test_a_repetition_of_a_known_connection_is_not_proxied() -> None:
    box = flooded()
    (again,) = box.receive(syn(2001))
    assert again.dst == SERVER


def test_requests_for_the_device_itself_are_not_proxied(box: ScreenBox) -> None:
    for port in (2001, 2002, 2003):
        assert not box.receive(syn(port, dst="1.1.1.1"))
    assert box.dropped(DropReason.NOT_FOR_SELF) == 3


def test_translation_and_splicing_together() -> None:
    """Interface NAT from the Trust side, flood protection on Trust."""
    box = ScreenBox(
        "set interface ethernet1 nat",
        "set zone trust screen syn-flood",
        "set zone trust screen syn-flood attack-threshold 1",
    )
    inside = "10.1.0.5"
    for port in (2001, 3000):
        out = box.receive(IP(src=inside, dst=OUTSIDE) / TCP(sport=port, dport=80, flags="S", seq=50), "ethernet1")
    (answer,) = out
    assert answer.src == OUTSIDE
    ack = IP(src=inside, dst=OUTSIDE) / TCP(
        sport=3000, dport=80, flags="A", seq=51, ack=answer[TCP].seq + 1 & 0xFFFFFFFF
    )
    (request,) = box.receive(ack, "ethernet1")
    assert request.src == "1.1.1.1"
    to_server, to_client = box.receive(from_server(sound(request), "SA", SERVER_ISN, 51))
    assert (sound(to_server).src, to_server[TCP].sport) == ("1.1.1.1", request[TCP].sport)
    assert (sound(to_client).dst, to_client[TCP].dport) == (inside, 3000)
    (down,) = box.receive(from_server(request, "PA", SERVER_ISN + 1, 51, b"hello"))
    assert (sound(down)[TCP].seq, down[TCP].dport) == (answer[TCP].seq + 1 & 0xFFFFFFFF, 3000)


# SYN-ACK-ACK


def test_syn_ack_ack_proxy_limits_connections_that_wait_for_their_server() -> None:
    box = flooded("set zone untrust screen syn-ack-ack-proxy", "set zone untrust screen syn-ack-ack-proxy threshold 2")
    requests = []
    for port in (3000, 3001):
        answer = answered(box, port)
        requests += box.receive(from_client(port, "A", answer[TCP].seq + 1 & 0xFFFFFFFF))
    assert len(requests) == 2
    assert not box.receive(syn(3002))
    assert box.dropped(DropReason.SCREEN_SYN_ACK_ACK_PROXY) >= 1
    assert box.counted("syn-ack-ack-proxy") == 1
    box.receive(from_server(requests[0], "SA", SERVER_ISN, CLIENT_ISN + 1), "ethernet1")
    assert box.receive(syn(3002))[0].src == SERVER, "one was joined"
    box.receive(syn(3003))
    box.wait(20)
    assert any(line.startswith("SYN-ACK-ACK Proxy DoS! From 9.9.9.9:3002") for line in box.log())
    proxied = box.device.interfaces.items["ethernet3"].screen.proxied
    assert len(proxied) == 0, "given up connections hold nothing"


def test_state_is_kept_over_commits_that_change_other_options() -> None:
    box = flooded()
    answer = answered(box)
    box.accept("set zone untrust screen land")
    assert box.receive(from_client(3000, "A", answer[TCP].seq + 1 & 0xFFFFFFFF))
    options = box.device.config.zones["Untrust"].screen
    assert options != ScreenOptions()


def test_a_restart_ends_what_waits() -> None:
    box = flooded()
    answer = answered(box)
    box.receive(from_client(3000, "A", answer[TCP].seq + 1 & 0xFFFFFFFF))
    box.device.restart(box.device.config)
    box.taken()
    box.wait(30)
    assert box.taken() == []
