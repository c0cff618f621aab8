"""`get debug`, `get ffilter`, `get dbuf …` (screenos-cli §1.18, §2.1)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.show.layout import lines
from nsemu.device.debug_buffer import FlowFilter
from nsemu.wire.address import format_ipv4


def _debug(context: Context, _arguments: Arguments) -> str:
    return lines(*(f"{module}: {what}" for module, what in context.device.debug.active.items()))


def _filters(context: Context, _arguments: Arguments) -> str:
    rows = (f"id:{number} {_words(item)}" for number, item in enumerate(context.device.debug.filters))
    return lines("Flow filter based on:", *rows)


def _words(item: FlowFilter) -> str:
    parts = (
        ("src ip", format_ipv4(item.source) if item.source is not None else None),
        ("dst ip", format_ipv4(item.destination) if item.destination is not None else None),
        ("src port", item.source_port),
        ("dst port", item.destination_port),
        ("ip proto", item.protocol),
    )
    return "".join(f"{name} {value} " for name, value in parts if value is not None)


def _stream(context: Context, _arguments: Arguments) -> str:
    return context.device.debug.stream()


def _info(context: Context, _arguments: Arguments) -> str:
    buffer = context.device.debug
    return f"debug buffer size: {buffer.size}, used: {buffer.used}\n"


DEBUG = keyword("debug", "show debug status", Command(_debug))
FFILTER = keyword("ffilter", "show flow filter", Command(_filters))
DBUF = keyword(
    "dbuf",
    "show debug buffer",
    choice(
        keyword("stream", "show debug buffer content", Command(_stream)),
        keyword("info", "show debug buffer info", Command(_info)),
    ),
)
