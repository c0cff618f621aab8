"""Random configurations: the device and a second opinion agree on every translation, and replies undo it exactly."""

from __future__ import annotations

import random
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.packet import Packet as ScapyPacket

from support.nat_box import BASE, NatBox, ends, error_about, ping, quoted_ends, reply_to, tcp, udp
from support.nat_model import Fate, Flow, build, packet

ROUNDS = 25
START = "\n".join(line for line in BASE.splitlines() if not line.startswith(("set policy", "set address")))


def made(flow: Flow) -> ScapyPacket:
    source, destination = str(flow.source), str(flow.destination)
    if flow.protocol == 1:
        return ping(source, destination, number=7, identifier=flow.sport)
    return (tcp if flow.protocol == 6 else udp)(source, destination, flow.sport, flow.dport)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_the_device_translates_as_the_second_opinion_says(seed: int) -> None:
    model, chance = build(seed), random.Random(seed)
    box = NatBox(*model.lines, base=START + "\n")
    for number in range(ROUNDS):
        flow = packet(model, chance, number)
        expected = model.fate(flow)
        story = f"seed {seed}\n" + "\n".join(model.lines) + f"\n{flow}\n{expected}"
        found = box.send(flow.interface, made(flow))
        if expected is None:
            assert found == [], story
            box.run(5)  # a next hop that does not answer is reported late
            continue
        if not found:
            assert may_be_exhausted(box, expected), story
            continue
        ((interface, sent),) = found
        source, sport, destination, dport = ends(sent)
        assert interface == expected.interface, story
        assert IPv4Address(source) in expected.sources, story
        assert destination == str(expected.destination), story
        assert flow.protocol == 1 or dport == expected.dport, story
        assert not expected.port_kept or sport == flow.sport, story
        back = box.one(expected.interface, reply_to(sent))
        undone = (str(flow.destination), flow.dport, str(flow.source), flow.sport)
        if flow.protocol == 1:
            undone = (str(flow.destination), flow.sport, str(flow.source), flow.sport)
        assert ends(back) == undone, story
        error = box.one(expected.interface, error_about(sent, "9.9.9.200", 11, 0))
        assert quoted_ends(error) == ends(made(flow)), story
        assert error.dst == str(flow.source), story
    box.accept("clear session all")
    assert all(pool.in_use == 0 for pool in box.device.state.pools.values())


def may_be_exhausted(box: NatBox, expected: Fate) -> bool:
    """A pool with fixed ports may have nothing left: then the drop is counted as such."""
    return len(expected.sources) >= 1 and expected.port_kept and box.counter("no dip") > 0
