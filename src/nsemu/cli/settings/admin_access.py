"""`set admin …`: how administrators are let in: attempts, locks, banners, ports, the length of passwords, files.

`AdminAccess` (config/access.py) holds them, `cli.login` acts on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import (
    Arguments,
    ArgumentType,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    when_set,
)
from nsemu.cli.settings.checks import not_emulated
from nsemu.cli.settings.kept import LISTED, lists_defaults
from nsemu.config.access import FACTORY_ACCESS
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError

LONGEST_PASSWORD = 31
_PORT = NumberType(1, 65535)


def _put(editor: Editor, field: str, value: Any) -> None:
    editor.system = replace(editor.system, access=replace(editor.system.access, **{field: value}))


def _valued(name: str, field: str) -> Setting:
    """A setting that is one field, printed when it is not the factory's, or where releases list that."""
    default = getattr(FACTORY_ACCESS, field)

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        value = getattr(config.system.access, field)
        if value != default or (name in LISTED and lists_defaults(config)):
            yield Row({field: value})

    return Setting(
        name,
        lambda editor, arguments: _put(editor, field, arguments[field]),
        lambda editor, _arguments: _put(editor, field, default),
        rows,
    )


def _switched(name: str, field: str) -> Setting:
    """A setting without a value, which is off on a factory device."""

    def rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
        if getattr(config.system.access, field):
            yield Row({})

    return Setting(
        name,
        lambda editor, _arguments: _put(editor, field, True),
        lambda editor, _arguments: _put(editor, field, False),
        rows,
    )


def _without_effect(plain: Setting, note: str) -> Setting:
    """The same setting, which says that nothing comes of it."""

    def put(editor: Editor, arguments: Arguments) -> str:
        assert plain.set is not None
        plain.set(editor, arguments)
        return note

    return replace(plain, set=put, without_effect=note)


def _port_setting(name: str, field: str, other: str) -> Setting:
    """A port, which no other service of the device may have."""
    plain = _valued(name, field)

    def put(editor: Editor, arguments: Arguments) -> str | None:
        port = arguments[field]
        if port == getattr(editor.system.access, other) or port in _TAKEN:
            raise ConfigError(f"port {port} is used by another service of the device")
        assert plain.set is not None
        return plain.set(editor, arguments)

    return replace(plain, set=put)


_TAKEN = frozenset({80, 113, 443})
ATTEMPTS = _valued("admin access attempts", "attempts")
LOCK = _valued("admin access lock-on-failure", "lock_minutes")
FORMAT = _valued("admin format", "dos_files")
MINIMUM = _valued("admin password restrict length", "password_minimum")
ROOT_CONSOLE = _switched("admin root access console", "root_console_only")
TELNET_PORT = _port_setting("admin telnet port", "telnet_port", "ssh_port")
SSH_PORT = _port_setting("admin ssh port", "ssh_port", "telnet_port")
SSH_PASSWORDS = _valued("admin ssh password", "ssh_passwords")
_NO_LOGIN = not_emulated("admin auth banner console login")  # the console of a lab asks nobody for a name
CONSOLE_BANNER = _without_effect(_valued("admin auth banner console login", "console_banner"), _NO_LOGIN)
LOGIN_BANNER = _valued("admin auth banner telnet login", "login_banner")
SECOND_BANNER = _valued("admin auth banner secondary", "second_banner")
ITEMS = (
    MINIMUM,
    FORMAT,
    CONSOLE_BANNER,
    LOGIN_BANNER,
    SECOND_BANNER,
    ATTEMPTS,
    LOCK,
    ROOT_CONSOLE,
    TELNET_PORT,
    SSH_PORT,
    SSH_PASSWORDS,
)


def _value(word: str, help: str, name: str, type_: ArgumentType[Any], setting: Setting) -> Node:
    return keyword(word, help, when_set(argument(name, type_, help)), setting)


def check_password(editor: Editor, password: str) -> None:
    """Raises ConfigError for a password that is shorter than the administrator wants, or has characters apart."""
    least = editor.system.access.password_minimum
    if len(password) < least:
        raise ConfigError(f"password is too short (at least {least} characters expected)")


ACCESS_NODE = keyword(
    "access",
    "logins",
    choice(
        _value("attempts", "bad logins before the line is closed", "attempts", NumberType(1, 255), ATTEMPTS),
        _value("lock-on-failure", "minutes locked", "lock_minutes", NumberType(1, 1440), LOCK),
    ),
)
BANNER_NODE = keyword(
    "banner",
    "texts at the login",
    choice(
        keyword(
            "console",
            "at the console",
            _value("login", "before the login", "console_banner", TextType(4000, quoted=True), CONSOLE_BANNER),
        ),
        keyword(
            "telnet",
            "at Telnet and SSH",
            _value("login", "before the login", "login_banner", TextType(4000, quoted=True), LOGIN_BANNER),
        ),
        _value("secondary", "text that must be agreed to", "second_banner", TextType(4000, quoted=True), SECOND_BANNER),
    ),
)
FORMAT_NODE = keyword(
    "format",
    "line ends of files",
    when_set(choice(flag("dos", "CR LF", "dos_files", True), flag("unix", "LF", "dos_files", False))),
    FORMAT,
)
ROOT_NODE = keyword(
    "root",
    "root administrator",
    keyword("access", "where the root administrator may log in", keyword("console", "console only", ROOT_CONSOLE)),
)
TELNET_NODE = keyword("telnet", "Telnet", _value("port", "port of Telnet", "telnet_port", _PORT, TELNET_PORT))
SSH_PORT_NODE = _value("port", "port of Secure Shell", "ssh_port", _PORT, SSH_PORT)
RESTRICT_NODE = keyword(
    "restrict",
    "rules for passwords",
    _value("length", "fewest characters", "password_minimum", NumberType(1, LONGEST_PASSWORD), MINIMUM),
)
SSH_PASSWORD_WORDS = when_set(
    choice(
        flag("enable", "allow passwords", "ssh_passwords", True),
        flag("disable", "keys only", "ssh_passwords", False),
    )
)
