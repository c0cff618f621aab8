"""`set ike …` and `set ike gateway …`: words that are kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    NumberType,
    Row,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
)
from nsemu.cli.settings.kept import Shelf, words
from nsemu.cli.types import IP

_NAME = TextType(64, quoted=True)

GATEWAY = Shelf("ike gateway", ("gateway", "gateway"))
GATEWAY_NODES = (
    GATEWAY.line(
        "xauth",
        "ask the peer for name and password",
        optional(
            choice(
                keyword(
                    "client",
                    "answer the peer's questions",
                    choice(
                        flag("any", "any method", "method", "any"),
                        flag("chap", "CHAP", "method", "chap"),
                        flag("securid", "SecurID", "method", "securid"),
                    ),
                    keyword("username", "name", argument("username", _NAME, "name")),
                    keyword("password", "password", argument("password", _NAME, "password")),
                ),
                keyword("bypass-auth", "settings only", binds=("bypass", True)),
                keyword(
                    "server",
                    "server that checks the users",
                    argument("server", _NAME, "server name"),
                    optional(
                        choice(
                            keyword("user", "one user", argument("user", _NAME, "user name")),
                            keyword("user-group", "users of a group", argument("group", _NAME, "group name")),
                        )
                    ),
                ),
                keyword("user", "one user of the local database", argument("user", _NAME, "user name")),
                keyword("user-group", "users of a local group", argument("group", _NAME, "group name")),
            )
        ),
        quoted=("username", "password"),
    ),
    GATEWAY.line(
        "modecfg",
        "Mode Config",
        choice(flag("server", "give settings", "role", "server"), flag("client", "take settings", "role", "client")),
    ),
    GATEWAY.line("local-address", "own address towards the peer", argument("local_address", IP, "IP address")),
    GATEWAY.line(
        "tos",
        "TOS of IKE packets",
        argument("tos", NumberType(0, 255), "value"),
    ),
)
IKE = Shelf("ike")
NODES = (
    keyword(
        "ikev2",
        "IKEv2",
        IKE.line(
            "ike-sa-soft-lifetime",
            "seconds before its end at which an IKE SA is renewed",
            argument("seconds", NumberType(0, 65535), "seconds"),
            name="ikev2 ike-sa-soft-lifetime",
            default=Row({"seconds": 60}),
        ),
    ),
    IKE.line("ikeid-enumeration", "refuse enumeration of IKE IDs", default=Row({}, unset=True)),
    IKE.line("dos-protection", "protection against floods of IKE", default=Row({}, unset=True)),
    IKE.line("accept-all-proposal", "accept any proposal of a peer"),
    IKE.line("single-ike-tunnel", "one tunnel for all SAs with a peer", key=(argument("peer", _NAME, "gateway"),)),
    IKE.line("policy-checking", "compare the policies of the peers", default=Row({})),
    IKE.line(
        "member-sa-hold-time",
        "minutes for which unused SAs are kept",
        argument("minutes", NumberType(1, 480), "minutes"),
    ),
    IKE.line("id-mode", "what the own IKE ID is", words("mode", {"ip": "address", "subnet": "network"})),
    keyword(
        "heartbeat",
        "IKE heartbeats of all gateways",
        choice(
            IKE.line(
                "hello",
                "seconds between heartbeats",
                argument("seconds", NumberType(1, 3600), "seconds"),
                name="heartbeat hello",
            ),
            IKE.line(
                "threshold",
                "lost heartbeats before a peer is down",
                argument("count", NumberType(1, 9999), "heartbeats"),
                name="heartbeat threshold",
            ),
        ),
    ),
    keyword(
        "cert",
        "certificates",
        IKE.line(
            "peer-ca",
            "CA of the peers",
            argument("authority", TextType(10, "[0-9]+|all", "CA ID"), "CA ID"),
            name="cert peer-ca",
        ),
    ),
)
_ACCESS = Shelf("ipsec access-session")
IPSEC_NODES = (
    keyword(
        "ipsec",
        "IPsec",
        keyword(
            "access-session",
            "sessions of IKE users",
            choice(
                _ACCESS.line("enable", "count them", default=Row({}, unset=True)),
                _ACCESS.line(
                    "maximum",
                    "most sessions",
                    argument("number", NumberType(0, 5_000_000), "sessions"),
                    default=Row({"number": 5000}),
                ),
                _ACCESS.line(
                    "upper-threshold",
                    "sessions at which an alarm begins",
                    argument("number", NumberType(0, 5_000_000), "sessions"),
                    default=Row({"number": 0}),
                ),
                _ACCESS.line(
                    "lower-threshold",
                    "sessions at which an alarm ends",
                    argument("number", NumberType(0, 5_000_000), "sessions"),
                    default=Row({"number": 0}),
                ),
                _ACCESS.line(
                    "dead-p2-sa-timeout",
                    "seconds for which dead SAs are kept",
                    argument("seconds", NumberType(0, 86400), "seconds"),
                    default=Row({"seconds": 0}),
                ),
                _ACCESS.line("log-error", "log errors", default=Row({}, unset=True)),
                _ACCESS.line("info-exch-connected", "report connected users", default=Row({}, unset=True)),
                _ACCESS.line("use-error-log", "log to the error log", default=Row({}, unset=True)),
            ),
        ),
    ),
)
IPSEC_ITEMS = _ACCESS.items
XAUTH = Shelf("xauth")
XAUTH_NODES = (
    keyword(
        "xauth",
        "XAuth",
        choice(
            XAUTH.line(
                "lifetime", "minutes for which an address is kept", argument("minutes", NumberType(1, 65535), "minutes")
            ),
            keyword(
                "default",
                "what clients are told",
                choice(
                    XAUTH.line(
                        "ippool",
                        "pool of addresses",
                        argument("pool", _NAME, "pool name"),
                        name="default ippool",
                        uses={"pool": "ippool"},
                    ),
                    *(
                        XAUTH.line(word, f"{text} server", argument("server", IP, "IP address"), name=f"default {word}")
                        for word, text in (
                            ("dns1", "first DNS"),
                            ("dns2", "second DNS"),
                            ("wins1", "first WINS"),
                            ("wins2", "second WINS"),
                        )
                    ),
                    keyword(
                        "auth",
                        "authentication",
                        XAUTH.line(
                            "server",
                            "server that checks the users",
                            argument("server", _NAME, "server name"),
                            name="default auth server",
                            uses={"server": "auth-server"},
                        ),
                    ),
                ),
            ),
        ),
    ),
)
