"""Writing a line: from a leaf and its arguments to words, through the declaration that also reads them."""

from __future__ import annotations

from functools import lru_cache

from nsemu.cli.grammar.graph import GrammarError, has_leaf
from nsemu.cli.grammar.nodes import (
    AnyOrder,
    Argument,
    Arguments,
    Choice,
    Keyword,
    Leaf,
    Node,
    Optional,
    Repeat,
    Sequence,
    When,
)
from nsemu.cli.grammar.words import quote


def command_line(root: Node, leaf: Leaf, arguments: Arguments, *, unset: bool = False) -> str:
    """The line, without `set` or `unset`, that reads as `leaf` with `arguments` in the tree `root`.

    Raises GrammarError when the declaration cannot express them.
    """
    path = _paths(root).get(leaf)
    pieces = None if path is None else _Printer(leaf, unset).pieces(path, arguments)
    if pieces is None:
        raise GrammarError(f"no words for {getattr(leaf, 'name', leaf)} with {dict(arguments)}")
    return "".join(pieces)[1:] + getattr(leaf, "tail", "")


@lru_cache(maxsize=64)
def _paths(root: Node) -> dict[Leaf, Node]:
    """For each leaf of a tree, the declaration without the branches that do not lead to it."""
    found = _routes(root)
    return found if found is not None else {}


def _routes(node: Node) -> dict[Leaf, Node] | None:
    """The same for a part of a tree; None for one in which no command ends, and which belongs to every path."""
    if isinstance(node, Leaf):
        return {node: node}
    if isinstance(node, Choice):
        return _choice_routes(node)
    if isinstance(node, Sequence):
        return _sequence_routes(node)
    if isinstance(node, When):
        inside = _routes(node.body)
        return None if inside is None else {leaf: When(node.unset, path) for leaf, path in inside.items()}
    if isinstance(node, (Optional, AnyOrder, Repeat)) and has_leaf(node):
        raise GrammarError("a leaf inside a repeated or optional part: use choice() instead")
    return None


def _choice_routes(node: Choice) -> dict[Leaf, Node] | None:
    routes = [(part, _routes(part)) for part in node.alternatives]
    leaves = dict.fromkeys(leaf for _, found in routes for leaf in found or ())
    if not leaves:
        return None
    result: dict[Leaf, Node] = {}
    for leaf in leaves:
        kept = tuple(part if found is None else found[leaf] for part, found in routes if found is None or leaf in found)
        result[leaf] = kept[0] if len(kept) == 1 else Choice(kept)
    return result


def _sequence_routes(node: Sequence) -> dict[Leaf, Node] | None:
    routes = [(part, _routes(part)) for part in node.parts]
    leafy = [found for _, found in routes if found is not None]
    if not leafy:
        return None
    common = [leaf for leaf in leafy[0] if all(leaf in other for other in leafy[1:])]
    return {leaf: Sequence(tuple(part if found is None else found[leaf] for part, found in routes)) for leaf in common}


class _Printer:
    """Walks a path; None stands for "these arguments are not written this way"."""

    __slots__ = ("_quoted", "_unset")

    def __init__(self, leaf: Leaf, unset: bool) -> None:
        self._unset = unset
        self._quoted: frozenset[str] = getattr(leaf, "quoted", frozenset())

    def pieces(self, node: Node, arguments: Arguments) -> list[str] | None:
        if isinstance(node, Keyword):
            if node.binds is not None and arguments.get(node.binds[0]) != node.binds[1]:
                return None
            return [" ", node.printed or node.word]
        if isinstance(node, Argument):
            return self._argument(node, arguments)
        if isinstance(node, Sequence):
            return self._all(node.parts, arguments)
        if isinstance(node, Choice):
            return next(
                (found for part in node.alternatives if (found := self.pieces(part, arguments)) is not None), None
            )
        if isinstance(node, Optional):
            return self.pieces(node.body, arguments) or []
        if isinstance(node, AnyOrder):
            return [piece for option in node.options for piece in self.pieces(option, arguments) or ()]
        if isinstance(node, When):
            if node.unset == self._unset:
                return self.pieces(node.body, arguments)
            return None if has_leaf(node.body) else []
        if isinstance(node, Repeat):
            return self._repeat(node, arguments)
        return []

    def _argument(self, node: Argument, arguments: Arguments) -> list[str] | None:
        value = arguments.get(node.name)
        if value is None:
            return None
        text = node.type.show(value)
        if node.name in self._quoted and not text.startswith('"'):
            text = quote(text)
        return [" " * node.gap, text]

    def _all(self, parts: tuple[Node, ...], arguments: Arguments) -> list[str] | None:
        pieces: list[str] = []
        for part in parts:
            found = self.pieces(part, arguments)
            if found is None:
                return None
            pieces += found
        return pieces

    def _repeat(self, node: Repeat, arguments: Arguments) -> list[str] | None:
        rounds = arguments.get(node.name)
        if not rounds:
            return None
        pieces: list[str] = []
        for item in rounds:
            body = {node.body.name: item} if isinstance(node.body, Argument) else item
            found = self.pieces(node.body, body)
            if found is None:
                return None
            pieces += found
        return pieces
