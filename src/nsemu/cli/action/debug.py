"""`debug`, `undebug`, the flow filters and the debug buffer (screenos-cli §2.1)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import (
    Arguments,
    Command,
    NumberType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
    when_unset,
)
from nsemu.cli.types import IP, PORT
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.device.debug_buffer import FlowFilter
from nsemu.device.debug_ike import debug_ike

_KILOBYTE = 1024


def _debug_flow(context: Context, _arguments: Arguments) -> str:
    context.device.debug.active["flow"] = "basic"
    return ""


def _debug_ike(context: Context, arguments: Arguments) -> str:
    debug_ike(context.device, arguments["level"])
    return ""


def _undebug_flow(context: Context, _arguments: Arguments) -> str:
    context.device.debug.active.pop("flow", None)
    return ""


def _undebug_ike(context: Context, _arguments: Arguments) -> str:
    debug_ike(context.device, None)
    return ""


def _undebug_all(context: Context, arguments: Arguments) -> str:
    return _undebug_flow(context, arguments) + _undebug_ike(context, arguments)


_LEVELS = (
    flag("basic", "basic information", "level", "basic"),
    flag("detail", "detailed information", "level", "detail"),
    flag("all", "all information", "level", "all"),
)


DEBUG = keyword(
    "debug",
    "write traces to the debug buffer",
    choice(
        keyword("flow", "packet flow", keyword("basic", "basic information", Command(_debug_flow, privileged=True))),
        keyword("ike", "IKE", choice(*_LEVELS), Command(_debug_ike, privileged=True)),
    ),
    hidden=True,
)
UNDEBUG = keyword(
    "undebug",
    "stop traces",
    choice(
        keyword("all", "all traces", Command(_undebug_all, privileged=True)),
        keyword(
            "flow",
            "packet flow",
            optional(flag("basic", "basic information", "level", "basic")),
            Command(_undebug_flow, privileged=True),
        ),
        keyword("ike", "IKE", optional(choice(*_LEVELS)), Command(_undebug_ike, privileged=True)),
    ),
    hidden=True,
)


_FIELDS = {
    "src-ip": "source",
    "dst-ip": "destination",
    "src-port": "source_port",
    "dst-port": "destination_port",
    "ip-proto": "protocol",
}


def _add_filter(context: Context, arguments: Arguments) -> str:
    words = {field: arguments[word] for word, field in _FIELDS.items() if word in arguments}
    if not words:
        raise ConfigError(f"a flow filter takes at least one of {', '.join(_FIELDS)}")
    context.device.debug.filters.append(FlowFilter(**words))
    return "filter added\n"


def _remove_filter(context: Context, arguments: Arguments) -> str:
    filters, number = context.device.debug.filters, arguments.get("filter", 0)
    if number >= len(filters):
        raise NotFoundError("invalid id")
    del filters[number]
    return f"filter {number} removed\n"


FLOW_FILTER = keyword(
    "ffilter",
    "flow filter configuration",
    choice(
        when_set(
            any_order(
                keyword("dst-ip", "flow filter dst ip", argument("dst-ip", IP, "destination IP address")),
                keyword("dst-port", "flow filter dst port", argument("dst-port", PORT, "destination port")),
                keyword("ip-proto", "flow filter ip proto", argument("ip-proto", NumberType(0, 255), "IP protocol")),
                keyword("src-ip", "flow filter src ip", argument("src-ip", IP, "source IP address")),
                keyword("src-port", "flow filter src port", argument("src-port", PORT, "source port")),
            ),
            Command(_add_filter, privileged=True),
        ),
        when_unset(
            optional(argument("filter", NumberType(0, 1023), "filter id")), Command(_remove_filter, privileged=True)
        ),
    ),
)


def _set_size(context: Context, arguments: Arguments) -> str:
    context.device.debug.resize(arguments["size"] * _KILOBYTE)
    return ""


DEBUG_BUFFER = when_set(
    keyword(
        "dbuf",
        "debug buffer",
        keyword(
            "size",
            "size of the debug buffer",
            argument("size", NumberType(32, 4096), "kilobytes"),
            Command(_set_size, privileged=True),
        ),
    )
)
