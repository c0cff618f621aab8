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
)
from nsemu.cli.settings.kept import Shelf

_NAME = TextType(64, quoted=True)

GATEWAY = Shelf("ike gateway", ("gateway", "gateway"))
GATEWAY_NODES = (
    GATEWAY.line(
        "modecfg",
        "Mode Config",
        choice(flag("server", "give settings", "role", "server"), flag("client", "take settings", "role", "client")),
    ),
)
EDIPI_NODE = GATEWAY.line("do-edipi-auth", "the user is an EDIPI", name="xauth do-edipi-auth", default=Row({}))
"""Stands in `xauth`; configurations of 6.x take it back for each gateway with XAuth."""
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
