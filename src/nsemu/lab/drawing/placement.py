"""Where everything stands: the second half of a layered drawing. Rows of items → coordinates in pixels.

Every end of a link has a slot of its own at its node, as wide as its label, so labels cannot meet. Between two rows
lie, from top to bottom: the labels of the upper ends, a channel in which links change columns, the properties of the
links, the labels of the lower ends. Links are straight and vertical everywhere but in the channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nsemu.lab.drawing.figure import Figure
from nsemu.lab.drawing.layers import Item, Rows, Segment, rows_of
from nsemu.lab.drawing.metrics import (
    CAPTION_SIZE,
    LABEL_HEIGHT,
    LABEL_SIZE,
    NAME_SIZE,
    block_width,
    text_width,
)

BOX_HEIGHT: Final = 46.0
LABEL_GAP: Final = 7.0
_SLOT_GAP: Final = 22.0
_ITEM_GAP: Final = 34.0
_STOP_WIDTH: Final = 14.0
_BOX_PADDING: Final = 26.0
_CHANNEL: Final = (26.0, 110.0)
_CHANNEL_SLOPE: Final = 0.22
_PASSES: Final = 16


@dataclass(slots=True)
class Placement:
    """Coordinates. `centre` is the x of an item; `slot` the x of a segment at its upper and lower item."""

    rows: Rows
    centre: dict[Item, float]
    width: dict[Item, float]
    top: list[float] = field(default_factory=list)
    """Upper edge of the boxes of each row."""
    channel: list[tuple[float, float]] = field(default_factory=list)
    """Below each row but the last: where the channel begins and ends."""
    offset: dict[tuple[Segment, bool], float] = field(default_factory=dict)

    def slot(self, segment: Segment, *, upper: bool) -> float:
        """The x of the segment where it meets its upper or lower item."""
        item = segment.upper if upper else segment.lower
        return self.centre[item] + self.offset[segment, upper]

    def shift(self, distance: float) -> None:
        """Move everything to the right."""
        for item in self.centre:
            self.centre[item] += distance


def place(figure: Figure) -> Placement:
    """Lay a figure out; the smallest x is 0, the first row begins at y 0."""
    rows = rows_of(figure)
    widths = {item: _item_width(figure, item) for row in rows for item in row}
    placement = Placement(rows, {}, widths)
    _fill_slots(figure, placement)
    _fill_columns(placement)
    _fill_heights(figure, placement)
    return placement


def _slot_width(figure: Figure, segment: Segment, *, upper: bool) -> float:
    item = segment.upper if upper else segment.lower
    if item.name is None:
        return 0.0
    link = figure.links[segment.link]
    width = block_width(link.end(item.name).lines, LABEL_SIZE)
    return width if upper else max(width, text_width(link.properties, LABEL_SIZE))


def _slot_widths(figure: Figure, item: Item, *, upper: bool) -> list[float]:
    return [_slot_width(figure, segment, upper=upper) for segment in (item.below if upper else item.above)]


def _item_width(figure: Figure, item: Item) -> float:
    if item.name is None:
        return _STOP_WIDTH
    node = figure.nodes[item.name]
    words = max(text_width(node.name, NAME_SIZE), text_width(node.caption, CAPTION_SIZE)) + _BOX_PADDING
    sides = [_slot_widths(figure, item, upper=upper) for upper in (True, False)]
    return max(words, *(sum(side) + _SLOT_GAP * (len(side) - 1) for side in sides))


def _fill_slots(figure: Figure, placement: Placement) -> None:
    for item in placement.width:
        for upper, segments in ((True, item.below), (False, item.above)):
            widths = _slot_widths(figure, item, upper=upper)
            x = -(sum(widths) + _SLOT_GAP * (len(widths) - 1)) / 2
            for segment, width in zip(segments, widths, strict=True):
                placement.offset[segment, upper] = x + width / 2
                x += width + _SLOT_GAP


def _fill_columns(placement: Placement) -> None:
    """Move each item towards what it is linked to, without changing the order of its row."""
    for row in placement.rows:
        x = 0.0
        for item in row:
            placement.centre[item] = x + placement.width[item] / 2
            x += placement.width[item] + _ITEM_GAP
    for number in range(_PASSES):
        down = number % 2 == 0
        for row in placement.rows[1:] if down else reversed(placement.rows[:-1]):
            _settle(placement, row, {item: _pulls(placement, item, down=down) for item in row})
    for row in reversed(placement.rows[:-1]):
        both = {item: _pulls(placement, item, down=False) + _pulls(placement, item, down=True) for item in row}
        _settle(placement, row, both)
    left = min(placement.centre[item] - placement.width[item] / 2 for item in placement.centre)
    placement.shift(-left)


def _pulls(placement: Placement, item: Item, *, down: bool) -> list[float]:
    """Where the item would stand to have each of its links vertical."""
    segments = item.above if down else item.below
    return [placement.slot(segment, upper=down) - placement.offset[segment, not down] for segment in segments]


def _settle(placement: Placement, row: Sequence[Item], wishes: Mapping[Item, list[float]]) -> None:
    """Least squares under the order of the row: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []  # sum of weighted wishes, weight, items
    shifts: list[float] = []
    shift = 0.0
    for index, item in enumerate(row):
        if index:
            shift += (placement.width[row[index - 1]] + placement.width[item]) / 2 + _ITEM_GAP
        shifts.append(shift)
        pulls = wishes[item]
        weight = float(len(pulls)) if pulls else 0.01
        wish = sum(pulls) / len(pulls) if pulls else placement.centre[item]
        pools.append(((wish - shift) * weight, weight, 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last, before = pools.pop(), pools.pop()
            pools.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    places = [total / weight for total, weight, count in pools for _ in range(count)]
    for item, place_, moved in zip(row, places, shifts, strict=True):
        placement.centre[item] = place_ + moved


def _fill_heights(figure: Figure, placement: Placement) -> None:
    y = 0.0
    for row in placement.rows:
        placement.top.append(y)
        y += BOX_HEIGHT
        segments = [segment for item in row for segment in item.below]
        if not segments:
            continue
        heights = _zone_heights(figure, segments)
        swing = max(abs(placement.slot(s, upper=True) - placement.slot(s, upper=False)) for s in segments)
        begin = y + heights["upper"]
        end = begin + min(max(swing * _CHANNEL_SLOPE, _CHANNEL[0]), _CHANNEL[1])
        placement.channel.append((begin, end))
        y = end + heights["properties"] + heights["lower"]


def _zone_heights(figure: Figure, segments: Sequence[Segment]) -> Mapping[str, float]:
    def lines(segment: Segment, item: Item) -> int:
        return len(figure.links[segment.link].end(item.name).lines) if item.name is not None else 0

    upper = max(lines(segment, segment.upper) for segment in segments)
    lower = max(lines(segment, segment.lower) for segment in segments)
    words = any(figure.links[segment.link].properties for segment in segments if segment.lower.name is not None)
    return {
        "upper": upper * LABEL_HEIGHT + 2 * LABEL_GAP,
        "lower": lower * LABEL_HEIGHT + 2 * LABEL_GAP,
        "properties": LABEL_HEIGHT + LABEL_GAP if words else 0.0,
    }
