"""`set alarm threshold session …`: from how many sessions on the event log says that the table fills up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import Arguments, Node, NumberType, Row, Setting, argument, choice, keyword, when_set
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor


def _threshold(word: str, field: str) -> Setting:
    def put(editor: Editor, value: int) -> None:
        fields: dict[str, Any] = {field: value}
        editor.system = replace(editor.system, **fields)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        value = getattr(config.system, field)
        if value:
            yield Row({"number": value})

    return Setting(
        f"alarm threshold session {word}",
        lambda editor, arguments: put(editor, arguments["number"]),
        lambda editor, _arguments: put(editor, 0),
        rows,
    )


COUNT = _threshold("count", "session_alarm")
PERCENT = _threshold("percent", "session_alarm_percent")
ITEMS = (COUNT, PERCENT)


def _node(word: str, help: str, numbers: NumberType, setting: Setting) -> Node:
    return keyword(word, help, when_set(argument("number", numbers, help)), setting)


NODE = keyword(
    "session",
    "sessions",
    choice(
        _node("count", "number of sessions", NumberType(1, 2**31 - 1), COUNT),
        _node("percent", "percent of the capacity", NumberType(1, 100), PERCENT),
    ),
)
