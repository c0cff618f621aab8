"""A peer whose address nobody knows: Paris knows Tokyo by an IKE ID alone (04-03, 04-04)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.runtime.drop import DropReason
from support.labs import (
    ESP,
    PARIS,
    TOKYO,
    UDP,
    Security,
    Wiretap,
    all_of,
    dropped,
    events,
    logged,
    swapped,
    two_sites,
    type_lines,
)

KEYED = Security(phase1="proposal pre-g2-3des-sha")


def dynamic_sites(folder: Path, style: str, identity: str = "pmason@abc.com", known: str = "pmason@abc.com") -> Lab:
    """Tokyo calls with an ID; Paris has no address for it."""
    return two_sites(
        folder,
        replace(TOKYO, style=style),
        replace(PARIS, style=style),
        KEYED,
        change=all_of(
            swapped("tokyo", "address 2.2.2.2 main", f"address 2.2.2.2 aggressive local-id {identity}"),
            swapped("paris", "address 1.1.1.1 main", f"dynamic {known} aggressive"),
        ),
    )


@pytest.mark.parametrize("style", ["route", "policy"])
def test_only_the_dynamic_peer_can_begin_then_both_can_send(tmp_path: Path, style: str) -> None:
    """B192, B199, B044, B178."""
    lab = dynamic_sites(tmp_path, style)
    tap = Wiretap.on(lab, TOKYO.wan_port, PARIS.wan_port)
    assert lab["paris-pc"].ping(TOKYO.pc, count=3).received == 0
    assert [packet for packet in tap.packets() if packet[9] == UDP] == []
    assert dropped(lab["paris"].device, DropReason.NO_SA) == 3
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    assert lab["paris-pc"].ping(TOKYO.pc, count=3).received == 3
    assert tap.leaks(TOKYO.lan, PARIS.lan) == []
    assert {packet[9] for packet in tap.packets()} == {ESP, UDP}
    assert logged(lab, "paris", "IKE 1.1.1.1 Phase 1: Responder starts AGGRESSIVE mode negotiations.")


def test_any_address_with_an_identity(tmp_path: Path) -> None:
    """The dynamic peer as devices also list it: `address 0.0.0.0 id NAME`."""
    lab = dynamic_sites(tmp_path, "route", known="other@abc.com")
    type_lines(
        lab, "paris",
        "set ike gateway to_peer address 0.0.0.0 id pmason@abc.com aggressive outgoing-interface ethernet3 "
        f"preshare {KEYED.key} {KEYED.phase1}",
    )  # fmt: skip
    assert lab["tokyo-pc"].ping(PARIS.pc, count=3).received == 2
    assert lab["paris-pc"].ping(TOKYO.pc, count=3).received == 3


def test_trace_names_what_is_missing(tmp_path: Path) -> None:
    """B192: the walk says why Paris cannot begin."""
    lab = dynamic_sites(tmp_path, "route")
    walk = lab.trace("paris-pc", TOKYO.pc)
    assert "only the dynamic peer can begin" in walk.text()


def test_another_identity_is_refused(tmp_path: Path) -> None:
    """04-03: Paris finds no gateway for it."""
    lab = dynamic_sites(tmp_path, "route", identity="someone@abc.com")
    assert lab["tokyo-pc"].ping(PARIS.pc, count=5).received == 0
    assert logged(lab, "paris", "an initial Phase 1 packet arrived from an unrecognized peer gateway")


def test_main_mode_of_an_unknown_address_is_refused(tmp_path: Path) -> None:
    """B132."""
    lab = two_sites(
        tmp_path, security=KEYED, change=swapped("paris", "address 1.1.1.1 main", "dynamic pmason@abc.com aggressive")
    )
    assert lab["tokyo-pc"].ping(PARIS.pc, count=2).received == 0
    assert logged(lab, "paris", "Cannot use a preshared key because the peer's gateway has a dynamic IP address")


@pytest.mark.parametrize("style", ["route", "policy"])
def test_the_address_may_change(tmp_path: Path, style: str) -> None:
    """Tokyo gets another address of its network: its next packet makes a new tunnel, and Paris answers there."""
    lab = dynamic_sites(tmp_path, style)
    assert lab["tokyo-pc"].ping(PARIS.pc, count=2).received == 1
    type_lines(lab, "tokyo", "set interface ethernet3 ip 1.1.1.77/24")
    assert lab["tokyo-pc"].ping(PARIS.pc, count=5).received >= 3, events(lab, "paris")
    assert lab["paris-pc"].ping(TOKYO.pc, count=2).received == 2
    (tunnel,) = lab["paris"].device.database
    assert "1.1.1.77" in lab["paris"].cli("get sa")
    assert {sa.parameters.peer for sa in tunnel.outbound_sas} == {tunnel.settings.peer}
    # A commit that has nothing to do with it leaves the tunnel alone.
    type_lines(lab, "paris", "set address Trust other 10.9.9.9/32")
    assert lab["paris-pc"].ping(TOKYO.pc, count=2).received == 2


GATEWAY = "set ike gateway {} address {} {} outgoing-interface ethernet3 preshare {} {}"


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_several_gateways_at_one_address(tmp_path: Path, order: str) -> None:
    """Peers behind one address are told apart by mode, and in Aggressive mode by their IKE ID; others are refused."""
    lab = two_sites(tmp_path, security=KEYED)
    peers = {"a": "main", "b": "aggressive {} b@x.example", "c": "aggressive {} c.example"}
    for name in order:
        words = peers[name].format("id")
        type_lines(lab, "paris", GATEWAY.format(f"to_{name}", "1.1.1.1", words, f"key-{name}", KEYED.phase1))
    type_lines(lab, "paris", "set vpn vpn gateway to_c sec-level compatible", "unset ike gateway to_peer")
    for name, words in peers.items():
        lab.run_for(60)
        mine = GATEWAY.format("to_peer", "2.2.2.2", words.format("local-id"), f"key-{name}", KEYED.phase1)
        type_lines(lab, "tokyo", mine)
        type_lines(lab, "paris", f"set vpn vpn gateway to_{name} sec-level compatible")
        assert lab["tokyo-pc"].ping(PARIS.pc, count=4).received == 3, name
        assert f"(to_{name}/" in lab["paris"].run("get ike cookies")
    type_lines(lab, "tokyo", GATEWAY.format("to_peer", "2.2.2.2", "aggressive local-id d@x", "key-b", KEYED.phase1))
    assert lab["tokyo-pc"].ping(PARIS.pc, count=4).received == 0
    assert logged(lab, "paris", "Received incorrect ID payload: U-FQDN d@x instead of")
