"""Source translation: interface NAT mode, the egress interface, DIP pools of every kind, MIPs on the way out."""

from __future__ import annotations

import pytest

from nsemu.nat.ports import FIRST_PORT, LAST_PORT
from support.nat_box import NatBox, ends, ping, reply_to, side, tcp, udp

OUT = "set policy id 1 from trust to untrust any any any nat src {} permit"
PERMIT = "set policy id 1 from trust to untrust any any any permit"
TARGET = "9.9.9.9"


def policy(words: str = "") -> str:
    return OUT.format(words)


@pytest.mark.parametrize("maker", [tcp, udp, ping])
@pytest.mark.parametrize(
    "lines",
    [
        ("set interface ethernet1 nat", PERMIT),
        (policy(),),
        (policy("dip-id 2"),),
        ("set interface ethernet3 dip 5 1.1.1.20", policy("dip-id 5")),
        ("set interface ethernet3 dip 5 1.1.1.20 1.1.1.30", policy("dip-id 5")),
        ("set interface ethernet3 dip 5 1.1.1.20 fix-port", policy("dip-id 5")),
        ("set interface ethernet3 dip 5 shift-from 10.1.1.0 to 1.1.1.20 1.1.1.60", policy("dip-id 5")),
        ("set interface ethernet3 ext ip 7.7.7.1/24 dip 5 7.7.7.20 7.7.7.30", policy("dip-id 5")),
        ("set interface ethernet3 mip 1.1.1.77 host 10.1.1.6", PERMIT),
        ("set interface ethernet3 mip 1.1.1.64 host 10.1.1.0 netmask 255.255.255.240", PERMIT),
    ],
)
def test_a_reply_finds_its_way_back_to_the_very_addresses(lines: tuple[str, ...], maker: object) -> None:
    box = NatBox(*lines)
    first = maker("10.1.1.6", TARGET)  # type: ignore[operator]
    sent = box.one("ethernet1", first)
    assert sent.src != "10.1.1.6"
    assert sent.dst == TARGET
    back = box.one("ethernet3", reply_to(sent))
    assert ends(back) == (ends(first)[2], ends(first)[3], ends(first)[0], ends(first)[1])
    again = box.one("ethernet1", first)
    assert ends(again) == ends(sent), "the second packet as the first"


def test_interface_nat_mode_translates_what_goes_to_the_untrust_zone_alone() -> None:
    """B194: Trust to Untrust, not Trust to another zone."""
    box = NatBox("set interface ethernet1 nat", PERMIT, "set policy id 2 from trust to dmz any any any permit")
    assert box.one("ethernet1", tcp("10.1.1.6", TARGET)).src == "1.1.1.1"
    assert box.one("ethernet1", tcp("10.1.1.6", "10.2.2.9")).src == "10.1.1.6"
    assert box.one("ethernet2", tcp("10.2.2.6", TARGET)).src == "10.2.2.6", "ethernet2 is in Route mode"


def test_a_policy_decides_before_the_interface_mode() -> None:
    box = NatBox("set interface ethernet1 nat", "set interface ethernet3 dip 5 1.1.1.20", policy("dip-id 5"))
    assert box.one("ethernet1", tcp("10.1.1.6", TARGET)).src == "1.1.1.20"


def test_two_hosts_with_the_same_port_are_told_apart() -> None:
    box = NatBox(policy())
    first, second = box.one("ethernet1", udp("10.1.1.6", TARGET)), box.one("ethernet1", udp("10.1.1.7", TARGET))
    assert (first.src, second.src) == ("1.1.1.1", "1.1.1.1")
    assert ends(first)[1] != ends(second)[1]
    assert box.one("ethernet3", reply_to(second)).dst == "10.1.1.7"
    assert box.one("ethernet3", reply_to(first)).dst == "10.1.1.6"


def test_address_shift_keeps_the_order_and_ports_and_refuses_the_rest() -> None:
    box = NatBox("set interface ethernet3 dip 10 shift-from 10.1.1.11 to 1.1.1.101 1.1.1.105", policy("dip-id 10"))
    for offset in range(5):
        assert ends(box.one("ethernet1", tcp(f"10.1.1.{11 + offset}", TARGET)))[:2] == (f"1.1.1.{101 + offset}", 4000)
    for host in (10, 16, 200):
        assert box.nothing("ethernet1", tcp(f"10.1.1.{host}", TARGET))
    assert box.counter("no dip") == 3


def test_a_fixed_port_stays() -> None:
    box = NatBox("set interface ethernet3 dip 5 1.1.1.20 1.1.1.21 fix-port", policy("dip-id 5"))
    found = {ends(box.one("ethernet1", udp(f"10.1.1.{host}", TARGET)))[:2] for host in (6, 7)}
    assert found == {("1.1.1.20", 4000), ("1.1.1.21", 4000)}
    assert box.nothing("ethernet1", udp("10.1.1.8", TARGET))
    assert box.counter("no dip") == 1


def test_sticky_pools_keep_a_host_on_one_address() -> None:
    lines = ("set interface ethernet3 dip 5 1.1.1.20 1.1.1.30", policy("dip-id 5"))
    plain, sticky = NatBox(*lines), NatBox(*lines, "set dip sticky")
    ports = range(4000, 4006)
    assert len({box_source(plain, port) for port in ports}) == 6
    assert len({box_source(sticky, port) for port in ports}) == 1


def box_source(box: NatBox, port: int) -> str:
    source = box.one("ethernet1", udp("10.1.1.6", TARGET, port)).src
    assert isinstance(source, str)
    return source


def test_ports_are_released_when_their_sessions_end_and_run_out_when_they_do_not() -> None:
    """Pool exhaustion drops with its own counter; a session that ends makes room."""
    box = NatBox("set interface ethernet3 dip 5 1.1.1.20", policy("dip-id 5"))
    pool = box.device.state.pools[5]
    held = [pool.allocate((1, 1), 17) for _ in range(LAST_PORT - FIRST_PORT)]
    assert box.one("ethernet1", udp("10.1.1.6", TARGET, 5000)).src == "1.1.1.20"
    assert box.nothing("ethernet1", udp("10.1.1.6", TARGET, 5001))
    assert box.counter("no dip") == 1
    assert box.one("ethernet1", tcp("10.1.1.6", TARGET, 5001)).src == "1.1.1.20", "TCP has its own ports"
    box.accept("clear session all")
    assert box.one("ethernet1", udp("10.1.1.6", TARGET, 5001)).src == "1.1.1.20"
    for lease in held:
        assert lease is not None
        lease.release()
    box.accept("clear session all")
    assert pool.in_use == 0


def test_a_flow_that_is_refused_after_translation_keeps_no_port() -> None:
    box = NatBox(
        "set interface tunnel.1 zone untrust",
        "set interface tunnel.1 ip 10.10.1.1/24",
        "set interface tunnel.1 dip 5 10.10.1.2",
        "set ike gateway g address 2.2.2.2 outgoing-interface ethernet3 preshare k sec-level standard",
        "set vpn v gateway g sec-level standard",
        "set vpn v bind interface tunnel.1",
        "set route 10.20.1.0/24 interface tunnel.1",
        policy("dip-id 5"),
    )
    for port in range(4000, 4050):
        box.send("ethernet1", udp("10.1.1.6", "10.20.1.5", port))
    assert box.counter("sa inactive") == 50
    assert box.device.state.pools[5].in_use == 0


def test_a_pool_serves_the_interface_it_is_on() -> None:
    box = NatBox(
        "set interface ethernet4 zone untrust",
        "set interface ethernet4 ip 5.5.5.1/24",
        "set interface ethernet4 dip 5 5.5.5.20",
        policy("dip-id 5"),
        plugged=("ethernet1", "ethernet2", "ethernet3", "ethernet4"),
    )
    assert box.one("ethernet1", tcp("10.1.1.6", "5.5.5.9")).src == "5.5.5.20"
    assert box.nothing("ethernet1", tcp("10.1.1.6", TARGET)), "leaves by ethernet3"
    assert box.counter("no dip") == 1


def test_a_loopback_group_shares_pools_and_mips_with_its_members() -> None:
    box = NatBox(
        "set interface loopback.1 zone untrust",
        "set interface loopback.1 ip 1.9.9.1/24",
        "set interface loopback.1 dip 5 1.9.9.20",
        "set interface loopback.1 mip 1.9.9.77 host 10.1.1.5",
        "set interface ethernet3 loopback-group loopback.1",
        "set policy id 1 from trust to untrust lan any http nat src dip-id 5 permit",
        "set policy id 2 from trust to untrust lan any dns permit",
        "set policy id 3 from untrust to trust any MIP(1.9.9.77) http permit",
    )
    assert box.one("ethernet1", tcp("10.1.1.6", TARGET)).src == "1.9.9.20"
    assert box.one("ethernet1", udp("10.1.1.5", TARGET)).src == "1.9.9.77"
    assert box.one("ethernet3", tcp(TARGET, "1.9.9.77")).dst == "10.1.1.5"
    assert box.answers_arp("ethernet3", "1.9.9.20")
    assert box.answers_arp("ethernet3", "1.9.9.77")
    box.accept("unset interface ethernet3 loopback-group")
    assert not box.answers_arp("ethernet3", "1.9.9.77")


def test_get_session_shows_both_wings_and_the_pool() -> None:
    box = NatBox("set interface ethernet3 dip 5 1.1.1.20", policy("dip-id 5"))
    sent = box.one("ethernet1", tcp("10.1.1.6", TARGET))
    (view,) = box.sessions()
    assert view.dip_id == 5
    assert (side(view.client.left), side(view.client.right)) == (("10.1.1.6", 4000), (TARGET, 80))
    assert (side(view.server.left), side(view.server.right)) == (("1.1.1.20", ends(sent)[1]), (TARGET, 80))
    text = box.type("get session")
    assert f"1.1.1.20/{ends(sent)[1]}<-9.9.9.9/80,6" in text
    assert "dip 5" in text
    assert "5         1.1.1.20            1.1.1.20            eth3                 port-xlate   1" in box.type(
        "get dip"
    )


def test_a_commit_keeps_the_translation_of_living_sessions() -> None:
    """A change elsewhere decides sessions anew; their ports stay, and are released once."""
    box = NatBox("set interface ethernet3 dip 5 1.1.1.20 1.1.1.30", policy("dip-id 5"))
    sent = box.one("ethernet1", udp("10.1.1.6", TARGET))
    box.accept("set hostname other", "set address trust more 10.1.1.9/32")
    assert ends(box.one("ethernet1", udp("10.1.1.6", TARGET))) == ends(sent)
    assert box.one("ethernet3", reply_to(sent)).dst == "10.1.1.6"
    assert box.device.state.pools[5].in_use == 1
    box.accept("clear session all")
    assert box.device.state.pools[5].in_use == 0


def test_a_session_ends_when_its_policy_translates_otherwise() -> None:
    box = NatBox("set interface ethernet3 dip 5 1.1.1.20 1.1.1.30", policy("dip-id 5"))
    box.one("ethernet1", tcp("10.1.1.6", TARGET))
    box.accept(policy("dip-id 2"))
    again = box.one("ethernet1", tcp("10.1.1.6", TARGET))
    assert again.src == "1.1.1.1"
    assert len(box.sessions()) == 1
    assert box.device.state.pools[5].in_use == 0


@pytest.mark.parametrize(("address", "mine"), [("1.1.1.20", True), ("1.1.1.30", True), ("1.1.1.31", False)])
def test_the_device_answers_arp_for_its_pool(address: str, mine: bool) -> None:
    box = NatBox(
        "set interface ethernet3 dip 5 1.1.1.20 1.1.1.30",
        "set interface ethernet3 ext ip 7.7.7.1/24 dip 6 7.7.7.20 7.7.7.30",
    )
    assert box.answers_arp("ethernet3", address) == mine
    assert not box.answers_arp("ethernet1", address)
    assert box.answers_arp("ethernet3", "7.7.7.20")
    assert box.answers_arp("ethernet3", "7.7.7.1")


def test_an_unnumbered_tunnel_interface_has_no_address_to_give() -> None:
    """B196: policy-based translation needs a tunnel interface with an address."""
    lines = (
        "set interface tunnel.1 zone untrust",
        "set interface tunnel.1 ip {}",
        "set vpn v manual 3000 3001 gateway 2.2.2.2 outgoing-interface e3 esp des password a auth md5 password c",
        "set vpn v bind interface tunnel.1",
        "set route 10.20.1.0/24 interface tunnel.1",
        policy(),
    )
    borrowed = NatBox(*(line.format("unnumbered interface ethernet3") for line in lines))
    assert borrowed.nothing("ethernet1", udp("10.1.1.6", "10.20.1.5"))
    assert borrowed.counter("no dip") == 1
    own = NatBox(*(line.format("10.10.1.1/24") for line in lines))
    assert own.one("ethernet1", udp("10.1.1.6", "10.20.1.5")).proto == 50
    (view,) = own.sessions()
    assert side(view.server.left)[0] == "10.10.1.1"
