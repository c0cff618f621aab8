"""`get log traffic …` (screenos-cli §1.15; the layout is unverified, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, any_order, argument, choice, keyword, sequence
from nsemu.cli.settings.system_more import LOG as LOG_SHELF
from nsemu.cli.show.event import EVENT
from nsemu.cli.show.kept import config_lines
from nsemu.cli.show.layout import lines
from nsemu.cli.types import IP, POLICY_ID
from nsemu.config.errors import NotFoundError
from nsemu.config.policy import Policy
from nsemu.device.traffic_log import CAPACITY as MOST_FLOWS
from nsemu.device.views.logs import TrafficView, self_views, traffic_views
from nsemu.runtime.event_log import CAPACITY as MOST_EVENTS
from nsemu.wire.address import format_ipv4

_RULE = "=" * 80
_HEADERS = (
    "Date       Time       Duration Source IP        Port Destination IP   Port Service ",
    "  Reason Protocol Xlated Src IP    Port Xlated Dst IP    Port ID   ",
)
_TRANSPORTS = {6: "tcp", 17: "udp"}


def _traffic(context: Context, arguments: Arguments) -> str:
    policies = context.device.config.policies
    wanted = arguments.get("policy")
    if wanted is not None and wanted not in policies:
        raise NotFoundError(f"policy {wanted} does not exist")
    views = [view for view in traffic_views(context.device) if _matches(view, arguments)]
    numbers = dict.fromkeys([wanted] if wanted is not None else sorted({view.policy_id for view in views}))
    blocks = (
        line
        for number in numbers
        for line in _block(policies.get(number), number, [view for view in views if view.policy_id == number])
    )
    return lines(*blocks, f"Total entries matched = {len(views)}")


def _matches(view: TrafficView, arguments: Arguments) -> bool:
    source, destination, *_ports = view.flow
    return (
        arguments.get("policy") in {None, view.policy_id}
        and arguments.get("src_ip") in {None, source}
        and arguments.get("dst_ip") in {None, destination}
    )


def _block(policy: Policy | None, number: int, views: list[TrafficView]) -> Iterator[str]:
    yield f"PID {number}, {_described(policy)}"
    yield _RULE
    yield from _HEADERS
    yield _RULE
    for view in views:
        yield from _rows(view)


def _described(policy: Policy | None) -> str:
    if policy is None:
        return "removed"
    cells = (policy.sources, policy.destinations, policy.services)
    source, destination, service = (",".join(cell) for cell in cells)
    zones = f"from {policy.from_zone} to {policy.to_zone}"
    return f"{zones}, src {source}, dst {destination}, service {service}, action {policy.action.value.capitalize()}"


def _self(context: Context, arguments: Arguments) -> str:
    views = [view for view in self_views(context.device) if _matches(view, arguments)]
    return lines(_RULE, _HEADERS[0], _RULE, *(_first(view) for view in views), f"Total entries matched = {len(views)}")


def _no_recoveries(_context: Context, _arguments: Arguments) -> str:
    """The serial number as a password is not emulated, so nobody has ever recovered the device with it."""
    return "Total entries matched = 0\n"


def _settings(context: Context, _arguments: Arguments) -> str:
    device = context.device
    return lines(
        f"{'Log':<10}{'Entries':>9}{'Most':>8}",
        f"{'event':<10}{len(device.event_log):>9}{MOST_EVENTS:>8}",
        f"{'traffic':<10}{len(device.traffic_log.entries):>9}{MOST_FLOWS:>8}",
        f"{'self':<10}{len(device.self_log.entries):>9}{MOST_FLOWS:>8}",
        *config_lines(context, *LOG_SHELF.items),
    )


def _first(view: TrafficView) -> str:
    hours, rest = divmod(view.duration, 3600)
    duration = f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{view.date:%Y-%m-%d %H:%M:%S}{duration:>11} {_ends(view.flow)} {_service(view)}"


def _rows(view: TrafficView) -> Iterator[str]:
    yield _first(view)
    yield f"  {view.reason:<16}{view.protocol:>8} {_ends(view.translated)} {view.session_id}"


def _ends(flow: tuple[int, int, int, int]) -> str:
    source, destination, source_port, destination_port = flow
    return f"{format_ipv4(source):<16}{source_port:>5} {format_ipv4(destination):<16}{destination_port:>5}"


def _service(view: TrafficView) -> str:
    """The service, or protocol and port as the traffic log writes unknown ones (screenos-cli §3.1)."""
    if view.service:
        return view.service
    transport = _TRANSPORTS.get(view.protocol, f"proto:{view.protocol}")
    return f"{transport}/port:{view.flow[3]}"


_ADDRESSES = (
    keyword("src-ip", "show log entries with a source", argument("src_ip", IP, "source IP address")),
    keyword("dst-ip", "show log entries with a destination", argument("dst_ip", IP, "destination IP address")),
)
_POLICY = keyword("policy", "show log entries of a policy", argument("policy", POLICY_ID, "policy ID"))

LOG = keyword(
    "log",
    "show log info",
    choice(
        EVENT,
        keyword("traffic", "show traffic log", sequence(any_order(_POLICY, *_ADDRESSES), Command(_traffic))),
        keyword("self", "show what came for the device", sequence(any_order(*_ADDRESSES), Command(_self))),
        keyword("asset-recovery", "show asset recovery log", Command(_no_recoveries)),
        keyword("setting", "show log settings", Command(_settings)),
        keyword("sys", "show log settings", Command(_settings), hidden=True),
    ),
)
