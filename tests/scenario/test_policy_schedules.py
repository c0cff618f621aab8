"""Policies with a schedule: the virtual clock opens and closes them, with all that hangs on it."""

from __future__ import annotations

import pytest

from nsemu.runtime.drop import DropReason
from nsemu.sim.scheduler import SECOND
from support.box import Box, last_step, udp
from support.nat_box import BASE

MINUTE, HOUR, DAY = 60, 3600, 86400
# Every device's clock starts at 10:00 on 1 May 2008, a Thursday.
OFFICE = "set scheduler office recurrent thursday start 09:00 stop 12:00 start 13:00 stop 17:30\n"
WORK = "set policy id 1 from trust to untrust any any any permit schedule office log\n"
OUT = udp("10.1.1.5", "8.8.8.8", 53)


def box(*lines: str) -> Box:
    return Box(BASE + "\n".join(lines) + "\n")


def passes(device: Box, packet: bytes = OUT) -> bool:
    device.sent.clear()
    device.receive("ethernet1", packet, trace=False)
    return bool(device.packets("ethernet3"))


def at(device: Box, seconds: int) -> None:
    """Let time pass until so long after the start."""
    device.scheduler.run_until(seconds * SECOND)


def test_it_is_open_and_closed_to_the_second() -> None:
    device = box(OFFICE, WORK)
    told = []
    for hour, minute, second in [
        (10, 0, 1), (11, 59, 58), (12, 0, 0), (12, 59, 58), (13, 0, 0), (17, 29, 58), (17, 30, 0), (23, 0, 0),
    ]:  # fmt: skip
        at(device, (hour - 10) * HOUR + minute * MINUTE + second)
        told.append(passes(device, udp("10.1.1.5", "8.8.8.8", 1000 + hour * 60 + minute)))
    assert told == [True, True, False, False, True, True, False, False]


def test_it_comes_back_every_week_and_on_no_other_day() -> None:
    device = box(OFFICE, WORK)
    told = []
    for day in range(15):
        at(device, day * DAY + HOUR // 2)
        told.append(passes(device))
    assert [day for day, passed in enumerate(told) if passed] == [0, 7, 14]


def test_once() -> None:
    device = box("set scheduler trip once start 05/02/2008 08:00 stop 05/03/2008 20:00", WORK.replace("office", "trip"))
    told = []
    for hours in range(0, 72, 2):
        at(device, hours * HOUR + 1)
        told.append((hours, passes(device)))
    assert [hours for hours, passed in told if passed] == list(range(22, 58, 2))


def test_living_sessions_end_with_the_schedule() -> None:
    device = box(OFFICE, WORK, "set policy id 2 from trust to untrust any any http permit")
    assert passes(device)
    at(device, 2 * HOUR - 1)
    assert passes(device)
    assert len(device.device.state.sessions) == 1
    at(device, 2 * HOUR)
    assert len(device.device.state.sessions) == 0
    assert device.device.traffic_log.entries[-1].reason == "Close - AGE OUT"
    assert not passes(device)


def test_a_reply_does_not_pass_when_the_schedule_has_closed() -> None:
    device = box(OFFICE, WORK)
    at(device, 2 * HOUR - 1)
    assert passes(device)
    back = udp("8.8.8.8", "10.1.1.5", 4000)
    device.run(2)
    device.sent.clear()
    device.receive("ethernet3", back[:20] + back[22:24] + back[20:22] + back[24:], trace=False)
    assert device.packets("ethernet1") == []


def test_a_closed_denial_lets_the_next_policy_decide() -> None:
    device = box(
        OFFICE,
        "set policy id 1 from trust to untrust any any any deny schedule office",
        "set policy id 2 from trust to untrust any any any permit",
    )
    assert not passes(device)
    at(device, 2 * HOUR)
    assert passes(device)
    at(device, 3 * HOUR)  # the session of policy 2 is decided anew: policy 1 stands before it again
    assert not passes(device)


def test_set_clock_takes_effect_at_once() -> None:
    device = box(OFFICE, WORK)
    assert passes(device)
    device.type("set clock 05/01/2008 12:30")
    assert (len(device.device.state.sessions), passes(device)) == (0, False)
    device.type("set clock 05/01/2008 16:59:58")
    assert passes(device)
    at(device, 31 * MINUTE)
    assert not passes(device)


def test_the_time_zone_counts() -> None:
    device = box(OFFICE, WORK)
    device.type("set clock timezone 7")
    assert passes(device)  # 17:00
    at(device, 30 * MINUTE)
    assert not passes(device)
    device.type("set clock timezone -1")
    assert passes(device)  # 9:30
    device.type("set clock timezone -2")
    assert not passes(device)


def test_daylight_saving_time_counts_and_its_change_moves_the_schedule() -> None:
    """In the night of 2 to 3 May clocks go forward from 2:00 to 3:00; a slot from 3:30 comes an hour sooner."""
    device = box("set scheduler early recurrent saturday start 03:30 stop 05:00", WORK.replace("office", "early"))
    device.type("set clock dst recurring 1 6 5 02:00 1 0 11 02:00")
    night = 38 * HOUR  # midnight
    told = []
    for half in range(14):
        at(device, night + half * 30 * MINUTE + 1)
        told.append(passes(device))
    assert [half for half, passed in enumerate(told) if passed] == [5, 6, 7]  # 2:30 to 4:00 as clocks went before


def test_time_zone_and_summer_time_are_seen() -> None:
    device = box()
    device.type("set clock timezone 1")
    device.type("set clock dst recurring 5 0 3 02:00 5 0 10 03:00")
    assert "Date 05/01/2008 12:00:00, Daylight Saving Time enabled" in device.type("get clock")
    device.type("set clock 05/01/2008 07:30")
    assert "07:30:00" in device.type("get clock")
    device.type("set clock dst off")
    assert "Date 05/01/2008 06:30:00, Daylight Saving Time disabled" in device.type("get clock")


def test_debug_trace_and_listing_say_so() -> None:
    device = box(OFFICE, WORK)
    assert "Permit enabled -X-X-X" in device.type("get policy")
    at(device, 2 * HOUR)
    story = device.receive("ethernet1", OUT)
    assert last_step(story).reason is DropReason.DEFAULT_DENY  # type: ignore[attr-defined]
    (match,) = [step for step in story.hops[-1].steps if type(step).__name__ == "PolicyMatch"]
    assert match.losers == ((1, "", "scheduler office is closed"),)  # type: ignore[attr-defined]
    device.type("debug flow basic")
    device.receive("ethernet1", OUT, trace=False)
    assert "  policy 1 is passed over, scheduler office is closed\n" in device.type("get db stream")
    assert "Permit hidden  -X-X-X" in device.type("get policy")
    shown = device.type("get policy id 1")
    assert 'status "hidden"' in shown
    assert "scheduler office" in shown


def test_schedulers_are_listed() -> None:
    device = box(
        OFFICE, WORK, 'set scheduler trip once start 05/02/2008 08:00 stop 05/03/2008 20:00 comment "to Paris"'
    )
    assert device.type("get scheduler") == (
        "Total schedulers: 2\n"
        "\n"
        'Scheduler "office", type recurrent, active, used by policy 1\n'
        "  thursday   09:00-12:00, 13:00-17:30\n"
        "\n"
        'Scheduler "trip", type once, inactive, used by none\n'
        '  once       05/02/2008 08:00 - 05/03/2008 20:00  "to Paris"\n'
    )
    at(device, 2 * HOUR)
    assert device.type("get scheduler office").startswith('Scheduler "office", type recurrent, inactive, used by')
    assert "scheduler night does not exist" in device.type("get scheduler night")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("unset scheduler office", "scheduler office is in use by policy 1"),
        ("unset scheduler office recurrent thursday", "scheduler office is in use by policy 1"),
        ("unset scheduler office recurrent friday", "scheduler office has no friday"),
        ("unset scheduler night", "scheduler night does not exist"),
        ("set scheduler night recurrent monday start 18:00 stop 08:00", "scheduler night stops before it starts"),
        ("set scheduler night once start 05/02/2008 08:00 stop 05/02/2008 08:00", "scheduler night stops before"),
        ("set scheduler night recurrent monday start 24:00 stop 08:00", "invalid time 24:00"),
        ("set policy id 2 from trust to untrust any any ftp permit schedule night", "scheduler night does not exist"),
    ],
)
def test_what_is_refused(line: str, error: str) -> None:
    device = box(OFFICE, WORK)
    before = device.device.config
    assert error in device.type(line)
    assert device.console.refused
    assert device.device.config is before


def test_a_day_can_be_changed_and_taken_back_while_the_schedule_is_in_use() -> None:
    device = box(OFFICE, WORK)
    device.type("set scheduler office recurrent friday start 00:00 stop 23:59")
    device.type("set scheduler office recurrent thursday start 15:00 stop 16:00")
    assert not passes(device)
    at(device, 5 * HOUR)
    assert passes(device)
    device.type("unset scheduler office recurrent thursday")
    assert not passes(device)
    at(device, 14 * HOUR)
    assert passes(device)
    listing = device.type("get config | include scheduler")
    assert listing == 'set scheduler "office" recurrent friday start 00:00 stop 23:59\n'
    device.type("unset policy 1")
    device.type("unset scheduler office")
    assert "Total schedulers: 0" in device.type("get scheduler")


def test_a_restart_keeps_the_schedule() -> None:
    device = box(OFFICE, WORK)
    device.type("save")
    device.answers = ["y", "y"]
    device.type("reset")
    device.device.set_carrier("ethernet1", True)
    device.device.set_carrier("ethernet3", True)
    assert passes(device)
    at(device, 2 * HOUR + 1)
    assert not passes(device)
