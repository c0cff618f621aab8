"""`get user …`, `get user-group …` (screenos-cli §1.12; the layouts are unverified, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, NumberType, argument, choice, keyword
from nsemu.cli.grammar.types import ReferenceType
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import cut, lines, yes_no
from nsemu.cli.types import exact
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.config.users import IkeIdKind, User, UserGroup, UserType

_USERS_HEAD = (
    "Id     User name       Enable Type        ID-type   Identity        Belongs to groups",
    "-----  --------------- ------ ----------- --------- --------------- -----------------",
)
_GROUPS_HEAD = (
    "Id     Group name      Location Type        Members",
    "-----  --------------- -------- ----------- -------",
)
_ID_TYPES = {
    IkeIdKind.FQDN: "FQDN",
    IkeIdKind.U_FQDN: "U-FQDN",
    IkeIdKind.IP: "IP",
    IkeIdKind.WILDCARD: "ASN1-DN",
    IkeIdKind.CONTAINER: "ASN1-DN",
}
_ID = NumberType(1, 65535)
_USER = ReferenceType(exact, lambda scope: scope.config.users)
_GROUP = ReferenceType(exact, lambda scope: scope.config.user_groups)


def _users(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    return lines(f"Total users: {len(config.users)}", *_user_rows(config, config.users.values()))


def _user(context: Context, arguments: Arguments) -> str:
    config = context.device.config
    return lines(*_user_rows(config, [require(config.users, arguments["user"], "user")]))


def _user_by_id(context: Context, arguments: Arguments) -> str:
    config, number = context.device.config, arguments["id"]
    found = [user for user in config.users.values() if user.uid == number]
    if not found:
        raise NotFoundError(f"user ID {number} does not exist")
    return lines(*_user_rows(config, found))


def _user_rows(config: DeviceConfig, users: Iterable[User]) -> Iterator[str]:
    yield from _USERS_HEAD
    for user in users:
        groups = ", ".join(group.name for group in config.user_groups.values() if user.name in group.members)
        kind, identity = (_ID_TYPES[user.ike_id.kind], user.ike_id.text) if user.ike_id is not None else ("", "")
        cells = f"{cut(user.name, 15)} {yes_no(user.enabled):<6} {_types(user.types):<11} {kind:<9} {cut(identity, 15)}"
        yield f"{user.uid:>5}  {cells} {groups}".rstrip()


def _types(types: frozenset[UserType]) -> str:
    return " ".join(kind.value for kind in UserType if kind in types)


def _groups(context: Context, _arguments: Arguments) -> str:
    groups = context.device.config.user_groups
    return lines(f"Total user groups: {len(groups)}", *_group_rows(groups.values()))


def _group(context: Context, arguments: Arguments) -> str:
    groups = context.device.config.user_groups
    return lines(*_group_rows([require(groups, arguments["group"], "user group")]))


def _group_by_id(context: Context, arguments: Arguments) -> str:
    number = arguments["id"]
    found = [group for group in context.device.config.user_groups.values() if group.id == number]
    if not found:
        raise NotFoundError(f"user group ID {number} does not exist")
    return lines(*_group_rows(found))


def _at(context: Context, arguments: Arguments) -> str:
    groups = context.device.config.user_groups.values()
    return lines(*_group_rows([group for group in groups if group.location.lower() == arguments["location"]]))


def _group_rows(groups: Iterable[UserGroup]) -> Iterator[str]:
    yield from _GROUPS_HEAD
    for group in groups:
        cells = f"{cut(group.name, 15)} {group.location:<8} {_types(group.types):<11}"
        yield f"{group.id:>5}  {cells} {', '.join(group.members)}".rstrip()


USER = keyword(
    "user",
    "show users",
    choice(
        keyword("all", "all users", Command(_users)),
        keyword("id", "one user", argument("id", _ID, "user ID", Command(_user_by_id))),
        argument("user", _USER, "user name", Command(_user)),
    ),
)
USER_GROUP = keyword(
    "user-group",
    "show user groups",
    choice(
        keyword("all", "all groups", Command(_groups)),
        keyword("local", "groups of the local database", Command(_at), binds=("location", "local")),
        keyword("external", "groups of other servers", Command(_at), binds=("location", "external")),
        keyword("id", "one group", argument("id", _ID, "group ID", Command(_group_by_id))),
        argument("group", _GROUP, "user group name", Command(_group)),
    ),
)
