"""NAT traversal through whole devices, in the lab of the book's example: a branch behind the device of a hotel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nsemu import Lab
from nsemu.ike.parameters import NatVariant
from support.labs import ESP, UDP, Wiretap, events, type_lines

TOPOLOGY = Path(__file__).parents[2] / "topologies" / "nat_traversal.yaml"
SERVER, LAPTOP = "10.1.1.5", "10.5.5.5"
LANS = ("10.1.1.0/24", "10.5.5.0/24")


def up() -> Lab:
    """The lab with its tunnel."""
    lab = Lab.load(TOPOLOGY)
    assert lab["laptop"].ping(SERVER, count=3).received == 2, events(lab, "branch")
    return lab


def datagrams(tap: Wiretap) -> list[tuple[int, int, bytes]]:
    """Source port, destination port and payload of all UDP on a link."""
    found = []
    for packet in tap.packets(UDP):
        ports = int.from_bytes(packet[20:22], "big"), int.from_bytes(packet[22:24], "big")
        found.append((*ports, packet[28:]))
    return found


def test_esp_travels_in_udp_and_nothing_in_clear() -> None:
    """B307, B308: no protocol 50 on the way."""
    lab = up()
    tap = Wiretap.on(lab, "corporate:ethernet3", "branch:ethernet3")
    assert lab["server"].ping(LAPTOP, count=3, size=1200).received == 3
    assert lab["laptop"].ping(SERVER, count=3).received == 3
    assert tap.packets(ESP) == []
    assert tap.leaks(*LANS) == []
    assert {4500} <= {port for source, destination, _ in datagrams(tap) for port in (source, destination)}


def test_the_peer_is_followed_when_its_mapping_changes() -> None:
    """The hotel's device forgets its sessions: packets of the branch come from another port, answers go there."""
    lab = up()
    (tunnel,) = lab["corporate"].device.database
    before = tunnel.port
    type_lines(lab, "hotel", "clear session")
    assert lab["laptop"].ping(SERVER, count=4).received == 4, events(lab, "corporate")
    assert tunnel.port != before
    assert lab["server"].ping(LAPTOP, count=2).received == 2
    assert any("The peer behind NAT now sends from 2.2.2.2:" in text for text in events(lab, "corporate"))
    assert f":{tunnel.port}->" in lab["corporate"].cli("get ike cookies")


@pytest.mark.parametrize("on", [True, False])
def test_the_checksum_can_be_left_out(on: bool) -> None:
    """B309."""
    lab = Lab.load(TOPOLOGY)
    if not on:
        type_lines(lab, "branch", "unset ike gateway corporate nat-traversal udp-checksum")
    tap = Wiretap.on(lab, "branch:ethernet3")
    assert lab["laptop"].ping(SERVER, count=3).received == 2
    sums = {
        packet[26:28] != bytes(2)
        for packet in tap.packets(UDP)
        if packet[12:16] == bytes((2, 1, 1, 5)) and packet[28:32] != bytes(4) and packet[20:22] == b"\x11\x94"
    }
    assert sums == {on}


def test_the_side_behind_nat_begins_and_keeps_the_mapping_alive() -> None:
    """B310, B312: keepalives at the configured frequency, from the branch alone."""
    lab = Lab.load(TOPOLOGY)
    assert lab["server"].ping(LAPTOP, count=2).received == 0
    assert lab["laptop"].ping(SERVER, count=3).received == 2
    tap = Wiretap.on(lab, "corporate:ethernet3")
    lab.run_for(80)
    beats = datagrams(tap)
    assert [payload.rstrip(b"\0") for _, _, payload in beats] == [b"\xff"] * 10
    assert {destination for _, destination, _ in beats} == {4500}


def test_keys_are_renewed_through_nat() -> None:
    """B306: quick modes after the first go on at port 4500, from either side."""
    lab = up()
    for name in ("corporate", "branch"):
        device = lab[name].device
        (tunnel,) = device.database
        before = tunnel.last_outbound_spi
        device.ike.engine.rekey(tunnel.identifier, device.scheduler.now)
        device.ike.pump()
        lab.run_for(5)
        assert tunnel.last_outbound_spi != before
        assert lab["server"].ping(LAPTOP, count=2).received == 2
        assert lab["laptop"].ping(SERVER, count=2).received == 2


def test_draft_00_stays_on_port_500_with_a_marker_before_esp() -> None:
    """B302, E102: two ends that know the oldest draft alone; both ways, rekeys, and a mapping that changes."""
    lab = Lab.load(TOPOLOGY)
    for name in ("corporate", "branch"):
        engine = lab[name].device.ike.engine
        engine.settings = replace(engine.settings, nat_variants=(NatVariant.DRAFT_00,))
    tap = Wiretap.on(lab, "branch:ethernet3", "corporate:ethernet3")
    assert lab["laptop"].ping(SERVER, count=3).received == 2, events(lab, "branch")
    assert lab["server"].ping(LAPTOP, count=3, size=1200).received == 3
    found = datagrams(tap)
    assert all(500 in ports and 4500 not in ports for *ports, _ in found)
    marked = [payload for _, _, payload in found if payload[:8] == bytes(8)]
    assert len(marked) >= 10
    assert all(int.from_bytes(payload[8:12], "big") > 255 for payload in marked)
    assert tap.packets(ESP) == []
    assert tap.leaks(*LANS) == []
    type_lines(lab, "hotel", "clear session")
    assert lab["laptop"].ping(SERVER, count=4).received >= 3
    assert lab["server"].ping(LAPTOP, count=2).received == 2
