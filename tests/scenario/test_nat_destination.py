"""Destination translation: MIPs, VIPs, and policies with `nat dst`, each with its proxy ARP and its way back."""

from __future__ import annotations

import pytest

from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import PacketTrace
from nsemu.wire.address import parse_ipv4
from support.nat_box import NatBox, checked, ends, ping, reply_to, side, tcp, udp

CLIENT = "9.9.9.9"


def mip_box(*more: str) -> NatBox:
    return NatBox(
        "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
        "set policy id 1 from untrust to trust any MIP(1.1.1.5) any permit",
        "set policy id 2 from trust to untrust any any any permit",
        *more,
    )


@pytest.mark.parametrize("maker", [tcp, udp, ping])
def test_a_mip_leads_in_and_out(maker: object) -> None:
    """B151, B148: the destination is mapped before the route lookup; the host leaves as its mapped address."""
    box = mip_box()
    first = maker(CLIENT, "1.1.1.5")  # type: ignore[operator]
    inside = box.one("ethernet3", first)
    assert (inside.src, inside.dst) == (CLIENT, "10.1.1.5")
    back = box.one("ethernet1", reply_to(inside))
    assert (back.src, back.dst) == ("1.1.1.5", CLIENT)
    outward = box.one("ethernet1", maker("10.1.1.5", "8.8.8.8"))  # type: ignore[operator]
    assert outward.src == "1.1.1.5"
    assert box.one("ethernet1", maker("10.1.1.6", "8.8.8.8")).src == "10.1.1.6"  # type: ignore[operator]


def test_a_mip_is_no_way_around_the_policies() -> None:
    box = NatBox(
        "set interface ethernet3 mip 1.1.1.5 host 10.1.1.5",
        "set policy id 1 from untrust to trust any MIP(1.1.1.5) http permit",
    )
    assert box.one("ethernet3", tcp(CLIENT, "1.1.1.5")).dst == "10.1.1.5"
    assert box.nothing("ethernet3", tcp(CLIENT, "1.1.1.5", dport=22))
    assert box.nothing("ethernet3", tcp(CLIENT, "10.1.1.5"))
    assert box.counter("policy deny") == 2


def test_a_mip_with_a_mask_maps_a_network() -> None:
    box = NatBox(
        "set interface ethernet3 mip 7.7.7.0 host 10.1.1.0 netmask 255.255.255.0",
        "set policy id 1 from untrust to trust any MIP(7.7.7.0/24) any permit",
        "set policy id 2 from trust to untrust any any any permit",
    )
    for host in (2, 77, 254):
        assert box.one("ethernet3", udp(CLIENT, f"7.7.7.{host}")).dst == f"10.1.1.{host}"
        assert box.one("ethernet1", udp(f"10.1.1.{host}", "8.8.8.8", 5000)).src == f"7.7.7.{host}"
        assert box.answers_arp("ethernet3", f"7.7.7.{host}")


def test_a_mip_leads_into_the_virtual_router_it_names() -> None:
    box = NatBox(
        "set vrouter name inner",
        "set zone name servers",
        "set zone servers vrouter inner",
        "set interface ethernet4 zone servers",
        "set interface ethernet4 ip 10.5.5.1/24",
        "set vrouter inner route 0.0.0.0/0 vrouter trust-vr",
        'set interface ethernet3 mip 1.1.1.5 host 10.5.5.5 vr "inner"',
        "set policy id 1 from untrust to servers any MIP(1.1.1.5) any permit",
        plugged=("ethernet1", "ethernet3", "ethernet4"),
    )
    inside = box.one("ethernet3", udp(CLIENT, "1.1.1.5"))
    assert inside.dst == "10.5.5.5"
    assert box.one("ethernet4", reply_to(inside)).src == "1.1.1.5"


def test_a_mip_on_the_way_out_of_another_interface_does_nothing() -> None:
    box = mip_box("set policy id 3 from trust to dmz any any any permit")
    assert box.one("ethernet1", udp("10.1.1.5", "10.2.2.9")).src == "10.1.1.5"


VIP = (
    "set interface ethernet3 vip 1.1.1.10 80 http 10.1.1.10",
    "set interface ethernet3 vip 1.1.1.10 + 2121 ftp 10.1.1.20",
    "set interface ethernet3 vip 1.1.1.10 + 53 dns 10.2.2.30",
)


def test_a_vip_leads_each_port_to_its_server() -> None:
    box = NatBox(
        *VIP,
        "set policy id 1 from untrust to trust any VIP(1.1.1.10) http permit",
        "set policy id 2 from untrust to trust any VIP(1.1.1.10) ftp permit",
        "set policy id 3 from untrust to dmz any VIP(1.1.1.10) dns permit",
    )
    web = box.one("ethernet3", tcp(CLIENT, "1.1.1.10", dport=80))
    assert ends(web)[2:] == ("10.1.1.10", 80)
    files = box.one("ethernet3", tcp(CLIENT, "1.1.1.10", dport=2121))
    assert ends(files)[2:] == ("10.1.1.20", 21)
    assert ends(box.one("ethernet1", reply_to(files)))[:2] == ("1.1.1.10", 2121)
    assert ends(box.one("ethernet3", udp(CLIENT, "1.1.1.10", dport=53)))[2:] == ("10.2.2.30", 53)
    assert ends(box.one("ethernet3", tcp(CLIENT, "1.1.1.10", 4001, dport=53)))[2:] == ("10.2.2.30", 53)
    assert "10.1.1.20/21(OK)" in box.type("get vip")


def test_what_a_vip_does_not_take_leads_nowhere() -> None:
    box = NatBox(*VIP, "set policy id 1 from untrust to trust any VIP(1.1.1.10) any permit")
    for packet in (tcp(CLIENT, "1.1.1.10", dport=81), udp(CLIENT, "1.1.1.10", dport=80), ping(CLIENT, "1.1.1.10")):
        assert box.nothing("ethernet3", packet)
    assert box.counter(DropReason.NO_MAPPING.counter) == 3


def test_a_policy_for_a_vip_may_name_the_virtual_port_instead() -> None:
    box = NatBox(
        *VIP,
        "set service files protocol tcp src-port 0-65535 dst-port 2121-2121",
        "set policy id 1 from untrust to trust any VIP(1.1.1.10) files permit",
    )
    assert ends(box.one("ethernet3", tcp(CLIENT, "1.1.1.10", dport=2121)))[2:] == ("10.1.1.20", 21)
    assert box.nothing("ethernet3", tcp(CLIENT, "1.1.1.10", dport=80))


@pytest.mark.parametrize("name", ["VIP(ethernet3)", "VIP::1", "vip(Ethernet3)"])
def test_a_vip_on_the_address_of_the_interface(name: str) -> None:
    box = NatBox(
        "set interface ethernet3 vip interface-ip 8080 http 10.1.1.10",
        "set interface ethernet3 manage ping",
        f"set policy id 1 from untrust to trust any {name} http permit",
    )
    found = box.one("ethernet3", tcp(CLIENT, "1.1.1.1", dport=8080))
    assert ends(found)[2:] == ("10.1.1.10", 80)
    assert ends(box.one("ethernet1", reply_to(found)))[:2] == ("1.1.1.1", 8080)
    assert box.one("ethernet3", ping(CLIENT, "1.1.1.1")).src == "1.1.1.1", "the rest stays with the device"
    assert 'any "VIP(ethernet3)" "HTTP"' in box.type("get config").replace('"Any"', "any")


def test_the_vip_of_an_interface_follows_its_address() -> None:
    box = NatBox(
        "set interface ethernet3 vip interface-ip 80 http 10.1.1.10",
        "set policy id 1 from untrust to trust any VIP(ethernet3) http permit",
    )
    assert box.one("ethernet3", tcp(CLIENT, "1.1.1.1")).dst == "10.1.1.10"
    box.accept(
        "unset policy id 1",
        "unset interface ethernet3 vip interface-ip",
        "set interface ethernet3 ip 1.1.1.3/24",
        "set interface ethernet3 vip interface-ip 80 http 10.1.1.10",
        "set policy id 1 from untrust to trust any VIP(ethernet3) http permit",
    )
    assert box.one("ethernet3", tcp(CLIENT, "1.1.1.3", 4001)).dst == "10.1.1.10"


def test_a_multi_port_vip_takes_all_ports_of_its_service() -> None:
    lines = (
        "set service many protocol tcp src-port 0-65535 dst-port 5631-5631",
        "set service many + udp src-port 0-65535 dst-port 5632-5640",
        "set interface ethernet3 vip 1.1.1.10 631 many 10.1.1.10",
        "set policy id 1 from untrust to trust any VIP(1.1.1.10) any permit",
    )
    one, many = NatBox(*lines), NatBox("set vip multi-port", *lines)
    for box in (one, many):
        assert ends(box.one("ethernet3", tcp(CLIENT, "1.1.1.10", dport=631)))[2:] == ("10.1.1.10", 5631)
    assert one.nothing("ethernet3", udp(CLIENT, "1.1.1.10", dport=632))
    for port in (632, 640):
        assert ends(many.one("ethernet3", udp(CLIENT, "1.1.1.10", dport=port)))[2:] == ("10.1.1.10", port + 5000)
    assert many.nothing("ethernet3", udp(CLIENT, "1.1.1.10", dport=641))


DST = (
    "set address trust virtual 1.2.1.8/32",
    "set address trust range 1.2.2.0/24",
    "set vrouter trust-vr route 1.2.1.0/24 interface ethernet1",
    "set vrouter trust-vr route 1.2.2.0/24 interface ethernet1",
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("nat dst ip 10.1.1.8", ("10.1.1.8", 80)), ("nat dst ip 10.1.1.8 port 8000", ("10.1.1.8", 8000))],
)
def test_nat_dst_to_one_address_and_to_one_port(words: str, expected: tuple[str, int]) -> None:
    box = NatBox(*DST, f"set policy id 1 from untrust to trust any virtual http {words} permit")
    found = box.one("ethernet3", tcp(CLIENT, "1.2.1.8"))
    assert ends(found)[2:] == expected
    assert ends(box.one("ethernet1", reply_to(found)))[:2] == ("1.2.1.8", 80)
    assert box.nothing("ethernet3", tcp(CLIENT, "1.2.1.9"))
    (view,) = box.sessions()
    assert (side(view.client.right), side(view.server.right)) == (("1.2.1.8", 80), expected)


def test_many_to_one_keeps_each_client_its_original_destination() -> None:
    box = NatBox(*DST, "set policy id 1 from untrust to trust any range any nat dst ip 10.1.1.8 permit")
    first, second = (box.one("ethernet3", udp(CLIENT, f"1.2.2.{host}", 4000 + host)) for host in (3, 9))
    assert (first.dst, second.dst) == ("10.1.1.8", "10.1.1.8")
    assert box.one("ethernet1", reply_to(second)).src == "1.2.2.9"
    assert box.one("ethernet1", reply_to(first)).src == "1.2.2.3"


def test_nat_dst_to_a_range_shifts_the_address() -> None:
    """B342: the distance from the first address stays; E111: what has no counterpart is dropped."""
    box = NatBox(*DST, "set policy id 1 from untrust to trust any range any nat dst ip 10.1.1.16 10.1.1.31 permit")
    for offset in (0, 5, 15):
        found = box.one("ethernet3", udp(CLIENT, f"1.2.2.{offset}"))
        assert found.dst == f"10.1.1.{16 + offset}"
        assert box.one("ethernet1", reply_to(found)).src == f"1.2.2.{offset}"
    assert box.nothing("ethernet3", udp(CLIENT, "1.2.2.16"))
    assert box.counter(DropReason.NO_MAPPING.counter) == 1


def test_the_original_destination_needs_a_route_into_the_zone_of_the_policy() -> None:
    """E052: the policy is looked up between the zones of the original addresses; the new one is routed again."""
    words = "set policy id 1 from untrust to trust any virtual http nat dst ip {} permit"
    lacking = NatBox(DST[0], words.format("10.1.1.8"))
    assert lacking.nothing("ethernet3", tcp(CLIENT, "1.2.1.8")), "the default route leads back to the Untrust zone"
    assert lacking.counter("policy deny") == 1
    other_zone = NatBox(*DST, words.format("10.2.2.8"))
    assert other_zone.nothing("ethernet3", tcp(CLIENT, "1.2.1.8"))
    assert other_zone.counter("no route") == 1
    other_interface = NatBox(
        *DST,
        "set interface ethernet4 zone trust",
        "set interface ethernet4 ip 10.4.4.1/24",
        words.format("10.4.4.8"),
        plugged=("ethernet1", "ethernet3", "ethernet4"),
    )
    assert other_interface.send("ethernet3", tcp(CLIENT, "1.2.1.8"))[0][0] == "ethernet4"


def test_source_and_destination_together() -> None:
    box = NatBox(
        *DST,
        "set interface ethernet1 dip 5 10.1.1.200",
        "set policy id 1 from untrust to trust any virtual http nat src dip-id 5 dst ip 10.1.1.8 port 81 permit",
    )
    found = box.one("ethernet3", tcp(CLIENT, "1.2.1.8"))
    assert (found.src, *ends(found)[2:]) == ("10.1.1.200", "10.1.1.8", 81)
    assert ends(box.one("ethernet1", reply_to(found))) == ("1.2.1.8", 80, CLIENT, 4000)


def test_proxy_arp_of_mapped_addresses_is_on_their_interface() -> None:
    box = mip_box(*VIP)
    for address in ("1.1.1.5", "1.1.1.10"):
        assert box.answers_arp("ethernet3", address)
        assert not box.answers_arp("ethernet1", address)
    assert not box.answers_arp("ethernet3", "1.1.1.6")


def test_proxy_arp_of_translated_destinations_needs_the_route_that_leads_elsewhere() -> None:
    lines = (
        "set address trust near 1.1.1.40/32",
        "set policy id 1 from untrust to trust any near http nat dst ip 10.1.1.8 permit",
    )
    route = "set vrouter trust-vr route 1.1.1.40/32 interface ethernet1"
    assert not NatBox(*lines).answers_arp("ethernet3", "1.1.1.40"), "a neighbour may have it"
    box = NatBox(*lines, route)
    assert box.answers_arp("ethernet3", "1.1.1.40")
    assert box.one("ethernet3", tcp("1.1.1.9", "1.1.1.40")).dst == "10.1.1.8"
    box.accept("set policy id 1 disable")
    assert not box.answers_arp("ethernet3", "1.1.1.40")


def test_the_trace_and_the_debug_buffer_tell_of_the_translation() -> None:
    box = mip_box()
    box.type("debug flow basic")
    box.receive("ethernet3", bytes(tcp(CLIENT, "1.1.1.5")))
    assert "mip (1.1.1.5->10.1.1.5)" in box.type("get dbuf stream")


def test_the_first_and_the_later_packets_are_translated_alike() -> None:
    box = mip_box()
    first = box.one("ethernet3", tcp(CLIENT, "1.1.1.5"))
    later = box.one("ethernet3", tcp(CLIENT, "1.1.1.5", flags="A"))
    assert ends(first) == ends(later)


def test_a_fragmented_datagram_is_translated_whole() -> None:
    box = mip_box()
    whole = bytes(udp(CLIENT, "1.1.1.5") / bytes(1600))
    from nsemu.wire.ipv4 import fragment

    pieces = fragment(whole, 800)
    assert len(pieces) > 1
    box.sent.clear()
    for piece in pieces:
        box.receive("ethernet3", piece, trace=False)
    assert {frame[14 + 16 : 14 + 20] for name, frame in box.sent if name == "ethernet1"} == {
        parse_ipv4("10.1.1.5").to_bytes(4, "big")
    }


def test_no_route_to_the_host_behind_a_mip() -> None:
    box = NatBox(
        "unset route 0.0.0.0/0",
        "set interface ethernet3 mip 1.1.1.5 host 10.77.1.5",
        "set policy id 1 from untrust to trust any MIP(1.1.1.5) any permit",
    )
    story: PacketTrace = box.receive("ethernet3", bytes(tcp("1.1.1.9", "1.1.1.5")))
    assert box.counter("no route") == 1
    assert story.hops[-1].steps
    assert not [frame for name, frame in box.sent if name == "ethernet1" and checked(frame[14:])]
