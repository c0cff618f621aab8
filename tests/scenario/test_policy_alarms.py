"""Rates and alarms of policies with `count`: by second, minute, hour and day; logs and what clears them."""

from __future__ import annotations

import re

import pytest

from nsemu.runtime.event_log import Level
from nsemu.sim.scheduler import SECOND
from support.box import Box, tcp, udp
from support.nat_box import BASE

WEB = "set address dmz web1 10.2.2.5/32\n"
TELNET = "set policy id 1 from untrust to dmz any web1 telnet deny count alarm 64 0\n"
ALL = "set policy id 5 from trust to untrust any any any permit count alarm {} {}\n"


def box(*lines: str) -> Box:
    return Box(BASE + "\n".join(lines) + "\n")


def send(device: Box, size: int, count: int = 1, port: int = 53) -> None:
    """Datagrams of 28 octets and `size` more, in no time."""
    for _ in range(count):
        device.receive("ethernet1", udp("10.1.1.5", "8.8.8.8", port, size=size), trace=False, seconds=0)


def to_second(device: Box, second: float) -> None:
    device.scheduler.run_until(int(second * SECOND))


def alarms(device: Box) -> list[str]:
    """The event log's traffic alarms, oldest first."""
    return [entry.text for entry in reversed(list(device.device.event_log.newest_first())) if entry.type in {1, 2}]


def rates(device: Box, unit: str, policy: int = 5) -> list[int]:
    """The newest interval first."""
    shown = device.type(f"get counter policy {policy} {unit}").splitlines()[2:]
    return [int(number) for line in shown for number in re.findall(r" +(\d+)", line.partition(":")[2])]


def test_one_refused_packet_raises_the_alarm_of_64_octets() -> None:
    """The example of KB4213: nobody has any business with Telnet there, and one packet is enough."""
    device = box(WEB, TELNET)
    to_second(device, 3.2)
    device.receive("ethernet3", tcp("9.9.9.9", "10.2.2.5", (4000, 23), 2), trace=False, seconds=0)
    assert alarms(device) == []
    to_second(device, 4)
    assert alarms(device) == ["Policy ID=1 Rate=64 bytes/sec exceeds threshold"]
    to_second(device, 30)
    assert len(alarms(device)) == 1


def test_a_threshold_is_of_one_second() -> None:
    device = box(ALL.format(1000, 0))
    to_second(device, 10.5)
    send(device, 426)  # a frame of 472 octets
    send(device, 426)
    to_second(device, 11.5)
    assert alarms(device) == []
    send(device, 426)
    to_second(device, 12)
    send(device, 426)
    send(device, 426)
    send(device, 426)
    to_second(device, 14)
    assert alarms(device) == ["Policy ID=5 Rate=1416 bytes/sec exceeds threshold"]
    assert rates(device, "second")[:6] == [0, 0, 1416, 472, 944, 0]


def test_a_threshold_is_of_one_minute_and_tells_once_a_minute() -> None:
    device = box(ALL.format(0, 2000))
    for second in (60, 70, 80, 90, 100, 110):
        to_second(device, second + 0.5)
        send(device, 426)
    to_second(device, 125)
    assert alarms(device) == ["Policy ID=5 Rate=2360 bytes/min exceeds threshold"]
    to_second(device, 130)
    send(device, 426, 5)
    to_second(device, 200)
    assert len(alarms(device)) == 2
    assert rates(device, "minute")[:4] == [0, 2360, 2832, 0]


def test_both_directions_count_and_no_other_policy_does() -> None:
    device = box(ALL.format(0, 0), "set policy id 6 from untrust to trust any any any permit")
    send(device, 10)
    device.run(0.1)
    answer = udp("8.8.8.8", "10.1.1.5", 4000, size=972)
    device.receive("ethernet3", answer[:20] + bytes((0, 53)) + answer[22:], trace=False)
    device.receive("ethernet3", udp("9.9.9.9", "10.1.1.5", 7, size=500), trace=False)
    assert rates(device, "second")[0] == 64 + 1018
    assert "does not count" in device.type("get counter policy 6 second")
    assert alarms(device) == []


@pytest.mark.parametrize(
    ("unit", "length", "most"), [("second", 1, 60), ("minute", 60, 60), ("hour", 3600, 24), ("day", 86400, 30)]
)
def test_intervals_move_along(unit: str, length: int, most: int) -> None:
    device = box(ALL.format(0, 0))
    start = most * length
    to_second(device, start + 0.1)
    send(device, 426, 2)
    for passed in (0, 1, most - 1):
        to_second(device, start + passed * length + 0.5)
        shown = rates(device, unit)
        assert len(shown) == most
        assert [at for at, octets in enumerate(shown) if octets] == [passed]
        assert shown[passed] == 944
    to_second(device, start + most * length + 0.5)
    assert not any(rates(device, unit))


def test_nothing_is_counted_twice_when_sessions_end() -> None:
    device = box(ALL.format(0, 0))
    for second in range(5):
        to_second(device, 10 + second + 0.3)
        send(device, 100, 3, port=1000 + second)
    device.type("clear session all")
    to_second(device, 50)
    assert sum(rates(device, "second")) == sum(rates(device, "hour")) == 15 * 146
    assert device.device.records._living == {}


def test_alarms_are_listed_and_cleared() -> None:
    device = box(WEB, TELNET, ALL.format(100, 0))
    to_second(device, 5.5)
    device.receive("ethernet3", tcp("9.9.9.9", "10.2.2.5", (4000, 23), 2), trace=False, seconds=0)
    send(device, 426)
    to_second(device, 7)
    assert device.type("get alarm traffic") == (
        "Total traffic alarms = 2\n"
        "Date       Time        PID From     To       Rate                     Threshold\n"
        "2008-05-01 10:00:05      5 Trust    Untrust  472 bytes/sec            100\n"
        "2008-05-01 10:00:05      1 Untrust  DMZ      64 bytes/sec             64\n"
    )
    assert "Total traffic alarms = 1" in device.type("get alarm traffic policy 1")
    assert "byte rate(sec/min) 100/0" in device.type("get policy id 5")
    device.type("clear alarm traffic policy 1")
    assert "472 bytes/sec" in device.type("get alarm traffic")
    device.type("clear alarm traffic")
    assert "Total traffic alarms = 0" in device.type("get alarm traffic")
    assert "policy 7 does not exist" in device.type("get alarm traffic policy 7")


def test_events_that_are_alarms() -> None:
    device = box(ALL.format(100, 0))
    device.device.log(513, Level.NOTIFICATION, "The logical state of interface x has changed to down.")
    send(device, 426)
    to_second(device, 2)
    shown = device.type("get alarm event")
    assert shown.startswith("Total event entries = 1\n")
    assert "system crit  00001 Policy ID=5 Rate=472 bytes/sec" in shown
    assert "00513" in device.type("get event")
    device.type("clear alarm event")
    assert device.type("get alarm event").startswith("Total event entries = 0\n")
    assert "00513" in device.type("get event")


def test_an_alarm_can_be_changed_while_sessions_live() -> None:
    device = box(ALL.format(0, 0))
    send(device, 426)
    to_second(device, 3)
    assert alarms(device) == []
    for line in ("set policy id 5", "set count alarm 400 0", "exit"):
        device.type(line)
    to_second(device, 3.5)
    send(device, 426)
    to_second(device, 5)
    assert alarms(device) == ["Policy ID=5 Rate=472 bytes/sec exceeds threshold"]


def test_log_of_beginning_and_end() -> None:
    device = box(
        "set policy id 5 from trust to untrust any any any permit log alert",
        "set policy id 5\nset log session-init\nexit",
    )
    send(device, 10)
    to_second(device, 100)
    reasons = [entry.reason for entry in device.device.traffic_log.entries]
    assert reasons == ["Creation", "Close - AGE OUT"]
    assert "log yes, log count 2, alert yes" in device.type("get policy id 5")
