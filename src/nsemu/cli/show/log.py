"""`get log traffic …` (screenos-cli §1.15; the layout is unverified, see docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, any_order, argument, choice, keyword, sequence
from nsemu.cli.show.event import EVENT
from nsemu.cli.show.layout import lines
from nsemu.cli.types import IP, POLICY_ID
from nsemu.config.errors import NotFoundError
from nsemu.config.policy import Policy
from nsemu.device.views.logs import TrafficView, traffic_views
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


def _rows(view: TrafficView) -> Iterator[str]:
    hours, rest = divmod(view.duration, 3600)
    duration = f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    yield f"{view.date:%Y-%m-%d %H:%M:%S}{duration:>11} {_ends(view.flow)} {_service(view)}"
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


_FILTERS = any_order(
    keyword("policy", "show log entries of a policy", argument("policy", POLICY_ID, "policy ID")),
    keyword("src-ip", "show log entries with a source", argument("src_ip", IP, "source IP address")),
    keyword("dst-ip", "show log entries with a destination", argument("dst_ip", IP, "destination IP address")),
)

LOG = keyword(
    "log",
    "show log info",
    choice(EVENT, keyword("traffic", "show traffic log", sequence(_FILTERS, Command(_traffic)))),
)
