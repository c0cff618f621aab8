"""Commands that do something: `COMMANDS` at the top level, `UNDER_SET` after `set` and `unset`."""

from nsemu.cli import unbuilt
from nsemu.cli.action import clear, debug, execute, ping, reset, save, trace_route
from nsemu.cli.grammar.nodes import Node

COMMANDS: tuple[Node, ...] = (
    clear.CLEAR,
    debug.DEBUG,
    debug.UNDEBUG,
    unbuilt.DELETE,
    execute.EXEC,
    ping.PING,
    reset.RESET,
    save.SAVE,
    trace_route.TRACE_ROUTE,
)
UNDER_SET: tuple[Node, ...] = (debug.FLOW_FILTER, debug.DEBUG_BUFFER, reset.ERASE)
