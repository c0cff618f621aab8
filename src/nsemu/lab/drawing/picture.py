"""A figure as boxes, lines and texts with coordinates and colours: what the SVG and PNG renderers have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nsemu.lab.drawing.figure import Figure, FigureNode
from nsemu.lab.drawing.layers import Item, Segment
from nsemu.lab.drawing.metrics import (
    CAPTION_SIZE,
    LABEL_HEIGHT,
    LABEL_SIZE,
    NAME_SIZE,
    TITLE_SIZE,
    text_width,
)
from nsemu.lab.drawing.placement import BOX_HEIGHT, LABEL_GAP, Placement, place

MARGIN: Final = 28.0
_TITLE_HEIGHT: Final = 40.0
_LEGEND_HEIGHT: Final = 46.0
_SWATCH: Final = 16.0

INK: Final = "#1f2933"
SOFT_INK: Final = "#52606d"
PAPER: Final = "#ffffff"
_LINE: Final = "#7b8794"
_DOWN: Final = "#c0392b"
_PROPERTIES: Final = "#8d5a00"


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of node is drawn: fill, outline, radius of the corners."""

    fill: str
    outline: str
    radius: float


LOOKS: Final[Mapping[str, Look]] = {
    "screenos": Look("#fde3dc", "#b93a1f", 8.0),
    "host": Look("#e0edfb", "#2b6cb0", 4.0),
    "dialup": Look("#e4f1f6", "#2c7a7b", 4.0),
    "router": Look("#def3e3", "#2f855a", BOX_HEIGHT / 2),
    "nat": Look("#fbf3d4", "#97701b", BOX_HEIGHT / 2),
    "switch": Look("#eceff3", "#52606d", 0.0),
}
_OTHER_LOOK: Final = Look("#f1e6fa", "#6b46c1", 8.0)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    look: Look


@dataclass(frozen=True, slots=True)
class Path:
    """A line through several points."""

    points: tuple[tuple[float, float], ...]
    colour: str = _LINE
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text. `x` is its middle (or its left edge), `y` the middle of its height."""

    x: float
    y: float
    text: str
    size: float
    colour: str = INK
    bold: bool = False
    centred: bool = True
    masked: bool = False
    """Whether what lies behind is painted over with paper."""

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        width = text_width(self.text, self.size)
        left = self.x - width / 2 if self.centred else self.x
        return left, self.y - self.size * 0.62, left + width, self.y + self.size * 0.62


Shape = Box | Path | Words


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything to paint, in this order, on paper of this size in pixels."""

    title: str
    width: float
    height: float
    shapes: tuple[Shape, ...]


def look_of(kind: str) -> Look:
    """The look of a kind; kinds not in LOOKS share one."""
    return LOOKS.get(kind, _OTHER_LOOK)


def draw(figure: Figure) -> Picture:
    """Lay out and draw a figure. The same figure gives the same picture."""
    layout = place(figure)
    bottom = _y(layout.top[-1] + BOX_HEIGHT)
    legend = tuple(_legend(figure, bottom + MARGIN))
    title = Words(MARGIN, MARGIN + TITLE_SIZE / 2, figure.title, TITLE_SIZE, bold=True, centred=False)
    right = _x(max(layout.centre[item] + layout.width[item] / 2 for item in layout.centre))
    width = max(right, *(words.extent[2] for words in (title, *legend) if isinstance(words, Words)))
    layout.shift((width - right) / 2)
    shapes = (*_link_lines(figure, layout), *_node_shapes(figure, layout), *_labels(figure, layout), title, *legend)
    return Picture(figure.title, width + MARGIN, bottom + MARGIN + _LEGEND_HEIGHT, shapes)


def _y(value: float) -> float:
    return value + MARGIN + _TITLE_HEIGHT


def _x(value: float) -> float:
    return value + MARGIN


def _link_lines(figure: Figure, layout: Placement) -> Iterator[Path]:
    chains: dict[int, list[Segment]] = {}
    for row in layout.rows:
        for item in row:
            for segment in item.below:
                chains.setdefault(segment.link, []).append(segment)
    for index, chain in sorted(chains.items()):
        points: list[tuple[float, float]] = []
        for segment in chain:
            begin, end = layout.channel[segment.upper.row]
            top, low = layout.slot(segment, upper=True), layout.slot(segment, upper=False)
            box = _y(layout.top[segment.upper.row] + BOX_HEIGHT)
            points += [(_x(top), box), (_x(top), _y(begin)), (_x(low), _y(end))]
            points.append((_x(low), _y(layout.top[segment.lower.row])))
        down = figure.links[index].down
        yield Path(tuple(points), _DOWN if down else _LINE, down)


def _node_shapes(figure: Figure, layout: Placement) -> Iterator[Shape]:
    for item in layout.centre:
        if item.name is not None:
            yield from _node(figure.nodes[item.name], item, layout)


def _node(node: FigureNode, item: Item, layout: Placement) -> Iterator[Shape]:
    x, y, width = _x(layout.centre[item]), _y(layout.top[item.row]), layout.width[item]
    yield Box(x - width / 2, y, width, BOX_HEIGHT, look_of(node.kind))
    yield Words(x, y + BOX_HEIGHT / 2 - 9, node.name, NAME_SIZE, bold=True)
    yield Words(x, y + BOX_HEIGHT / 2 + 10, node.caption, CAPTION_SIZE, SOFT_INK)


def _labels(figure: Figure, layout: Placement) -> Iterator[Words]:
    for row in layout.rows:
        for item in row:
            for segment in item.below:
                yield from _segment_labels(figure, layout, segment)


def _segment_labels(figure: Figure, layout: Placement, segment: Segment) -> Iterator[Words]:
    link = figure.links[segment.link]
    upper, lower = segment.upper, segment.lower
    if upper.name is not None:
        top = layout.top[upper.row] + BOX_HEIGHT + LABEL_GAP
        yield from _stack(layout.slot(segment, upper=True), top, link.end(upper.name).lines)
    if lower.name is not None:
        lines = link.end(lower.name).lines
        x = layout.slot(segment, upper=False)
        top = layout.top[lower.row] - LABEL_GAP - LABEL_HEIGHT * len(lines)
        yield from _stack(x, top, lines)
        if link.properties:
            y = layout.channel[upper.row][1] + LABEL_HEIGHT / 2
            colour = _DOWN if link.down else _PROPERTIES
            yield Words(_x(x), _y(y), link.properties, LABEL_SIZE, colour, masked=True)


def _stack(x: float, top: float, lines: tuple[str, ...]) -> Iterator[Words]:
    for index, line in enumerate(lines):
        y = top + LABEL_HEIGHT * (index + 0.5)
        yield Words(_x(x), _y(y), line, LABEL_SIZE, INK if index == 0 else SOFT_INK, bold=index == 0, masked=True)


def _legend(figure: Figure, y: float) -> Iterator[Shape]:
    x, middle = MARGIN, y + _LEGEND_HEIGHT / 2
    for kind in dict.fromkeys(node.kind for node in figure.nodes.values()):
        look = look_of(kind)
        small = Look(look.fill, look.outline, look.radius * _SWATCH / BOX_HEIGHT)
        yield Box(x, middle - _SWATCH / 2, _SWATCH, _SWATCH, small)
        word = Words(x + _SWATCH + 6, middle, kind, CAPTION_SIZE, SOFT_INK, centred=False)
        yield word
        x = word.extent[2] + 22
    if any(link.down for link in figure.links):
        yield Path(((x, middle), (x + 30, middle)), _DOWN, dashed=True)
        word = Words(x + 36, middle, "link down", CAPTION_SIZE, SOFT_INK, centred=False)
        yield word
        x = word.extent[2] + 22
    if any(end.zone or end.address for link in figure.links for end in link.ends):
        yield Words(x, middle, "at each end of a link: interface, zone, address", CAPTION_SIZE, SOFT_INK, centred=False)
