"""`get counter …` (screenos-cli §1.16)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import lines
from nsemu.cli.show.screen import counter_lines
from nsemu.cli.types import INTERFACE, POLICY_ID, ZONE
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.interface import InterfaceKind
from nsemu.device.policy_records import UNITS
from nsemu.device.views.counters import CounterView, counter_view, rate_view
from nsemu.device.views.policies import policy_views

_RATES = 6
"""How many intervals stand on a line of the rates of a policy."""

Render = Callable[[str, CounterView], Iterator[str]]
"""The lines of the counters of something that is named: `interface ethernet1`, `zone Trust`."""

# Three cells a line, in reading order; an empty name is an empty cell.
HARDWARE_COUNTERS = (
    ("in bytes", "out bytes", "early frame"),
    ("in packets", "out packets", "late frame"),
    ("in no buffer", "out no buffer", "re-xmt limit"),
    ("in overrun", "out underrun", "drop vlan"),
    ("in coll err", "out coll err", "out cs lost"),
    ("in misc err", "out misc err", ""),
    ("in dma err", "out bs pak", ""),
    ("in crc err", "out discard", ""),
    ("in align err", "out defer", ""),
    ("in short frame", "out heartbeat", ""),
)
FLOW_COUNTERS = (
    ("in bytes", "out bytes", "tcp proxy"),
    ("in packets", "out packets", "tear drop"),
    ("in vlan", "out vlan", "in permit"),
    ("out permit", "src route", "no g-parent"),
    ("ping of death", "no gate sess", "address spoof"),
    ("in icmp", "no nat vector", "land attack"),
    ("in self", "no map", "icmp flood"),
    ("in un-auth", "no conn", "no arp entry"),
    ("udp flood", "in unk prot", "no dip"),
    ("winnuke", "in vpn", "no gate"),
    ("port scan", "in other", "no xmit vpnf"),
    ("ip sweep", "no mac", "no route"),
    ("tcp out of seq", "mac relearn", "no frag sess"),
    ("wrong intf", "slow mac", "no frag netpak"),
    ("wrong slot", "trmng queue", "no sa"),
    ("icmp broadcast", "trmng drop", "no sa policy"),
    ("illegal pak", "tiny frag", "sa inactive"),
    ("url block", "syn frag", "sa policy deny"),
    ("encrypt fail", "connections", "policy deny"),
    ("mp fail", "misc prot", "auth deny"),
    ("auth fail", "loopback drop", "big bkstr"),
    ("proc sess", "mal url", "sessn thresh"),
    ("invalid zone", "null zone", "no nsp-tunnel"),
    ("IP cls failure", "first pak frag", "unknown pak"),
    ("multiauth drop", "multi-DIP drop", "tcp sweep"),
    ("udp sweep", "tcp check drop", ""),
)


def _cell(name: str, values: Mapping[str, int]) -> str:
    return f"{name:<14}{values.get(name, 0):>10}" if name else " " * 24


def _cells(rows: Iterable[tuple[str, ...]], values: Mapping[str, int]) -> Iterator[str]:
    for row in rows:
        yield " | ".join(_cell(name, values) for name in row)


def _totals(view: CounterView) -> dict[str, int]:
    return {
        "in bytes": view.in_bytes,
        "in packets": view.in_packets,
        "out bytes": view.out_bytes,
        "out packets": view.out_packets,
    }


def _hardware(name: str, view: CounterView) -> Iterator[str]:
    yield f"Hardware counters for {name}:"
    yield from _cells(HARDWARE_COUNTERS, {**_totals(view), "drop vlan": view.flow.get("drop vlan", 0)})


def _flow(name: str, view: CounterView) -> Iterator[str]:
    yield f"Total flow counters for {name}:"
    yield from _cells(FLOW_COUNTERS, {**_totals(view), **view.flow})


def _statistics(name: str, view: CounterView) -> Iterator[str]:
    yield from _hardware(name, view)
    yield ""
    yield from _flow(name, view)


def _screen(name: str, view: CounterView) -> Iterator[str]:
    yield f"Screen counter on {name[0].upper()}{name[1:]}"
    yield from counter_lines(view.screen)


def _of_interfaces(render: Render) -> Command:
    """For one interface, or for each that is in a zone."""

    def run(context: Context, arguments: Arguments) -> str:
        config = context.device.config
        if "interface" in arguments:
            names = [require(config.interfaces, arguments["interface"], "interface").name]
        else:
            names = [
                record.name
                for record in config.interfaces.values()
                if record.zone != "Null" and record.kind not in {InterfaceKind.NULL, InterfaceKind.VLAN}
            ]
        blocks = [lines(*render(f"interface {name}", counter_view(context.device, (name,)))) for name in names]
        return "\n".join(blocks)

    return Command(run)


def _of_zone(render: Render) -> Command:
    def run(context: Context, arguments: Arguments) -> str:
        config = context.device.config
        zone = require(config.zones, arguments["zone"], "zone").name
        members = tuple(record.name for record in config.interfaces.values() if record.zone == zone)
        return lines(*render(f"zone {zone}", counter_view(context.device, members)))

    return Command(run)


def _targets(render: Render) -> Node:
    return choice(
        _of_interfaces(render),
        keyword(
            "interface",
            "counters of one interface",
            argument("interface", INTERFACE, "interface name", _of_interfaces(render)),
        ),
        keyword("zone", "counters of a zone", argument("zone", ZONE, "zone name", _of_zone(render))),
    )


def _policies(context: Context, arguments: Arguments) -> str:
    """Packets and octets of the policies that count."""
    wanted = arguments.get("policy")
    views = [view for view in policy_views(context.device) if wanted in {None, view.policy.id}]
    if wanted is not None and not views:
        raise NotFoundError(f"policy {wanted} does not exist")
    rows = (
        f"{view.policy.id:>6}{view.packets:>12}{view.octets:>16}{view.sessions:>10}"
        for view in views
        if view.policy.count or wanted is not None
    )
    return lines(f"{'PID':>6}{'Packets':>12}{'Bytes':>16}{'Sessions':>10}", *rows)


def _rates(context: Context, arguments: Arguments) -> str:
    number, unit = arguments["policy"], arguments["unit"]
    policy = context.device.config.policies.get(number)
    if policy is None:
        raise NotFoundError(f"policy {number} does not exist")
    if not policy.count:
        raise ConfigError(f"policy {number} does not count its traffic (set count in its context)")
    view = rate_view(context.device, number, unit)
    rows = (view.octets[at : at + _RATES] for at in range(0, len(view.octets), _RATES))
    return lines(
        f"PID: {number}, Interval: {unit.capitalize()}, Unit: byte/{unit}",
        f"End Time: {view.end:%Y-%m-%d %H:%M:%S}",
        *(f"{at * _RATES:03d}: " + " ".join(f"{octets:>10}" for octets in row) for at, row in enumerate(rows)),
    )


_RATE_NODES = tuple(keyword(unit, f"by {unit}", Command(_rates), binds=("unit", unit)) for unit in UNITS)
COUNTER = keyword(
    "counter",
    "show counters",
    choice(
        keyword("statistics", "show hardware and flow counters", _targets(_statistics)),
        keyword("flow", "show flow counters", _targets(_flow)),
        keyword("screen", "show screen counters", _targets(_screen)),
        keyword(
            "policy",
            "show counters of policies",
            choice(
                Command(_policies),
                argument("policy", POLICY_ID, "policy ID", choice(Command(_policies), *_RATE_NODES)),
            ),
        ),
    ),
)
