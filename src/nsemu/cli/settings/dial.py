"""`set pppoe …` and `set modem …`: dialling in to a provider. Kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Node,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings.kept import Shelf, kept_object, number, text, words
from nsemu.cli.types import INTERFACE, kept_reference

_INTERFACE = argument("interface", INTERFACE, "interface name")
PPPOE = Shelf("pppoe", ("pppoe", "pppoe"))
MODEM = Shelf("modem")
_PPPOE = kept_reference("pppoe")
_PPPOE_NODE = keyword(
    "pppoe",
    "PPPoE",
    keyword(
        "name",
        "an instance",
        argument("pppoe", _PPPOE, "name"),
        choice(
            when_set(PPPOE.setting("pppoe name")),
            when_unset(kept_object("pppoe", "pppoe")),
            PPPOE.line(
                "username",
                "user name",
                text("user", "user name", 128),
                keyword("password", "password", text("password", "password", 128)),
            ),
            PPPOE.line("interface", "interface", _INTERFACE, uses={"interface": "interface"}),
            PPPOE.line("idle-interval", "idle minutes", number("minutes", 0, 10000, "minutes")),
            PPPOE.line("auto-connect", "seconds before another attempt", number("seconds", 0, 10000, "seconds")),
            PPPOE.line(
                "authentication", "authentication", words("method", {"any": "any", "chap": "CHAP", "pap": "PAP"})
            ),
            PPPOE.line("clear-on-disconnect", "clear on disconnect"),
            PPPOE.line("static-ip", "static address"),
            PPPOE.line("update-dhcpserver", "pass on what was learned"),
            PPPOE.line("netmask", "mask", argument("mask", TextType(15, "[0-9.]+", "mask"), "mask")),
            PPPOE.line("service", "service", text("service", "service")),
            PPPOE.line("ac", "access concentrator", text("ac", "name")),
            PPPOE.line(
                "ppp",
                "PPP",
                words("what", {"lcp-echo-retries": "lost echoes", "lcp-echo-timeout": "seconds"}),
                number("value", 1, 1000, "value"),
            ),
            PPPOE.line("default-route-metric", "metric of the default route", number("metric", 1, 65535, "metric")),
            PPPOE.line("enable", "use it"),
        ),
    ),
)
_MODEM_NODE = keyword(
    "modem",
    "modem",
    choice(
        MODEM.line("speed", "speed", number("speed", 9600, 115200, "bit/s")),
        MODEM.line("retry", "attempts", number("count", 0, 10, "attempts")),
        MODEM.line("interval", "seconds between attempts", number("seconds", 1, 60, "seconds")),
        MODEM.line("idle-time", "idle minutes", number("minutes", 0, 20, "minutes")),
        MODEM.line(
            "settings",
            "settings",
            choice(
                sequence(keyword("init-strings", "initial strings"), text("strings", "strings", 128)),
                flag("active", "use them", "active"),
            ),
            key=(text("name", "name"),),
        ),
        MODEM.line(
            "isp",
            "provider",
            choice(
                sequence(
                    keyword("account", "account"),
                    keyword("login", "login", text("login", "login")),
                    keyword("password", "password", text("password", "password")),
                ),
                keyword("primary", "number", keyword("number", "number", text("number", "number"))),
                keyword("priority", "order", number("priority", 1, 4, "order")),
            ),
            key=(text("name", "name"),),
        ),
    ),
)
NODES: tuple[Node, ...] = (_PPPOE_NODE, _MODEM_NODE)
