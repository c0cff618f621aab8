"""`ping A` (screenos-cli §4.6): a mark for each request as its fate is known, then the statistics."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, NumberType, any_order, argument, keyword
from nsemu.cli.types import INTERFACE, IP
from nsemu.config.errors import ConfigError
from nsemu.device.echo import Fate
from nsemu.device.ping import DEFAULT_COUNT, DEFAULT_SIZE, DEFAULT_TIME_OUT, DevicePing, PingOptions
from nsemu.runtime.interface import RunInterface
from nsemu.sim.scheduler import MILLISECOND, SECOND, Duration
from nsemu.sim.wait import Wait
from nsemu.wire.address import format_ipv4

LARGEST_SIZE = 65_507
"""What an IPv4 packet holds beside its header and that of ICMP."""


def source_interface(context: Context, name: str | None) -> RunInterface | None:
    """The interface that gives the source address. Raises ConfigError when it cannot."""
    if name is None:
        return None
    interface = context.device.state.interfaces.get(name)
    if interface is None:
        raise ConfigError(f"interface {name} does not exist")
    if not interface.address or not interface.vrouter:
        raise ConfigError(f"interface {name} has no IP address")
    return interface


def _ping(context: Context, arguments: Arguments) -> Dialogue:
    interface = source_interface(context, arguments.get("from"))
    count, size = arguments.get("count", DEFAULT_COUNT), arguments.get("size", DEFAULT_SIZE)
    seconds = arguments.get("time-out", DEFAULT_TIME_OUT // SECOND)
    ping = DevicePing(
        context.device, PingOptions(arguments["address"], count, size, seconds * SECOND, interface=interface)
    )
    origin = f" from {interface.name}" if interface is not None else ""
    target = format_ipv4(arguments["address"])
    yield "Type escape sequence to abort\n\n"
    yield f"Sending {count}, {size}-byte ICMP Echos to {target}, timeout is {seconds} seconds{origin}\n"
    for item in ping.run():
        if isinstance(item, Wait):
            yield item
        else:
            yield "!" if item is not None and item.fate is Fate.REPLY else "."
    yield f"\n{_statistics(count, ping.rtts)}\n"


def _statistics(sent: int, rtts: list[Duration]) -> str:
    rate = f"Success Rate is {len(rtts) * 100 // sent} percent ({len(rtts)}/{sent}),"
    if not rtts:
        return rate
    spread = (min(rtts), sum(rtts) // len(rtts), max(rtts))
    return f"{rate} round-trip time min/avg/max={'/'.join(str(milliseconds(rtt)) for rtt in spread)} ms"


def milliseconds(rtt: Duration) -> int:
    """A round trip in whole milliseconds, rounded."""
    return (rtt + MILLISECOND // 2) // MILLISECOND


PING = keyword(
    "ping",
    "ping other host",
    argument("address", IP, "host IP address"),
    any_order(
        keyword("count", "number of pings", argument("count", NumberType(1, 65535), "ping count")),
        keyword("size", "size of the ping packet", argument("size", NumberType(1, LARGEST_SIZE), "octets of data")),
        keyword("time-out", "ping timeout", argument("time-out", NumberType(1, 360), "seconds")),
        keyword("from", "source interface", argument("from", INTERFACE, "interface name")),
    ),
    Command(_ping),
)
