"""`get alarm event | traffic` (the layout of the second is unverified, see docs/fidelity.md)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword, optional, sequence
from nsemu.cli.show.event import alarm_events
from nsemu.cli.show.layout import cut, lines
from nsemu.cli.types import POLICY_ID
from nsemu.config.errors import NotFoundError
from nsemu.device.views.logs import AlarmView, alarm_views

_HEADER = f"{'Date':<10} {'Time':<8} {'PID':>6} {'From':<8} {'To':<8} {'Rate':<24} Threshold"


def _traffic(context: Context, arguments: Arguments) -> str:
    wanted = arguments.get("policy")
    if wanted is not None and wanted not in context.device.config.policies:
        raise NotFoundError(f"policy {wanted} does not exist")
    views = [view for view in alarm_views(context.device) if wanted in {None, view.policy_id}]
    return lines(f"Total traffic alarms = {len(views)}", _HEADER, *(_row(context, view) for view in views))


def _row(context: Context, view: AlarmView) -> str:
    policy = context.device.config.policies.get(view.policy_id)
    zones = (policy.from_zone, policy.to_zone) if policy is not None else ("-", "-")
    rate = f"{view.rate} bytes/{view.unit[:3]}"
    where = f"{cut(zones[0], 8)} {cut(zones[1], 8)}"
    return f"{view.date:%Y-%m-%d %H:%M:%S} {view.policy_id:>6} {where} {rate:<24} {view.threshold}"


ALARM = keyword(
    "alarm",
    "show alarms",
    choice(
        keyword("event", "events that are alarms", Command(alarm_events)),
        keyword(
            "traffic",
            "policies whose traffic reached a threshold",
            sequence(
                optional(keyword("policy", "of one policy", argument("policy", POLICY_ID, "policy ID"))),
                Command(_traffic),
            ),
        ),
    ),
)
