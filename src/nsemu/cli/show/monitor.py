"""`get interface X monitor` and `get interface X monitor track-ip` (screenos-cli §1.3; the layout is ours)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Node, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import lines
from nsemu.device.views.monitor import MonitorView, TargetView, monitor_view
from nsemu.wire.address import format_ipv4


def _view(context: Context, arguments: Arguments) -> MonitorView:
    return monitor_view(
        context.device, require(context.device.config.interfaces, arguments["interface"], "interface").name
    )


def _monitor(context: Context, arguments: Arguments) -> str:
    return lines(*_rows(_view(context, arguments)))


def _rows(view: MonitorView) -> Iterator[str]:
    yield f"monitor threshold: {view.record.threshold}, weighted sum: {view.weight}, {'down' if view.down else 'up'}"
    yield f"{'object':<24}{'weight':>6}  status"
    for what, rows in (("interface", view.interfaces), ("zone", view.zones)):
        for name, weight, failed in rows:
            yield f"{f'{what} {name}':<24}{weight:>6}  {_status(failed)}"
    if view.record.tracks:
        yield f"{'track-ip':<24}{view.record.track_weight:>6}  {_status(view.track_failed)}"


def _status(failed: bool) -> str:
    return "failed" if failed else "ok"


def _track(context: Context, arguments: Arguments) -> str:
    view = _view(context, arguments)
    if not view.record.tracks:
        return "track ip is not enabled\n"
    failed = sum(target.failed for target in view.targets)
    return lines(
        "ip address      interval threshold wei  gateway         fail-count success-rate",
        *(_target(target) for target in view.targets),
        f"threshold: {view.record.track_threshold}, failed: {failed} ip(s) failed, weighted sum = {view.target_weight}",
    )


def _target(target: TargetView) -> str:
    return (
        f"{format_ipv4(target.address):<16}{target.interval:<9}{target.threshold:<10}{target.weight:<5}"
        f"{format_ipv4(target.next_hop):<16}{target.missed:<11}{target.rate}%"
    )


MONITOR_NODE: Node = keyword(
    "monitor",
    "show what the interface watches",
    choice(Command(_monitor), keyword("track-ip", "show tracked addresses", Command(_track))),
)
