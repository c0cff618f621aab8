"""Groups of redundant VPN gateways: who is negotiated, who carries, and where sessions go when a member falls."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.lab.host.host import Host
from nsemu.runtime.tcp.channel import Conversation
from nsemu.runtime.tcp.states import Endpoint
from nsemu.wire.address import parse_ipv4
from support.labs import Wiretap

FOLDER = Path(__file__).parent.parent.parent / "topologies"
DATA = "10.1.5.5"


def group_lab() -> Lab:
    lab = Lab.load(FOLDER / "redundant_gateways.yaml")
    assert lab.problems == []
    return lab


def carrying(lab: Lab) -> str:
    rows = [line.split() for line in lab["monitor1"].cli("get vpn-group").splitlines()]
    return next((row[1] for row in rows if row[-1:] == ["active"]), "")


def configure(lab: Lab, device: str, *lines: str) -> list[str]:
    return [lab[device].cli(line) for line in lines]


def test_the_first_packet_negotiates_with_every_member() -> None:
    """B031, B349: both have SAs; the one with the higher weight carries, the other nothing."""
    lab = group_lab()
    backup = Wiretap.on(lab, "target2:ethernet1")
    assert lab["corp-pc"].ping(DATA, count=4).received == 3
    assert [tunnel.active for tunnel in lab["monitor1"].device.database] == [True, True]
    assert carrying(lab) == "to_target1"
    assert backup.packets() == []


def test_members_that_carry_nothing_are_kept_up() -> None:
    """B349: also without heartbeats, beyond the lifetime of their SAs."""
    lab = group_lab()
    off = [f"unset ike gateway target{n} heartbeat {word}" for n in (1, 2) for word in ("hello", "reconnect")]
    configure(lab, "monitor1", *off)
    lab["corp-pc"].ping(DATA, count=3)
    lab.run_for(3 * 3600)
    assert [tunnel.active for tunnel in lab["monitor1"].device.database] == [True, True]


def test_weights_decide_whatever_the_order_of_the_lines() -> None:
    """B347: the highest weight is the active tunnel; a change of weights moves the traffic."""
    lab = group_lab()
    configure(lab, "monitor1", "unset vpn-group id 1 vpn to_target1", "set vpn-group id 1 vpn to_target1 weight 9")
    lab["corp-pc"].ping(DATA, count=3)
    assert carrying(lab) == "to_target1"
    configure(lab, "monitor1", "set vpn-group id 1 vpn to_target2 weight 200")
    primary = Wiretap.on(lab, "target1:ethernet1")
    assert lab["corp-pc"].ping(DATA, count=3).received == 3
    assert carrying(lab) == "to_target2"
    assert primary.packets() == []


def test_a_tcp_session_goes_on_through_the_next_member_and_returns() -> None:
    """B349, B353, B359, B360, B364: nobody connects again, and the session at Monitor1 is the same all the time."""
    lab = group_lab()
    lab["corp-pc"].ping(DATA, count=3)
    primary, backup = Wiretap.on(lab, "target1:ethernet1"), Wiretap.on(lab, "target2:ethernet1")
    link_up = "unset interface ethernet3 phy link-down"
    host = lab["corp-pc"].node
    assert isinstance(host, Host)
    socket = host.tcp.connect(Endpoint(parse_ipv4(DATA), 7), Conversation)
    lab.run_for(2)
    socket.send(b"before the fall")
    lab.run_for(2)
    assert any(b"before the fall" in frame for frame in primary.frames)
    (session,) = [found for found in lab["monitor1"].device.state.sessions if found.protocol == 6]

    configure(lab, "target1", "set interface ethernet3 phy link-down")
    lab.run_for(25)
    assert carrying(lab) == "to_target2"

    socket.send(b"through the other one")
    lab.run_for(0.05)
    (segment,) = [packet for packet in backup.packets(6) if b"through the other one" in packet]
    assert segment[20:22] == socket.local.port.to_bytes(2, "big")
    assert session in list(lab["monitor1"].device.state.sessions)
    assert session.forward.tunnel_out is not None
    assert session.forward.tunnel_out.vpn == "to_target2"

    configure(lab, "target1", link_up)
    lab.run_for(150)
    assert carrying(lab) == "to_target1"
    primary.frames.clear()
    backup.frames.clear()
    assert lab["corp-pc"].ping(DATA, count=3).received == 3
    assert backup.packets(1) == []


def test_without_redundancy_nothing_stands_in() -> None:
    """The counterpart: with one member the traffic ends with it."""
    lab = group_lab()
    configure(lab, "monitor1", "unset vpn-group id 1 vpn to_target2")
    assert lab["corp-pc"].ping(DATA, count=3).received == 2
    configure(lab, "target1", "set interface ethernet3 phy link-down")
    assert lab["corp-pc"].ping(DATA, count=40).received == 0


def test_a_member_that_is_down_is_tried_at_its_interval_alone() -> None:
    """B359: new sessions do not make Monitor1 try a dead member more often than every 60 seconds."""
    lab = group_lab()
    lab["corp-pc"].ping(DATA, count=3)
    configure(lab, "target1", "set interface ethernet3 phy link-down")
    lab.run_for(30)
    tries = Wiretap.on(lab, "monitor1:ethernet3")
    assert lab["corp-pc"].ping(DATA, count=25).received == 25
    towards = [packet for packet in tries.packets(17) if packet[16:20] == bytes([2, 2, 2, 1])]
    assert towards == []


def test_what_comes_out_of_any_member_is_let_in() -> None:
    """Each target may open sessions through its own tunnel, the carrying one or not."""
    lab = group_lab()
    lab["corp-pc"].ping(DATA, count=3)
    for node in ("data1", "data2"):
        assert lab[node].ping("10.10.1.5", count=3).received >= 2


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["set vpn-group id 1 vpn to_target2 weight 2"], "weight 2 of vpn-group 1 is taken by vpn to_target1"),
        (["set vpn-group id 1 vpn nothing weight 7"], "vpn nothing does not exist"),
        (
            ["set vpn to_target1 bind interface tunnel.1"],
            "vpn to_target1 is bound to interface tunnel.1 and cannot be in vpn-group 1",
        ),
        (["set vpn-group id 2 vpn bound"], "vpn bound is bound to interface tunnel.1 and cannot be in vpn-group 2"),
        (["set vpn-group id 2 vpn keyed"], "vpn keyed has manual keys and cannot be in vpn-group 2"),
        (["set vpn-group id 2 vpn roaming"], "vpn roaming leads to a dynamic peer and cannot be in vpn-group 2"),
        (["set vpn-group id 2 vpn client"], "vpn client is a dialup VPN and cannot be in vpn-group 2"),
        (["set vpn-group id 2 vpn short"], "vpn short is in transport mode and cannot be in vpn-group 2"),
        (
            ["set vpn-group id 1 vpn twin weight 7"],
            "vpn to_target1 and vpn twin of vpn-group 1 lead to the same 2.2.2.1",
        ),
        (["unset vpn-group id 1"], "vpn-group 1 is in use by policy"),
        (["unset vpn to_target2"], "vpn to_target2 is in use by vpn-group 1"),
        (["unset vpn-group id 1 vpn bound"], "vpn bound is not in vpn-group 1"),
        (["set vpn-group id 2 vpn to_target1", "set vpn to_target1 gateway target2 sec-level basic"], "same 3.3.3.1"),
        (["set vpn-group id 1 vpn to_target1 weight 0"], "value 0 out of range"),
    ],
)
def test_what_a_group_does_not_take(lines: list[str], why: str) -> None:
    """B347, B348, B350, B352: at most four members of unique weight, to different static peers, policy-based."""
    lab = group_lab()
    configure(
        lab,
        "monitor1",
        "set interface tunnel.1 zone untrust",
        "set vpn bound gateway target2 sec-level basic",
        "set vpn bound bind interface tunnel.1",
        "set vpn twin gateway target1 sec-level basic",
        "set vpn short gateway target1 transport sec-level basic",
        "set vpn keyed manual 1000 2000 gateway 4.4.4.4 outgoing-interface ethernet3 esp des password x",
        "set user joe ike-id joe@example.com",
        "set ike gateway dial dialup joe aggressive outgoing-interface ethernet3 preshare k sec-level compatible",
        "set vpn client gateway dial sec-level basic",
        "set ike gateway away dynamic far@away.com aggressive outgoing-interface ethernet3 preshare k sec-level basic",
        "set vpn roaming gateway away sec-level basic",
    )
    before = lab["monitor1"].cli("get config")
    answer = configure(lab, "monitor1", *lines)[-1]
    assert why in answer, answer
    if len(lines) == 1:
        assert lab["monitor1"].cli("get config") == before


def test_four_members_and_no_fifth() -> None:
    """B347."""
    lab = group_lab()
    for number in range(3, 8):
        configure(
            lab,
            "monitor1",
            f"set ike gateway g{number} address 5.5.5.{number} outgoing-interface ethernet3 preshare k sec-level basic",
            f"set vpn v{number} gateway g{number} sec-level basic",
        )
    assert configure(lab, "monitor1", *(f"set vpn-group id 1 vpn v{n} weight {n}" for n in (3, 4))) == ["", ""]
    (answer,) = configure(lab, "monitor1", "set vpn-group id 1 vpn v5 weight 5")
    assert "vpn-group 1 has 4 members, the most there can be" in answer
