"""`set nsrp …`: clusters. Kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Node,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
)
from nsemu.cli.settings.kept import Shelf, ip, number, text, words
from nsemu.cli.types import INTERFACE

_INTERFACE = argument("interface", INTERFACE, "interface name")
_SECONDS = number("seconds", 0, 2**31 - 1, "seconds")
_GROUP = number("group", 0, 63, "VSD group ID")
NSRP = Shelf("nsrp")
_NSRP_NODE = keyword(
    "nsrp",
    "cluster",
    choice(
        keyword(
            "cluster",
            "cluster",
            choice(
                NSRP.line("id", "cluster ID", number("id", 0, 127, "ID"), name="cluster id"),
                NSRP.line("name", "name of the cluster", text("name", "name"), name="cluster name"),
            ),
        ),
        NSRP.line("arp", "gratuitous ARP", number("count", 1, 20, "times")),
        keyword(
            "auth",
            "authentication",
            NSRP.line("password", "password", text("password", "password", 16), name="auth password"),
        ),
        keyword(
            "encrypt",
            "encryption",
            NSRP.line("password", "password", text("password", "password", 16), name="encrypt password"),
        ),
        keyword(
            "ha-link",
            "HA link",
            NSRP.line(
                "probe",
                "probes",
                optional(
                    keyword("interval", "interval", _SECONDS),
                    keyword("threshold", "threshold", number("threshold", 1, 255, "probes")),
                ),
                name="ha-link probe",
            ),
        ),
        NSRP.line("interface", "HA interface", _INTERFACE, uses={"interface": "interface"}),
        keyword("link-hold-time", "seconds", when_set(_SECONDS), NSRP.setting("nsrp link-hold-time")),
        keyword("link-up-on-backup", "links of the backup stay up", NSRP.setting("nsrp link-up-on-backup")),
        keyword(
            "secondary-path",
            "second path",
            when_set(_INTERFACE),
            NSRP.setting("nsrp secondary-path", uses={"interface": "interface"}),
        ),
        keyword("data-forwarding", "data forwarding", NSRP.setting("nsrp data-forwarding")),
        keyword(
            "config",
            "configuration",
            NSRP.line("sync", "synchronise it", optional(flag("auto", "by itself", "auto")), name="config sync"),
        ),
        keyword(
            "rto-mirror",
            "run-time objects",
            choice(
                NSRP.line("sync", "synchronise them", name="rto-mirror sync"),
                NSRP.line("hb-interval", "seconds", _SECONDS, name="rto-mirror hb-interval"),
                NSRP.line(
                    "hb-threshold", "heartbeats", number("count", 1, 255, "heartbeats"), name="rto-mirror hb-threshold"
                ),
                keyword(
                    "session",
                    "sessions",
                    choice(
                        *(
                            NSRP.line(word, help_, name=f"rto-mirror session {word}")
                            for word, help_ in (
                                ("non-vsi", "of interfaces without VSI"),
                                ("off", "no sessions"),
                                ("ping", "of pings"),
                                ("ageout-ack", "when they end"),
                                ("init-on-reachable-if", "reachable"),
                            )
                        )
                    ),
                ),
                NSRP.line("route", "routes", name="rto-mirror route"),
            ),
        ),
        keyword(
            "vsd-group",
            "VSD group",
            choice(
                keyword(
                    "id",
                    "group",
                    _GROUP,
                    choice(
                        NSRP.setting("nsrp vsd-group id", ("group",)),
                        *(
                            keyword(word, help_, *nodes, NSRP.setting(f"nsrp vsd-group id {word}", ("group",)))
                            for word, help_, nodes in (
                                ("priority", "priority", (when_set(number("priority", 1, 254, "priority")),)),
                                (
                                    "preempt",
                                    "take over when better",
                                    (
                                        when_set(
                                            optional(keyword("hold-down", "seconds", number("hold", 0, 600, "seconds")))
                                        ),
                                    ),
                                ),
                                ("mode", "mode", (when_set(words("mode", {"ineligible": "never the primary"})),)),
                            )
                        ),
                    ),
                ),
                NSRP.line(
                    "hb-interval",
                    "milliseconds between heartbeats",
                    number("ms", 200, 5000, "milliseconds"),
                    name="vsd-group hb-interval",
                ),
                NSRP.line(
                    "hb-threshold",
                    "lost heartbeats",
                    number("count", 3, 255, "heartbeats"),
                    name="vsd-group hb-threshold",
                ),
                NSRP.line(
                    "init-hold",
                    "heartbeats at start",
                    number("count", 5, 255, "heartbeats"),
                    name="vsd-group init-hold",
                ),
                NSRP.line("master-always-exist", "one is always the primary", name="vsd-group master-always-exist"),
            ),
        ),
        keyword(
            "monitor",
            "what is watched",
            choice(
                NSRP.line(
                    "interface",
                    "an interface",
                    optional(keyword("weight", "weight", number("weight", 1, 255, "weight"))),
                    key=(_INTERFACE,),
                    name="monitor interface",
                    uses={"interface": "interface"},
                ),
                NSRP.line(
                    "zone",
                    "a zone",
                    optional(keyword("weight", "weight", number("weight", 1, 255, "weight"))),
                    key=(text("zone", "zone name"),),
                    name="monitor zone",
                    uses={"zone": "zone"},
                ),
                NSRP.line("threshold", "weights", number("threshold", 1, 255, "weight"), name="monitor threshold"),
                keyword(
                    "track-ip",
                    "pings",
                    choice(
                        NSRP.setting("nsrp monitor track-ip"),
                        NSRP.line(
                            "threshold",
                            "weights",
                            number("threshold", 1, 255, "weight"),
                            name="monitor track-ip threshold",
                        ),
                        NSRP.line(
                            "ip",
                            "a host",
                            any_order(
                                keyword("interval", "seconds", number("interval", 1, 200, "seconds")),
                                keyword("interface", "through", _INTERFACE),
                                keyword("method", "method", words("method", {"ping": "ping", "arp": "ARP"})),
                                keyword("threshold", "lost answers", number("threshold", 1, 200, "answers")),
                                keyword("weight", "weight", number("weight", 1, 255, "weight")),
                            ),
                            key=(ip("target"),),
                            name="monitor track-ip ip",
                            uses={"interface": "interface"},
                        ),
                    ),
                ),
            ),
        ),
        NSRP.line("track-ip", "pings", optional(keyword("ip", "a host", ip("target")))),
    ),
)
NODES: tuple[Node, ...] = (_NSRP_NODE,)
