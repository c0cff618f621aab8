"""`get config`: the order of its lines, and the walk that writes them (screenos-cli §1.19, §6.1).

The words come from the same declarations that read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nsemu.cli.grammar.nodes import Arguments, Choice, Enter, Node, Setting
from nsemu.cli.grammar.printer import command_line
from nsemu.config.device import DeviceConfig


@dataclass(frozen=True, slots=True, eq=False)
class Each:
    """Items printed once for each object: all lines of one zone, then all of the next."""

    scopes: Callable[[DeviceConfig], Iterable[Arguments]]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A context: the line that enters it, the items inside, `exit`. Printed once for each of its `scopes`."""

    enter: Enter
    inside: Choice
    items: tuple[Item, ...]
    scopes: Callable[[DeviceConfig, Arguments], Iterable[Arguments]] = lambda _config, scope: (scope,)


Item = Setting | Each | Block


def block(
    enter: Enter,
    *items: Item,
    scopes: Callable[[DeviceConfig, Arguments], Iterable[Arguments]] = lambda _config, scope: (scope,),
) -> Block:
    """A context with these items inside; `scopes` says for which arguments it exists."""
    return Block(enter, Choice(enter.body.nodes), items, scopes)


def write(config: DeviceConfig, tree: Node, items: Iterable[Item], scope: Arguments) -> Iterator[str]:
    """The lines of some items, in the words of `tree`."""
    for item in items:
        if isinstance(item, Setting):
            for row in item.rows(config, scope):
                head = "unset" if row.unset else "set"
                yield f"{head} {command_line(tree, item, row.arguments, unset=row.unset)}"
        elif isinstance(item, Each):
            for inner in item.scopes(config):
                yield from write(config, tree, item.items, inner)
        else:
            for inner in item.scopes(config, scope):
                yield f"set {command_line(tree, item.enter, inner)}"
                yield from write(config, item.inside, item.items, inner)
                yield "exit"
