"""`set arp …`, `proxy-arp-entry`, `gateway`: static neighbours, their age, answers for others; with their errors."""

from __future__ import annotations

import pytest

from nsemu.cli.settings.configuration import load_configuration
from nsemu.config.device import factory_configuration
from nsemu.config.editor import Editor
from nsemu.wire.address import parse_ipv4
from nsemu.wire.arp import ArpPacket
from support.box import NEIGHBOUR_MAC, Box, echo

BASE = """\
set interface ethernet1 zone Trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1 route
set interface ethernet3 zone Untrust
set interface ethernet3 ip 1.1.1.1/24
set policy from trust to untrust any any any permit
"""
MAC = bytes.fromhex("0010dbff0001")


class Listening(Box):
    """A box that also keeps ARP."""

    def __init__(self, lines: str = "") -> None:
        self.arp: list[tuple[str, ArpPacket]] = []
        super().__init__(BASE + lines)
        self.arp.clear()

    def _transmit(self, interface, frame, trace):  # type: ignore[no-untyped-def]
        if frame[12:14] == b"\x08\x06":
            self.arp.append((interface, ArpPacket.parse(frame[14:])))
        super()._transmit(interface, frame, trace)

    def ask(self, interface: str, address: str) -> bool:
        """Whether the device answers an ARP request for an address."""
        self.arp.clear()
        request = ArpPacket(1, NEIGHBOUR_MAC, parse_ipv4("1.1.1.77"), bytes(6), parse_ipv4(address))
        self.device.receive(interface, b"\xff" * 6 + NEIGHBOUR_MAC + b"\x08\x06" + request.build())
        return any(one.operation == 2 and one.sender_ip == parse_ipv4(address) for _name, one in self.arp)


def test_a_static_entry_is_used_without_asking_and_stays() -> None:
    box = Listening("set arp 1.1.1.9 0010.dbff.0001 ethernet3\n")
    box.receive("ethernet1", echo("10.1.1.5", "1.1.1.9"))
    assert [frame[:6] for name, frame in box.sent if name == "ethernet3"] == [MAC]
    assert not any(one.target_ip == parse_ipv4("1.1.1.9") for _name, one in box.arp)
    lie = ArpPacket(2, NEIGHBOUR_MAC, parse_ipv4("1.1.1.9"), b"\1" * 6, parse_ipv4("1.1.1.1"))
    box.device.receive("ethernet3", b"\xff" * 6 + NEIGHBOUR_MAC + b"\x08\x06" + lie.build())
    box.type("clear arp")
    box.device.set_carrier("ethernet3", False)
    box.device.set_carrier("ethernet3", True)
    box.run(5000)
    box.sent.clear()
    box.receive("ethernet1", echo("10.1.1.5", "1.1.1.9", number=2))
    assert [frame[:6] for name, frame in box.sent if name == "ethernet3"] == [MAC]
    row = next(line for line in box.type("get arp 1.1.1.9").splitlines() if "1.1.1.9" in line)
    assert row.split()[:4] == ["1.1.1.9", "0010dbff0001", "trust-vr/eth3", "STS"]
    box.type("unset arp 1.1.1.9")
    assert "1.1.1.9" not in box.type("get arp")
    box.sent.clear()
    box.receive("ethernet1", echo("10.1.1.5", "1.1.1.9", number=3))
    assert [frame[:6] for name, frame in box.sent if name == "ethernet3"] == [NEIGHBOUR_MAC]


def test_the_age_of_entries() -> None:
    box = Listening("set arp age 60\n")
    box.receive("ethernet1", echo("10.1.1.5", "1.1.1.9"))
    assert "1.1.1.9" in box.type("get arp interface ethernet3")
    box.run(61)
    assert "1.1.1.9" not in box.type("get arp all")


def test_always_on_dest_asks_for_who_is_there() -> None:
    """A reply goes to the link address that ARP gives, not to the one that the packet came from."""
    for line, asks in (("", False), ("set arp always-on-dest\n", True)):
        box = Listening(line)
        other = bytes.fromhex("02aa00000099")
        frame = box.device.interfaces.items["ethernet1"].mac + other + b"\x08\x00" + echo("172.16.0.5", "10.1.1.1")
        box.device.receive("ethernet1", frame)
        frame = box.device.interfaces.items["ethernet1"].mac + other + b"\x08\x00" + echo("172.16.0.5", "1.1.1.9")
        box.device.receive("ethernet1", frame)
        box.run(1)
        reply = bytearray(echo("1.1.1.9", "172.16.0.5"))
        reply[20] = 0
        reply[22:24] = (int.from_bytes(reply[22:24], "big") + 0x800).to_bytes(2, "big")
        box.receive("ethernet3", bytes(reply))
        macs = [frame[:6] for name, frame in box.sent if name == "ethernet1" and frame[26:30] == b"\1\1\1\x09"]
        assert macs == [NEIGHBOUR_MAC if asks else other]
        assert f"always-on-dest: {'enabled' if asks else 'disabled'}\n" in box.type("get arp")


def test_answers_for_others() -> None:
    box = Listening("set interface ethernet3 proxy-arp-entry ip-min 1.1.1.40 ip-max 1.1.1.42\n")
    answers = {last: box.ask("ethernet3", f"1.1.1.{last}") for last in (1, 39, 40, 42, 43)}
    assert answers == {1: True, 39: False, 40: True, 42: True, 43: False}
    assert not box.ask("ethernet1", "1.1.1.40")
    box.type("unset interface ethernet3 proxy-arp-entry ip-min 1.1.1.40 ip-max 1.1.1.42")
    assert not box.ask("ethernet3", "1.1.1.40")


def test_the_gateway_of_an_interface_is_a_default_route() -> None:
    box = Listening("set interface ethernet3 gateway 1.1.1.250\n")
    assert "via 1.1.1.250" in box.type("get route ip 9.9.9.9")
    assert "set route" not in box.type("get config")
    box.type("set interface ethernet3 gateway 1.1.1.251 no-default-route")
    assert "1.1.1.25" not in box.type("get route ip 9.9.9.9")
    box.type("set interface ethernet3 gateway 1.1.1.251")
    assert "via 1.1.1.251" in box.type("get route ip 9.9.9.9")
    box.type("unset interface ethernet3 gateway")
    assert "via" not in box.type("get route ip 9.9.9.9")


@pytest.mark.parametrize(("line", "error"), [
    ("set arp 9.9.9.9 0010dbff0001 ethernet3", "9.9.9.9 is on no network of interface ethernet3 (1.1.1.0/24)"),
    ("set arp 1.1.1.9 0110dbff0001 ethernet3", "that of one node expected"),
    ("set arp 1.1.1.9 0010dbff00 ethernet3", "invalid MAC address"),
    ("set arp 1.1.1.9 0010dbff0001 ethernet77", "does not exist"),
    ("unset arp 1.1.1.9", "does not exist"),
    ("set interface ethernet3 gateway 2.2.2.2", "gateway 2.2.2.2 is on no network of interface ethernet3"),
    ("set interface ethernet3 gateway 1.1.1.1", "is the address of interface ethernet3"),
    ("set interface ethernet3 proxy-arp-entry ip-min 1.1.1.9 ip-max 1.1.1.8", "is above the last"),
])  # fmt: skip
def test_what_is_refused(line: str, error: str) -> None:
    editor = Editor(factory_configuration())
    errors = load_configuration(BASE + line, editor)
    assert len(errors) == 1
    assert error in str(errors[0])
