"""`set admin …`: words that are kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Node,
    Row,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
)
from nsemu.cli.grammar.types import HostType
from nsemu.cli.settings.kept import Shelf, number, text, words
from nsemu.cli.settings.policy_more import AUTH_SERVER

_MINUTES = number("minutes", 0, 999, "minutes")
_PORT = number("port", 1, 65535, "port")
_MAILBOX = text("mailbox", "mailbox", 128)
ADMIN = Shelf("admin")
ADMIN_NODES: tuple[Node, ...] = (
    keyword(
        "auth",
        "authentication of administrators",
        choice(
            keyword("timeout", "idle minutes", when_set(_MINUTES), ADMIN.setting("admin auth timeout")),
            keyword(
                "web",
                "Web",
                ADMIN.line("timeout", "idle minutes", _MINUTES, name="auth web timeout", default=Row({"minutes": 10})),
            ),
            keyword(
                "dial-in",
                "modem",
                ADMIN.line(
                    "timeout", "idle minutes", _MINUTES, name="auth dial-in timeout", default=Row({"minutes": 3})
                ),
            ),
            ADMIN.line(
                "server",
                "server",
                argument("server", AUTH_SERVER, "server name"),
                name="auth server",
                uses={"server": "auth-server"},
                default=Row({"server": "Local"}),
                quoted=("server",),
            ),
            keyword(
                "banner",
                "texts",
                choice(
                    *(
                        keyword(
                            place,
                            where,
                            ADMIN.line(
                                "login",
                                "before the login",
                                text("text", "text", 127),
                                name=f"auth banner {place} login",
                            ),
                        )
                        for place, where in (("console", "at the console"), ("telnet", "at Telnet and SSH"))
                    ),
                    keyword(
                        "secondary",
                        "second text",
                        when_set(text("text", "text", 4000)),
                        ADMIN.setting("admin auth banner secondary"),
                    ),
                ),
            ),
            ADMIN.line(
                "remote",
                "remote administrators",
                words("what", {"primary": "first", "root": "as root"}),
                name="auth remote",
            ),
        ),
    ),
    ADMIN.line(
        "format", "line ends of files", words("format", {"dos": "CR LF", "unix": "LF"}), default=Row({"format": "dos"})
    ),
    ADMIN.line(
        "privilege",
        "privilege of remote administrators",
        words("privilege", {"read-write": "as the server says", "get-external": "from the server"}),
    ),
    ADMIN.line("port", "port of the Web", _PORT),
    keyword(
        "ssh",
        "Secure Shell",
        choice(
            ADMIN.line("port", "port", _PORT, name="ssh port"),
            keyword(
                "password",
                "passwords",
                choice(
                    sequence(
                        choice(
                            flag("enable", "allow them", "state", "enable"),
                            flag("disable", "keys only", "state", "disable"),
                        ),
                        optional(keyword("username", "of", text("user", "user name"))),
                        ADMIN.setting("admin ssh password"),
                    ),
                ),
            ),
        ),
    ),
    keyword("telnet", "Telnet", ADMIN.line("port", "port", _PORT, name="telnet port")),
    keyword("http", "Web", ADMIN.line("redirect", "redirect to SSL", name="http redirect")),
    keyword("hw-reset", "reset button", ADMIN.setting("admin hw-reset", default=Row({}))),
    keyword(
        "access",
        "logins",
        choice(
            ADMIN.line("attempts", "attempts", number("count", 1, 255, "attempts"), name="access attempts"),
            ADMIN.line(
                "lock-on-failure",
                "minutes locked",
                number("minutes", 1, 1440, "minutes"),
                name="access lock-on-failure",
            ),
        ),
    ),
    keyword(
        "root",
        "root administrator",
        keyword("access", "where", ADMIN.line("console", "console only", name="root access console")),
    ),
    ADMIN.line("device-id", "device ID", text("id", "ID")),
    keyword(
        "mail",
        "mail to administrators",
        choice(
            ADMIN.line("alert", "alarms by mail", name="mail alert"),
            ADMIN.line(
                "server-name",
                "mail server",
                argument("server", HostType(), "address or domain name"),
                name="mail server-name",
                quoted=("server",),
            ),
            ADMIN.line("mail-addr1", "first mailbox", _MAILBOX, name="mail mail-addr1"),
            ADMIN.line("mail-addr2", "second mailbox", _MAILBOX, name="mail mail-addr2"),
            ADMIN.line("traffic-log", "traffic logs by mail", name="mail traffic-log"),
        ),
    ),
)
