"""The words inside `protocol bgp` of a virtual router, kept without effect (Vol. 5, chapter 7; screenos-cli §7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nsemu.cli.grammar import Arguments, Node, argument, choice, flag, keyword, optional, when_set
from nsemu.cli.settings.kept import Shelf, number, text, words
from nsemu.cli.types import INTERFACE, IP, PREFIX
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.kept import KeptKey


def running(protocol: str) -> Callable[[Editor, Arguments], None]:
    """The check that a virtual router runs a routing protocol. Raises ConfigError."""

    def check(editor: Editor, arguments: Arguments) -> None:
        vrouter = arguments["vrouter"]
        if instance(protocol, vrouter) not in editor.kept:
            raise ConfigError(
                f"virtual router {vrouter} does not run {protocol.upper()} "
                f"(set vrouter {vrouter} protocol {protocol} first)"
            )

    return check


def instance(protocol: str, vrouter: str) -> KeptKey:
    """Where it is kept that a virtual router runs a routing protocol."""
    return KeptKey(f"{protocol} instance", ("virtual router", vrouter))


BGP = Shelf("bgp", ("virtual router", "vrouter"), running("bgp"))
PROTOCOLS = words(
    "protocol",
    {name: f"{name} routes" for name in ("bgp", "connected", "discovered", "imported", "ospf", "rip", "static")},
)
"""Where redistributed routes come from."""
_NEIGHBOR = argument("neighbor", IP, "address of the neighbor")
_SECONDS = number("seconds", 0, 65535, "seconds")
_MAP = text("map", "route map", 31)
_INTERFACE = argument("interface", INTERFACE, "interface name")
_OUTGOING = choice(
    keyword("outgoing-interface", "interface towards it", _INTERFACE),
    keyword("outgoing", "interface towards it", keyword("interface", "interface", _INTERFACE), hidden=True),  # E117
)


def _of(word: str, help: str, *what: Node, **options: Any) -> Node:
    """A line about a neighbor."""
    setting = BGP.setting(f"bgp neighbor {word}", ("neighbor",), **options)
    return keyword(word, help, *((when_set(*what),) if what else ()), setting)


_ABOUT_NEIGHBOR = (
    _of(
        "remote-as", "its AS", number("as", 1, 65535, "AS number"), optional(_OUTGOING), uses={"interface": "interface"}
    ),
    _of("enable", "talk to it"),
    _of("md5-authentication", "key", text("key", "key")),
    _of("hold-time", "seconds without a message", _SECONDS),
    _of("keepalive", "seconds between messages", _SECONDS),
    _of("retry-time", "seconds between attempts", _SECONDS),
    _of("ebgp-multihop", "routers on the way", number("hops", 0, 255, "routers")),
    _of("send-community", "send communities"),
    _of("nhself-enable", "be the next hop"),
    _of("force-reconnect", "drop the connection"),
    _of("remove-private-as", "remove private AS numbers"),
    _of("weight", "weight of its routes", number("weight", 0, 65535, "weight")),
    keyword(
        "route-map",
        "which routes",
        when_set(_MAP),
        choice(
            keyword("in", "routes from it", BGP.setting("bgp neighbor route-map in", ("neighbor",))),
            keyword("out", "routes to it", BGP.setting("bgp neighbor route-map out", ("neighbor",))),
        ),
    ),
)
WORDS: tuple[Node, ...] = (
    BGP.line("enable", "run BGP"),
    keyword(
        "ipv4",
        "IPv4 routes",
        keyword(
            "neighbor",
            "a BGP peer",
            _NEIGHBOR,
            keyword("activate", "exchange them with it", BGP.setting("bgp ipv4 neighbor activate", ("neighbor",))),
        ),
    ),
    keyword("neighbor", "a BGP peer", _NEIGHBOR, choice(*_ABOUT_NEIGHBOR)),
    BGP.line(
        "network",
        "announce a network",
        optional(keyword("weight", "weight", number("weight", 0, 65535, "weight"))),
        optional(flag("no-check", "even without a route")),
        key=(argument("network", PREFIX, "network"),),
    ),
    BGP.line(
        "redistribute",
        "announce routes",
        key=(keyword("route-map", "which", _MAP), keyword("protocol", "routes of", PROTOCOLS)),
    ),
    BGP.line("advertise-def-route", "announce the default route", optional(flag("always", "even without one"))),
    BGP.line("hold-time", "seconds without a message", _SECONDS),
    BGP.line("keepalive", "seconds between messages", _SECONDS),
    BGP.line("synchronization", "wait for the interior protocol"),
    BGP.line("local-pref", "local preference", number("value", 0, 2**32 - 1, "value")),
    BGP.line("med", "multi-exit discriminator", number("value", 0, 2**32 - 1, "value")),
    BGP.line("always-compare-med", "compare MED of all AS"),
    BGP.line("reject-default-route", "refuse default routes"),
    BGP.line("flap-damping", "ignore routes that flap"),
    BGP.line("aggregate", "summaries", optional(argument("network", PREFIX, "network"))),
)
