"""The words of `set user …` and `set user-group …`; what they do is in `users`."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Node,
    NumberType,
    Scope,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    repeat,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.grammar.nodes import Keyword
from nsemu.cli.grammar.types import ReferenceType
from nsemu.cli.settings import users
from nsemu.cli.settings.ippool import IPPOOL
from nsemu.cli.settings.kept import Shelf
from nsemu.cli.types import IP, exact
from nsemu.config.users import LOCAL, IkeIdKind, UserType

_TYPE_HELP = {
    UserType.AUTH: "authenticates at the firewall",
    UserType.IKE: "IKE user",
    UserType.L2TP: "L2TP user",
    UserType.XAUTH: "XAuth user",
}


def _users(scope: Scope) -> list[str]:
    return list(scope.config.users)


def _groups(scope: Scope) -> list[str]:
    return list(scope.config.user_groups)


USER = ReferenceType(exact, _users)
USER_GROUP = ReferenceType(exact, _groups)
_PASSWORD = TextType(64, quoted=True)
_TYPES = repeat("types", choice(*(flag(kind.value, text, "type", kind) for kind, text in _TYPE_HELP.items())), 4)
_SHARE = optional(
    keyword("share-limit", "peers that may use it at a time", argument("share_limit", NumberType(1, 10000), "peers"))
)
_DN = TextType(255, quoted=True)


def _id(word: str, help_: str, kind: IkeIdKind, what: str) -> Node:
    return keyword(word, help_, argument("ike_id", _DN, what), binds=("id_kind", kind))


_IKE_ID = keyword(
    "ike-id",
    "IKE ID of the user",
    when_set(
        choice(
            _id("u-fqdn", "mailbox", IkeIdKind.U_FQDN, "name@domain"),
            _id("fqdn", "domain name", IkeIdKind.FQDN, "domain name"),
            _id("ip", "IP address", IkeIdKind.IP, "IP address"),
            keyword(
                "asn1-dn",
                "subject of a certificate",
                choice(
                    _id("wildcard", "these elements in any order", IkeIdKind.WILDCARD, "elements"),
                    _id("container", "these elements in this order", IkeIdKind.CONTAINER, "elements"),
                ),
            ),
            argument("ike_id", _DN, "IKE ID"),
        ),
        _SHARE,
    ),
    users.USER_IKE_ID,
)
_REMOTE = keyword(
    "remote-settings",
    "what the client of the user is told",
    when_set(
        any_order(
            keyword("ipaddr", "IP address", argument("ip", IP, "IP address")),
            keyword("ippool", "pool of addresses", argument("pool", IPPOOL, "pool name")),
            keyword("dns1", "first DNS server", argument("dns1", IP, "IP address")),
            keyword("dns2", "second DNS server", argument("dns2", IP, "IP address")),
            keyword("wins1", "first WINS server", argument("wins1", IP, "IP address")),
            keyword("wins2", "second WINS server", argument("wins2", IP, "IP address")),
        )
    ),
    users.USER_REMOTE,
)

HASHED = Shelf("user", ("user", "user"))
"""A password of which only the hash is known: nobody can log in with it."""
_HASH = argument("hash", TextType(64, quoted=True), "hash")

NODES = (
    keyword(
        "user",
        "user of the local database",
        argument(
            "user",
            USER,
            "user name",
            choice(
                when_unset(users.USER),
                when_set(
                    keyword("uid", "user ID", argument("uid", NumberType(1, users.LARGEST_ID), "ID"), users.USER_UID)
                ),
                _IKE_ID,
                keyword(
                    "password", "password", when_set(argument("password", _PASSWORD, "password")), users.USER_PASSWORD
                ),
                HASHED.line("hash-password", "hash of a password", _HASH),
                keyword(
                    "type",
                    "what the user may be used for",
                    choice(sequence(_TYPES, users.USER_TYPE), when_unset(users.USER_TYPE)),
                ),
                _REMOTE,
                sequence(Keyword("enable", "the user may be used", printed='"enable"'), users.USER_ENABLE),
            ),
        ),
    ),
    keyword(
        "user-group",
        "group of users",
        argument(
            "group",
            USER_GROUP,
            "user group name",
            choice(
                when_unset(users.GROUP),
                when_set(
                    keyword("id", "group ID", argument("id", NumberType(1, users.LARGEST_ID), "ID"), users.GROUP_ID)
                ),
                keyword(
                    "location",
                    "where its users are kept",
                    when_set(
                        choice(
                            flag("local", "in the local database", "location", LOCAL, printed=LOCAL),
                            flag("external", "at an authentication server", "location", "External", printed="External"),
                        )
                    ),
                    users.GROUP_LOCATION,
                ),
                keyword("type", "what its users may be used for", when_set(_TYPES), users.GROUP_TYPE),
                keyword("user", "a member", argument("user", USER, "user name"), users.GROUP_USER),
            ),
        ),
    ),
)
