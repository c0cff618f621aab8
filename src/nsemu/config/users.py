"""Users and user groups of the local database as the admin wrote them (`set user …`, `set user-group …`).

Vol. 5, chapters 5 and 6: IKE users, XAuth users, L2TP users, group IKE ID, shared IKE ID.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

LOCAL: str = "Local"
"""The name of the local database among the authentication servers."""


class UserType(Enum):
    """What a user may be used for; the value is the CLI word."""

    AUTH = "auth"
    IKE = "ike"
    L2TP = "l2tp"
    XAUTH = "xauth"


class IkeIdKind(Enum):
    """How the IKE ID of a user is compared; the value is the CLI word.

    WILDCARD takes any certificate subject that has the named elements, in any order; CONTAINER wants elements of one
    kind in the named order.
    """

    FQDN = "fqdn"
    U_FQDN = "u-fqdn"
    IP = "ip"
    WILDCARD = "wildcard"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class UserIkeId:
    """The IKE ID of a user. Up to `share_limit` peers may use it at a time; above 1 it is a group IKE ID."""

    kind: IkeIdKind
    text: str
    share_limit: int = 1

    @property
    def is_group(self) -> bool:
        """Whether it is a group IKE ID: several peers may use it, or it is but a part of their subjects."""
        return self.share_limit > 1 or self.kind in {IkeIdKind.WILDCARD, IkeIdKind.CONTAINER}


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """What a user's own L2TP or XAuth client is told. Addresses are ints; None and "" for the defaults."""

    ip: int | None = None
    pool: str = ""
    dns1: int | None = None
    dns2: int | None = None
    wins1: int | None = None
    wins2: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A user. `types` is what it may be used for; a password makes it an auth user, an IKE ID an IKE user."""

    name: str
    uid: int
    types: frozenset[UserType] = frozenset()
    password: str = field(default="", repr=False)
    ike_id: UserIkeId | None = None
    enabled: bool = True
    remote: RemoteSettings = RemoteSettings()


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A user group. `location` is "Local" or "External"; members are names of users."""

    name: str
    id: int
    members: tuple[str, ...] = ()
    location: str = LOCAL
    types: frozenset[UserType] = frozenset()
