"""From the object that decided to the line of `get config` that says so.

The words come from the same declarations that print the configuration. What is a factory default has no line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from nsemu.cli.grammar.nodes import Arguments, Node, Setting
from nsemu.cli.grammar.printer import command_line
from nsemu.cli.settings import (
    LAYOUT,
    TREE,
    flow,
    interface,
    interface_link,
    l2tp,
    nat,
    pbr,
    policy,
    screen,
    transparent,
    vpn,
    vrouter,
    vrouter_routing,
    zone,
)
from nsemu.cli.settings.layout import Block, Each, Item
from nsemu.config.device import DeviceConfig
from nsemu.config.vrouter import RouteTableKind

Subject = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """A line, and the line that enters the context it stands in, "" at the top level."""

    text: str
    context: str = ""

    def __str__(self) -> str:
        return f"{self.context} / {self.text}" if self.context else self.text


Wanted = Callable[[Arguments], bool]


def _named(argument: str, value: object) -> Wanted:
    return lambda arguments: arguments.get(argument) == value


def _route_is(subject: Subject) -> Wanted:
    key: Any = subject[2]
    wanted = {
        "vrouter": subject[1],
        "prefix": key.prefix,
        "interface": key.interface,
        "gateway": key.gateway,
        "next_vrouter": key.next_vrouter,
        "in_interface": key.in_interface,
        "source": True if key.by is not RouteTableKind.DESTINATION else None,
    }
    return lambda arguments: all(arguments.get(name) == value for name, value in wanted.items())


def _pbr_is(subject: Subject) -> Wanted:
    """The rule of a policy that matched, and the entry of its action group that was taken."""
    key: Any = subject[1]

    def wanted(arguments: Arguments) -> bool:
        if arguments.get("vrouter") != key.vrouter:
            return False
        if "match-group" in arguments:
            return (arguments["owner"], arguments["sequence"]) == (key.policy, key.rule)
        return (arguments["owner"], arguments["sequence"]) == (key.action_group, key.action)

    return wanted


def _screen_is(subject: Subject) -> Wanted:
    """The line that turns an option on; `mal-url` means any of the URL patterns."""
    _, zone_name, words = subject

    def wanted(arguments: Arguments) -> bool:
        option = arguments.get("option")
        found = option.value if option is not None else "mal-url"
        return arguments["zone"] == zone_name and (found == words or (words == "mal-url" and words in found))

    return wanted


def _all_are(**values: object) -> Wanted:
    return lambda arguments: all(arguments.get(name) == value for name, value in values.items())


def _any(_arguments: Arguments) -> bool:
    return True


_INTERFACE_SETTINGS: Final[dict[str, tuple[Setting, ...]]] = {
    "source-translation": (interface.INTERFACE_MODE,),
    "route-lookup": (interface.INTERFACE_IP,),
    "NULL_ZONE": (interface.INTERFACE_ZONE,),
    "NOT_FOR_SELF": (interface.INTERFACE_MANAGE, interface.INTERFACE_MANAGEABLE),
    "NO_TUNNEL": (interface.INTERFACE_ZONE,),
    "LINK_DOWN": (interface.INTERFACE_LINK_DOWN,),
    "NO_PORT": (interface.INTERFACE_MODE,),
    "FRAGMENTATION_NEEDED": (interface.INTERFACE_MTU,),
    "ROUTE_DENIED": (interface_link.ROUTE_DENY,),
    "UNKNOWN_VLAN": (interface.INTERFACE_ZONE,),
    "UNKNOWN_MAC": (transparent.BROADCAST,),
    "NON_IP": (transparent.BYPASS_NON_IP, transparent.BYPASS_NON_IP_ALL),
    "OTHERS_IPSEC": (transparent.BYPASS_OTHERS_IPSEC,),
}
"""Which lines of an interface decide, by type of step or name of drop reason."""

_VROUTER_SETTINGS: Final[dict[str, tuple[Setting, ...]]] = {
    "add-default-route": (vrouter_routing.DEFAULT_ROUTE,),
    "ecmp": (vrouter_routing.MAX_ECMP,),
}
_TABLE_SETTINGS: Final[dict[str, tuple[Setting, ...]]] = {
    str(RouteTableKind.SOURCE): (vrouter_routing.SOURCE_ROUTING,),
    str(RouteTableKind.INGRESS): (vrouter_routing.SIBR_ROUTING,),
}
_PBR_SETTINGS: Final = (pbr.RULE, pbr.ACTION_ENTRY)

_FLOW_SETTINGS: Final = {setting.name.removeprefix("flow "): setting for setting in flow.ITEMS}


def deciding_lines(config: DeviceConfig, subject: Subject, purpose: str) -> list[ConfigLine]:
    """The lines about `subject` that mattered for `purpose` (a type of step or the name of a drop reason)."""
    settings, wanted = _criteria(subject, purpose)
    return list(_search(config, settings, wanted))


def is_default(subject: Subject) -> bool:
    """Whether something without a line can have decided: what the factory has set."""
    return bool(subject) and subject[0] in {"zone", "flow", "default-policy"}


def _criteria(subject: Subject, purpose: str) -> tuple[tuple[Setting, ...], Wanted]:
    kind = subject[0] if subject else ""
    if kind == "policy":
        return (policy.POLICY,), _named("id", subject[1])
    if kind == "route":
        return (vrouter.ROUTE, vrouter.SOURCE_ROUTE), _route_is(subject)
    if kind in _VROUTER_SETTINGS:
        return _VROUTER_SETTINGS[str(kind)], _named("vrouter", subject[1])
    if kind == "route-table":
        return _TABLE_SETTINGS[str(subject[2])], _named("vrouter", subject[1])
    if kind == "pbr":
        return _PBR_SETTINGS, _pbr_is(subject)
    if kind == "interface":
        return _INTERFACE_SETTINGS.get(purpose, (interface.INTERFACE_IP,)), _named("interface", subject[1])
    if kind == "zone":
        return (zone.ZONE_BLOCK,), _named("zone", subject[1])
    if kind == "screen":
        return (screen.SCREEN_OPTION, screen.SCREEN_URL), _screen_is(subject)
    if kind == "mip":
        return (nat.MIP,), _all_are(interface=subject[1], mapped=subject[2])
    if kind == "vip":
        return (nat.VIP,), _all_are(interface=subject[1], virtual=subject[2], port=subject[3])
    if kind == "nhtb":
        return (nat.NHTB,), _all_are(interface=subject[1], next_hop=subject[2])
    if kind == "vpn":
        return (vpn.VPN, vpn.VPN_BIND), _named("vpn", subject[1])
    if kind == "l2tp":
        return l2tp.TUNNEL.items, _named("l2tp", subject[1])
    if kind == "flow":
        return (_FLOW_SETTINGS[str(subject[1])],), _any
    if kind == "default-policy":
        return (policy.DEFAULT_PERMIT_ALL,), _any
    return (), _any


def _search(config: DeviceConfig, settings: tuple[Setting, ...], wanted: Wanted) -> Iterator[ConfigLine]:
    for write, context, arguments in _rows(config, settings, TREE, LAYOUT, _Place({}, "")):
        if wanted(arguments):
            yield ConfigLine(write(), context)


@dataclass(frozen=True, slots=True)
class _Place:
    scope: Arguments
    context: str


def _rows(
    config: DeviceConfig, settings: tuple[Setting, ...], tree: Node, items: Iterable[Item], place: _Place
) -> Iterator[tuple[Callable[[], str], str, Arguments]]:
    """The rows of some settings: how to write each, its context, its arguments."""
    for item in items:
        if isinstance(item, Each):
            for inner in item.scopes(config):
                yield from _rows(config, settings, tree, item.items, _Place(inner, place.context))
        elif isinstance(item, Block):
            if any(setting in item.items for setting in settings):
                enter = f"set {command_line(tree, item.enter, place.scope)}"
                yield from _rows(config, settings, item.inside, item.items, _Place(place.scope, enter))
        elif item in settings:
            for row in item.rows(config, place.scope):
                yield _writer(tree, item, row.arguments, row.unset), place.context, row.arguments


def _writer(tree: Node, setting: Setting, arguments: Arguments, unset: bool) -> Callable[[], str]:
    def write() -> str:
        head = "unset" if unset else "set"
        return f"{head} {command_line(tree, setting, arguments, unset=unset)}".rstrip()

    return write
