"""Bridge groups, secondary addresses and sub-interfaces of a device: settings with their errors, and what they do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.config.device import DeviceConfig, factory_configuration
from nsemu.config.editor import Editor
from nsemu.wire.address import parse_ipv4
from nsemu.wire.arp import ArpPacket
from support.box import NEIGHBOUR_MAC, Box, echo

GROUP = """\
set interface bgroup0 zone Trust
set interface bgroup0 port ethernet0/2
set interface bgroup0 port ethernet0/3
set interface bgroup0 ip 192.168.1.1/24
set interface bgroup0 route
set interface ethernet0/0 ip 1.1.1.1/24
set policy from trust to untrust any any any permit
set route 0.0.0.0/0 interface ethernet0/0 gateway 1.1.1.250
"""
ANY = b"\xff" * 6
HOST = bytes.fromhex("02aa00000001")
OTHER = bytes.fromhex("02aa00000002")


def load(text: str, platform: str = "ssg20") -> tuple[DeviceConfig, list[str]]:
    editor = Editor(factory_configuration(platform))
    errors = load_configuration(text, editor)
    return editor.finish(), [str(error) for error in errors]


def bench(config: str = GROUP, plugged: Sequence[str] = ("ethernet0/0", "ethernet0/2", "ethernet0/3")) -> Box:
    return Box(config, platform="ssg20", plugged=plugged)


class Wire(Box):
    """A box that keeps every frame, ARP as well."""

    def __init__(self, config: str, plugged: Sequence[str], platform: str = "ssg20") -> None:
        self.frames: list[tuple[str, bytes]] = []
        super().__init__(config, platform=platform, plugged=plugged)
        self.frames.clear()

    def _transmit(self, interface, frame, trace):  # type: ignore[no-untyped-def]
        self.frames.append((interface, frame))
        super()._transmit(interface, frame, trace)


def test_a_group_replays_and_its_ports_come_back() -> None:
    config, errors = load(GROUP)
    assert errors == []
    text = configuration_text(config)
    assert "set interface bgroup0 port ethernet0/2\nset interface bgroup0 port ethernet0/3\n" in text
    assert load(text) == (config, [])
    config, errors = load(GROUP + "unset interface bgroup0 port ethernet0/3\nset interface ethernet0/3 zone DMZ\n")
    assert errors == []
    assert config.interfaces["ethernet0/3"].zone == "DMZ"


@pytest.mark.parametrize(("line", "error"), [
    ("set interface bgroup1 port ethernet0/2", "is a port of bgroup0"),
    ("set interface ethernet0/2 zone Trust", "is a port of bgroup0 (unset interface bgroup0 port ethernet0/2 first)"),
    ("set interface bgroup0 port ethernet0/0", "has an IP address"),
    ("set interface bgroup0 port tunnel.1", "does not exist"),
    ("set interface ethernet0/4 port ethernet0/1", "has no ports (a bridge group like bgroup0 expected)"),
    ("unset interface bgroup0 port ethernet0/4", "is no port of bgroup0"),
    ("unset interface bgroup0", "interface ethernet0/2"),
    ("set interface ethernet0/1 tag 5", "has no VLAN tag (a sub-interface like ethernet1.1 expected)"),
    ("set interface ethernet0/1.1 tag 4095", "4094"),
    ("set interface ethernet0/1.1 tag 0", "4094"),
    ("set interface tunnel.1 tag 9", "has no VLAN tag"),
    ("set interface ethernet0/1.1 tag 9\nset interface ethernet0/1.2 tag 9", "VLAN tag 9 is taken by interface"),
    ("set interface ethernet0/1.1 tag 9 zone V1-Trust", "cannot be in layer 2 zone V1-Trust"),
    ("set interface ethernet0/1.1 tag 9\nunset interface ethernet0/1.1 tag\nunset interface ethernet0/1.1 tag",
     "has no VLAN tag"),
    ("set interface ethernet0/1 ip 10.9.9.1/24 secondary", "set interface ethernet0/1 ip first"),
    ("set interface bgroup0 ip 1.1.1.9/24 secondary", "overlaps with 1.1.1.1/24 of interface ethernet0/0"),
    ("set interface bgroup0 ip 192.168.1.9/25 secondary", "overlaps with 192.168.1.1/24"),
    ("set interface bgroup0 ip 10.9.9.0/24 secondary", "a host address of 10.9.9.0/24 expected"),
    ("set interface bgroup0 ip 10.9.9.1/24 secondary\nunset interface bgroup0 ip",
     "unset interface bgroup0 ip 10.9.9.1/24 secondary first"),
    ("unset interface bgroup0 ip 10.9.9.1/24 secondary", "has no secondary IP address 10.9.9.1/24"),
    ("set interface ethernet0/0 ip 8.1.1.1/24 secondary\nset interface ethernet0/0 ip 8.2.1.1/24 secondary",
     "one there at most"),
])  # fmt: skip
def test_what_is_refused(line: str, error: str) -> None:
    _config, errors = load(GROUP + line)
    assert len(errors) == 1
    assert error in errors[0]


def test_the_platform_has_so_many_tags() -> None:
    lines = "\n".join(f"set interface ethernet0/1.{number} tag {number}" for number in range(1, 52))
    _config, errors = load(lines)
    assert len(errors) == 1
    assert "VLAN tags" in errors[0]


def test_frames_between_two_ports_pass_without_policy() -> None:
    box = Wire(GROUP, ("ethernet0/0", "ethernet0/2", "ethernet0/3"))
    box.device.receive("ethernet0/2", OTHER + HOST + b"\x08\x00" + echo("192.168.1.5", "192.168.1.6"))
    assert [name for name, _frame in box.frames] == ["ethernet0/3"]
    box.frames.clear()
    box.device.receive("ethernet0/3", HOST + OTHER + b"\x86\xdd" + bytes(40))
    assert [name for name, _frame in box.frames] == ["ethernet0/2"]
    box.frames.clear()
    box.device.receive("ethernet0/2", HOST + OTHER + b"\x86\xdd" + bytes(40))  # its own wire
    assert box.frames == []


def test_the_group_answers_and_routes() -> None:
    """ARP from a port, a packet from it to the Internet, and the answer back by the port where the host is."""
    box = Wire(GROUP, ("ethernet0/0", "ethernet0/2", "ethernet0/3"))
    mac = box.device.interfaces.items["bgroup0"].mac
    asked = ArpPacket(1, HOST, parse_ipv4("192.168.1.5"), bytes(6), parse_ipv4("192.168.1.1"))
    box.device.receive("ethernet0/3", ANY + HOST + b"\x08\x06" + asked.build())
    flooded = [name for name, frame in box.frames if frame[:6] == ANY]
    replies = [(name, frame) for name, frame in box.frames if frame[:6] == HOST]
    assert flooded == ["ethernet0/2"]
    assert [(name, ArpPacket.parse(frame[14:]).sender_mac) for name, frame in replies] == [("ethernet0/3", mac)]
    box.device.receive("ethernet0/3", mac + HOST + b"\x08\x00" + echo("192.168.1.5", "9.9.9.9"))
    box.run(0.1)
    out = [packet.source for packet in box.packets("ethernet0/0")]
    assert out == [parse_ipv4("192.168.1.5")]
    reply = bytearray(echo("9.9.9.9", "192.168.1.5"))
    reply[20] = 0
    reply[22:24] = (int.from_bytes(reply[22:24], "big") + 0x800).to_bytes(2, "big")
    box.receive("ethernet0/0", bytes(reply))
    assert [packet.source for packet in box.packets("ethernet0/3")] == [parse_ipv4("9.9.9.9")]
    assert box.packets("ethernet0/2") == []


def test_a_group_is_up_while_one_port_is() -> None:
    box = bench()
    up = box.device.interfaces.items["bgroup0"]
    assert up.up
    box.device.set_carrier("ethernet0/3", False)
    assert up.up
    box.device.set_carrier("ethernet0/2", False)
    assert not up.up
    assert "192.168.1.0/24" not in box.type("get route ip 192.168.1.9")
    box.device.set_carrier("ethernet0/3", True)
    assert up.up


def test_a_silent_port_is_forgotten_with_its_link() -> None:
    box = Wire(GROUP, ("ethernet0/0", "ethernet0/2", "ethernet0/3", "ethernet0/4"))
    box.type("set interface bgroup0 port ethernet0/4")
    box.device.receive("ethernet0/3", OTHER + HOST + b"\x86\xdd" + bytes(40))
    box.device.set_carrier("ethernet0/3", False)
    box.frames.clear()
    box.device.receive("ethernet0/2", HOST + OTHER + b"\x86\xdd" + bytes(40))
    assert [name for name, _frame in box.frames] == ["ethernet0/4"]


def test_a_vlan_of_a_group() -> None:
    box = Wire(
        GROUP + "set interface bgroup0.1 tag 40 zone DMZ\nset interface bgroup0.1 ip 10.40.0.1/24\n",
        ("ethernet0/0", "ethernet0/2", "ethernet0/3"),
    )
    asked = ArpPacket(1, HOST, parse_ipv4("10.40.0.5"), bytes(6), parse_ipv4("10.40.0.1"))
    box.device.receive("ethernet0/2", ANY + HOST + bytes.fromhex("810000280806") + asked.build())
    (reply,) = [frame for name, frame in box.frames if frame[:6] == HOST and name == "ethernet0/2"]
    assert reply[12:18] == bytes.fromhex("810000280806")


def test_tables_show_the_ports_below_their_group() -> None:
    rows = bench().type("get interface").splitlines()
    at = next(index for index, row in enumerate(rows) if row.startswith("bgroup0"))
    assert rows[at + 1] == (
        "  eth0/2       N/A                               N/A         N/A               -   U   -"
    )  # screenos-cli §1.2
    assert rows[at + 2].split()[0] == "eth0/3"
    assert not any(row.startswith("eth0/2") for row in rows)
    block = bench().type("get interface ethernet0/2")
    assert "  member of bgroup0\n  vsys Root" in block
    assert "admin mtu" not in block
    assert "bandwidth" not in block
    group = bench().type("get interface bgroup0")
    assert "number 11, if_info 968, if_index 0, mode route" in group  # screenos-cli §1.1


SECONDARY = """\
set interface ethernet0/1 zone Trust
set interface ethernet0/1 ip 10.1.1.1/24
set interface ethernet0/1 ip 10.1.7.1/24 secondary
set interface ethernet0/1 route
"""


def test_secondary_addresses_have_routes_and_answer() -> None:
    box = Wire(SECONDARY, ("ethernet0/1",))
    routes = box.type("get route")
    assert "10.1.7.0/24" in routes
    assert "10.1.7.1/32" in routes
    asked = ArpPacket(1, HOST, parse_ipv4("10.1.7.5"), bytes(6), parse_ipv4("10.1.7.1"))
    box.device.receive("ethernet0/1", ANY + HOST + b"\x08\x06" + asked.build())
    replies = [ArpPacket.parse(frame[14:]) for _name, frame in box.frames]
    assert [(reply.operation, reply.sender_ip) for reply in replies] == [(2, parse_ipv4("10.1.7.1"))]
    box.receive("ethernet0/1", echo("10.1.7.5", "10.1.7.1"))  # ping of the secondary address
    assert [packet.source for packet in box.packets("ethernet0/1")] == [parse_ipv4("10.1.7.1")]


def test_the_device_asks_and_pings_from_the_right_network() -> None:
    box = Wire(SECONDARY, ("ethernet0/1",))
    box.type("ping 10.1.7.9 count 1")
    asked = [ArpPacket.parse(frame[14:]) for _name, frame in box.frames if frame[12:14] == b"\x08\x06"]
    assert {one.sender_ip for one in asked} == {parse_ipv4("10.1.7.1")}
    assert {packet.source for packet in box.packets("ethernet0/1")} == {parse_ipv4("10.1.7.1")}


def test_between_the_networks_of_one_interface() -> None:
    """Traffic goes back out of the interface it came in by; `route-deny` ends that, and the routes stay."""
    box = Box(SECONDARY, platform="ssg20", plugged=("ethernet0/1",))
    box.receive("ethernet0/1", echo("10.1.1.5", "10.1.7.5"))
    assert [packet.destination for packet in box.packets("ethernet0/1")] == [parse_ipv4("10.1.7.5")]
    box.sent.clear()
    assert "route-deny disable" in box.type("get interface ethernet0/1")
    box.type("set interface ethernet0/1 route-deny")
    box.receive("ethernet0/1", echo("10.1.1.5", "10.1.7.5", number=2))
    assert box.packets("ethernet0/1") == []
    assert box.counter("no route") == 1
    assert "route-deny enable" in box.type("get interface ethernet0/1")
    assert "10.1.7.0/24" in box.type("get route")
    box.type("unset interface ethernet0/1 route-deny")
    box.receive("ethernet0/1", echo("10.1.1.5", "10.1.7.5", number=3))
    assert len(box.packets("ethernet0/1")) == 1


def test_neighbours_are_forgotten_with_an_address() -> None:
    box = Box(SECONDARY, platform="ssg20", plugged=("ethernet0/1",))
    box.receive("ethernet0/1", echo("10.1.1.5", "10.1.7.5"))
    assert NEIGHBOUR_MAC.hex() in box.type("get arp")
    box.type("unset interface ethernet0/1 ip 10.1.7.1/24 secondary")
    assert "10.1.7" not in box.type("get arp") + box.type("get route")
