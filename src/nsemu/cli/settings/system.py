"""`set hostname`, `set domain`, `set clock timezone`, `set console …`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    keyword,
    when_set,
)
from nsemu.cli.grammar.types import ArgumentType
from nsemu.cli.settings import clock, management, system_more
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.system import SystemSettings

HOST_NAME = TextType(64, r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?", "letters, digits, dots and hyphens")
DOMAIN = TextType(255, r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", "domain name")
TIME_ZONE = NumberType(-12, 13)

_DEFAULTS = SystemSettings(hostname="")


def _system_setting(
    field: str,
    default: Callable[[Editor | DeviceConfig], Any],
    *,
    always: bool = False,
    note: Callable[[Any], str | None] | None = None,
) -> Setting:
    """A setting that is one field of the system settings; printed when it differs from its default, or always.

    `note` is what the console says of a value.
    """

    def put(editor: Editor, arguments: Arguments) -> str | None:
        editor.system = replace(editor.system, **{field: arguments[field]})
        return note(arguments[field]) if note is not None else None

    def reset(editor: Editor, _arguments: Arguments) -> None:
        editor.system = replace(editor.system, **{field: default(editor)})

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        value = getattr(config.system, field)
        if always or value != default(config):
            yield Row({field: value})

    return Setting(field.replace("_", " "), put, reset, rows)


def _constant(value: Any) -> Callable[[Editor | DeviceConfig], Any]:
    return lambda _config: value


def _value(name: str, type_: ArgumentType[Any], help_: str) -> Any:
    return when_set(argument(name, type_, help_))


HOSTNAME = _system_setting("hostname", lambda config: config.platform.name, always=True)
DOMAIN_NAME = _system_setting("domain", _constant(""))
CLOCK_ZONE = _system_setting("timezone", _constant(_DEFAULTS.timezone), always=True)
CONSOLE_PAGE = _system_setting("console_page", _constant(_DEFAULTS.console_page))
CONSOLE_TIMEOUT = _system_setting("console_timeout", _constant(_DEFAULTS.console_timeout))
TFTP_RETRY = _system_setting("tftp_retry", _constant(_DEFAULTS.tftp_retry))
TFTP_TIMEOUT = _system_setting("tftp_timeout", _constant(_DEFAULTS.tftp_timeout))

NODES = (
    keyword(
        "ip",
        "IP services",
        keyword(
            "tftp",
            "transfers of files",
            choice(
                keyword("retry", "attempts", _value("tftp_retry", NumberType(1, 65535), "attempts"), TFTP_RETRY),
                keyword("timeout", "wait", _value("tftp_timeout", NumberType(1, 3600), "seconds"), TFTP_TIMEOUT),
            ),
        ),
    ),
    keyword("hostname", "device hostname", _value("hostname", HOST_NAME, "hostname"), HOSTNAME),
    keyword("domain", "domain name", _value("domain", DOMAIN, "domain name"), DOMAIN_NAME),
    keyword(
        "clock",
        "set clock",
        choice(
            keyword("timezone", "hours east of UTC", _value("timezone", TIME_ZONE, "hours east of UTC"), CLOCK_ZONE),
            *management.CLOCK_NODES,
            clock.DST_NODE,
            clock.NODE,
        ),
    ),
    keyword(
        "console",
        "console parameters",
        choice(
            keyword(
                "page",
                "lines shown before the console pauses",
                _value("console_page", NumberType(0, 256), "lines, 0 for no pause"),
                CONSOLE_PAGE,
            ),
            keyword(
                "timeout",
                "idle minutes before the console closes",
                _value("console_timeout", NumberType(0, 9999), "minutes, 0 for never"),
                CONSOLE_TIMEOUT,
            ),
            *system_more.CONSOLE_NODES,
        ),
    ),
)
