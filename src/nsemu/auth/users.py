"""Whether a user of the local database may log in for a policy (Vol. 5, "Policy-Based … Dynamic Peer"; B209, B210)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from hmac import compare_digest
from typing import Final, Protocol

from nsemu.config.authentication import PolicyAuthentication
from nsemu.config.users import LOCAL, User, UserGroup, UserType

LONGEST_NAME: Final = 31
LONGEST_PASSWORD: Final = 128


class UserTables(Protocol):
    """The local database."""

    @property
    def users(self) -> Mapping[str, User]: ...  # noqa: D102
    @property
    def user_groups(self) -> Mapping[str, UserGroup]: ...  # noqa: D102


class Refusal(Enum):
    """Why a login is refused; the value is for logs and traces. The user is never told."""

    LONG_NAME = "long username"
    LONG_PASSWORD = "long password"
    UNKNOWN = "unknown user"
    DISABLED = "user is disabled"
    NO_AUTH_USER = "no auth user"
    PASSWORD = "wrong password"
    NOT_ADMITTED = "the policy admits others only"
    SERVER = "the server cannot be asked"


def judge(
    tables: UserTables, wanted: PolicyAuthentication, server: str, credentials: tuple[str, str]
) -> Refusal | None:
    """Check (name, password) for a policy whose users `server` knows; None admits."""
    name, password = credentials
    if len(name) > LONGEST_NAME:
        return Refusal.LONG_NAME
    if len(password) > LONGEST_PASSWORD:
        return Refusal.LONG_PASSWORD
    if server != LOCAL:
        return Refusal.SERVER
    user = tables.users.get(name)
    if user is None:
        return Refusal.UNKNOWN
    if not user.password or not compare_digest(user.password.encode(), password.encode("utf-8", "replace")):
        return Refusal.PASSWORD
    return standing(tables, wanted, name)


def standing(tables: UserTables, wanted: PolicyAuthentication, name: str) -> Refusal | None:
    """Whether a user who has logged in is still one, and one that the policy admits."""
    user = tables.users.get(name)
    if user is None:
        return Refusal.UNKNOWN
    if not user.enabled:
        return Refusal.DISABLED
    if UserType.AUTH not in user.types:
        return Refusal.NO_AUTH_USER
    group = tables.user_groups.get(wanted.group) if wanted.group is not None else None
    admitted = (wanted.user is None or wanted.user == name) and (
        wanted.group is None or (group is not None and name in group.members)
    )
    return None if admitted else Refusal.NOT_ADMITTED
