"""`auth` and `webauth` of a policy line: who may use the policy (Vol. 5, chapter 4; screenos-cli §7.2)."""

from __future__ import annotations

from typing import Any

from nsemu.cli.grammar import Arguments, Node, TextType, any_order, argument, choice, keyword, optional
from nsemu.cli.types import kept_reference
from nsemu.config.authentication import PolicyAuthentication
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.kept import owner_exists
from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.users import LOCAL, UserType

_SERVER = kept_reference("auth-server")
_NAME = TextType(31, quoted=True)
_USERS = choice(
    keyword("user", "one user", argument("auth_user", _NAME, "user name")),
    keyword("user-group", "users of a group", argument("auth_group", _NAME, "group name")),
)
WORDS: tuple[Node, ...] = (
    keyword(
        "auth",
        "users log in first",
        any_order(
            keyword("server", "server that checks them", argument("auth_server", _SERVER, "server name")),
            _USERS,
        ),
        binds=("auth", True),
    ),
    keyword("infranet-auth", "an Infranet Controller decides", binds=("infranet", True)),
    keyword("webauth", "users log in at a web page first", optional(_USERS), binds=("webauth", True)),
)


def read(arguments: Arguments) -> PolicyAuthentication | None:
    """What a policy line asks for."""
    if arguments.get("infranet"):
        return PolicyAuthentication(infranet=True)
    if not arguments.get("auth") and not arguments.get("webauth"):
        return None
    return PolicyAuthentication(
        bool(arguments.get("webauth")),
        arguments.get("auth_server"),
        arguments.get("auth_user"),
        arguments.get("auth_group"),
    )


def words_of(policy: Policy) -> dict[str, Any]:
    """The arguments that write it."""
    wanted = policy.authentication
    if wanted is None:
        return {}
    if wanted.infranet:
        return {"infranet": True}
    return {
        "webauth" if wanted.webauth else "auth": True,
        "auth_server": wanted.server,
        "auth_user": wanted.user,
        "auth_group": wanted.group,
    }


def check(editor: Editor, policy: Policy) -> None:
    """The action lets something through, and server, user and group exist. Raises ConfigError."""
    wanted = policy.authentication
    if wanted is None:
        return
    if policy.action not in {PolicyAction.PERMIT, PolicyAction.TUNNEL}:
        raise ConfigError(f"policy id {policy.id} says {policy.action.value}: auth needs permit or tunnel")
    named = (("auth-server", wanted.server), ("user", wanted.user), ("user group", wanted.group))
    for kind, name in named:
        if name is not None and not owner_exists(editor, (kind, name)):
            raise NotFoundError(f"{kind} {name} does not exist")
    user = editor.users[wanted.user] if wanted.user is not None else None
    if user is not None and UserType.AUTH not in user.types:
        raise ConfigError(f"user {user.name} is no auth user (set user {user.name} password …)")


def notes(editor: Editor, policy: Policy) -> list[str]:
    """What the console says of a policy that nobody can open."""
    wanted = policy.authentication
    if wanted is None:
        return []
    if wanted.infranet:
        return [f"Note: Infranet Controllers are not emulated: policy id {policy.id} admits nobody."]
    server = editor.auth.server_of(wanted)
    return [] if server == LOCAL else [closed(f"policy id {policy.id}", server)]


def closed(what: str, server: str) -> str:
    """The note about a server that is not the local database."""
    return f"Note: auth-server {server} is kept in the configuration but not emulated: {what} admits nobody."
