"""`get alg`, `get gate`, `get xlate`, `get url`, `get traffic-shaping`, and services that are only kept.

No capture shows these layouts (docs/fidelity.md). Gates and translated sessions are those of the moment.
"""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, TextType, argument, choice, keyword
from nsemu.cli.settings.dial import MODEM
from nsemu.cli.settings.system_more import ALG_NAMES, SHAPING
from nsemu.cli.settings.url import CRYPTO_BLOCK, URL_BLOCK
from nsemu.cli.show.kept import is_kept, is_unset, kept_rows, kept_value, written
from nsemu.cli.show.layout import enabled, endpoint, lines
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.config.kept import names_of_kind
from nsemu.device.views.interfaces import interface_views
from nsemu.device.views.resources import GateView, gate_views
from nsemu.device.views.sessions import session_views
from nsemu.wire.address import format_ipv4

_EMULATED = ("ftp",)
"""Gateways that look into connections; the others are settings only."""


def _algs(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    return lines(*(f"ALG {name:<12}: {_alg_state(config, name)}" for name in (*_EMULATED, *ALG_NAMES)))


def _alg_state(config: DeviceConfig, name: str) -> str:
    if name in _EMULATED:
        return "enabled"
    return f"{enabled(not is_unset(config, f'alg {name} enable'))} (not emulated)"


def _one_alg(name: str) -> Command:
    return Command(lambda context, _arguments: f"ALG {name}: {_alg_state(context.device.config, name)}\n")


def _gates(context: Context, _arguments: Arguments) -> str:
    views = gate_views(context.device)
    return lines(f"Total gates: {len(views)}", *(line for view in views for line in _gate(view)))


def _gate(view: GateView) -> Iterator[str]:
    source = format_ipv4(view.source)
    yield f"{source}/any->{endpoint(*view.destination)},6, vrouter {view.vrouter}, time {view.seconds}"
    yield f"  to {endpoint(*view.translated)}, control session {view.session_id}"


def _translated(context: Context, _arguments: Arguments) -> str:
    """Sessions whose packets leave with other addresses than they came with."""
    rows = []
    for view in session_views(context.device):
        before, after = (view.client.left, view.client.right), (view.server.left, view.server.right)
        if before != after:
            ends = (endpoint(*end) for pair in (before, after) for end in pair)
            rows.append("id {}: {}->{} becomes {}->{}".format(view.id, *ends))
    return lines(*rows, f"Total translated sessions: {len(rows)}")


def _shaping(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    classes = kept_value(config, "traffic-shaping ip_precedence", "class0")
    return lines(
        f"traffic shaping mode: {kept_value(config, 'traffic-shaping mode', 'mode', 'auto')}",
        "traffic shaping is not emulated: packets leave as fast as the link takes them",
        f"ip precedence: {'set' if classes is not None else 'default'}",
    )


def _bandwidths(context: Context, _arguments: Arguments) -> str:
    physical = context.device.config.platform.bandwidth_kbps
    rows = (
        f"{view.name:<20}{physical:>10}{0:>14}{0:>14}"
        for view in interface_views(context.device)
        if view.name in context.device.config.platform.interfaces
    )
    return lines(f"{'Interface':<20}{'Kbps':>10}{'Guaranteed':>14}{'Maximum':>14}", *rows)


def _igmp(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    rows = [
        f"  {key.owner[1]:<20}{word}"
        for word in ("router", "host", "enable")
        for key, _ in kept_rows(config, f"interface protocol igmp {word}")
        if key.owner is not None
    ]
    return lines("IGMP is not emulated: no groups are joined", *(rows or ["  no interface is configured"]))


def _pppoe(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    rows = list(_instances(config))
    return lines(*rows) if rows else "No PPPoE instance is configured.\n"


def _one_pppoe(context: Context, arguments: Arguments) -> str:
    name = arguments["pppoe"]
    found = [row for row in _instances(context.device.config) if row.startswith(f'"{name}":')]
    if not found:
        raise NotFoundError(f"pppoe {name} does not exist")
    return lines(*found)


def _instances(config: DeviceConfig) -> Iterator[str]:
    for name in names_of_kind(config, "pppoe"):
        owner = ("pppoe", name)
        interface = kept_value(config, "pppoe interface", "interface", "none", owner)
        state = "enabled" if is_kept(config, "pppoe enable", owner) else "disabled"
        yield f'"{name}": interface {interface}, {state}, not connected (PPPoE is not emulated)'


def _vsys(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    made = [key.identity[0] for key, _ in kept_rows(config, "vsys")]
    rows = (f"{name:<20}{place:>4}  kept, not emulated" for place, name in enumerate(made, 1))
    return lines(
        f"Total number of vsys: {len(made)}, most {config.platform.capacity.vsys}",
        f"{'Name':<20}{'Id':>4}  State",
        f"{'Root':<20}{0:>4}  active",
        *rows,
    )


ALG = keyword(
    "alg",
    "application layer gateway information",
    choice(Command(_algs), *(keyword(name, f"show ALG {name}", _one_alg(name)) for name in (*_EMULATED, *ALG_NAMES))),
)
SHAPING_NODE: Node = keyword(
    "traffic-shaping",
    "show traffic shaping info",
    choice(
        Command(_shaping),
        keyword("interface", "by interface", Command(_bandwidths)),
        keyword("mode", "show the mode", Command(_shaping)),
        keyword("ip_precedence", "show the classes", written("Traffic shaping", *SHAPING.items)),
    ),
)
PPPOE_NODE: Node = keyword(
    "pppoe",
    "show PPPoE info",
    choice(
        Command(_pppoe),
        keyword("all", "all instances", Command(_pppoe)),
        keyword("name", "one instance", argument("pppoe", TextType(64), "name", Command(_one_pppoe))),
    ),
)
URL_NODE: Node = keyword(
    "url",
    "show URL filter info",
    choice(written("URL filtering", URL_BLOCK), keyword("all", "all of it", written("URL filtering", URL_BLOCK))),
)
NODES: tuple[Node, ...] = (
    ALG,
    keyword("crypto-policy", "show crypto policy", written("The crypto policy", CRYPTO_BLOCK)),
    keyword("gate", "show gate info", Command(_gates)),
    keyword("igmp", "show IGMP info", Command(_igmp)),
    keyword("modem", "show modem info", written("The modem", *MODEM.items)),
    PPPOE_NODE,
    SHAPING_NODE,
    URL_NODE,
    keyword("vsys", "show virtual systems", Command(_vsys)),
    keyword("xlate", "show translation context", Command(_translated)),
)
