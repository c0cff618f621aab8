"""`get service …` and `get group service …` (screenos-cli §1.12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import cut, lines
from nsemu.cli.types import SERVICE
from nsemu.config.service import ICMP, NEVER, TCP, UDP, Service, ServiceEntry, ServiceGroup

_HEADER = "Name                     Proto        Port Group      Timeout(min|10sec*) Flag"
_GROUP_HEADER = f"{'Group Name':<29} Count {'Comment':<31} Type"


def _kind(predefined: bool) -> str:
    return "Pre-defined" if predefined else "User-defined"


def _predefined(context: Context, _arguments: Arguments) -> str:
    return lines(*_listing(context, predefined=True))


def _user(context: Context, _arguments: Arguments) -> str:
    return lines(*_listing(context, predefined=False))


def _all(context: Context, _arguments: Arguments) -> str:
    return lines(*_listing(context, predefined=True), "", *_listing(context, predefined=False))


def _listing(context: Context, predefined: bool) -> Iterator[str]:
    config = context.device.config
    services = [service for service in config.services.values() if service.predefined == predefined]
    groups = [group for group in config.service_groups.values() if group.predefined == predefined]
    yield _HEADER
    for service in services:
        yield from _rows(service)
    yield f"Total number of {_kind(predefined).lower()} services shown: {len(services)}"
    if groups:
        yield ""
        yield f"{_kind(predefined)} Service Groups: "
        yield from _group_table(groups)


def _group_table(groups: Iterable[ServiceGroup]) -> Iterator[str]:
    yield _GROUP_HEADER
    for group in groups:
        yield f"{cut(group.name, 29)} {len(group.members):>5} {cut(group.comment, 31)} {_kind(group.predefined)}"


def _rows(service: Service) -> Iterator[str]:
    """The first entry of a predefined service, as devices list them; all entries of the admin's own."""
    entries = service.entries[:1] if service.predefined else service.entries
    matches = [(f"{entry.protocol:>5}{_port(entry):>12}", entry.protocol) for entry in entries]
    matches += [(f"{'RPC':>5}{'-':>12}", TCP) for _program in service.programs]
    for place, (match, protocol) in enumerate(matches):
        if place:
            yield f"{'':24} {match}"
        else:
            end = f"{service.category:<12}{_timeout(service, protocol):>9}    {_kind(service.predefined)} "
            yield f"{cut(service.name, 24)} {match} {end}"


def _port(entry: ServiceEntry) -> str:
    low, high = entry.destination_low, entry.destination_high
    if entry.protocol == ICMP:
        return f"{_any_or(low)}/{_any_or(high)}"
    return str(low) if low == high else f"{low}/{high}"


def _any_or(number: int) -> str:
    return "any" if number < 0 else str(number)


def _timeout(service: Service, protocol: int) -> str:
    seconds = service.timeout
    if seconds is None:
        return "default" if protocol not in _DEFAULT_MINUTES else str(_DEFAULT_MINUTES[protocol])
    if seconds == NEVER:
        return "never"
    return str(seconds // 60) if seconds % 60 == 0 else f"{seconds // 10}*"


_DEFAULT_MINUTES = {TCP: 30, UDP: 1, ICMP: 1}


def _one(context: Context, arguments: Arguments) -> str:
    config = context.device.config
    name = arguments["service"]
    group = config.service_groups.get(name)
    if group is not None:
        return lines(*_group_detail(group))
    service = require(config.services, name, "service")
    return lines(*_detail(service))


def _detail(service: Service) -> Iterator[str]:
    yield f"Name:       {service.name}"
    yield f"Category:   {service.category}          ID: 0   Flag: {_kind(service.predefined)}"
    yield ""
    yield "Transport    Src port     Dst port  ICMPtype,code  Timeout(min|10sec*)"
    for entry in service.entries:
        icmp = entry.protocol == ICMP
        source = "" if icmp else f"{entry.source_low}/{entry.source_high}"
        destination = "" if icmp else f"{entry.destination_low}/{entry.destination_high}"
        kind = f"{_any_or(entry.destination_low)},{_any_or(entry.destination_high)}" if icmp else ""
        transport = _TRANSPORTS.get(entry.protocol, str(entry.protocol))
        yield f"{transport:<9}{source:>12}{destination:>13}{kind:>15}{_timeout(service, entry.protocol):>21}"
    for family, what in service.programs:
        yield f"{family:<9}{what}{_timeout(service, TCP):>21}"


_TRANSPORTS = {0: "any", ICMP: "icmp", TCP: "tcp", UDP: "udp"}


def _groups(context: Context, _arguments: Arguments) -> str:
    return lines(*_group_table(context.device.config.service_groups.values()))


def _one_group(context: Context, arguments: Arguments) -> str:
    return lines(*_group_detail(require(context.device.config.service_groups, arguments["service"], "service group")))


def _group_detail(group: ServiceGroup) -> Iterator[str]:
    yield f"Group Name: {group.name}, Comment: {group.comment}".rstrip()
    yield f"Group Items: {len(group.members)} Type: {_kind(group.predefined)}"
    yield " Members: " + " ".join(f'"{member}"' for member in group.members)


_GROUPS = choice(Command(_groups), argument("service", SERVICE, "service group name", Command(_one_group)))

SERVICE_NODE = keyword(
    "service",
    "show service book",
    choice(
        Command(_all),
        keyword("pre-defined", "show pre-defined services", Command(_predefined)),
        keyword("user", "show user-defined services", Command(_user)),
        keyword("group", "show service groups", _GROUPS),
        keyword("name", "show one service", argument("service", SERVICE, "service name", Command(_one))),
        argument("service", SERVICE, "service name", Command(_one)),
    ),
)
SERVICE_GROUP = keyword("service", "show service groups", _GROUPS)
