"""`set admin …`: the root administrator and the others. Passwords are kept as hashes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nsemu.cli.grammar import (
    Arguments,
    NameType,
    Row,
    Scope,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
)
from nsemu.cli.settings import admin_more, manager
from nsemu.cli.settings.admin_access import RESTRICT_NODE, check_password
from nsemu.cli.settings.checks import check_capacity, require
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import DuplicateError
from nsemu.config.password import is_password_hash, password_hash
from nsemu.config.system import DEFAULT_ADMIN, AdminUser

MOST_ADMINS = 20
_PASSWORD = TextType(31, quoted=True)
RESTORED = (
    'Password has been restored to default "netscreen". For security reasons, please change password immediately.'
)


def _admins(scope: Scope) -> list[str]:
    return list(scope.config.admins)


ADMIN_NAME_TYPE = NameType(existing=_admins)


def _hashed(user: str, password: str) -> str:
    return password if is_password_hash(password) else password_hash(user, password)


def _checked(editor: Editor, user: str, password: str) -> str:
    """The hash of a new password. Raises ConfigError when the password is too short."""
    if not is_password_hash(password):
        check_password(editor, password)
    return _hashed(user, password)


def _set_name(editor: Editor, arguments: Arguments) -> str | None:
    name = arguments["name"]
    if name in editor.admins:
        raise DuplicateError(f"administrator {name} already exists")
    if name == editor.system.admin_name:
        return None
    editor.system = replace(editor.system, admin_name=name, admin_password=_hashed(name, DEFAULT_ADMIN))
    return RESTORED


def _unset_name(editor: Editor, _arguments: Arguments) -> str | None:
    return _set_name(editor, {"name": DEFAULT_ADMIN})


def _name_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    yield Row({"name": config.system.admin_name})


def _set_password(editor: Editor, arguments: Arguments) -> None:
    system = editor.system
    editor.system = replace(system, admin_password=_checked(editor, system.admin_name, arguments["password"]))


def _unset_password(editor: Editor, _arguments: Arguments) -> None:
    system = editor.system
    editor.system = replace(system, admin_password=_hashed(system.admin_name, DEFAULT_ADMIN))


def _password_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    yield Row({"password": config.system.admin_password})


def _set_user(editor: Editor, arguments: Arguments) -> None:
    name = arguments["name"]
    if name == editor.system.admin_name:
        raise DuplicateError(f"administrator {name} already exists")
    old = editor.admins.get(name)
    if old is None:
        check_capacity(editor.admins, MOST_ADMINS, "administrators")
    privilege = arguments.get("privilege", old.privilege if old else "read-only")
    editor.admins.put(name, AdminUser(name, _checked(editor, name, arguments["password"]), privilege))


def _unset_user(editor: Editor, arguments: Arguments) -> None:
    require(editor.admins, arguments["name"], "administrator")
    editor.admins.remove(arguments["name"])


def _user_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for user in config.admins.values():
        yield Row({"name": user.name, "password": user.password, "privilege": user.privilege})


ADMIN_NAME = Setting("admin name", _set_name, _unset_name, _name_rows)
ADMIN_PASSWORD = Setting("admin password", _set_password, _unset_password, _password_rows)
ADMIN_USER = Setting("admin user", _set_user, _unset_user, _user_rows)

NODES = (
    keyword(
        "admin",
        "admin command",
        choice(
            keyword(
                "name", "name of the root administrator", when_set(argument("name", NameType(), "name")), ADMIN_NAME
            ),
            keyword(
                "password",
                "password of the root administrator",
                choice(
                    RESTRICT_NODE,
                    sequence(when_set(argument("password", _PASSWORD, "password")), ADMIN_PASSWORD),
                ),
            ),
            keyword(
                "user",
                "other administrators",
                argument("name", ADMIN_NAME_TYPE, "administrator name"),
                when_set(
                    keyword("password", "password", argument("password", _PASSWORD, "password")),
                    optional(
                        keyword(
                            "privilege",
                            "what the administrator may do",
                            choice(
                                flag("all", "read and change everything", "privilege", "all", printed='"all"'),
                                flag("read-only", "read only", "privilege", "read-only", printed='"read-only"'),
                            ),
                        )
                    ),
                ),
                ADMIN_USER,
            ),
            manager.NODE,
            *admin_more.ADMIN_NODES,
        ),
    ),
)
