"""`get tech-support`: the outputs that support asks for, one after the other."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, Graph, Node, choice, keyword, parse, split_words

_LINES = (
    "system",
    "memory",
    "performance cpu",
    "performance session",
    "chassis",
    "license-key",
    "file",
    "config",
    "interface",
    "zone",
    "vrouter",
    "route",
    "arp",
    "policy",
    "session info",
    "session",
    "socket",
    "os task",
    "vpn",
    "sa",
    "sa stat",
    "ike gateway",
    "ike cookies",
    "counter statistics",
    "log self",
    "event",
)


def tech_support(*nodes: Node) -> Node:
    """The command, which runs some of the other `get` commands, `nodes`."""
    root = Graph(choice(*nodes)).root

    def run(context: Context, _arguments: Arguments) -> str:
        pieces = []
        for line in _LINES:
            parsed = parse(root, split_words(line), context.device.config)
            assert isinstance(parsed.leaf, Command)
            output = parsed.leaf.run(context, parsed.arguments)
            assert isinstance(output, str)  # nothing that is shown takes time
            pieces.append(f"get {line}\n{output}\n")
        return "".join(pieces)

    return keyword("tech-support", "show tech support info", Command(run))
