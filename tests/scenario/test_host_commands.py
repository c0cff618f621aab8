"""What a person at a host types, between two hosts on a cable: services, failures, probes."""

from __future__ import annotations

import re

import pytest

from nsemu.lab.arguments import CommandRefused
from nsemu.lab.host.commands import HOST_COMMANDS
from nsemu.lab.host.host import Host
from nsemu.lab.host.probe import ProbeKind
from nsemu.lab.host.store import MEBIBYTE, pattern_octets
from nsemu.lab.link import LinkProperties
from nsemu.lab.ping import PingOptions
from nsemu.runtime.ip import SendResult
from nsemu.runtime.trace import PacketTrace
from nsemu.sim.entropy import Entropy
from nsemu.sim.scheduler import MILLISECOND, SECOND, Scheduler
from nsemu.sim.wait import run_to_end
from nsemu.wire.address import Prefix, parse_ipv4
from support.host_lab import PC, SERVER, TwoHosts


@pytest.mark.parametrize(
    ("command", "patterns"),
    [
        ("ping 10.1.1.9 count 2", ["2 packets transmitted, 2 received, 0% packet loss"]),
        ("http get 10.1.1.9", ["HTTP/1.1 200 OK", "<h1>server</h1>", r"You are 10\.1\.1\.5", r"octets in 0\.\d{3} s"]),
        ("http get http://10.1.1.9:80/readme.txt", ["This is server."]),
        ("http head 10.1.1.9/readme.txt", ["Content-Length: 16", "^0 octets in"]),
        ("http get 10.1.1.9/none", ["HTTP/1.1 404 Not Found"]),
        (
            "ftp get 10.1.1.9 readme.txt",
            ["227 Entering Passive", "This is server.", "received readme.txt: 16 octets"],
        ),
        ("ftp get 10.1.1.9 readme.txt active", ["> PORT 10,1,1,5,", "226 ", "received readme.txt: 16 octets"]),
        ("ftp get 10.1.1.9 readme.txt user anonymous password me@x", ["> PASS \\*\\*\\*\\*", "received readme.txt"]),
        ("ftp get 10.1.1.9 none", ["10.1.1.9 port 21: 550 /none: no such file."]),
        ("ftp get 10.1.1.9 x password wrong", ["10.1.1.9 port 21: 530 Login incorrect."]),
        ("ftp ls 10.1.1.9", ["drwxr-xr-x .* pub$", "-rw-r--r-- .* 16 .* readme.txt$"]),
        ("ftp ls 10.1.1.9 pub active", ["1048576 .* 1m.bin$"]),
        ("telnet 10.1.1.9", ["^login: $"]),
        (
            "telnet 10.1.1.9 send guest send guest send 'echo a b' send exit",
            ["Welcome to server.", r"guest@server\$ echo a b\na b$", "Connection closed by the other side."],
        ),
        (
            "smtp send 10.1.1.9 from a@x to guest@y subject 'To you' text 'one'",
            ["250 2.0.0 message accepted", "> Subject: To you"],
        ),
        ("pop3 10.1.1.9", [r"\+OK 0 messages"]),
        ("pop3 10.1.1.9 retr 1", ["10.1.1.9 port 110: -ERR no such message"]),
        ("pop3 10.1.1.9 user guest password no", ["-ERR invalid user or password"]),
        ("ident 10.1.1.9 25 1000", ["25 , 1000 : ERROR : NO-USER"]),
        ("echo 10.1.1.9 'hello there'", ["^hello there$", "13 octets in"]),
        ("udp send 10.1.1.9 7 hello", ["5 octets from 10.1.1.9 port 7: hello", "1 datagrams sent .*, 1 received"]),
        ("udp send 10.1.1.9 7 size 300 count 2", ["2 datagrams sent .*, 2 received"]),
        ("udp send 10.1.1.9 9 x source-port 5353", ["Destination Port Unreachable", "from port 5353, 0 received"]),
        ("tcp connect 10.1.1.9 80", ["connect to 10.1.1.9 port 80: connected from port"]),
        ("tcp syn 10.1.1.9 80", [r"SYN from port \d+: SYN\+ACK from 10.1.1.9 port 80"]),
        ("tcp syn 10.1.1.9 81", [r": RST\+ACK from 10.1.1.9 port 81"]),
        ("tcp ack 10.1.1.9 80 source-port 4000", ["ACK from port 4000: RST from 10.1.1.9 port 80"]),
        ("tcp rst 10.1.1.9 80", ["RST from port .*: no answer"]),
        ("traceroute 10.1.1.9", [r" 1  10\.1\.1\.9"]),
        ("arp", [""]),
        ("address", [r"eth0\s+up .* 10\.1\.1\.5/24"]),
        ("route", ["default via 10.1.1.1 dev eth0"]),
        ("services", [r"http +tcp +80 +stopped"]),
        ("files readme.txt", ["This is pc."]),
        ("files none", ["/none: no such file"]),
        ("mail", ["0 messages for guest"]),
        ("user", ["^guest$"]),
        ("help", ["^http get"]),
        ("help ping", ["^ping ADDRESS"]),
        ("", ["^$"]),
    ],
)
def test_command(command: str, patterns: list[str]) -> None:
    output = TwoHosts().run(command)
    for pattern in patterns:
        assert re.search(pattern, output, re.MULTILINE), output


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("http get 10.1.1.9", "connect to 10.1.1.9 port 80: connection refused\n"),
        ("ftp ls 10.1.1.9", "connect to 10.1.1.9 port 21: connection refused\n"),
        ("telnet 10.1.1.9 2323", "connect to 10.1.1.9 port 2323: connection refused\n"),
        ("smtp send 10.1.1.9 from a to b", "connect to 10.1.1.9 port 25: connection refused\n"),
        ("ident 10.1.1.9 1 2", "connect to 10.1.1.9 port 113: connection refused\n"),
        ("tcp connect 10.1.1.9 80", "connect to 10.1.1.9 port 80: connection refused\n"),
        ("http get 10.1.1.77:81", "connect to 10.1.1.77 port 81: no route to host\n"),
        ("tcp connect 10.3.3.5 80", "connect to 10.3.3.5 port 80: no route to host\n"),
    ],
)
def test_failure_of_a_connection(command: str, output: str) -> None:
    lab = TwoHosts(services=())
    text = lab.run(command)
    assert text.lstrip("\n") == output


@pytest.mark.parametrize(
    "command",
    [
        "http get 10.1.1.9",
        "tcp connect 10.1.1.9 80",
        "telnet 10.1.1.9 80",
        "pop3 10.1.1.9 port 80",
        "echo 10.1.1.9 x port 80",
    ],
)
def test_a_silent_peer_is_a_time_out(command: str) -> None:
    lab = TwoHosts()
    lab.run("ping 10.1.1.9 count 1")
    lab.link.set(loss=1.0)
    started = lab.scheduler.now
    assert lab.run(command).lstrip("\n") == "connect to 10.1.1.9 port 80: connection timed out\n"
    assert lab.scheduler.now - started == 30 * SECOND
    assert list(lab.pc.tcp.sockets()) == []


def test_a_link_that_is_down_is_an_unreachable_network() -> None:
    lab = TwoHosts()
    lab.link.down()
    assert lab.run("http get 10.1.1.9").lstrip("\n") == "connect to 10.1.1.9 port 80: network is unreachable\n"
    assert "udp: network is unreachable" in lab.run("udp send 10.1.1.9 7 x")
    assert ": network is unreachable" in lab.run("tcp syn 10.1.1.9 7")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("pink 10.1.1.9", "unknown command 'pink'; did you mean 'ping'?"),
        ("ping", "the address to ping is missing"),
        ("ping 10.1.1.999", "invalid IP address '10.1.1.999'"),
        ("ping 10.1.1.9 cuont 3", "unknown option 'cuont'; did you mean 'count'?"),
        ("http", "http get|head|post URL"),
        ("http get", "the URL is missing"),
        ("http get https://10.1.1.9", "is no URL"),
        ("http get 10.1.1.9:99999", "'99999' is no port"),
        ("ftp get 10.1.1.9", "the file is missing"),
        ("ftp put 10.1.1.9 none", "/none: no such file on pc; give its size to make one up"),
        ("ftp get 10.1.1.9 x active passive", "active or passive, not both"),
        ("telnet 10.1.1.9 sned x", "'sned' is not expected"),
        ("telnet 10.1.1.9 send", "'send' is not expected"),
        ("smtp send 10.1.1.9 from a", "to is missing"),
        ("smtp send 10.1.1.9 from 'a b' to c", "'a b' is no mail address"),
        ("pop3 10.1.1.9 list retr 1", "list or retr, not both"),
        ("ident 10.1.1.9 1", "the port of the client is missing"),
        ("ident 10.1.1.9 1 70000", "'70000' is no number from 1 to 65535"),
        ("udp send 10.1.1.9 0 x", "'0' is no number from 1 to 65535"),
        ("tcp shout 10.1.1.9 80", "tcp connect|syn"),
        ("tcp connect 10.1.1.9 80 sequence 5", "unknown option 'sequence'"),
        ("service start nothing", "unknown service 'nothing'"),
        ("service stop http", "service http does not run"),
        ("service restart http", "service start|stop NAME"),
        ("services all", "unexpected word 'all'"),
        ("help nothing", "unknown command 'nothing'"),
        ("echo 10.1.1.9 'open", "No closing quotation"),
    ],
)
def test_a_line_that_is_not_understood_is_refused_at_once(command: str, message: str) -> None:
    lab = TwoHosts()
    with pytest.raises(CommandRefused, match=re.escape(message)):
        lab.pc.run(command)
    assert lab.frames == []


def test_every_command_has_help() -> None:
    output = TwoHosts().run("help")
    for name, command in HOST_COMMANDS.items():
        assert command.help
        assert f"{name} {command.syntax}".rstrip() in output


def test_services_start_and_stop() -> None:
    lab = TwoHosts(services=())
    server = lab.server

    def at_server(command: str) -> str:
        return run_to_end(server.run(command), lab.scheduler)

    assert at_server("service start http port 8080") == "service http started on port 8080\n"
    assert "<h1>server</h1>" in lab.run("http get 10.1.1.9:8080")
    with pytest.raises(CommandRefused, match="service http runs already on port 8080"):
        server.run("service start http port 8080")
    with pytest.raises(CommandRefused, match="service ftp: TCP port 8080 is in use"):
        server.run("service start ftp port 8080")
    assert at_server("service stop http") == "service http stopped\n"
    assert "refused" in lab.run("http get 10.1.1.9:8080")
    assert at_server("service start echo") == "service echo started on port 7\n"
    assert "1 received" in lab.run("udp send 10.1.1.9 7 x")
    at_server("service stop echo")
    assert "Port Unreachable" in lab.run("udp send 10.1.1.9 7 x")


def test_connections_are_listed_with_their_state() -> None:
    lab = TwoHosts(services=("http",))
    lab.run("tcp connect 10.1.1.9 80")
    assert re.search(r"10\.1\.1\.5:\d+ +10\.1\.1\.9:80 +TIME-WAIT", lab.run("connections"))
    assert re.search(r"\*:80 +\* +LISTEN", run_to_end(lab.server.run("connections"), lab.scheduler))
    lab.settle()
    assert "TIME-WAIT" not in lab.run("connections")


@pytest.mark.parametrize("mode", ["active", "passive"])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_mebibyte_by_ftp_there_and_back(mode: str, loss: float) -> None:
    lab = TwoHosts(properties=LinkProperties(delay_ns=5 * MILLISECOND, loss=loss))
    assert "received 1m.bin: 1048576 octets" in lab.run(f"ftp get 10.1.1.9 pub/1m.bin {mode}")
    assert lab.pc.store.files.read("/received/1m.bin") == pattern_octets(MEBIBYTE)
    assert "sent up.bin: 1048576 octets" in lab.run(f"ftp put 10.1.1.9 up.bin size 1048576 {mode}")
    assert lab.server.store.files.read("/up.bin") == pattern_octets(MEBIBYTE)
    lab.settle()
    assert list(lab.pc.tcp.sockets()) == list(lab.server.tcp.sockets()) == []
    assert {listener.port for listener in lab.pc.tcp.listeners()} == set()


def test_active_ftp_comes_from_port_20() -> None:
    lab = TwoHosts()
    lab.run("ftp get 10.1.1.9 readme.txt active")
    syns = [
        (int.from_bytes(frame[34:36], "big"), frame[26:30])
        for _, frame in lab.frames
        if frame[12:14] == b"\x08\x00" and frame[23] == 6 and frame[47] == 2
    ]
    assert syns[1] == (20, SERVER.to_bytes(4, "big"))


def test_a_data_connection_that_is_blocked_is_named() -> None:
    """What a missing FTP gateway looks like: the control connection works, the data connection does not."""
    lab = TwoHosts()
    original = lab.server.port("eth0").on_receive
    ports = []

    def filtered(frame: bytes, trace: PacketTrace | None) -> None:
        port = int.from_bytes(frame[36:38], "big")
        if frame[12:14] == b"\x08\x00" and frame[23] == 6 and port != 21:
            ports.append(port)
            return
        original(frame, trace)

    lab.server.port("eth0").on_receive = filtered
    output = lab.run("ftp get 10.1.1.9 readme.txt")
    assert re.search(r"10\.1\.1\.9 port 21: data connection: connection timed out$", output, re.MULTILINE)
    assert len(set(ports)) == 1


def test_mail_sent_by_smtp_is_read_by_pop3() -> None:
    lab = TwoHosts()
    lab.run("smtp send 10.1.1.9 from phil@x.com to guest@y.com subject Greetings text '.first'")
    output = lab.run("pop3 10.1.1.9 retr 1")
    assert "Subject: Greetings" in output
    assert "Received: from pc ([10.1.1.5]) by server" in output
    assert "250 2.0.0" in lab.run("smtp send 10.1.1.9 from phil@x.com to guest@y.com")
    assert "+OK 2 messages" in lab.run("pop3 10.1.1.9 dele 1")
    assert "+OK 1 messages" in lab.run("pop3 10.1.1.9 list")


@pytest.mark.parametrize(("pc_services", "user"), [(("ident",), " (IDENT: guest)"), ((), "")])
def test_smtp_asks_ident_when_told_to(pc_services: tuple[str, ...], user: str) -> None:
    """B211: mail servers send IDENT requests to the client's port 113; a refusal does not stop the mail."""
    lab = TwoHosts(services=("smtp:ident", "pop3"), pc_services=pc_services)
    lab.run("smtp send 10.1.1.9 from a@x to guest@y")
    assert f"Received: from pc ([10.1.1.5]){user} by server" in lab.run("pop3 10.1.1.9 retr 1")


def test_smtp_greets_after_five_seconds_when_ident_is_dropped() -> None:
    lab = TwoHosts(services=("smtp:ident",))
    original = lab.pc.port("eth0").on_receive

    def filtered(frame: bytes, trace: PacketTrace | None) -> None:
        if frame[12:14] != b"\x08\x00" or int.from_bytes(frame[36:38], "big") != 113:
            original(frame, trace)

    lab.pc.port("eth0").on_receive = filtered
    started = lab.scheduler.now
    assert "250 2.0.0 message accepted" in lab.run("smtp send 10.1.1.9 from a@x to guest@y")
    assert 5 * SECOND < lab.scheduler.now - started < 6 * SECOND


def test_two_echo_services_do_not_play_for_ever() -> None:
    lab = TwoHosts(pc_services=("echo",))
    service = next(service for service in lab.server.services if service.spec.kind.name == "echo")
    assert service.socket is not None
    service.socket.send(PC, 7, b"ball")
    lab.scheduler.run_for(SECOND, budget=100)
    assert lab.pc.stack.counters["sent"] == 0


# Probes and traces


@pytest.mark.parametrize(
    ("kind", "port", "answer"),
    [
        (ProbeKind.ICMP, 0, "echo reply from 10.1.1.9"),
        (ProbeKind.TCP, 80, "SYN+ACK (accepted) from 10.1.1.9"),
        (ProbeKind.TCP, 81, "RST+ACK (refused) from 10.1.1.9"),
        (ProbeKind.UDP, 7, "16 octets from port 7 from 10.1.1.9"),
        (ProbeKind.UDP, 9, "ICMP port unreachable from 10.1.1.9"),
    ],
)
def test_probe_is_one_packet_and_its_trace_goes_there_and_back(kind: ProbeKind, port: int, answer: str) -> None:
    lab = TwoHosts()
    lab.run("ping 10.1.1.9 count 1")
    lab.frames.clear()
    trace = PacketTrace()
    probe = lab.pc.probe(SERVER, kind, port, trace)
    lab.scheduler.run_for(100 * MILLISECOND)
    assert (probe.result, probe.answered, probe.reached, probe.answer) == (SendResult.SENT, True, True, answer)
    assert [hop.node for hop in trace.hops] == ["pc", "server", "server", "pc"]
    assert [hop.returning for hop in trace.hops] == [False, False, True, True]
    assert len(lab.frames) == 2


def test_probe_without_an_answer() -> None:
    lab = TwoHosts()
    lab.run("ping 10.1.1.9 count 1")
    lab.link.set(loss=1.0)
    probe = lab.pc.probe(SERVER, ProbeKind.TCP, 80, PacketTrace())
    lab.scheduler.run_for(100 * SECOND)
    assert (probe.answered, probe.answer) == (False, "")
    probe.close()
    probe.close()


def test_probe_without_a_route() -> None:
    lab = TwoHosts()
    lab.link.down()
    for kind in ProbeKind:
        assert lab.pc.probe(SERVER, kind, 80, PacketTrace()).result is SendResult.NO_ROUTE


def test_programmatic_ping() -> None:
    lab = TwoHosts()
    pinger = lab.pc.ping(PingOptions(SERVER, count=3))
    lab.scheduler.run_for(10 * SECOND)
    assert pinger.done
    assert (pinger.result.sent, pinger.result.received) == (3, 3)


def test_a_host_with_a_gateway_off_its_network_is_refused() -> None:
    prefix, gateway = Prefix.parse("10.1.1.5/24"), parse_ipv4("10.9.9.1")
    with pytest.raises(ValueError, match=r"gateway 10\.9\.9\.1 is on no connected network"):
        Host("pc", Scheduler(), Entropy(1), prefix, gateway)
