"""A picture as PNG, at twice its size. Only this file imports Pillow; its built-in font is used, so results repeat."""

from __future__ import annotations

import io
import math
from functools import cache
from itertools import pairwise
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from nsemu.lab.drawing.picture import PAPER, Box, Path, Picture, Shape, Words

_SCALE: Final = 2.0
_MAX_SIDE: Final = 16_000
_DASH: Final = (6.0, 4.0)


def to_png(picture: Picture) -> bytes:
    """The octets of a PNG file. A picture too large for two pixels a unit is drawn smaller."""
    scale = min(_SCALE, _MAX_SIDE / max(picture.width, picture.height))
    image = Image.new("RGB", (math.ceil(picture.width * scale), math.ceil(picture.height * scale)), PAPER)
    canvas = ImageDraw.Draw(image)
    for shape in picture.shapes:
        _paint(canvas, shape, scale)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _paint(canvas: ImageDraw.ImageDraw, shape: Shape, scale: float) -> None:
    match shape:
        case Box(x, y, width, height, look):
            corners = (x * scale, y * scale, (x + width) * scale, (y + height) * scale)
            canvas.rounded_rectangle(corners, look.radius * scale, look.fill, look.outline, round(1.5 * scale))
        case Path(points, colour, dashed):
            stroke = max(1, round(1.5 * scale))
            for piece in _dashes(points) if dashed else [points]:
                canvas.line([(x * scale, y * scale) for x, y in piece], colour, stroke, joint="curve")
        case Words():
            _write(canvas, shape, scale)


def _write(canvas: ImageDraw.ImageDraw, words: Words, scale: float) -> None:
    if words.masked:
        left, top, right, bottom = (edge * scale for edge in words.extent)
        canvas.rectangle((left, top, right, bottom), PAPER)
    # the built-in face has one weight: a thin outline of the same colour makes it bold
    canvas.text(
        (words.x * scale, words.y * scale),
        words.text,
        words.colour,
        _font(words.size * scale),
        "mm" if words.centred else "lm",
        stroke_width=0.4 if words.bold else 0,
    )


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _dashes(points: tuple[tuple[float, float], ...]) -> list[list[tuple[float, float]]]:
    """The pieces of a dashed line, corner to corner."""
    pieces: list[list[tuple[float, float]]] = []
    for (x1, y1), (x2, y2) in pairwise(points):
        length = math.hypot(x2 - x1, y2 - y1)
        at = 0.0
        while at < length:
            ends = (at / length, min(at + _DASH[0], length) / length)
            pieces.append([(x1 + (x2 - x1) * end, y1 + (y2 - y1) * end) for end in ends])
            at += sum(_DASH)
    return pieces
