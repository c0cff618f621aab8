"""The command tree of a device, put together from the settings, the `get` commands and the actions."""

from __future__ import annotations

from functools import cache

from nsemu.cli import action, settings, show
from nsemu.cli.grammar.nodes import Leave, Node, choice, keyword
from nsemu.cli.interpreter import Shell


def nodes_of(package: object, name: str) -> tuple[Node, ...]:
    """The nodes a package contributes; none while it has none."""
    return tuple(getattr(package, name, ()))


@cache
def device_shell() -> Shell:
    """The shell of a ScreenOS device. One for all consoles: it holds no state of any."""
    get = nodes_of(show, "GET")
    return Shell(
        settings=nodes_of(settings, "SETTINGS") + nodes_of(action, "UNDER_SET"),
        commands=(
            *((keyword("get", "get system information", choice(*get)),) if get else ()),
            *nodes_of(action, "COMMANDS"),
            keyword("exit", "exit command console", Leave()),
        ),
    )
