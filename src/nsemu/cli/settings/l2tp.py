"""`set l2tp …`: what the device is told as LNS (Vol. 5, chapter 6); `config.l2tp` reads it."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Row,
    any_order,
    argument,
    choice,
    keyword,
    optional,
    when_set,
    when_unset,
)
from nsemu.cli.settings.ippool import IPPOOL
from nsemu.cli.settings.kept import Shelf, ip, kept_object, number, text, words
from nsemu.cli.settings.policy_more import AUTH_SERVER, L2TP
from nsemu.cli.settings.transparent import check_route_mode
from nsemu.cli.types import INTERFACE
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError


def _check_tunnel(editor: Editor, arguments: Arguments) -> None:
    check_route_mode(editor, "l2tp")
    if arguments["l2tp"] == "default":
        raise ConfigError("l2tp default is no tunnel")


DEFAULT = Shelf("l2tp default", acting=True)
TUNNEL = Shelf("l2tp", ("l2tp", "l2tp"), acting=True)
_INTERFACE = keyword(
    "outgoing-interface", "interface towards the clients", argument("interface", INTERFACE, "interface name")
)
_SECRET = keyword("secret", "secret of the tunnel", text("secret", "secret"))
_KEEPALIVE = keyword("keepalive", "seconds between hellos, 0 for none", number("keepalive", 0, 3600, "seconds"))
_PEER = keyword("peer-ip", "address of the client", ip("peer"))
_HOST = keyword("host-name", "host name of the client", text("host", "host name"))
_TUNNEL = TUNNEL.setting("l2tp", uses={"interface": "interface"}, check=_check_tunnel, quoted=("interface",))
_PROFILE = tuple(
    (word, f"{help_} server")
    for word, help_ in (
        ("dns1", "first DNS"),
        ("dns2", "second DNS"),
        ("wins1", "first WINS"),
        ("wins2", "second WINS"),
    )
)
_PPP = words("ppp_auth", {"any": "CHAP, or PAP if the client wants", "chap": "CHAP", "pap": "PAP", "secure": "CHAP"})
_USERS = optional(
    choice(
        keyword("user", "one user", text("user", "user name")),
        keyword("user-group", "users of a group", text("group", "user group name")),
    )
)

NODES = (
    keyword(
        "l2tp",
        "L2TP",
        choice(
            keyword(
                "default",
                "settings for all tunnels",
                choice(
                    keyword(
                        "auth",
                        "who checks the users",
                        DEFAULT.line(
                            "server",
                            "server",
                            argument("server", AUTH_SERVER, "server name"),
                            optional(keyword("query-config", "ask the server for settings", binds=("query", True))),
                            name="auth server",
                            uses={"server": "auth-server"},
                            default=Row({"server": "Local"}),
                        ),
                    ),
                    DEFAULT.line(
                        "ippool", "pool of addresses", argument("pool", IPPOOL, "pool name"), uses={"pool": "ippool"}
                    ),
                    DEFAULT.line("ppp-auth", "authentication in PPP", _PPP, default=Row({"ppp_auth": "any"})),
                    *(DEFAULT.line(word, help_, ip("server")) for word, help_ in _PROFILE),
                    DEFAULT.line(
                        "radius-port",
                        "port of RADIUS",
                        number("port", 1024, 65535, "port"),
                        default=Row({"port": 1645}),
                        acting=False,
                    ),
                ),
            ),
            argument(
                "l2tp",
                L2TP,
                "L2TP tunnel name",
                choice(
                    when_unset(kept_object("l2tp", "l2tp")),
                    when_set(
                        optional(keyword("id", "tunnel ID", number("id", 1, 65535, "ID"))),
                        any_order(_PEER, _HOST, _INTERFACE, _SECRET, _KEEPALIVE),
                        _TUNNEL,
                    ),
                    keyword(
                        "auth",
                        "who checks the users",
                        TUNNEL.line(
                            "server",
                            "server",
                            argument("server", AUTH_SERVER, "server name"),
                            optional(keyword("query-config", "ask the server for settings", binds=("query", True))),
                            _USERS,
                            name="auth server",
                            uses={"server": "auth-server", "user": "user", "group": "user group"},
                        ),
                    ),
                    keyword(
                        "remote-setting",
                        "what the clients are told",
                        choice(
                            TUNNEL.line(
                                "ippool",
                                "pool of addresses",
                                argument("pool", IPPOOL, "pool name"),
                                name="remote-setting ippool",
                                uses={"pool": "ippool"},
                            ),
                            *(
                                TUNNEL.line(word, help_, ip("server"), name=f"remote-setting {word}")
                                for word, help_ in _PROFILE
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
)
ITEMS = (*DEFAULT.items, *TUNNEL.items)
