"""The compiled form of a declaration: positions with the words that may come next.

A position is reached after a word; its edges are the keywords and arguments that may follow, and the leaf if the
command may end there. Positions are made when they are first visited and then kept, so a large command tree costs
nothing until somebody types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from nsemu.cli.grammar.nodes import (
    AnyOrder,
    Argument,
    Choice,
    Enter,
    InMode,
    Keyword,
    Leaf,
    Mode,
    Node,
    Optional,
    Repeat,
    Sequence,
    Setting,
    When,
)


class GrammarError(Exception):
    """A declaration that cannot be read word by word: two nodes claim the same word. A bug of the declaration."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One word that may come next, or the end (`token` is a leaf).

    `once` are the options of `any_order` that the word starts, `group` the repeat it belongs to, `starts` whether it
    starts a new round of that repeat, `most` the number of rounds.
    """

    token: Keyword | Argument | Leaf
    target: Position | None
    once: tuple[tuple[int, int], ...] = ()
    group: Repeat | None = None
    starts: bool = False


class Position:
    """A place between two words."""

    __slots__ = ("_arguments", "_edges", "_hidden", "_keywords", "_leaf", "_source", "_words")

    def __init__(self, source: Callable[[], list[Edge]]) -> None:
        self._source: Callable[[], list[Edge]] | None = source
        self._edges: list[Edge] = []

    @property
    def edges(self) -> list[Edge]:
        """All edges, in the order of declaration."""
        if self._source is not None:
            source, self._source = self._source, None
            self._edges = source()
            self._index()
        return self._edges

    def _index(self) -> None:
        self._keywords: dict[str, Edge] = {}
        self._hidden: list[str] = []
        self._arguments: list[Edge] = []
        self._leaf: Leaf | None = None
        for edge in self._edges:
            token = edge.token
            if isinstance(token, Keyword):
                word = token.word.lower()
                if word in self._keywords:
                    raise GrammarError(f"keyword {token.word!r} is declared twice at one position")
                self._keywords[word] = edge
                if token.hidden:
                    self._hidden.append(word)
            elif isinstance(token, Argument):
                self._arguments.append(edge)
            elif self._leaf is not None and self._leaf is not token:
                raise GrammarError("two commands end at one position")
            else:
                self._leaf = token
        self._words = sorted(set(self._keywords) - set(self._hidden))

    @property
    def words(self) -> list[str]:
        """Keywords that help lists, in lower case and sorted."""
        _ = self.edges
        return self._words

    @property
    def keywords(self) -> dict[str, Edge]:
        """Keyword edges by lower-case word, the hidden ones among them."""
        _ = self.edges
        return self._keywords

    @property
    def arguments(self) -> list[Edge]:
        """Argument edges."""
        _ = self.edges
        return self._arguments

    @property
    def leaf(self) -> Leaf | None:
        """The leaf, when the command may end here."""
        _ = self.edges
        return self._leaf

    def matching(self, prefix: str) -> list[str]:
        """Keywords, in lower case, that start with `prefix`; hidden ones only when no other does."""
        _ = self.edges
        found = [word for word in self._words if word.startswith(prefix)]
        return found or [word for word in self._hidden if word.startswith(prefix)]


class Graph:
    """A command tree as one of the two modes reads it. `root` is the position before the first word."""

    __slots__ = ("mode", "root")

    def __init__(self, node: Node, mode: Mode = Mode.SET) -> None:
        self.mode = mode
        self.root = Position(lambda: _Compiler(mode).edges(node, _NOWHERE, None))

    def positions(self) -> Iterator[Position]:
        """Every position that can be reached, each once (for the laws that hold for all of them)."""
        seen: set[int] = set()
        waiting = [self.root]
        while waiting:
            position = waiting.pop()
            if id(position) in seen:
                continue
            seen.add(id(position))
            yield position
            waiting.extend(edge.target for edge in position.edges if edge.target is not None)


_NOWHERE = Position(list)


class _Compiler:
    """Turns nodes into edges. `rest` is what follows a node, `group` the repeat around it."""

    __slots__ = ("mode",)

    def __init__(self, mode: Mode) -> None:
        self.mode = mode

    def edges(self, node: Node, rest: Position, group: Repeat | None) -> list[Edge]:
        if isinstance(node, (Keyword, Argument)):
            return [Edge(node, rest, group=group)]
        if isinstance(node, Sequence):
            return self._sequence(node.parts, rest, group)
        if isinstance(node, Choice):
            return [edge for part in node.alternatives for edge in self.edges(part, rest, group)]
        if isinstance(node, Optional):
            return self.edges(node.body, rest, group) + rest.edges
        if isinstance(node, When):
            if node.unset == (self.mode is Mode.UNSET):
                return self.edges(node.body, rest, group)
            return [] if has_leaf(node.body) else rest.edges
        if isinstance(node, InMode):
            return _Compiler(node.mode).edges(node.body, rest, group)
        if isinstance(node, AnyOrder):
            return self._any_order(node, rest, group)
        if isinstance(node, Repeat):
            return self._repeat(node, rest)
        if isinstance(node, Leaf):
            return [Edge(node, None)] if self.offers(node) else []
        raise GrammarError(f"not a node: {node!r}")

    def offers(self, leaf: Leaf) -> bool:
        if isinstance(leaf, Setting):
            return (leaf.set if self.mode is Mode.SET else leaf.unset) is not None
        return not (isinstance(leaf, Enter) and self.mode is Mode.UNSET)

    def _sequence(self, parts: tuple[Node, ...], rest: Position, group: Repeat | None) -> list[Edge]:
        if len(parts) == 1:
            return self.edges(parts[0], rest, group)
        if not _can_end(parts[1:], self):
            return []
        return self.edges(parts[0], Position(lambda: self._sequence(parts[1:], rest, group)), group)

    def _any_order(self, node: AnyOrder, rest: Position, group: Repeat | None) -> list[Edge]:
        def again() -> list[Edge]:
            started = [
                replace(edge, once=(*edge.once, (id(node), index)))
                for index, option in enumerate(node.options)
                for edge in self.edges(option, loop, group)
            ]
            return started + rest.edges

        loop = Position(again)
        return loop.edges

    def _repeat(self, node: Repeat, rest: Position) -> list[Edge]:
        def first() -> list[Edge]:
            return [replace(edge, starts=True) for edge in self.edges(node.body, loop, node)]

        loop = Position(lambda: first() + rest.edges)
        return first()


def _can_end(parts: tuple[Node, ...], compiler: _Compiler) -> bool:
    """Whether the parts hold a leaf that the mode offers, or no leaf at all (which is then further on)."""
    offers = [offered for part in parts for offered in _offers(part, compiler)]
    return not offers or any(offers)


def _offers(node: Node, compiler: _Compiler) -> Iterator[bool]:
    if isinstance(node, Leaf):
        yield compiler.offers(node)
        return
    if isinstance(node, When) and node.unset != (compiler.mode is Mode.UNSET):
        return
    inside = _Compiler(node.mode) if isinstance(node, InMode) else compiler
    for part in children(node):
        yield from _offers(part, inside)


def has_leaf(node: Node) -> bool:
    """Whether a command ends inside a node."""
    return isinstance(node, Leaf) or any(has_leaf(part) for part in children(node))


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside a node."""
    if isinstance(node, Sequence):
        return node.parts
    if isinstance(node, Choice):
        return node.alternatives
    if isinstance(node, AnyOrder):
        return node.options
    if isinstance(node, (Optional, Repeat, When, InMode)):
        return (node.body,)
    return ()
