"""The FTP gateway between two ends: addresses in the text, sequence numbers, gates (Vol. 5, 04-08: B225).

client 10.1.1.6 --- ethernet1 [ device ] ethernet3 --- server 9.9.9.9
"""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP

from nsemu.nat.ports import FIRST_PORT, LAST_PORT
from support.ftp_ends import Control
from support.nat_box import NatBox, ends, reply_to, tcp

FTP_ONLY = "set policy id 1 from trust to untrust any any ftp permit"
POOL = (
    "set interface ethernet3 dip 5 1.1.1.20",
    "set policy id 1 from trust to untrust any any ftp nat src dip-id 5 permit",
)
EGRESS = ("set policy id 1 from trust to untrust any any ftp nat src permit",)
FIXED = (
    "set interface ethernet3 dip 5 1.1.1.20 fix-port",
    "set policy id 1 from trust to untrust any any ftp nat src dip-id 5 permit",
)
SHIFT = (
    "set interface ethernet3 dip 5 shift-from 10.1.1.1 to 1.1.1.20 1.1.1.30",
    "set policy id 1 from trust to untrust any any ftp nat src dip-id 5 permit",
)
MIP = ("set interface ethernet3 mip 1.1.1.77 host 10.1.1.6", FTP_ONLY)
WAYS = {"none": (FTP_ONLY,), "pool": POOL, "egress": EGRESS, "fixed": FIXED, "shift": SHIFT, "mip": MIP}
SEEN = {"none": "10.1.1.6", "pool": "1.1.1.20", "egress": "1.1.1.1", "fixed": "1.1.1.20", "shift": "1.1.1.25"}


def port_text(address: str, port: int) -> bytes:
    return b"PORT %s,%d,%d\r\n" % (address.replace(".", ",").encode(), port >> 8, port & 255)


def told(text: bytes) -> tuple[str, int]:
    """The endpoint in a PORT command or a 227 reply."""
    numbers = [int(part) for part in text.split(b"(")[-1].split(b" ")[-1].rstrip(b"\r\n).").split(b",")]
    return ".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", ["PORT", "EPRT", "port"])
def test_active_mode(way: str, command: str) -> None:
    """The server is told an address that it can reach, and its connection gets through a policy for FTP alone."""
    box = NatBox(*WAYS[way])
    control = Control(box)
    seen = SEEN.get(way, "1.1.1.77")
    if command == "EPRT":
        heard = control.say(b"EPRT |1|10.1.1.6|5001|\r\n")
        mark, _, address, port, _ = heard.split(b" ")[1].split(b"|")
        assert mark == b""
        endpoint = address.decode(), int(port)
    else:
        heard = control.say(port_text("10.1.1.6", 5001).replace(b"PORT", command.encode()))
        endpoint = told(heard)
    assert endpoint[0] == seen
    assert heard.endswith(b"\r\n")
    assert (endpoint[1] == 5001) == (way not in {"pool", "egress"})
    data = box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))
    assert ends(data) == ("9.9.9.9", 20, "10.1.1.6", 5001)
    assert ends(box.one("ethernet1", reply_to(data))) == (*endpoint, "9.9.9.9", 20)
    assert control.reply(b"200 PORT command successful.\r\n") == b"200 PORT command successful.\r\n"
    assert control.say(b"QUIT\r\n") == b"QUIT\r\n"


INWARD = {
    "mip": (
        "1.1.1.5",
        "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
        "set policy id 1 from untrust to trust any MIP(1.1.1.5) ftp permit",
    ),
    "vip": (
        "1.1.1.10",
        "set interface ethernet3 vip 1.1.1.10 21 ftp 10.1.1.5",
        "set policy id 1 from untrust to trust any VIP(1.1.1.10) ftp permit",
    ),
    "own vip": (
        "1.1.1.1",
        "set interface ethernet3 vip interface-ip 21 ftp 10.1.1.5",
        "set policy id 1 from untrust to trust any VIP(ethernet3) ftp permit",
    ),
    "nat dst": (
        "1.2.1.8",
        "set address trust virtual 1.2.1.8/32",
        "set vrouter trust-vr route 1.2.1.8/32 interface ethernet1",
        "set policy id 1 from untrust to trust any virtual ftp nat dst ip 10.1.1.5 permit",
    ),
    "nat dst port": (
        "1.2.1.8",
        "set address trust virtual 1.2.1.8/32",
        "set vrouter trust-vr route 1.2.1.8/32 interface ethernet1",
        "set policy id 1 from untrust to trust any virtual ftp nat dst ip 10.1.1.5 port 2121 permit",
    ),
    "both": (
        "1.2.1.8",
        "set address trust virtual 1.2.1.8/32",
        "set interface ethernet1 dip 5 10.1.1.200",
        "set vrouter trust-vr route 1.2.1.8/32 interface ethernet1",
        "set policy id 1 from untrust to trust any virtual ftp nat src dip-id 5 dst ip 10.1.1.5 permit",
    ),
    "none": (
        "10.1.1.5",
        "set policy id 1 from untrust to trust any any ftp permit",
    ),
}


def inward(way: str) -> tuple[NatBox, Control, str]:
    destination, *lines = INWARD[way]
    box = NatBox(*lines)
    return box, Control(box, "ethernet3", "ethernet1", "9.9.9.9", destination), destination


@pytest.mark.parametrize("way", INWARD)
def test_passive_mode_to_a_server_behind_translation(way: str) -> None:
    box, control, destination = inward(way)
    assert control.say(b"PASV\r\n") == b"PASV\r\n"
    heard = control.reply(b"227 Entering Passive Mode (10,1,1,5,217,4).\r\n")
    assert told(heard)[0] == destination
    data = box.one("ethernet3", tcp("9.9.9.9", destination, 6000, told(heard)[1]))
    assert (data.dst, data[TCP].dport) == ("10.1.1.5", 217 << 8 | 4)
    assert data.src == ("10.1.1.200" if way == "both" else "9.9.9.9")
    assert ends(box.one("ethernet1", reply_to(data))) == (destination, told(heard)[1], "9.9.9.9", 6000)
    assert control.reply(b"150 Here it comes.\r\n") == b"150 Here it comes.\r\n"


@pytest.mark.parametrize("way", INWARD)
def test_extended_passive_mode(way: str) -> None:
    box, control, destination = inward(way)
    control.say(b"EPSV\r\n")
    heard = control.reply(b"229 Entering Extended Passive Mode (|||55555|)\r\n")
    assert heard == b"229 Entering Extended Passive Mode (|||55555|)\r\n"
    data = box.one("ethernet3", tcp("9.9.9.9", destination, 6000, 55555))
    assert ends(data)[2:] == ("10.1.1.5", 55555)


@pytest.mark.parametrize("way", INWARD)
def test_active_mode_to_a_server_behind_translation(way: str) -> None:
    """The data connection comes from the address that the client knows, to the very port that it said."""
    box, control, destination = inward(way)
    endpoint = told(control.say(port_text("9.9.9.9", 7000)))
    assert endpoint[0] == ("10.1.1.200" if way == "both" else "9.9.9.9")
    data = box.one("ethernet1", tcp("10.1.1.5", endpoint[0], 20, endpoint[1]))
    assert ends(data) == (destination, 20, "9.9.9.9", 7000)
    assert ends(box.one("ethernet3", reply_to(data))) == (*endpoint, "10.1.1.5", 20)


@pytest.mark.parametrize("cuts", [(1,), (3,), (5,), (7,), (11,), (20,), (6, 9), (9, 12, 15), tuple(range(1, 26))])
def test_a_command_in_several_segments(cuts: tuple[int, ...]) -> None:
    """However the command is cut, the server hears the whole translated one, and nothing of the original address."""
    box = NatBox(*POOL)
    control = Control(box)
    text = port_text("10.1.1.6", 5001)
    heard = b""
    last = 0
    for cut in (*cuts, len(text)):
        for packet in control.client.send("PA", text[last:cut]):
            if packet.src == "1.1.1.20":
                heard += control.server.take(packet)
            else:
                assert packet[TCP].ack == control.client.next, "the device acknowledges what it keeps back"
        last = cut
    assert b"10,1,1,6" not in heard
    endpoint = told(heard)
    assert endpoint[0] == "1.1.1.20"
    assert ends(box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1])))[2:] == ("10.1.1.6", 5001)
    assert control.say(b"NOOP\r\n") == b"NOOP\r\n"


def test_a_retransmitted_command_is_the_same_and_opens_no_second_gate() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    text = port_text("10.1.1.6", 5001)
    first = control.client.send("PA", text)
    again = control.box.send("ethernet1", control.client.segment("PA", text, control.client.next - len(text)))
    assert bytes(first[0][TCP].payload) == bytes(again[0][1][TCP].payload)
    assert first[0][TCP].seq == again[0][1][TCP].seq
    assert len(box.device.state.gates) == 1
    assert box.device.state.pools[5].in_use == 2


def test_several_commands_in_one_segment_and_many_in_a_row() -> None:
    """Each changes the length; the numbers stay right in both directions."""
    box = NatBox(*EGRESS)
    control = Control(box)
    for number in range(60):
        heard = control.say(b"NOOP\r\n" + port_text("10.1.1.6", 1025 + number) + b"NOOP\r\n")
        assert heard.startswith(b"NOOP\r\nPORT 1,1,1,1,")
        assert heard.endswith(b"NOOP\r\n")
        assert control.reply(b"200 ok\r\n") == b"200 ok\r\n"
    assert len(box.device.state.gates) == 1, "a new command replaces the one before"


def test_segments_out_of_order_are_put_in_order() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    first, second = b"NOOP\r\n", port_text("10.1.1.6", 5001)
    late = control.client.segment("PA", first)
    control.client.next += len(first)
    early = control.client.segment("PA", second)
    control.client.next += len(second)
    assert box.nothing("ethernet1", early)
    found = [packet for _, packet in box.send("ethernet1", late)]
    assert [control.server.take(packet)[:4] for packet in found] == [b"NOOP", b"PORT"]
    assert told(control.server.heard)[0] == "1.1.1.20"


@pytest.mark.parametrize(
    "text",
    [
        b"PORT 10,1,1,99,19,137\r\n",  # another host
        b"PORT 10,1,1,6,0,22\r\n",  # a service of the client
        b"PORT 10,1,1,6,300,1\r\n",
        b"PORT 10,1,1,6,19\r\n",
        b"PORT\r\n",
        b"PORTS 10,1,1,6,19,137\r\n",
        b"XPORT 10,1,1,6,19,137\r\n",
        b"EPRT |2|::1|5001|\r\n",
        b"EPRT |1|10.1.1.6|99999|\r\n",
        b"EPRT |1|10.1.1.6|5001\r\n",
        b"STOR PORT 10,1,1,6,19,137\r\n",
    ],
)
def test_what_is_not_the_clients_own_endpoint_passes_unchanged_and_opens_nothing(text: bytes) -> None:
    """RFC 2577 §3: no gate to a third host, nor to a privileged port."""
    box = NatBox(*POOL)
    control = Control(box)
    assert control.say(text) == text
    assert len(box.device.state.gates) == 0


@pytest.mark.parametrize(
    "text",
    [
        b"227 Entering Passive Mode (10,1,1,99,217,4).\r\n",
        b"227 Entering Passive Mode (10,1,1,5,0,22).\r\n",
        b"227 Entering Passive Mode (10,1,1,5,217).\r\n",
        b"227 no numbers\r\n",
        b"227-Entering Passive Mode (10,1,1,5,217,4).\r\n",
        b"200 Entering Passive Mode (10,1,1,5,217,4).\r\n",
    ],
)
def test_a_reply_that_is_not_the_servers_own_endpoint_opens_nothing(text: bytes) -> None:
    box, control, _ = inward("mip")
    control.say(b"PASV\r\n")
    assert control.reply(text) == text
    assert len(box.device.state.gates) == 0


def test_a_227_that_nobody_asked_for_opens_nothing() -> None:
    box, control, _ = inward("mip")
    text = b"227 Entering Passive Mode (10,1,1,5,217,4).\r\n"
    assert control.reply(text) == text
    assert len(box.device.state.gates) == 0


def test_a_gate_is_for_one_connection_of_one_host() -> None:
    box = NatBox(*POOL, "unset policy id 100")
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    assert box.nothing("ethernet3", tcp("9.9.9.8", endpoint[0], 20, endpoint[1])), "another host"
    assert box.nothing("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1] ^ 1)), "another port"
    assert box.nothing("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1], "SA")), "no request"
    assert box.nothing("ethernet2", tcp("9.9.9.9", endpoint[0], 20, endpoint[1])), "another way"
    assert box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1])).dst == "10.1.1.6"
    assert box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1])).dst == "10.1.1.6", "the same, sent again"
    assert box.nothing("ethernet3", tcp("9.9.9.9", endpoint[0], 21, endpoint[1])), "a second one"


def test_a_gate_closes_when_its_time_is_up_and_gives_its_port_back() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    pool = box.device.state.pools[5]
    assert pool.in_use == 2
    box.run(59)
    assert pool.in_use == 2
    box.run(12)
    assert (len(box.device.state.gates), pool.in_use) == (0, 1)
    assert box.nothing("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))
    assert control.say(b"NOOP\r\n") == b"NOOP\r\n", "the control connection lives"


def test_a_gate_closes_with_its_control_connection() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    box.accept("clear session all")
    assert len(box.device.state.gates) == 0
    assert box.device.state.pools[5].in_use == 0
    assert box.nothing("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))


def test_a_data_connection_gives_its_ports_back_when_it_ends() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    data = box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))
    assert box.device.state.pools[5].in_use == 2
    box.send("ethernet1", IP(src=data.dst, dst=data.src) / TCP(sport=5001, dport=20, flags="RA"))
    box.run(30)
    assert box.device.state.pools[5].in_use == 1


def test_passive_data_through_source_translation_comes_from_the_same_address() -> None:
    """Servers check that the data connection comes from the client of the control connection."""
    box = NatBox("set interface ethernet3 dip 5 1.1.1.20 1.1.1.30", POOL[1])
    control = Control(box)
    control.say(b"PASV\r\n")
    heard = control.reply(b"227 Entering Passive Mode (9,9,9,9,217,4)\r\n")
    assert told(heard) == ("9.9.9.9", 217 << 8 | 4)
    data = box.one("ethernet1", tcp("10.1.1.6", "9.9.9.9", 6000, 217 << 8 | 4))
    assert data.src == control.syn.src
    assert data[TCP].sport != control.syn[TCP].sport
    assert ends(box.one("ethernet3", reply_to(data)))[2:] == ("10.1.1.6", 6000)


def test_a_full_pool_leaves_the_command_alone_and_drops_the_connection() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    pool = box.device.state.pools[5]
    held = [pool.allocate((1, 1), 6) for _ in range(LAST_PORT - FIRST_PORT)]
    text = port_text("10.1.1.6", 5001)
    assert control.say(text) == text
    control.say(b"PASV\r\n")
    control.reply(b"227 Entering Passive Mode (9,9,9,9,217,4)\r\n")
    assert box.nothing("ethernet1", tcp("10.1.1.6", "9.9.9.9", 6000, 217 << 8 | 4))
    assert box.counter("no dip") == 1
    assert held


def test_two_clients_of_one_translated_address_do_not_meet() -> None:
    """The same server, the same port in the command: each gets its own connection."""
    box = NatBox(*EGRESS)
    first = Control(box, client="10.1.1.6")
    second = Control(box, client="10.1.1.7")
    endpoints = [
        told(control.say(port_text(address, 5001))) for control, address in ((first, "10.1.1.6"), (second, "10.1.1.7"))
    ]
    assert endpoints[0] != endpoints[1]
    for endpoint, host in zip(endpoints, ("10.1.1.6", "10.1.1.7"), strict=True):
        assert ends(box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1])))[2:] == (host, 5001)


def test_two_servers_behind_one_address_do_not_meet() -> None:
    """Both announce the same port; the client is told two."""
    box = NatBox(
        "set interface ethernet3 vip 1.1.1.10 21 ftp 10.1.1.5",
        "set interface ethernet3 vip 1.1.1.10 + 2121 ftp 10.1.1.6",
        "set policy id 1 from untrust to trust any VIP(1.1.1.10) ftp permit",
    )
    told_ports = []
    for port, server in ((21, "10.1.1.5"), (2121, "10.1.1.6")):
        control = Control(box, "ethernet3", "ethernet1", "9.9.9.9", "1.1.1.10", port)
        control.say(b"PASV\r\n")
        numbers = server.replace(".", ",").encode()
        told_ports.append(told(control.reply(b"227 Entering Passive Mode (" + numbers + b",217,4).\r\n")))
    assert [address for address, _ in told_ports] == ["1.1.1.10", "1.1.1.10"]
    assert told_ports[0][1] != told_ports[1][1]
    for number, ((_, port), server) in enumerate(zip(told_ports, ("10.1.1.5", "10.1.1.6"), strict=True)):
        data = box.one("ethernet3", tcp("9.9.9.9", "1.1.1.10", 6000 + number, port))
        assert ends(data)[2:] == (server, 217 << 8 | 4)


def test_sack_is_not_offered_and_other_options_stay() -> None:
    box = NatBox(*POOL)
    options = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 3)]
    control = Control(box, options=options)
    for packet in (control.syn, control.answer):
        kinds = {name for name, _ in packet[TCP].options}
        assert "SAckOK" not in kinds
        assert {"MSS", "WScale", "Timestamp"} <= kinds


def test_a_damaged_segment_is_not_mended() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    control.say(port_text("10.1.1.6", 5001))
    packet = control.client.segment("PA", b"NOOP\r\n")
    damaged = bytearray(bytes(packet))
    damaged[-1] ^= 0x55
    box.sent.clear()
    box.receive("ethernet1", bytes(damaged), trace=False)
    frames = [frame for name, frame in box.sent if name == "ethernet3"]
    assert len(frames) == 1
    found = IP(frames[0][14:])
    again = IP(frames[0][14:])
    del again[TCP].chksum
    assert IP(bytes(again))[TCP].chksum != found[TCP].chksum
    assert found[TCP].seq == control.server.expects, "its number is moved all the same"


def test_other_services_are_not_read() -> None:
    box = NatBox("set policy id 1 from trust to untrust any any any nat src permit")
    control = Control(box, port=2100)
    text = port_text("10.1.1.6", 5001)
    assert control.say(text) == text
    assert len(box.device.state.gates) == 0


def test_a_configuration_change_keeps_control_and_data() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    box.accept("set hostname other")
    data = box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))
    box.accept("set hostname another")
    assert ends(box.one("ethernet1", reply_to(data)))[:2] == endpoint
    assert told(control.say(port_text("10.1.1.6", 5002)))[0] == "1.1.1.20"
    assert len(box.sessions()) == 2


def test_a_policy_that_refuses_the_control_connection_ends_its_data_too() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    data = box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))
    box.accept("unset policy id 1")
    assert [name for name, _ in box.send("ethernet1", reply_to(data))] in ([], ["ethernet1"]), "at most a reset back"
    assert box.sessions() == []
    assert box.device.state.pools[5].in_use == 0


def test_a_long_transfer_keeps_its_control_connection() -> None:
    box = NatBox(*POOL, "set service ftp timeout 2")
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    data = box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))
    box.one("ethernet1", reply_to(data))
    box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1], "A"))
    for _ in range(5):
        box.run(100)
        box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1], "A"))
    assert control.reply(b"226 Done.\r\n") == b"226 Done.\r\n"


def test_the_session_of_a_data_connection_is_listed_under_its_policy() -> None:
    box = NatBox(*POOL)
    control = Control(box)
    endpoint = told(control.say(port_text("10.1.1.6", 5001)))
    box.one("ethernet3", tcp("9.9.9.9", endpoint[0], 20, endpoint[1]))
    views = box.sessions()
    assert [view.policy_id for view in views] == [1, 1]
    assert f"9.9.9.9/20->1.1.1.20/{endpoint[1]},6" in box.type("get session")
    assert "9.9.9.9/20<-10.1.1.6/5001,6" in box.type("get session")
    assert control.say(b"NOOP\r\n") == b"NOOP\r\n"
