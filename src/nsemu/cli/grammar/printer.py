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
    path = _path_to(root, leaf)
    pieces = None if path is None else _Printer(leaf, unset).pieces(path, arguments)
    if pieces is None:
        raise GrammarError(f"no words for {getattr(leaf, 'name', leaf)} with {dict(arguments)}")
    return "".join(pieces)[1:] + getattr(leaf, "tail", "")


@lru_cache(maxsize=4096)
def _path_to(node: Node, leaf: Leaf) -> Node | None:
    """The declaration without the branches that do not lead to `leaf`; None when it is not in there."""
    if isinstance(node, Leaf):
        return node if node is leaf else None
    if isinstance(node, Choice):
        kept = tuple(path for part in node.alternatives if (path := _path_to(part, leaf)) is not None)
        if kept:
            return kept[0] if len(kept) == 1 else Choice(kept)
        return None if has_leaf(node) else node
    if isinstance(node, Sequence):
        parts = tuple(_path_to(part, leaf) for part in node.parts)
        return None if None in parts else Sequence(tuple(part for part in parts if part is not None))
    if isinstance(node, (Optional, AnyOrder, Repeat, When)) and has_leaf(node):
        return _wrapped_path(node, leaf)
    return node


def _wrapped_path(node: Node, leaf: Leaf) -> Node | None:
    if isinstance(node, When):
        body = _path_to(node.body, leaf)
        return None if body is None else When(node.unset, body)
    raise GrammarError("a leaf inside a repeated or optional part: use choice() instead")


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
