"""Groups of DIP pools, and the alarm of a pool that is nearly used up."""

from __future__ import annotations

import pytest

from support.nat_box import NatBox, ends, reply_to, udp

TARGET = "9.9.9.9"
POOLS = (
    "set interface ethernet3 dip 5 1.1.1.20 1.1.1.21 fix-port",
    "set interface ethernet3 dip 6 1.1.1.30 1.1.1.31 fix-port",
    "set interface ethernet2 dip 7 10.2.2.50 10.2.2.60",
)
GROUP = ("set dip group 9 member 7", "set dip group 9 member 5", "set dip group 9 member 6")
POLICY = "set policy id 1 from trust to untrust any any any nat src dip-id 9 permit"
INTO_DMZ = "set policy id 2 from trust to dmz any any any nat src dip-id 9 permit"


def box(*lines: str) -> NatBox:
    return NatBox(*POOLS, *GROUP, POLICY, *lines)


def test_the_member_of_the_way_out_serves() -> None:
    device = box(INTO_DMZ)
    assert device.one("ethernet1", udp("10.1.1.6", TARGET)).src == "1.1.1.20"
    assert device.one("ethernet1", udp("10.1.1.6", "10.2.2.9")).src == "10.2.2.50"


def test_the_next_member_serves_when_one_is_used_up_and_answers_find_back() -> None:
    device = box()
    sent = [device.one("ethernet1", udp(f"10.1.1.{host}", TARGET, sport=4000)) for host in range(11, 15)]
    assert [packet.src for packet in sent] == ["1.1.1.20", "1.1.1.21", "1.1.1.30", "1.1.1.31"]
    assert device.nothing("ethernet1", udp("10.1.1.15", TARGET, sport=4000))
    assert device.counter("no dip") == 1
    for host, packet in zip(range(11, 15), sent, strict=True):
        assert ends(device.one("ethernet3", reply_to(packet)))[2:] == (f"10.1.1.{host}", 4000)


def test_a_session_keeps_its_source_when_the_group_changes() -> None:
    device = box()
    assert device.one("ethernet1", udp("10.1.1.6", TARGET)).src == "1.1.1.20"
    device.accept("unset dip group 9 member 7", "set address trust more 10.1.9.0/24")
    assert device.one("ethernet1", udp("10.1.1.6", TARGET)).src == "1.1.1.20"
    device.accept("unset dip group 9 member 5")
    assert device.one("ethernet1", udp("10.1.1.7", TARGET)).src == "1.1.1.30"


def test_it_is_shown_and_printed() -> None:
    device = box("set dip alarm-raise 80")
    assert "DIP group 9: 7, 5, 6\n" in device.type("get dip")
    listing = device.type("get config | include dip").splitlines()
    assert "set dip alarm-raise 80 alarm-clear 70" in listing
    wanted = ["set dip group 9", *(f"set dip group 9 member {member}" for member in (7, 5, 6))]
    assert [line for line in listing if line.startswith("set dip group")] == wanted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("unset interface ethernet3 dip 5", "dip 5 is in use by dip group 9"),
        ("unset dip group 9", "dip group 9 is in use by policy 1"),
        ("unset dip group 8", "dip group 8 does not exist"),
        ("unset dip group 9 member 8", "dip 8 is not in dip group 9"),
        ("set dip group 9 member 8", "dip 8 does not exist"),
        ("set dip group 5", "dip 5 is a DIP pool"),
        ("set interface ethernet3 dip 9 1.1.1.70", "dip 9 is a DIP group"),
        ("set policy id 3 from trust to untrust any any ftp nat src dip-id 8 permit", "dip 8 does not exist"),
        ("set dip alarm-raise 70 alarm-clear 70", "alarm-clear 70 is not below alarm-raise 70"),
        ("set dip alarm-raise 49", "out of range"),
    ],
)
def test_what_is_refused(line: str, said: str) -> None:
    device = box()
    before = device.device.config
    assert said in device.type(line)
    assert device.console.refused
    assert device.device.config is before


def test_an_empty_group_serves_nobody() -> None:
    device = NatBox(*POOLS, "set dip group 9")
    assert "dip group 9 has no member" in device.type(POLICY)
    device.accept("set dip group 9 member 6", POLICY)
    assert "the only member of dip group 9 is in use by policy 1" in device.type("unset dip group 9 member 6")


def test_the_policy_must_lead_where_a_member_is() -> None:
    device = NatBox(*POOLS, "set dip group 9 member 7")
    assert "the policy leads to zone Untrust" in device.type(POLICY)
    device.accept("set dip group 9 member 5", POLICY)


def use(device: NatBox) -> list[str]:
    """The events about pools, oldest first."""
    events = reversed(list(device.device.event_log.newest_first()))
    return [f"{entry.type} {entry.text}" for entry in events if entry.type in {441, 442}]


def test_the_alarm_is_raised_once_and_cleared_once() -> None:
    device = NatBox("set interface ethernet3 dip 5 1.1.1.20 1.1.1.29 fix-port", "set dip alarm-raise 80 alarm-clear 60",
                    "set policy id 1 from trust to untrust any any any nat src dip-id 5 permit")  # fmt: skip
    for host in range(11, 18):
        device.one("ethernet1", udp(f"10.1.1.{host}", TARGET))
    assert use(device) == []
    for host in range(18, 21):
        device.one("ethernet1", udp(f"10.1.1.{host}", TARGET))
    assert use(device) == ["441 DIP pool 5 utilization 80% has reached the raise threshold 80%."]
    for host in range(11, 14):
        device.accept(f"clear session src-ip 10.1.1.{host}")
    assert len(use(device)) == 1
    device.accept("clear session src-ip 10.1.1.14")
    assert use(device)[1:] == ["442 DIP pool 5 utilization 60% is down to the clear threshold 60%."]
    device.accept("clear session src-ip 10.1.1.15")
    for host in (11, 12, 13):
        device.one("ethernet1", udp(f"10.1.1.{host}", TARGET))
    assert [text[:3] for text in use(device)] == ["441", "442", "441"]
    assert device.type("get alarm event").startswith("Total event entries = 3\n")


def test_a_pool_in_use_already_raises_when_the_threshold_is_set() -> None:
    device = NatBox("set interface ethernet3 dip 5 1.1.1.20 1.1.1.21 fix-port",
                    "set policy id 1 from trust to untrust any any any nat src dip-id 5 permit")  # fmt: skip
    device.one("ethernet1", udp("10.1.1.11", TARGET))
    device.accept("set dip alarm-raise 50 alarm-clear 40")
    assert use(device) == ["441 DIP pool 5 utilization 50% has reached the raise threshold 50%."]
    device.accept("unset dip alarm-raise", "clear session all")
    assert len(use(device)) == 1
