"""`get nsrp …` of a device that stands alone (screenos-cli §1.18). What is configured of a cluster has no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, NumberType, argument, choice, keyword
from nsemu.cli.settings.nsrp import NSRP
from nsemu.cli.show.kept import config_lines, is_kept, is_unset, kept_rows, kept_value
from nsemu.cli.show.layout import enabled, lines
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.wire.address import format_ipv4

Part = Callable[[DeviceConfig], Iterator[str]]


def _cluster(config: DeviceConfig) -> Iterator[str]:
    number = kept_value(config, "nsrp cluster id", "id", 0)
    name = kept_value(config, "nsrp cluster name", "name")
    yield "cluster info:"
    if not number:
        yield "cluster id not set.....nsrp is inactive"
        return
    yield f"cluster id: {number}, {f'name: {name}' if name else 'no name'}"
    yield "nsrp is inactive: clusters are not emulated, this unit is alone"


def _groups(config: DeviceConfig) -> Iterator[str]:
    yield "VSD group info:"
    yield f"init hold time: {kept_value(config, 'nsrp vsd-group init-hold', 'count', 5)}"
    yield f"heartbeat lost threshold: {kept_value(config, 'nsrp vsd-group hb-threshold', 'count', 3)}"
    yield f"heartbeat interval: {kept_value(config, 'nsrp vsd-group hb-interval', 'ms', 1000)}(ms)"
    yield f"master always exist: {enabled(is_kept(config, 'nsrp vsd-group master-always-exist'))}"
    yield "group priority preempt holddown inelig   master       PB other members"
    groups = _known(config)
    for group in groups:
        yield f"{group:>5}{_of_group(config, group, 'priority', 'priority', 100):>9} {_preemption(config, group)}"
    yield f"total number of vsd groups: {len(groups)}"


def _known(config: DeviceConfig) -> list[int]:
    """The groups that some line names."""
    return sorted({key.identity[0] for key in config.kept if key.setting.startswith("nsrp vsd-group id")})


def _preemption(config: DeviceConfig, group: int) -> str:
    held = [arguments for key, arguments in kept_rows(config, "nsrp vsd-group id preempt") if key.identity == (group,)]
    hold = held[0].get("hold", 3) if held else 3
    never = _of_group(config, group, "mode", "mode", "no")
    return (
        f"{'yes' if held else 'no':<7}{hold:>9} {'yes' if never == 'ineligible' else 'no':<8} {'none':>6} {'none':>8}"
    )


def _of_group(config: DeviceConfig, group: int, word: str, argument: str, default: object) -> object:
    rows = kept_rows(config, f"nsrp vsd-group id {word}")
    return next((arguments[argument] for key, arguments in rows if key.identity == (group,)), default)


def _mirror(config: DeviceConfig) -> Iterator[str]:
    yield "RTO mirror info:"
    yield f"run time object sync:   {enabled(is_kept(config, 'nsrp rto-mirror sync'))}"
    yield f"ping session sync: {enabled(is_kept(config, 'nsrp rto-mirror session ping'))}"
    yield f"route synchronization:   {enabled(is_kept(config, 'nsrp rto-mirror route'))}"
    yield f"nsrp data packet forwarding is {enabled(not is_unset(config, 'nsrp data-forwarding'))}"


def _link(config: DeviceConfig) -> Iterator[str]:
    yield "nsrp link info:"
    second = kept_value(config, "nsrp secondary-path", "interface")
    yield f"secondary path: {second}" if second else "no nsrp link has been defined yet"


def _security(config: DeviceConfig) -> Iterator[str]:
    yield f"NSRP encryption: {enabled(kept_value(config, 'nsrp encrypt password', 'password') is not None)}"
    yield f"NSRP authentication: {enabled(kept_value(config, 'nsrp auth password', 'password') is not None)}"
    yield f"number of gratuitous arps: {kept_value(config, 'nsrp arp', 'count', 4)}"
    yield f"config sync: {enabled(not is_unset(config, 'nsrp config sync'))}"


def _tracking(config: DeviceConfig) -> Iterator[str]:
    on = is_kept(config, "nsrp monitor track-ip") or is_kept(config, "nsrp track-ip")
    yield f"track ip: {enabled(on)}"
    for key, arguments in kept_rows(config, "nsrp monitor track-ip ip"):
        address = format_ipv4(key.identity[0])
        yield f"  {arguments.get('interface', 'auto')} {arguments.get('weight', 1)} {address} not probed"


def _counters(_config: DeviceConfig) -> Iterator[str]:
    yield "NSRP packet counters:"
    yield "  total packets sent: 0, received: 0"


def _whole(config: DeviceConfig) -> Iterator[str]:
    yield "nsrp version: 2.0"
    for part in (_cluster, _groups, _mirror, _link, _security, _tracking):
        yield ""
        yield from part(config)


def _shown(*parts: Part) -> Command:
    def show(context: Context, _arguments: Arguments) -> str:
        return lines(*(line for part in parts for line in part(context.device.config)))

    return Command(show)


def _one_group(context: Context, arguments: Arguments) -> str:
    config, group = context.device.config, arguments["group"]
    if group not in _known(config):
        raise NotFoundError(f"vsd group {group} does not exist")
    return lines(*(line for line in _groups(config) if not line[:5].strip().isdigit() or int(line[:5]) == group))


def _watched(context: Context, _arguments: Arguments) -> str:
    return lines("device based nsrp monitoring is not emulated, its configuration:", *config_lines(context, *_WATCHED))


_WATCHED = tuple(setting for setting in NSRP.items if "monitor" in setting.name)
_PARTS: dict[str, tuple[str, Part]] = {
    "cluster": ("show cluster info", _cluster),
    "counter": ("show counters", _counters),
    "ha-link": ("show HA link info", _link),
    "link": ("show HA link info", _link),
    "rto-mirror": ("show RTO mirror info", _mirror),
    "track-ip": ("show tracked addresses", _tracking),
}
_ONE_GROUP = keyword("id", "one group", argument("group", NumberType(0, 63), "group ID", Command(_one_group)))
GROUPS = keyword(
    "vsd-group", "show VSD groups", choice(_shown(_groups), keyword("all", "all groups", _shown(_groups)), _ONE_GROUP)
)
NSRP_NODE: Node = keyword(
    "nsrp",
    "show NSRP info",
    choice(
        _shown(_whole),
        GROUPS,
        keyword("monitor", "show what is watched", Command(_watched)),
        *(keyword(word, help_, _shown(part)) for word, (help_, part) in _PARTS.items()),
    ),
)
