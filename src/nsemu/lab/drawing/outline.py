"""A figure as plain text, for a terminal: the nodes as a tree from the middle, two lines a link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nsemu.lab.drawing.figure import Figure, FigureEnd, components


@dataclass(frozen=True, slots=True)
class Strokes:
    """What the lines of the tree are drawn with."""

    branch: str
    last: str
    trunk: str
    cable: str
    broken: str


UNICODE: Final = Strokes("├─ ", "└─ ", "│  ", "──", "─╳─")
ASCII: Final = Strokes("|- ", "`- ", "|  ", "--", "-x-")

_BLANK: Final = "   "


def to_outline(figure: Figure, strokes: Strokes = UNICODE) -> str:
    """The tree, ending with a newline. A node met a second time (in a ring) is only named.

    ```
    internet  router
    ├─ eth1 1.1.1.250/24 ── ethernet3 untrust 1.1.1.1/24  (10ms)
    │  newyork  screenos ns208
    ```
    """
    lines = [f"{figure.title}: {_count(len(figure.nodes), 'node')}, {_count(len(figure.links), 'link')}"]
    outline = _Outline(figure, strokes)
    for middle, _ in components(figure):
        lines += ["", _name(figure, middle), *outline.lines(middle)]
    return "\n".join(lines) + "\n"


class _Outline:
    """Tells each link once. A node is unfolded below its parent in the tree of shortest ways, and only there."""

    def __init__(self, figure: Figure, strokes: Strokes) -> None:
        self._figure = figure
        self._strokes = strokes
        self._told: set[int] = set()
        self._unfolded: set[str] = set()
        self._at: dict[str, list[int]] = {name: [] for name in figure.nodes}
        for index, link in enumerate(figure.links):
            for end in link.ends:
                self._at[end.node].append(index)

    def lines(self, middle: str) -> Iterator[str]:
        """Everything below the node in the middle of a connected part."""
        parent = _tree(self._figure, middle)
        open_nodes = [self._unfold(middle, "")]
        while open_nodes:
            step = next(open_nodes[-1], None)
            if step is None:
                open_nodes.pop()
                continue
            index, node, indent, last = step
            far = self._figure.links[index].other(node).node
            yield indent + (self._strokes.last if last else self._strokes.branch) + self._cable(index, node)
            deeper = indent + (_BLANK if last else self._strokes.trunk)
            if far in self._unfolded or parent[far] != node:
                yield f"{deeper}{far}  (see there)"
            else:
                yield deeper + _name(self._figure, far)
                open_nodes.append(self._unfold(far, deeper))

    def _unfold(self, node: str, indent: str) -> Iterator[tuple[int, str, str, bool]]:
        self._unfolded.add(node)
        own = [index for index in self._at[node] if index not in self._told]
        self._told.update(own)
        return iter([(index, node, indent, index == own[-1]) for index in own])

    def _cable(self, index: int, node: str) -> str:
        link = self._figure.links[index]
        cable = self._strokes.broken if link.down else self._strokes.cable
        words = f"{_end(link.end(node))} {cable} {_end(link.other(node))}"
        return f"{words}  ({link.properties})" if link.properties else words


def _tree(figure: Figure, middle: str) -> dict[str, str]:
    neighbours = figure.neighbours()
    parent: dict[str, str] = {middle: ""}
    for node in (queue := [middle]):
        for other in neighbours[node]:
            if other not in parent:
                parent[other] = node
                queue.append(other)
    return parent


def _name(figure: Figure, name: str) -> str:
    return f"{name}  {figure.nodes[name].caption}"


def _end(end: FigureEnd) -> str:
    return " ".join(end.lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
