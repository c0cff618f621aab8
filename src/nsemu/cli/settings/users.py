"""`set user …`, `set user-group …`: the local database (Vol. 5, chapters 5 and 6). The words are in `users_words`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from nsemu.cli.grammar import Arguments, Row, Setting
from nsemu.cli.settings.checks import check_capacity, not_emulated, refuse_if_used, require
from nsemu.config.device import DeviceConfig
from nsemu.config.distinguished_name import check_name
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.ike import Identity, IdentityType
from nsemu.config.references import users_of_user, users_of_user_group
from nsemu.config.users import LOCAL, IkeIdKind, RemoteSettings, User, UserGroup, UserIkeId, UserType

MOST_GROUPS = 256
LARGEST_ID = 65535

_INFERRED = {
    IdentityType.IPV4: IkeIdKind.IP,
    IdentityType.FQDN: IkeIdKind.FQDN,
    IdentityType.U_FQDN: IkeIdKind.U_FQDN,
    IdentityType.ASN1_DN: IkeIdKind.WILDCARD,
}


def _find(editor: Editor, arguments: Arguments) -> User:
    """The user; one that is named for the first time is made. Raises CapacityError."""
    name = arguments["user"]
    if name in editor.users:
        return editor.users[name]
    check_capacity(editor.users, editor.platform.capacity.users, "users")
    user = User(name, _free([record.uid for record in editor.users.values()], "user"))
    editor.users.put(name, user)
    return user


def _free(taken: list[int], what: str) -> int:
    """The lowest ID that nobody has."""
    used = set(taken)
    number = next((number for number in range(1, LARGEST_ID + 1) if number not in used), None)
    if number is None:
        raise ConfigError(f"no free {what} ID up to {LARGEST_ID}")
    return number


def _remove(editor: Editor, arguments: Arguments) -> None:
    user = require(editor.users, arguments["user"], "user")
    refuse_if_used(f"user {user.name}", users_of_user(editor, user.name))
    editor.users.remove(user.name)


# --- what a user has


def _set_uid(editor: Editor, arguments: Arguments) -> None:
    user, uid = _find(editor, arguments), arguments["uid"]
    taken = next((other for other in editor.users.values() if other.uid == uid and other.name != user.name), None)
    if taken is not None:
        raise DuplicateError(f"user ID {uid} is taken by user {taken.name}")
    editor.users.put(user.name, replace(user, uid=uid))


def _uid_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    yield Row({**scope, "uid": config.users[scope["user"]].uid})


def _set_password(editor: Editor, arguments: Arguments) -> None:
    user = _find(editor, arguments)
    # Vol. 5, chapter 6, NOTE: a password makes the user an auth user.
    types = user.types if user.password else user.types | {UserType.AUTH}
    editor.users.put(user.name, replace(user, password=arguments["password"], types=types))


def _unset_password(editor: Editor, arguments: Arguments) -> None:
    user = require(editor.users, arguments["user"], "user")
    editor.users.put(user.name, replace(user, password="", types=user.types - {UserType.AUTH}))


def _password_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    password = config.users[scope["user"]].password
    if password:
        yield Row({**scope, "password": password})


def _types(arguments: Arguments) -> frozenset[UserType]:
    """The types that a line names."""
    return frozenset(item["type"] for item in arguments["types"])


def _written(types: frozenset[UserType]) -> tuple[Arguments, ...]:
    """The arguments that write some types, in the order of help."""
    return tuple({"type": kind} for kind in UserType if kind in types)


def _set_types(editor: Editor, arguments: Arguments) -> None:
    """The list is what the user is; those that follow from a password or an IKE ID stay (E059, E078)."""
    user = _find(editor, arguments)
    types = _types(arguments)
    if len(types) != len(arguments["types"]):
        raise DuplicateError(f"user {user.name}: a type is named twice")
    if user.ike_id is not None:
        types |= {UserType.IKE}
    if user.password and UserType.AUTH in user.types:
        types |= {UserType.AUTH}
    editor.users.put(user.name, replace(user, types=types))


def _unset_types(editor: Editor, arguments: Arguments) -> None:
    user = require(editor.users, arguments["user"], "user")
    gone = _types(arguments) if "types" in arguments else frozenset(UserType)
    editor.users.put(user.name, replace(user, types=user.types - gone))


def _type_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    """What the user is, then what it is not although its password and IKE ID would make it."""
    user = config.users[scope["user"]]
    implied = implied_types(user)
    if user.types:
        yield Row({**scope, "types": _written(user.types)})
    if implied - user.types:
        yield Row({**scope, "types": _written(implied - user.types)}, unset=True)


def implied_types(user: User) -> frozenset[UserType]:
    """What the password and the IKE ID of a user make it."""
    implied = {UserType.AUTH} if user.password else set()
    return frozenset(implied | ({UserType.IKE} if user.ike_id is not None else set()))


def _set_ike_id(editor: Editor, arguments: Arguments) -> None:
    user = _find(editor, arguments)
    text, kind = arguments["ike_id"], arguments.get("id_kind")
    # E074: without a type, the ID says which it is.
    kind = kind if kind is not None else _INFERRED[Identity.infer(text).type]
    if kind in {IkeIdKind.WILDCARD, IkeIdKind.CONTAINER}:
        check_name(kind, text)
    shared = UserIkeId(kind, text, arguments.get("share_limit", 1))
    editor.users.put(user.name, replace(user, ike_id=shared, types=user.types | {UserType.IKE}))
    for group in editor.user_groups.values():
        if user.name in group.members:
            _check_group_ids(editor, group)


def _unset_ike_id(editor: Editor, arguments: Arguments) -> None:
    user = require(editor.users, arguments["user"], "user")
    editor.users.put(user.name, replace(user, ike_id=None, types=user.types - {UserType.IKE}))


def _ike_id_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    ike_id = config.users[scope["user"]].ike_id
    if ike_id is not None:
        yield Row({**scope, "id_kind": ike_id.kind, "ike_id": ike_id.text, "share_limit": ike_id.share_limit})


def _put_enabled(editor: Editor, arguments: Arguments, *, on: bool) -> None:
    user = _find(editor, arguments) if on else require(editor.users, arguments["user"], "user")
    editor.users.put(user.name, replace(user, enabled=on))


def _enabled_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    yield Row(scope, unset=not config.users[scope["user"]].enabled)


def _set_remote(editor: Editor, arguments: Arguments) -> None:
    user = _find(editor, arguments)
    given = {field.name: arguments[field.name] for field in fields(RemoteSettings) if field.name in arguments}
    if not given:
        raise ConfigError(f"remote-settings of user {user.name} are empty (dns1, dns2, ipaddr, ippool, … expected)")
    if "pool" in given:
        require(editor.ippools, given["pool"], "ippool")
    editor.users.put(user.name, replace(user, remote=replace(user.remote, **given)))


def _unset_remote(editor: Editor, arguments: Arguments) -> None:
    user = require(editor.users, arguments["user"], "user")
    editor.users.put(user.name, replace(user, remote=RemoteSettings()))


def _remote_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    remote = config.users[scope["user"]].remote
    for field in fields(RemoteSettings):
        value = getattr(remote, field.name)
        if value not in {None, ""}:
            yield Row({**scope, field.name: value})


# --- groups


def _group(editor: Editor, arguments: Arguments) -> UserGroup:
    name = arguments["group"]
    if name in editor.user_groups:
        return editor.user_groups[name]
    check_capacity(editor.user_groups, MOST_GROUPS, "user groups")
    group = UserGroup(name, _free([record.id for record in editor.user_groups.values()], "user group"))
    editor.user_groups.put(name, group)
    return group


def _remove_group(editor: Editor, arguments: Arguments) -> None:
    group = require(editor.user_groups, arguments["group"], "user group")
    refuse_if_used(f"user group {group.name}", users_of_user_group(editor, group.name))
    editor.user_groups.remove(group.name)


def _set_group_id(editor: Editor, arguments: Arguments) -> None:
    group, number = _group(editor, arguments), arguments["id"]
    taken = [other.name for other in editor.user_groups.values() if other.id == number and other.name != group.name]
    if taken:
        raise DuplicateError(f"user group ID {number} is taken by user group {taken[0]}")
    editor.user_groups.put(group.name, replace(group, id=number))


def _group_id_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    yield Row({**scope, "id": config.user_groups[scope["group"]].id})


def _add_member(editor: Editor, arguments: Arguments) -> None:
    group = _group(editor, arguments)
    user = require(editor.users, arguments["user"], "user")
    if group.location != LOCAL:
        raise ConfigError(f"user group {group.name} is external and has no local members")
    if user.name not in group.members:
        editor.user_groups.put(group.name, replace(group, members=(*group.members, user.name)))
        _check_group_ids(editor, editor.user_groups[group.name])


def _check_group_ids(editor: Editor, group: UserGroup) -> None:
    """A group holds one group IKE ID user at most (B250). Raises ConfigError."""
    members = [editor.users[name] for name in group.members]
    shared = [user.name for user in members if user.ike_id is not None and user.ike_id.is_group]
    if len(shared) > 1:
        raise ConfigError(
            f"user group {group.name} has the group IKE ID user {shared[0]} and cannot have {shared[1]} too"
        )


def _remove_member(editor: Editor, arguments: Arguments) -> None:
    group = require(editor.user_groups, arguments["group"], "user group")
    if arguments["user"] not in group.members:
        raise NotFoundError(f"user {arguments['user']} is not in user group {group.name}")
    members = tuple(name for name in group.members if name != arguments["user"])
    editor.user_groups.put(group.name, replace(group, members=members))


def _member_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    for name in config.user_groups[scope["group"]].members:
        yield Row({**scope, "user": name})


def _set_location(editor: Editor, arguments: Arguments) -> None:
    group = _group(editor, arguments)
    if arguments["location"] != LOCAL and group.members:
        raise ConfigError(f"user group {group.name} has local members and cannot be external")
    editor.user_groups.put(group.name, replace(group, location=arguments["location"]))


def _unset_location(editor: Editor, arguments: Arguments) -> None:
    require(editor.user_groups, arguments["group"], "user group")
    _set_location(editor, {**arguments, "location": LOCAL})


def _location_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    location = config.user_groups[scope["group"]].location
    if location != LOCAL:
        yield Row({**scope, "location": location})


def _set_group_types(editor: Editor, arguments: Arguments) -> str:
    group = _group(editor, arguments)
    editor.user_groups.put(group.name, replace(group, types=_types(arguments)))
    return not_emulated("user-group type")


def _unset_group_types(editor: Editor, arguments: Arguments) -> None:
    group = require(editor.user_groups, arguments["group"], "user group")
    editor.user_groups.put(group.name, replace(group, types=frozenset()))


def _group_type_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    types = config.user_groups[scope["group"]].types
    if types:
        yield Row({**scope, "types": _written(types)})


def user_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a user."""
    return ({"user": name} for name in config.users)


def group_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a user group."""
    return ({"group": name} for name in config.user_groups)


USER = Setting("user", None, _remove)
USER_UID = Setting("user uid", _set_uid, None, _uid_rows)
USER_IKE_ID = Setting("user ike-id", _set_ike_id, _unset_ike_id, _ike_id_rows)
USER_PASSWORD = Setting("user password", _set_password, _unset_password, _password_rows)
USER_TYPE = Setting("user type", _set_types, _unset_types, _type_rows)
USER_REMOTE = Setting("user remote-settings", _set_remote, _unset_remote, _remote_rows, frozenset({"pool"}))
USER_ENABLE = Setting(
    "user enable",
    lambda editor, arguments: _put_enabled(editor, arguments, on=True),
    lambda editor, arguments: _put_enabled(editor, arguments, on=False),
    _enabled_rows,
)
GROUP = Setting("user-group", None, _remove_group)
GROUP_ID = Setting("user-group id", _set_group_id, None, _group_id_rows)
GROUP_LOCATION = Setting("user-group location", _set_location, _unset_location, _location_rows)
GROUP_TYPE = Setting(
    "user-group type",
    _set_group_types,
    _unset_group_types,
    _group_type_rows,
    without_effect=not_emulated("user-group type"),
)
GROUP_USER = Setting("user-group user", _add_member, _remove_member, _member_rows)
USER_ITEMS = (USER_UID, USER_IKE_ID, USER_PASSWORD, USER_TYPE, USER_REMOTE, USER_ENABLE)
GROUP_ITEMS = (GROUP_ID, GROUP_LOCATION, GROUP_TYPE, GROUP_USER)
