"""`set auth …`, `set auth-server …`, `set webauth …`: what is kept without effect, and the words.

What the device does with its own users is in `login`.
"""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Row,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    sequence,
    when_unset,
)
from nsemu.cli.grammar.types import HostType
from nsemu.cli.settings import login
from nsemu.cli.settings.kept import Shelf, kept_object, number, text, words
from nsemu.cli.settings.policy_more import AUTH_SERVER
from nsemu.cli.types import INTERFACE
from nsemu.config.editor import Editor
from nsemu.config.errors import DuplicateError

_HOST = argument("server", HostType(), "address or domain name")
SERVER = Shelf("auth-server", ("auth-server", "name"))
LATE = Shelf("auth-server", ("auth-server", "name"))
"""What names an interface: printed when the interfaces are there."""


def _free_id(editor: Editor, arguments: Arguments) -> None:
    for key, line in editor.kept.items():
        other = key.owner
        if key.setting != "auth-server id" or other is None or other[1] == arguments["name"]:
            continue
        if ("id", arguments["id"]) in line.arguments:
            raise DuplicateError(f"auth-server ID {arguments['id']} is taken by auth-server {other[1]}")


_RADIUS = choice(
    SERVER.line("port", "port", number("port", 1024, 65535, "port"), name="radius port"),
    SERVER.line("secret", "secret", text("secret", "secret"), name="radius secret"),
    SERVER.line("timeout", "seconds before repetition", number("seconds", 1, 180, "seconds"), name="radius timeout"),
    SERVER.line("retries", "repetitions", number("count", 1, 20, "repetitions"), name="radius retries"),
    SERVER.line("attribute", "attribute", text("attribute", "attribute"), name="radius attribute"),
    SERVER.line("compatibility", "compatibility", words("what", {"rfc-2138": "RFC 2138"}), name="radius compatibility"),
)
_LDAP = choice(
    SERVER.line("cn", "common name identifier", text("cn", "identifier"), name="ldap cn"),
    SERVER.line("dn", "distinguished name", text("dn", "name", 255), name="ldap dn"),
    SERVER.line("port", "port", number("port", 1, 65535, "port"), name="ldap port"),
    SERVER.line("server-name", "server", _HOST, name="ldap server-name"),
)
_TACACS = choice(
    SERVER.line("port", "port", number("port", 1, 65535, "port"), name="tacacs port"),
    SERVER.line("secret", "secret", text("secret", "secret"), name="tacacs secret"),
)
_SECURID = choice(
    SERVER.line("auth-port", "port", number("port", 1024, 65535, "port"), name="securid auth-port"),
    SERVER.line("duress", "duress mode", number("mode", 0, 1, "0 or 1"), name="securid duress"),
    SERVER.line("encr", "encryption", number("mode", 0, 1, "0 is SDI, 1 is DES"), name="securid encr"),
    SERVER.line("retries", "attempts", number("count", 1, 255, "attempts"), name="securid retries"),
    SERVER.line("timeout", "seconds", number("seconds", 1, 255, "seconds"), name="securid timeout"),
)
_ACCOUNTS = tuple(
    flag(word, help_, word.replace("-", "_"))
    for word, help_ in {
        "admin": "administrators",
        "auth": "users",
        "l2tp": "L2TP users",
        "xauth": "XAuth users",
        "802.1X": "802.1X users",
    }.items()
)
AUTH = Shelf("auth")


NODES = (
    keyword(
        "auth-server",
        "authentication server",
        argument(
            "name",
            AUTH_SERVER,
            "server name",
            choice(
                when_unset(kept_object("auth-server", "name")),
                SERVER.line("id", "server ID", number("id", 0, 65535, "ID"), check=_free_id),
                SERVER.line("server-name", "address or name of the server", _HOST, quoted=("server",)),
                SERVER.line("backup1", "first backup", _HOST),
                SERVER.line("backup2", "second backup", _HOST),
                SERVER.line("account-type", "whom it checks", any_order(*_ACCOUNTS)),
                SERVER.line(
                    "type",
                    "kind of server",
                    words("kind", {"ldap": "LDAP", "radius": "RADIUS", "securid": "SecurID", "tacacs": "TACACS+"}),
                ),
                *login.TIMEOUTS,
                LATE.line(
                    "src-interface",
                    "interface towards it",
                    argument("interface", INTERFACE, "interface name"),
                    uses={"interface": "interface"},
                    quoted=("interface",),
                ),
                SERVER.line(
                    "username",
                    "what becomes of names",
                    choice(
                        sequence(
                            keyword("separator", "separator", text("separator", "character", 1)),
                            keyword("number", "parts", number("parts", 1, 10, "parts")),
                        ),
                        keyword("domain", "domain", text("domain", "domain")),
                    ),
                ),
                SERVER.line(
                    "fail-over",
                    "back to the first server",
                    keyword("revert-interval", "after", number("seconds", 0, 86400, "seconds")),
                ),
                keyword("radius", "RADIUS", _RADIUS),
                keyword("ldap", "LDAP", _LDAP),
                keyword("tacacs", "TACACS+", _TACACS),
                keyword("securid", "SecurID", _SECURID),
            ),
        ),
    ),
    keyword(
        "auth",
        "authentication of users",
        choice(
            keyword(
                "default",
                "defaults",
                keyword(
                    "auth",
                    "users",
                    login.DEFAULT_SERVER_WORDS,
                ),
            ),
            keyword(
                "radius",
                "RADIUS",
                keyword(
                    "accounting",
                    "accounting",
                    choice(
                        AUTH.line(
                            "port",
                            "port",
                            number("port", 1024, 65535, "port"),
                            name="radius accounting port",
                            default=Row({"port": 1646}),
                        ),
                        AUTH.line(
                            "action",
                            "when it fails",
                            words("action", {"cleanup-session": "end the session"}),
                            name="radius accounting action",
                        ),
                    ),
                ),
            ),
            login.BANNER_WORDS,
        ),
    ),
    login.WEBAUTH_WORDS,
)
