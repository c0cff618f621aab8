"""Virtual routers are apart: each may use the addresses of the other, its own addresses and broadcasts included."""

from __future__ import annotations

import pytest

from nsemu.runtime.drop import DropReason
from nsemu.wire.address import format_ipv4
from nsemu.wire.ipv4 import fragment
from support.box import Box, echo, last_step, udp

RED_AND_BLUE = """
set vrouter name red
set vrouter name blue
set zone name red-in
set zone name red-out
set zone name blue-in
set zone red-in vrouter red
set zone red-out vrouter red
set zone blue-in vrouter blue
set int e0/0 zone red-in
set int e0/0 ip 10.5.0.1/24
set int e0/0 route
set int e0/1 zone red-out
set int e0/1 ip 10.6.0.1/16
set int e0/2 zone blue-in
set int e0/2 ip 10.5.0.1/24
set int e0/2 manage ping
set int e0/3 zone blue-in
set int e0/3 ip 10.6.0.129/25
set pol id 8 from red-in to red-out any any any permit
set pol id 9 from red-out to red-in any any any permit
"""
PLUGGED = ("ethernet0/0", "ethernet0/1", "ethernet0/2", "ethernet0/3")


@pytest.fixture
def box() -> Box:
    return Box(RED_AND_BLUE, platform="ssg140", plugged=PLUGGED)


@pytest.mark.parametrize("host", ["10.6.0.129", "10.6.0.255", "10.6.0.7"])
def test_addresses_of_another_virtual_router_are_those_of_hosts(box: Box, host: str) -> None:
    """10.6.0.129 is the device itself in blue, 10.6.0.255 a broadcast there; in red both are hosts."""
    box.receive("ethernet0/0", echo("10.5.0.7", host))
    assert [name for name, _ in box.sent] == ["ethernet0/1"]
    box.receive("ethernet0/1", echo(host, "10.5.0.8"))
    assert [name for name, _ in box.sent] == ["ethernet0/1", "ethernet0/0"]


def test_each_virtual_router_has_its_own_interface_of_one_address(box: Box) -> None:
    refused = box.receive("ethernet0/0", echo("10.5.0.7", "10.5.0.1"))
    assert last_step(refused).reason is DropReason.NOT_FOR_SELF  # type: ignore[attr-defined]
    assert not box.sent
    box.receive("ethernet0/2", echo("10.5.0.7", "10.5.0.1"))
    assert [name for name, _ in box.sent] == ["ethernet0/2"]


def test_its_own_addresses_are_still_refused_as_source(box: Box) -> None:
    story = box.receive("ethernet0/0", echo("10.6.0.1", "10.6.0.7"))
    assert last_step(story).reason is DropReason.MARTIAN  # type: ignore[attr-defined]


def test_a_route_to_another_virtual_router_leads_to_its_addresses(box: Box) -> None:
    box.type("set vrouter red route 10.6.0.129/32 vrouter blue")
    box.type("set interface ethernet0/3 manage ping")
    box.receive("ethernet0/0", echo("10.5.0.7", "10.6.0.129"))
    assert "ethernet0/1" not in [name for name, _ in box.sent]
    assert box.device.state.sessions.sessions == {}


def test_fragments_of_two_zones_make_no_packet(box: Box) -> None:
    """The same addresses and identification in two virtual routers: each datagram gets its own pieces only."""
    whole = udp("10.5.0.7", "10.6.0.9", 5004, size=1600, identification=77)
    first, second = fragment(whole, 1500)
    box.receive("ethernet0/2", first)
    box.receive("ethernet0/0", second)
    assert not box.sent
    box.receive("ethernet0/0", first)
    assert b"".join(packet.payload for packet in box.packets("ethernet0/1")) == whole[20:]


TWO_MIPS = """
set interface e0/1 mip 10.6.0.50 host 10.5.0.5 netmask 255.255.255.255 vrouter red
set int e0/4 zone blue-out
set int e0/4 ip 10.6.0.1/26
set int e0/4 mip 10.6.0.50 host 10.5.0.6 netmask 255.255.255.255 vrouter blue
set pol id 10 from blue-out to blue-in any any any permit
set pol id 11 from blue-in to blue-out any any any permit
"""


@pytest.mark.parametrize(
    ("port", "leaves", "host"), [("ethernet0/1", "ethernet0/0", "10.5.0.5"), ("ethernet0/4", "ethernet0/2", "10.5.0.6")]
)
def test_a_mapped_address_leads_to_the_host_of_its_own_virtual_router(port: str, leaves: str, host: str) -> None:
    zone = "set zone name blue-out\nset zone blue-out vrouter blue\n"
    box = Box(RED_AND_BLUE + zone + TWO_MIPS, platform="ssg140", plugged=(*PLUGGED, "ethernet0/4"))
    box.receive(port, udp("10.6.0.9", "10.6.0.50", 99))
    assert [(name, format_ipv4(packet.destination)) for name in (leaves,) for packet in box.packets(name)] == [
        (leaves, host)
    ]
    assert len(box.sent) == 1


def test_a_mapped_address_of_another_virtual_router_is_a_host(box: Box) -> None:
    """A host of red has an address that blue maps."""
    box.type("set interface ethernet0/3 mip 10.6.0.150 host 10.5.0.6 netmask 255.255.255.255 vrouter blue")
    box.receive("ethernet0/0", echo("10.5.0.7", "10.6.0.150"))
    assert [format_ipv4(packet.destination) for packet in box.packets("ethernet0/1")] == ["10.6.0.150"]
