"""The DHCP server and the VLAN side of a device under any octets: nothing escapes, nothing is lent twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.wire.dhcp import DhcpMessage, DhcpOption, DhcpType
from nsemu.wire.ipv4 import Ipv4Packet
from nsemu.wire.udp import UdpDatagram
from support.box import Box

CONFIG = """\
set interface ethernet1 zone trust
set interface ethernet1 ip 10.1.1.1/24
set interface ethernet1.1 tag 40 zone dmz
set interface ethernet1.1 ip 10.40.0.1/24
set interface ethernet1 dhcp server service
set interface ethernet1 dhcp server ip 10.1.1.10 to 10.1.1.12
set interface ethernet1 dhcp server ip 10.1.1.12 mac 020000000003
"""
FIRST, LAST = 0x0A01010A, 0x0A01010C
kinds = st.sampled_from([int(kind) for kind in DhcpType])
addresses = st.integers(FIRST - 1, LAST + 1)
messages = st.tuples(kinds, st.integers(1, 4), addresses, st.booleans(), st.sampled_from([0.1, 1.0, 700.0]))


def frame(payload: bytes, number: int) -> bytes:
    datagram = UdpDatagram(68, 67, payload).build(0, 0xFFFFFFFF)
    packet = Ipv4Packet(0, 0xFFFFFFFF, 17, datagram).build()
    return b"\xff" * 6 + b"\x02\0\0\0\0" + bytes((number,)) + b"\x08\x00" + packet


@given(st.lists(messages, max_size=8))
@settings(deadline=None, max_examples=40)
def test_no_address_has_two_owners(sent: list[tuple[int, int, int, bool, float]]) -> None:
    """Whatever clients say in whatever order: a lease has one owner, and a reserved address its own."""
    box = Box(CONFIG)
    pool = box.device.services.dhcp.servers.servers["ethernet1"].pool
    for kind, number, address, named, seconds in sent:
        options: dict[int, bytes] = {
            DhcpOption.MESSAGE_TYPE: bytes((kind,)),
            DhcpOption.REQUESTED_ADDRESS: address.to_bytes(4, "big"),
        }
        if named:
            options[DhcpOption.SERVER_IDENTIFIER] = (0x0A010101).to_bytes(4, "big")
        mac = b"\x02\0\0\0\0" + bytes((number,))
        client = address if kind == DhcpType.RELEASE else 0
        message = DhcpMessage(1, number, mac, options, client, broadcast=True)
        box.device.receive("ethernet1", frame(message.build(), number))
        box.run(seconds)
        taken = pool.taken(box.scheduler.now)
        owners = [lease.hardware for lease in taken if lease.hardware]
        assert len(owners) == len(set(owners))
        assert all(FIRST <= lease.address <= LAST for lease in taken)
        assert all(lease.hardware[-1] == 3 for lease in taken if lease.address == LAST and lease.hardware)


@given(st.binary(max_size=330))
@settings(deadline=None, max_examples=60)
def test_any_octets_to_the_server(junk: bytes) -> None:
    box = Box(CONFIG)
    box.device.receive("ethernet1", frame(junk, 9))
    good = DhcpMessage(1, 9, b"\x02" * 6, {DhcpOption.MESSAGE_TYPE: b"\x01"}).build()
    box.device.receive("ethernet1", frame(good[: len(junk)], 9))
    box.run(1)


@given(st.integers(0, 65535), st.binary(max_size=80))
@settings(deadline=None, max_examples=80)
def test_any_tag(control: int, rest: bytes) -> None:
    """A tagged frame is its sub-interface's, the parent's (VLAN 0), or dropped and counted; none is both."""
    box = Box(CONFIG)
    parent, part = (box.device.interfaces.items[name] for name in ("ethernet1", "ethernet1.1"))
    data = parent.mac + b"\x02\0\0\0\0\x09" + b"\x81\x00" + control.to_bytes(2, "big") + rest
    box.device.receive("ethernet1", data)
    vlan = control & 0xFFF
    assert parent.counters.in_packets == 1
    assert part.counters.in_packets == (vlan == 40 and len(rest) >= 2)
    dropped = parent.counters.flow["drop vlan"] + part.counters.flow["drop vlan"]
    if len(rest) >= 2 and rest[:2] != b"\x81\x00":
        assert dropped == (vlan not in {0, 40})
