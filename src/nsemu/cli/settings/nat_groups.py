"""`set dip group …`, and the alarm of pools that are nearly used up, `set dip alarm-raise …`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from nsemu.cli.grammar import (
    Arguments,
    Node,
    NumberType,
    Row,
    Setting,
    argument,
    choice,
    keyword,
    optional,
    when_set,
)
from nsemu.cli.settings.checks import refuse_if_used
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.nat import FIRST_DIP_ID, LAST_DIP_ID
from nsemu.config.references import users_of_dip

LOWEST_RAISE: Final = 50
LOWEST_CLEAR: Final = 40
CLEAR_BELOW: Final = 10
"""Where nothing else is said, an alarm is cleared at so many percent less than it is raised at."""

_ID = NumberType(FIRST_DIP_ID, LAST_DIP_ID)


def _set_group(editor: Editor, arguments: Arguments) -> None:
    number = arguments["group"]
    if number in editor.dips:
        raise DuplicateError(f"dip {number} is a DIP pool")
    editor.dip_groups.put(number, editor.dip_groups.get(number, ()))


def _unset_group(editor: Editor, arguments: Arguments) -> None:
    number = arguments["group"]
    _require(editor, number)
    refuse_if_used(f"dip group {number}", users_of_dip(editor, number))
    editor.dip_groups.remove(number)


def _require(editor: Editor, number: int) -> tuple[int, ...]:
    if number not in editor.dip_groups:
        raise NotFoundError(f"dip group {number} does not exist")
    return editor.dip_groups[number]


def _group_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    return (Row({"group": number}) for number in config.dip_groups)


def _add(editor: Editor, arguments: Arguments) -> None:
    _set_group(editor, arguments)
    number, member = arguments["group"], arguments["member"]
    if member not in editor.dips:
        raise NotFoundError(f"dip {member} does not exist")
    members = editor.dip_groups[number]
    if member not in members:
        editor.dip_groups.put(number, (*members, member))


def _remove(editor: Editor, arguments: Arguments) -> None:
    number, member = arguments["group"], arguments["member"]
    members = _require(editor, number)
    if member not in members:
        raise NotFoundError(f"dip {member} is not in dip group {number}")
    left = tuple(one for one in members if one != member)
    if not left:
        refuse_if_used(f"the only member of dip group {number}", users_of_dip(editor, number))
    editor.dip_groups.put(number, left)


def _member_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    return (
        Row({"group": number, "member": member}) for number, members in config.dip_groups.items() for member in members
    )


def _set_alarm(editor: Editor, arguments: Arguments) -> None:
    high = arguments["raise"]
    low = arguments.get("clear", max(LOWEST_CLEAR, high - CLEAR_BELOW))
    if low >= high:
        raise ConfigError(f"alarm-clear {low} is not below alarm-raise {high}")
    editor.nat = replace(editor.nat, alarm_raise=high, alarm_clear=low)


def _unset_alarm(editor: Editor, _arguments: Arguments) -> None:
    editor.nat = replace(editor.nat, alarm_raise=0, alarm_clear=0)


def _alarm_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    if config.nat.alarm_raise:
        yield Row({"raise": config.nat.alarm_raise, "clear": config.nat.alarm_clear})


DIP_GROUP = Setting("dip group", _set_group, _unset_group, _group_rows)
DIP_GROUP_MEMBER = Setting("dip group member", _add, _remove, _member_rows)
DIP_ALARM = Setting("dip alarm-raise", _set_alarm, _unset_alarm, _alarm_rows)

NODES: tuple[Node, ...] = (
    keyword(
        "group",
        "several pools under one ID",
        argument(
            "group",
            _ID,
            "ID of the group",
            choice(
                DIP_GROUP,
                keyword("member", "a pool of the group", argument("member", _ID, "DIP ID", DIP_GROUP_MEMBER)),
            ),
        ),
    ),
    keyword(
        "alarm-raise",
        "alarm when so much of a pool is in use",
        when_set(
            argument("raise", NumberType(LOWEST_RAISE, 100), "percent"),
            optional(
                keyword("alarm-clear", "the alarm is over", argument("clear", NumberType(LOWEST_CLEAR, 100), "percent"))
            ),
        ),
        DIP_ALARM,
    ),
)
"""Alternatives behind `set dip`."""
