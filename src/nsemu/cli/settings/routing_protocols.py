"""BGP, OSPF and RIP: contexts and settings of a virtual router, kept without effect; and where its other words are.

`set vrouter trust-vr protocol bgp 99` is one line; inside `set vrouter trust-vr`, `set protocol bgp` enters a context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nsemu.cli.grammar import (
    Arguments,
    Body,
    Enter,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings import bgp, pbr, route_filter, vrouter_routing
from nsemu.cli.settings.bgp import PROTOCOLS
from nsemu.cli.settings.kept import Shelf, ip, number, text, words
from nsemu.cli.settings.layout import Item, block
from nsemu.cli.types import PREFIX
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.kept import KeptLine

_OF = ("virtual router", "vrouter")
VROUTER_SHELF = Shelf("vrouter", _OF)
_ROUTER_ID = VROUTER_SHELF.line("router-id", "ID in routing protocols", ip("router_id", "router ID"))
VROUTER_NODES: tuple[Node, ...] = (
    _ROUTER_ID,
    VROUTER_SHELF.line("max-routes", "most routes", number("number", 1, 2**32 - 1, "routes")),
    VROUTER_SHELF.line("ignore-subnet-conflict", "allow interfaces with overlapping networks"),
    VROUTER_SHELF.line("nsrp-config-sync", "synchronise with the other cluster member"),
    VROUTER_SHELF.line("snmp", "traps", keyword("trap", "traps"), flag("private", "private traps", "private")),
    VROUTER_SHELF.line("adv-inact-interface", "announce networks of inactive interfaces", default=Row({}, unset=True)),
    *vrouter_routing.NODES,
    *route_filter.NODES,
    *pbr.NODES,
    keyword("access-list", "list of networks", choice(pbr.EXTENDED_NODE, route_filter.ACCESS_NODE)),
)


def _ospf(shelf: Shelf) -> tuple[Node, ...]:
    area = argument("area", TextType(15, r"[0-9.]+", "area ID"), "area ID")
    return (
        shelf.line("enable", "run OSPF"),
        keyword(
            "area",
            "an area",
            area,
            choice(
                sequence(
                    when_set(
                        optional(
                            choice(
                                flag("stub", "stub area", "kind", "stub"),
                                flag("nssa", "not so stubby area", "kind", "nssa"),
                            )
                        )
                    ),
                    shelf.setting("ospf area", ("area",)),
                ),
                keyword(
                    "range",
                    "announce networks as one",
                    argument("network", PREFIX, "network"),
                    when_set(words("mode", {"advertise": "announce it", "no-advertise": "hide it"})),
                    shelf.setting("ospf area range", ("area", "network")),
                ),
            ),
        ),
        shelf.line(
            "redistribute",
            "announce routes",
            key=(
                keyword("route-map", "which", text("map", "route map", 31)),
                keyword("protocol", "routes of", PROTOCOLS),
            ),
        ),
        shelf.line(
            "advertise-default-route",
            "announce the default route",
            keyword("metric", "metric", number("metric", 1, 15, "metric")),
            keyword("metric-type", "metric type", number("kind", 1, 2, "type")),
        ),
        shelf.line("reject-default-route", "refuse default routes"),
        shelf.line("rfc-1583", "compatible with RFC 1583"),
        shelf.line("auto-vlink", "virtual links by themselves"),
        shelf.line(
            "summary-import",
            "summary of imported routes",
            key=(keyword("ip", "network", argument("network", PREFIX, "network")),),
        ),
    )


def _rip(shelf: Shelf) -> tuple[Node, ...]:
    return (
        shelf.line("enable", "run RIP"),
        shelf.line(
            "redistribute",
            "announce routes",
            key=(
                keyword("route-map", "which", text("map", "route map", 31)),
                keyword("protocol", "routes of", PROTOCOLS),
            ),
        ),
        shelf.line(
            "advertise-def-route",
            "announce the default route",
            optional(keyword("always", "even without one", binds=("always", True))),
        ),
        shelf.line("reject-default-route", "refuse default routes"),
        shelf.line("update-timer", "seconds between updates", number("seconds", 1, 3600, "seconds")),
    )


OSPF, RIP = Shelf("ospf", _OF, bgp.running("ospf")), Shelf("rip", _OF, bgp.running("rip"))
_INSIDE = {"bgp": bgp.WORDS, "ospf": _ospf(OSPF), "rip": _rip(RIP)}
_SHELVES = {"bgp": bgp.BGP, "ospf": OSPF, "rip": RIP}


# --- the protocols as such


def _start(protocol: str) -> Setting:
    """The line that makes an instance of a protocol, and the one that removes it with all that it holds."""
    shelf = Shelf(f"{protocol} instance", _OF)
    kept = shelf.setting(f"{protocol} instance")
    assert kept.set is not None

    def start(editor: Editor, arguments: Arguments) -> str | None:
        key = bgp.instance(protocol, arguments["vrouter"])
        if protocol == "bgp" and "as" not in arguments and key not in editor.kept:
            raise ConfigError(
                f"BGP of virtual router {arguments['vrouter']} has no AS number (protocol bgp NUMBER expected)"
            )
        if key in editor.kept and "as" not in arguments:
            return None
        assert kept.set is not None
        return kept.set(editor, {name: arguments[name] for name in ("vrouter", "as") if name in arguments})

    def stop(editor: Editor, arguments: Arguments) -> None:
        owner = ("virtual router", arguments["vrouter"])
        for key in list(editor.kept):
            if key.owner == owner and key.setting.split(" ")[0] == protocol:
                editor.kept.remove(key)

    return Setting(f"{protocol} instance", start, stop, kept.rows, without_effect=kept.without_effect)


def _enter(protocol: str) -> Enter:
    def check(editor: Editor, arguments: Arguments) -> Arguments:
        start = STARTS[protocol].set
        assert start is not None
        start(editor, arguments)
        return {"vrouter": arguments["vrouter"]}

    return Enter(f"protocol {protocol}", Body(lambda known: f"{known['vrouter']}/{protocol}", _INSIDE[protocol]), check)


STARTS = {name: _start(name) for name in _INSIDE}
ENTERS = {name: _enter(name) for name in _INSIDE}
_HELP = {"bgp": "Border Gateway Protocol", "ospf": "Open Shortest Path First", "rip": "Routing Information Protocol"}
_AS = optional(argument("as", NumberType(1, 65535), "AS number"))


def _protocols(*, context: bool) -> Node:
    """`protocol …`: at the top in one line, in the context of a virtual router as a context of its own."""
    choices = []
    for name, help_ in _HELP.items():
        own = (_AS,) if name == "bgp" else ()
        first = when_set(*own, ENTERS[name] if context else STARTS[name])
        choices.append(keyword(name, help_, choice(first, when_unset(STARTS[name]), *_INSIDE[name])))
    return keyword("protocol", "routing protocol", choice(*choices))


ONE_LINE: tuple[Node, ...] = (_protocols(context=False), *VROUTER_NODES)
IN_CONTEXT: tuple[Node, ...] = (_protocols(context=True), *VROUTER_NODES)


def _scopes(protocol: str) -> Callable[[DeviceConfig, Arguments], Iterable[Arguments]]:
    def scopes(config: DeviceConfig, scope: Arguments) -> Iterable[Arguments]:
        line: KeptLine | None = config.kept.get(bgp.instance(protocol, scope["vrouter"]))
        return () if line is None else ({**scope, **dict(line.arguments)},)

    return scopes


ROUTING_ITEMS: tuple[Item, ...] = (*vrouter_routing.ITEMS, *route_filter.ITEMS, *pbr.ITEMS)
BLOCKS: tuple[Item, ...] = tuple(block(ENTERS[name], *_SHELVES[name].items, scopes=_scopes(name)) for name in _INSIDE)
"""In the block of a virtual router: one block for each protocol that it runs."""
