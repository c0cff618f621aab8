"""DHCP servers and relays of devices, hosts as their clients: RFC 2131, RFC 1542."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.l2 import Ether

from nsemu import Lab
from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.device import factory_configuration
from nsemu.config.dhcp import ServerMode, dhcp_servers
from nsemu.config.editor import Editor
from nsemu.wire.address import parse_ipv4
from nsemu.wire.arp import ArpPacket
from nsemu.wire.dhcp import DhcpMessage, DhcpOption, DhcpType
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.udp import UdpDatagram
from support.box import Box
from support.labs import Wiretap, type_lines

_TOPOLOGY = """\
name: leases
topology:
  nodes:
    gw: {kind: screenos, type: ssg20, startup-config: gw.cfg}
    branch: {kind: screenos, type: ns208, startup-config: branch.cfg}
    lan: {kind: switch}
    pc1: {kind: host, address: dhcp}
    pc2: {kind: host, address: dhcp}
    fixed: {kind: host, address: 172.20.3.40/24, gateway: 172.20.3.1}
    remote: {kind: host, address: dhcp}
  links:
    - endpoints: ["gw:ethernet0/1", "lan:1"]
    - endpoints: ["pc1:eth0", "lan:2"]
    - endpoints: ["pc2:eth0", "lan:3"]
    - endpoints: ["fixed:eth0", "lan:4"]
    - endpoints: ["gw:ethernet0/0", "branch:ethernet3"]
    - endpoints: ["remote:eth0", "branch:ethernet1"]
"""
_GW = """\
set interface ethernet0/1 zone Trust
set interface ethernet0/1 ip 172.20.3.1/24
set interface ethernet0/1 route
set interface ethernet0/1 manage ping
set interface ethernet0/0 ip 192.0.2.1/30
set interface ethernet0/0 manage ping
set interface ethernet0/1 dhcp server service
set interface ethernet0/1 dhcp server enable
set interface ethernet0/1 dhcp server option lease 20
set interface ethernet0/1 dhcp server option dns1 172.20.3.53
set interface ethernet0/1 dhcp server option dns2 192.0.2.53
set interface ethernet0/1 dhcp server option domainname "corp.example"
set interface ethernet0/1 dhcp server option wins1 172.20.3.54
set interface ethernet0/1 dhcp server option custom 150 ip 172.20.3.69
set interface ethernet0/1 dhcp server ip 172.20.3.40 to 172.20.3.44
set interface ethernet0/0 dhcp server service
set interface ethernet0/0 dhcp server option netmask 255.255.255.0
set interface ethernet0/0 dhcp server option gateway 10.44.0.1
set interface ethernet0/0 dhcp server ip 10.44.0.100 to 10.44.0.110
set route 10.44.0.0/24 interface ethernet0/0 gateway 192.0.2.2
"""
_BRANCH = """\
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.44.0.1/24
set interface ethernet1 route
set interface ethernet3 zone Untrust
set interface ethernet3 ip 192.0.2.2/30
set interface ethernet1 dhcp relay server-name 192.0.2.1
set interface ethernet1 dhcp relay service
set route 0.0.0.0/0 interface ethernet3 gateway 192.0.2.1
set policy from trust to untrust any any any permit
"""


def running(folder: Path, gw: Sequence[str] = (), branch: Sequence[str] = (), wait: float = 8) -> Lab:
    (folder / "gw.cfg").write_text(_GW + "\n".join(gw) + "\n")
    (folder / "branch.cfg").write_text(_BRANCH + "\n".join(branch) + "\n")
    path = folder / "leases.yaml"
    path.write_text(_TOPOLOGY)
    lab = Lab.load(path)
    assert [str(problem) for problem in lab.problems] == []
    lab.run_for(wait)
    return lab


def address(lab: Lab, host: str) -> str:
    return str(lab[host].run("address").splitlines()[1].split()[-1])


def test_hosts_get_what_the_server_says(tmp_path: Path) -> None:
    """Two hosts, two addresses; the first of the range is used by another host, as ARP tells before it is lent."""
    lab = running(tmp_path)
    assert sorted([address(lab, "pc1"), address(lab, "pc2")]) == ["172.20.3.41/24", "172.20.3.42/24"]
    text = lab["pc1"].run("dhcp")
    assert "from 172.20.3.1, lease 1200 s" in text
    assert "gateway 172.20.3.1, dns 172.20.3.53 192.0.2.53, domain corp.example" in text
    assert "default via 172.20.3.1 dev eth0" in lab["pc1"].run("routes")
    assert lab["pc1"].ping("172.20.3.40", count=1).received == 1
    table = lab["gw"].run("get interface ethernet0/1 dhcp server ip")
    assert "172.20.3.40" in table
    assert "conflict" in table
    assert table.count("allocated") == 2
    assert lab["gw"].run("get interface ethernet0/1 dhcp server ip idle") == "172.20.3.43 - 172.20.3.44\n"
    assert "IP address conflict" in lab["gw"].run("get event include conflict")
    assert "  DHCP-server enabled, status on.\n" in lab["gw"].run("get interface ethernet0/1")
    assert "5 addresses, 2 allocated, 2 idle" in lab["gw"].run("get dhcp server")


def test_options_as_another_implementation_reads_them(tmp_path: Path) -> None:
    lab = running(tmp_path)
    tap = Wiretap.on(lab, "pc1:eth0")
    lab["pc1"].run("dhcp release")
    lab["pc1"].run("dhcp renew")
    seen = [Ether(frame) for frame in tap.frames if frame[12:14] == b"\x08\x00" and frame[23] == 17]
    kinds = [frame[DHCP].options[0][1] for frame in seen]
    assert kinds == [7, 1, 2, 3, 5]
    told = {option[0]: option[1:] for option in seen[-1][DHCP].options if isinstance(option, tuple)}
    assert told["subnet_mask"] == ("255.255.255.0",)
    assert told["router"] == ("172.20.3.1",)
    assert told["name_server"] == ("172.20.3.53", "192.0.2.53")
    assert told["domain"] == (b"corp.example",)
    assert told["NetBIOS_server"] == ("172.20.3.54",)
    assert told["lease_time"] == (1200,)
    assert told["tftp_server_address"] == ("172.20.3.69",)
    assert seen[-1][BOOTP].yiaddr == address(lab, "pc1").partition("/")[0]
    assert seen[-1]["UDP"].sport == 67


def test_a_lease_is_renewed_and_ends(tmp_path: Path) -> None:
    """Renewed at half its time by unicast; without server it ends, and the address with it."""
    lab = running(tmp_path)
    own = address(lab, "pc1")
    tap = Wiretap.on(lab, "pc1:eth0")
    lab.run_for(700)
    kinds = [Ether(frame)[DHCP].options[0][1] for frame in tap.frames if frame[23] == 17 and len(frame) > 280]
    assert kinds[:2] == [3, 5]
    assert address(lab, "pc1") == own
    type_lines(lab, "gw", "set interface ethernet0/1 dhcp server disable")
    lab.run_for(1300)
    assert lab["pc1"].run("dhcp") == "eth0: selecting, no lease\n"
    type_lines(lab, "gw", "set interface ethernet0/1 dhcp server enable")
    lab.run_for(80)
    assert address(lab, "pc1").startswith("172.20.3.4")


def test_a_released_address_is_free(tmp_path: Path) -> None:
    lab = running(tmp_path)
    lab["pc1"].run("dhcp release")
    lab.run_for(0.1)
    assert lab["pc1"].run("dhcp") == "eth0: init, no lease\n"
    assert lab["gw"].run("get interface ethernet0/1 dhcp server ip allocate").count("allocated") == 1
    assert "was released by" in lab["gw"].run("get event include released")
    assert lab["pc1"].ping("172.20.3.1", count=1).received == 0


def test_a_reserved_address_is_for_one_host(tmp_path: Path) -> None:
    lab = running(tmp_path)
    mac = lab["pc2"].run("address").splitlines()[1].split()[2].replace(":", "")
    type_lines(lab, "gw", f"set interface ethernet0/1 dhcp server ip 172.20.3.200 mac {mac}")
    lab["pc2"].run("dhcp release")
    lab["pc2"].run("dhcp renew")
    assert address(lab, "pc2") == "172.20.3.200/24"
    assert "(reserved)" in lab["gw"].run("get interface ethernet0/1 dhcp server ip")
    config = lab["gw"].run("get config")
    assert f"set interface ethernet0/1 dhcp server ip 172.20.3.200 mac {mac}\n" in config


def test_through_a_relay(tmp_path: Path) -> None:
    """The relay says its address and counts the hop; the server lends of the network that the relay is on."""
    lab = running(tmp_path)
    assert address(lab, "remote") == "10.44.0.100/24"
    assert "default via 10.44.0.1 dev eth0" in lab["remote"].run("routes")
    tap = Wiretap.on(lab, "gw:ethernet0/0")
    lab["remote"].run("dhcp release")
    lab["remote"].run("dhcp renew")
    seen = [Ether(frame) for frame in tap.frames if frame[23] == 17 and frame[12:14] == b"\x08\x00"]
    relayed = [frame for frame in seen if frame["UDP"].dport == 67 and frame["UDP"].sport == 67]
    assert {(frame[BOOTP].giaddr, frame["IP"].src) for frame in relayed if frame[BOOTP].op == 1} == {("10.44.0.1",) * 2}
    assert {frame[BOOTP].hops for frame in relayed if frame[BOOTP].op == 1} == {1}
    answers = [frame for frame in relayed if frame[BOOTP].op == 2]
    assert {frame["IP"].dst for frame in answers} == {"10.44.0.1"}
    assert "  DHCP-Relay enabled\n" in lab["branch"].run("get interface ethernet1")
    assert "server 192.0.2.1" in lab["branch"].run("get dhcp relay")
    lab.run_for(60)
    assert lab["remote"].ping("192.0.2.1", count=2).received == 2


def test_auto_is_silent_beside_another_server(tmp_path: Path) -> None:
    second = (
        "set interface ethernet2 zone DMZ", "set interface ethernet2 ip 172.20.3.2/24",
        "set interface ethernet2 dhcp server service", "set interface ethernet2 dhcp server auto",
        "set interface ethernet2 dhcp server ip 172.20.3.70 to 172.20.3.80",
    )  # fmt: skip
    text = _TOPOLOGY + '    - endpoints: ["branch:ethernet2", "lan:5"]\n'
    (tmp_path / "gw.cfg").write_text(_GW)
    (tmp_path / "branch.cfg").write_text(_BRANCH + "\n".join(second) + "\n")
    (tmp_path / "two.yaml").write_text(text)
    lab = Lab.load(tmp_path / "two.yaml")
    lab.run_for(12)
    assert "status off, another server is 172.20.3.1" in lab["branch"].run("get interface ethernet2 dhcp server")
    assert "  DHCP-server enabled, status off.\n" in lab["branch"].run("get interface ethernet2")
    type_lines(lab, "gw", "set interface ethernet0/1 dhcp server disable")
    type_lines(lab, "branch", "set interface ethernet2 dhcp server enable", "set interface ethernet2 dhcp server auto")
    lab.run_for(8)
    assert "status on" in lab["branch"].run("get interface ethernet2 dhcp server")


def test_what_the_client_learned_goes_on_to_the_clients(tmp_path: Path) -> None:
    """`update-dhcpserver`: DNS and domain of the provider reach the hosts behind the device."""
    server = "interface ethernet0/0 dhcp server"
    upstream = [f"set {server} option dns1 198.51.100.53", f"set {server} option domainname isp.example"]
    upstream += [f"set {server} ip 192.0.2.2", f"unset {server} option netmask", f"unset {server} option gateway"]
    branch = (
        "unset interface ethernet1 dhcp relay service", "unset route 0.0.0.0/0",
        "unset interface ethernet3 ip", "set interface ethernet3 dhcp client",
        "set interface ethernet3 dhcp client settings update-dhcpserver",
        "set interface ethernet1 dhcp server service",
        "set interface ethernet1 dhcp server ip 10.44.0.20 to 10.44.0.29",
    )  # fmt: skip
    lab = running(tmp_path, upstream, branch, wait=30)
    lab["remote"].run("dhcp renew")
    assert "dns 198.51.100.53, domain isp.example" in lab["remote"].run("dhcp")


class Bench:
    """A server and made-up clients on its wire."""

    def __init__(self, *lines: str) -> None:
        self.box = Box(
            "set interface ethernet1 zone trust\nset interface ethernet1 ip 10.1.1.1/24\n"
            "set interface ethernet1 dhcp server service\n"
            "set interface ethernet1 dhcp server ip 10.1.1.10 to 10.1.1.11\n" + "".join(f"{line}\n" for line in lines)
        )
        self.box.device._transmit = self._take
        self.answers: list[DhcpMessage] = []

    def _take(self, interface: str, frame: bytes, trace: object) -> None:
        del interface, trace
        if frame[12:14] == b"\x08\x00" and frame[23] == 17:
            packet = Ipv4Packet.parse(frame[14:], verify=True)
            self.answers.append(DhcpMessage.parse(UdpDatagram.parse(packet.payload).payload))

    def send(self, kind: DhcpType, number: int, seconds: float = 1, **options: int) -> list[int]:
        """A message of client `number`; the types of the answers."""
        self.answers.clear()
        own: dict[int, bytes] = {DhcpOption.MESSAGE_TYPE: bytes((kind,))}
        client = options.pop("client", 0)
        own |= {DhcpOption[name]: value.to_bytes(4, "big") for name, value in options.items()}
        mac = b"\x02\0\0\0\0" + bytes((number,))
        message = DhcpMessage(1, number, mac, own, client, broadcast=True)
        payload = UdpDatagram(68, 67, message.build()).build(0, 0xFFFFFFFF)
        packet = Ipv4Packet(0, 0xFFFFFFFF, 17, payload).build()
        self.box.device.receive("ethernet1", b"\xff" * 6 + mac + b"\x08\x00" + packet)
        self.box.run(seconds)
        return [answer.type for answer in self.answers]


TEN = parse_ipv4("10.1.1.10")
SERVER = parse_ipv4("10.1.1.1")


def test_a_pool_that_is_used_up() -> None:
    bench = Bench()
    for number in (1, 2):
        assert bench.send(DhcpType.DISCOVER, number) == [DhcpType.OFFER]
        offered = bench.answers[0].yours
        assert bench.send(DhcpType.REQUEST, number, REQUESTED_ADDRESS=offered, SERVER_IDENTIFIER=SERVER) == [
            DhcpType.ACK
        ]
    assert bench.send(DhcpType.DISCOVER, 3) == []
    assert "no IP address left" in bench.box.type("get event include left")
    assert bench.box.type("clear dhcp server ethernet1 ip 10.1.1.10") == ""
    assert bench.send(DhcpType.DISCOVER, 3) == [DhcpType.OFFER]
    assert bench.answers[0].yours == TEN


@pytest.mark.parametrize("options", [
    {"REQUESTED_ADDRESS": parse_ipv4("10.9.9.9")}, {"REQUESTED_ADDRESS": parse_ipv4("10.1.1.200")},
    {"REQUESTED_ADDRESS": TEN + 1, "SERVER_IDENTIFIER": SERVER},
])  # fmt: skip
def test_a_wrong_request_is_refused(options: dict[str, int]) -> None:
    """Another network, no address of the pool, another address than the offered one: NAK, to everybody."""
    bench = Bench()
    bench.send(DhcpType.DISCOVER, 1)
    assert bench.send(DhcpType.REQUEST, 1, **options) == [DhcpType.NAK]
    assert bench.answers[0].yours == 0
    assert set(bench.answers[0].options) == {DhcpOption.MESSAGE_TYPE, DhcpOption.SERVER_IDENTIFIER}


def test_the_offer_of_another_server_was_taken() -> None:
    bench = Bench()
    bench.send(DhcpType.DISCOVER, 1)
    other = parse_ipv4("10.1.1.2")
    assert bench.send(DhcpType.REQUEST, 1, REQUESTED_ADDRESS=TEN, SERVER_IDENTIFIER=other) == []
    assert "10.1.1.10" not in bench.box.type("get interface ethernet1 dhcp server ip")


def test_declined_addresses_rest() -> None:
    bench = Bench()
    bench.send(DhcpType.DISCOVER, 1)
    bench.send(DhcpType.REQUEST, 1, REQUESTED_ADDRESS=TEN, SERVER_IDENTIFIER=SERVER)
    assert bench.send(DhcpType.DECLINE, 1, REQUESTED_ADDRESS=TEN, SERVER_IDENTIFIER=SERVER) == []
    assert bench.send(DhcpType.DISCOVER, 1) == [DhcpType.OFFER]
    assert bench.answers[0].yours == TEN + 1
    assert "conflict" in bench.box.type("get interface ethernet1 dhcp server ip conflict")
    bench.box.run(601)
    assert "conflict" not in bench.box.type("get interface ethernet1 dhcp server ip")


def test_inform_gets_options_and_no_address() -> None:
    bench = Bench("set interface ethernet1 dhcp server option smtp 10.1.1.25")
    bench.box.device.state.neighbors._resolve(
        bench.box.device.state.neighbors.neighbor(bench.box.device.interfaces.items["ethernet1"], TEN + 50), b"\x02" * 6
    )
    assert bench.send(DhcpType.INFORM, 1, client=TEN + 50) == [DhcpType.ACK]
    answer = bench.answers[0]
    assert (answer.yours, answer.client) == (0, TEN + 50)
    assert DhcpOption.LEASE_TIME not in answer.options
    assert answer.address(DhcpOption.SMTP_SERVER) == parse_ipv4("10.1.1.25")


def test_a_client_may_ask_for_less_time() -> None:
    bench = Bench("set interface ethernet1 dhcp server option lease 10")
    bench.send(DhcpType.DISCOVER, 1, LEASE_TIME=120)
    assert bench.answers[0].number(DhcpOption.LEASE_TIME) == 120
    bench.send(DhcpType.DISCOVER, 2, LEASE_TIME=6000)
    assert bench.answers[0].number(DhcpOption.LEASE_TIME) == 600
    bench = Bench("set interface ethernet1 dhcp server option lease 0")
    bench.send(DhcpType.DISCOVER, 1)
    assert bench.answers[0].number(DhcpOption.LEASE_TIME) == 0xFFFFFFFF


def test_the_probe_that_is_answered() -> None:
    bench = Bench()
    bench.send(DhcpType.DISCOVER, 1, seconds=0.1)
    claim = ArpPacket(2, b"\x02" * 6, TEN, b"\0" * 6, 0)
    bench.box.device.receive("ethernet1", b"\xff" * 6 + b"\x02" * 6 + b"\x08\x06" + claim.build())
    bench.box.run(1)
    assert [answer.yours for answer in bench.answers] == [TEN + 1]


def servers(*lines: str) -> tuple[dict[str, object], list[str]]:
    editor = Editor(factory_configuration())
    base = "set interface ethernet1 zone trust\nset interface ethernet1 ip 10.1.1.1/24\n"
    errors = load_configuration(base + "\n".join(lines), editor)
    return dict(dhcp_servers(editor.finish())), [str(error) for error in errors]


@pytest.mark.parametrize(("lines", "error"), [
    (["ip 10.1.1.20 to 10.1.1.10"], "is above the last"),
    (["ip 10.1.1.1"], "10.1.1.1 is the address of interface ethernet1"),
    (["ip 10.1.1.10 to 10.1.1.20", "ip 10.1.1.15 to 10.1.1.30"], "overlap with another line"),
    (["ip 10.1.1.10 mac 0011.2233"], "invalid MAC address"),
    (["option custom 66 integer ten"], "a number of 32 bits expected"),
    (["option custom 66 ip 1.2.3"], "an IP address expected"),
])  # fmt: skip
def test_what_is_refused(lines: list[str], error: str) -> None:
    _found, errors = servers(*(f"set interface ethernet1 dhcp server {line}" for line in lines))
    assert len(errors) == 1
    assert error in errors[0]


def test_a_server_is_no_relay() -> None:
    lines = ("set interface ethernet1 dhcp server service", "set interface ethernet1 dhcp relay service")
    assert "is a DHCP server and cannot be a relay" in servers(*lines)[1][0]
    assert "is a DHCP relay and cannot be a server" in servers(*reversed(lines))[1][0]
    names = [f"set interface ethernet1 dhcp relay server-name 9.9.9.{number}" for number in range(4)]
    assert "has 3 DHCP servers already" in servers(*names)[1][0]


def test_the_modes_replace_each_other() -> None:
    head = "set interface ethernet1 dhcp server"
    found, errors = servers(f"{head} service", f"{head} auto", f"{head} enable")
    assert errors == []
    assert found["ethernet1"].mode is ServerMode.ENABLE  # type: ignore[attr-defined]
    assert servers(f"{head} service", f"{head} disable") == ({}, [])
