"""Gateways and addresses by domain name (Vol. 5, chapter 4, "Dynamic IKE Gateways Using FQDN"): B215, B216, B217."""

from __future__ import annotations

from pathlib import Path

import pytest
from scapy.layers.dns import DNS

from nsemu import LabError
from nsemu.wire.dns import DnsMessage, DnsQuestion, address_record
from support.labs import Wiretap, type_lines
from support.names import NAME, named_sites

LANS = ("10.1.1.0/24", "10.2.2.0/24")
UDP = 17


def test_a_gateway_by_name(tmp_path: Path) -> None:
    """B215: the device resolves the name and negotiates with the address; nothing of the LANs is in clear."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]})
    tap = Wiretap.on(lab, "tokyo:ethernet3", "paris:ethernet3")
    lab.run_for(1)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3
    assert "2.2.2.2" in lab["tokyo"].run("get sa active")
    assert tap.leaks(*LANS) == []
    query = next(packet for packet in tap.packets(UDP) if packet[22:24] == b"\0\x35")
    assert DNS(query[28:]).qd[0].qname == b"www.nspar.com."
    assert "www.nspar.com" in lab["tokyo"].run("get config")
    report = lab["tokyo"].run("get dns host cache")
    assert "www.nspar.com" in report
    assert "2.2.2.2" in report


def test_the_other_side_may_start(tmp_path: Path) -> None:
    """Paris knows Tokyo by its address; Tokyo knows the caller by the address that the name has."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]})
    lab.run_for(1)
    assert lab["paris-pc"].ping("10.1.1.5", count=4).received == 3


def test_the_name_gets_another_address(tmp_path: Path) -> None:
    """B216: after the record changes, negotiation is with the new address, and the old peer is heard no more."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]}, ttl=30)
    tap = Wiretap.on(lab, "tokyo:ethernet3", "osaka:ethernet3")
    lab.run_for(1)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3
    lab["ns"].run(f"dns set {NAME} 3.3.3.3")
    lab.run_for(35)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3
    text = lab["tokyo"].run("get sa active")
    assert "3.3.3.3" in text
    assert "2.2.2.2" not in text
    assert lab["osaka"].device.database.tunnels[1].active
    assert tap.leaks(*LANS) == []


def test_several_addresses(tmp_path: Path) -> None:
    """B217: the first address of several is used; when that is not the peer, negotiation fails."""
    lab = named_sites(tmp_path, {NAME: ["9.9.9.9", "2.2.2.2"]}, ttl=30)
    lab.run_for(1)
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=5).received == 0
    assert tap.leaks(*LANS) == []
    lab["ns"].run(f"dns set {NAME} 2.2.2.2 9.9.9.9")
    lab.run_for(35)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3


def test_no_server(tmp_path: Path) -> None:
    """E047: without a DNS server the name has no address: nothing is negotiated, and nothing leaves in clear."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]}, "set hostname tokyo")
    tap = Wiretap.on(lab, "tokyo:ethernet3")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=3).received == 0
    assert [packet for packet in tap.packets() if packet[9] != 1] == []
    assert tap.leaks(*LANS) == []
    type_lines(lab, "tokyo", "set dns host dns1 5.5.5.5")
    lab.run_for(1)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3
    type_lines(lab, "tokyo", "unset dns host dns1")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=1).received == 1


def test_the_second_server(tmp_path: Path) -> None:
    """A server that is not there is asked again, then the other one is; later lookups go on."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]}, "set dns host dns1 5.5.5.77", "set dns host dns2 5.5.5.5")
    lab.run_for(5)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3


def test_a_server_that_comes_late(tmp_path: Path) -> None:
    """Queries are repeated until there is an answer; an answer outlives the server."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]}, ttl=20)
    lab["ns"].run("service stop dns")
    lab.run_for(20)
    assert "failed" in lab["tokyo"].run("get dns host cache")
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 0
    lab["ns"].run("service start dns")
    lab.run_for(40)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3
    lab["ns"].run("service stop dns")
    lab.run_for(600)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=2).received == 2


def test_unknown_name(tmp_path: Path) -> None:
    """A name that does not exist is asked for again, not too often."""
    lab = named_sites(tmp_path, {"other.example": ["2.2.2.2"]})
    lab.run_for(61)
    assert "failed" in lab["tokyo"].run("get dns host report")
    assert int(lab["ns"].run("dns").split()[0]) <= 4
    lab["ns"].run(f"dns set {NAME} 2.2.2.2")
    type_lines(lab, "tokyo", "exec dns refresh")
    lab.run_for(1)
    assert "resolved" in lab["tokyo"].run("get dns host cache")


def test_a_name_without_dots(tmp_path: Path) -> None:
    """`set domain` completes it."""
    lab = named_sites(
        tmp_path, {NAME: ["2.2.2.2"]}, "set dns host dns1 5.5.5.5", "set domain nspar.com", peer="www"
    )  # fmt: skip
    lab.run_for(1)
    assert lab["tokyo-pc"].ping("10.2.2.5", count=4).received == 3


def test_an_address_book_entry_by_name(tmp_path: Path) -> None:
    """A policy follows the addresses of a name; sessions that it no longer permits end."""
    lab = named_sites(
        tmp_path, {NAME: ["2.2.2.2"], "web.example": ["5.5.5.5"]},
        "set dns host dns1 5.5.5.5", "unset policy id 1", "set address untrust web web.example",
        "set policy id 7 from trust to untrust any web any nat src permit", ttl=30,
    )  # fmt: skip
    lab.run_for(1)
    assert lab["tokyo-pc"].ping("5.5.5.5", count=2).received == 2
    assert lab["tokyo-pc"].ping("2.2.2.2", count=2).received == 0
    lab["ns"].run("dns set web.example 2.2.2.250 5.5.5.250")
    lab.run_for(35)
    assert lab["tokyo-pc"].ping("5.5.5.5", count=2).received == 0
    assert lab["tokyo-pc"].ping("5.5.5.250", count=2).received == 2
    assert lab["tokyo-pc"].ping("2.2.2.250", count=2).received == 2


def test_forged_answers(tmp_path: Path) -> None:
    """An answer from elsewhere, to another question or with another identifier changes nothing."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]})
    lab["ns"].run("service stop dns")
    lab.run_for(3)
    client = lab["tokyo"].device.dns
    entry = client.entries[NAME]
    assert entry.port
    handler = lab["tokyo"].device.state.udp_handlers[entry.port]
    answers = (address_record(NAME, 0x09090909, 60),)
    right = DnsMessage(entry.identifier, response=True, questions=(DnsQuestion(NAME),), answers=answers)
    forged = [
        (right.build(), 0x05050506),
        (DnsMessage(entry.identifier ^ 1, True, questions=right.questions, answers=answers).build(), 0x05050505),
        (DnsMessage(entry.identifier, True, questions=(DnsQuestion("a.b"),), answers=answers).build(), 0x05050505),
        (DnsMessage(entry.identifier, questions=right.questions, answers=answers).build(), 0x05050505),
        (b"\0" * 11, 0x05050505),
    ]
    for payload, source in forged:
        handler(payload, (source, 53), (0x01010101, entry.port), None)
        assert client.lookup(NAME) == ()
    handler(right.build(), (0x05050505, 53), (0x01010101, entry.port), None)
    assert client.lookup(NAME) == (0x09090909,)


def test_the_server_can_be_asked_and_changed(tmp_path: Path) -> None:
    """Commands of the host, and their refusals."""
    lab = named_sites(tmp_path, {NAME: ["2.2.2.2"]})
    lab["ns"].run("dns set Two.Example 1.2.3.4 5.6.7.8")
    lab["ns"].run("dns ttl 5")
    assert "two.example 1.2.3.4 5.6.7.8" in lab["ns"].run("dns")
    lab["ns"].run("dns remove two.example")
    assert "two.example" not in lab["ns"].run("dns")
    for wrong in ("dns set x", "dns set x 1.2.3", "dns ttl x", "dns what"):
        with pytest.raises(LabError):
            lab["ns"].run(wrong)
