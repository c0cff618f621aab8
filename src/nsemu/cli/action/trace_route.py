"""`trace-route A` (screenos-cli §4.6): a row for each hop."""

from __future__ import annotations

from nsemu.cli.action.ping import milliseconds
from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, NumberType, any_order, argument, keyword
from nsemu.cli.types import IP
from nsemu.device.echo import Answer
from nsemu.device.traceroute import DEFAULT_HOPS, DEFAULT_TIME_OUT, DeviceTraceroute, HopAnswers
from nsemu.sim.scheduler import SECOND
from nsemu.wire.address import format_ipv4


def _trace_route(context: Context, arguments: Arguments) -> Dialogue:
    most = arguments.get("hop", DEFAULT_HOPS)
    seconds = arguments.get("time-out", DEFAULT_TIME_OUT // SECOND)
    target = format_ipv4(arguments["address"])
    route = DeviceTraceroute(context.device, arguments["address"], most, seconds * SECOND)
    yield "Type escape sequence to escape\n\n"
    yield f"Send ICMP echos to {target}, timeout is {seconds} seconds, maximum hops are {most}\n"
    for item in route.run():
        yield _row(item) if isinstance(item, HopAnswers) else item
    yield "Trace complete\n"


def _row(hop: HopAnswers) -> str:
    cells = "".join(f"{_cell(answer):>8}" for answer in hop.answers)
    source = f" {format_ipv4(hop.source)}" if hop.source is not None else ""
    return f"{hop.ttl:>2}{cells}{source}\n"


def _cell(answer: Answer | None) -> str:
    return "*" if answer is None else f"{milliseconds(answer.rtt)}ms"


TRACE_ROUTE = keyword(
    "trace-route",
    "trace route",
    argument("address", IP, "host IP address"),
    any_order(
        keyword("hop", "maximum number of hops", argument("hop", NumberType(1, 64), "hops")),
        keyword("time-out", "timeout of each probe", argument("time-out", NumberType(1, 360), "seconds")),
    ),
    Command(_trace_route),
)
