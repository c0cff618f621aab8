"""What a drawing shows, free of any format: nodes and links as words. Made from the graph, read by every renderer."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nsemu.lab.graph import InterfaceLabel

_MANY_NODES = 400


@dataclass(frozen=True, slots=True)
class FigureNode:
    """A node: its name, kind, and a detail such as the platform."""

    name: str
    kind: str
    detail: str = ""

    @property
    def caption(self) -> str:
        """`screenos ns208`, `host`."""
        return f"{self.kind} {self.detail}".strip()


@dataclass(frozen=True, slots=True)
class FigureEnd:
    """One end of a link."""

    node: str
    interface: str
    zone: str = ""
    address: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The interface, then zone and address where known."""
        return tuple(line for line in (self.interface, self.zone, self.address) if line)


@dataclass(frozen=True, slots=True)
class FigureLink:
    """A link; `properties` in words, empty for a perfect cable."""

    ends: tuple[FigureEnd, FigureEnd]
    properties: str = ""
    down: bool = False

    def other(self, node: str) -> FigureEnd:
        """The end that is not on `node`."""
        return self.ends[1] if self.ends[0].node == node else self.ends[0]

    def end(self, node: str) -> FigureEnd:
        """The end on `node`."""
        return self.ends[0] if self.ends[0].node == node else self.ends[1]


@dataclass(frozen=True, slots=True)
class Figure:
    """Everything that is drawn, in the order of the topology file."""

    title: str
    nodes: Mapping[str, FigureNode]
    links: tuple[FigureLink, ...]

    def neighbours(self) -> dict[str, list[str]]:
        """Node → the nodes it is linked to, in the order of the links; parallel links count once."""
        found: dict[str, dict[str, None]] = {name: {} for name in self.nodes}
        for link in self.links:
            one, other = (end.node for end in link.ends)
            found[one][other] = None
            found[other][one] = None
        return {name: list(others) for name, others in found.items()}


def figure_of(graph: Any) -> Figure:
    """The figure of a graph made by `build_graph`."""
    nodes = {name: FigureNode(name, data["kind"], data["detail"]) for name, data in graph.nodes(data=True)}
    edges = sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[2])
    return Figure(graph.graph["name"], nodes, tuple(_link(data) for *_, data in edges))


def _link(data: Mapping[str, Any]) -> FigureLink:
    interfaces: Mapping[str, str] = data["interfaces"]
    labels: Mapping[str, InterfaceLabel] = data["labels"]
    one, other = (FigureEnd(node, port, labels[node].zone, labels[node].address) for node, port in interfaces.items())
    return FigureLink((one, other), data["properties"], data["link"].down)


def distances(neighbours: Mapping[str, list[str]], start: str) -> dict[str, int]:
    """Links from `start` to every node it reaches, in order of distance."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for other in neighbours[node]:
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


def components(figure: Figure) -> list[tuple[str, list[str]]]:
    """The connected parts: (the node in the middle, all nodes in order of distance from it)."""
    neighbours = figure.neighbours()
    left = dict.fromkeys(figure.nodes)
    parts: list[tuple[str, list[str]]] = []
    while left:
        members = list(distances(neighbours, next(iter(left))))
        middle = _middle(members, neighbours)
        parts.append((middle, list(distances(neighbours, middle))))
        for name in members:
            del left[name]
    return parts


def _middle(members: list[str], neighbours: Mapping[str, list[str]]) -> str:
    """The node with the least distance to its farthest one; of equals the best linked, then the first."""
    if len(members) > _MANY_NODES:
        return max(members, key=lambda name: len(neighbours[name]))
    return min(members, key=lambda name: (max(distances(neighbours, name).values()), -len(neighbours[name])))
