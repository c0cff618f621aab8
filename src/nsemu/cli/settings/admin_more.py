"""`set admin …`: words that are kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Node,
    Row,
    argument,
    choice,
    keyword,
    when_set,
)
from nsemu.cli.grammar.types import HostType
from nsemu.cli.settings.admin_access import (
    ACCESS_NODE,
    BANNER_NODE,
    FORMAT_NODE,
    ROOT_NODE,
    SSH_PASSWORD_WORDS,
    SSH_PASSWORDS,
    SSH_PORT_NODE,
    TELNET_NODE,
)
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
            BANNER_NODE,
            ADMIN.line(
                "remote",
                "remote administrators",
                words("what", {"primary": "first", "root": "as root"}),
                name="auth remote",
            ),
        ),
    ),
    FORMAT_NODE,
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
            SSH_PORT_NODE,
            keyword(
                "password",
                "passwords",
                SSH_PASSWORD_WORDS,
                choice(
                    SSH_PASSWORDS,
                    keyword(
                        "username",
                        "of one administrator",
                        text("user", "user name"),
                        ADMIN.setting("admin ssh password username", ("user",)),
                    ),
                ),
            ),
        ),
    ),
    TELNET_NODE,
    keyword("http", "Web", ADMIN.line("redirect", "redirect to SSL", name="http redirect")),
    keyword("hw-reset", "reset button", ADMIN.setting("admin hw-reset", default=Row({}))),
    ACCESS_NODE,
    ROOT_NODE,
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
