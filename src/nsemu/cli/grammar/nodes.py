"""What a declaration of commands is made of: keywords, arguments, ways to combine them, and leaves.

A declaration is a frozen expression. `graph` compiles it, twice for settings: once as `set` reads it, once as `unset`
does (`when_set` and `when_unset` mark the words that belong to one of the two).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nsemu.cli.context import Context
    from nsemu.cli.dialogue import Dialogue
    from nsemu.cli.grammar.types import ArgumentType
    from nsemu.config.device import DeviceConfig
    from nsemu.config.editor import Editor

Arguments = Mapping[str, Any]
"""What the words of a line mean, by argument name; a flag that was not given is absent."""


class Node:
    """Anything a declaration can contain."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Keyword(Node):
    """A fixed word. `binds` is the argument name and the value that the word stands for, if it stands for one.

    A hidden keyword works but is not listed by help. `printed` is how configurations write the word, when they do not
    write it as help does (`Main` for `main`).
    """

    word: str
    help: str
    binds: tuple[str, Any] | None = None
    hidden: bool = False
    printed: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Argument(Node):
    """A value. `gap` is the number of blanks that the printer puts before it."""

    name: str
    type: ArgumentType[Any]
    help: str
    gap: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    """One node after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Node):
    """Exactly one of several nodes."""

    alternatives: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Optional(Node):
    """A node or nothing."""

    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class AnyOrder(Node):
    """Any of several nodes, each at most once, in any order; printed in the order of declaration."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(Node):
    """A node up to `most` times, at least once. Binds `name` to a tuple.

    Its members are the values when the body is a single argument, mappings of arguments otherwise.
    """

    name: str
    body: Node
    most: int


@dataclass(frozen=True, slots=True, eq=False)
class When(Node):
    """Words of `set` only, or of `unset` only."""

    unset: bool
    body: Node


class Mode(Enum):
    """Which of the two commands of a setting is read."""

    SET = "set"
    UNSET = "unset"


@dataclass(frozen=True, slots=True, eq=False)
class InMode(Node):
    """A part of the tree that is read as `set` or as `unset` reads it."""

    mode: Mode
    body: Node


class Leaf(Node):
    """Where a command may end."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `get config`, before it has words: the arguments, and whether it is an `unset`."""

    arguments: Arguments
    unset: bool = False


def _no_rows(_config: DeviceConfig, _scope: Arguments) -> Iterable[Row]:
    return ()


@dataclass(frozen=True, slots=True, eq=False)
class Setting(Leaf):
    """Something the configuration holds.

    `set` and `unset` edit, raise ConfigError when they cannot, and may return a text for the console; None when the
    word does not exist. `rows` yields what a configuration holds of it; `scope` limits it to one object (the arguments
    already known inside a block). Arguments in `quoted` print between quotes; `tail` ends the printed line.
    `without_effect` is what the console says of a setting that is only kept; empty when the device acts on it.
    """

    name: str
    set: Callable[[Editor, Arguments], str | None] | None = None
    unset: Callable[[Editor, Arguments], str | None] | None = None
    rows: Callable[[DeviceConfig, Arguments], Iterable[Row]] = _no_rows
    quoted: frozenset[str] = frozenset()
    tail: str = ""
    without_effect: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The inside of a context: the word in the prompt, and the nodes that `set` and `unset` know there."""

    prompt: Callable[[Arguments], str]
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Enter(Leaf):
    """Entering a context (`set vrouter trust-vr`, `set policy id 3`).

    `check` may edit, raises ConfigError when the context cannot be entered, and gives the arguments that every line
    inside starts with.
    """

    name: str
    body: Body
    check: Callable[[Editor, Arguments], Arguments]
    quoted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Leave(Leaf):
    """Leaving a context, or the console at its top level."""


@dataclass(frozen=True, slots=True, eq=False)
class Command(Leaf):
    """Something to do or to show. `run` returns its whole text, or a generator of text, waits and questions."""

    run: Callable[[Context, Arguments], Dialogue | str]
    privileged: bool = False
    """Whether a read-only administrator is refused."""


def sequence(*parts: Node) -> Node:
    """`parts` one after the other."""
    return parts[0] if len(parts) == 1 else Sequence(parts)


def keyword(word: str, help: str, *then: Node, binds: tuple[str, Any] | None = None, hidden: bool = False) -> Node:
    """A keyword and what follows it."""
    return sequence(Keyword(word, help, binds, hidden), *then)


def flag(word: str, help: str, name: str | None = None, value: Any = True, *, printed: str = "") -> Node:
    """A keyword that binds `value` (True) to `name` (the word itself, `-` as `_`)."""
    return Keyword(word, help, (name or word.replace("-", "_"), value), printed=printed)


def argument(name: str, type: ArgumentType[Any], help: str, *then: Node, gap: int = 1) -> Node:
    """A value and what follows it."""
    return sequence(Argument(name, type, help, gap), *then)


def choice(*alternatives: Node) -> Node:
    """Exactly one of the alternatives; a leaf among them means that the command may end here."""
    return Choice(alternatives)


def optional(*body: Node) -> Node:
    """The body or nothing."""
    return Optional(sequence(*body))


def any_order(*options: Node) -> Node:
    """The options, each at most once, in any order."""
    return AnyOrder(options)


def repeat(name: str, body: Node, most: int) -> Node:
    """The body once or more, at most `most` times."""
    return Repeat(name, body, most)


def when_set(*body: Node) -> Node:
    """Words that only `set` has."""
    return When(False, sequence(*body))


def when_unset(*body: Node) -> Node:
    """Words that only `unset` has."""
    return When(True, sequence(*body))


def as_set(*nodes: Node) -> Node:
    """One of the nodes, as `set` reads them."""
    return InMode(Mode.SET, Choice(nodes))


def as_unset(*nodes: Node) -> Node:
    """One of the nodes, as `unset` reads them."""
    return InMode(Mode.UNSET, Choice(nodes))
