"""A picture as SVG 1.1: plain elements, no scripts, no fonts inside."""

from __future__ import annotations

from html import escape

from nsemu.lab.drawing.picture import INK, PAPER, Box, Path, Picture, Shape, Words

_FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"


def to_svg(picture: Picture) -> str:
    """The text of an SVG file."""
    width, height = _number(picture.width), _number(picture.height)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="{_FONT}" fill="{INK}">',
        f"<title>{escape(picture.title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        *(_shape(shape) for shape in picture.shapes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _shape(shape: Shape) -> str:
    match shape:
        case Box(x, y, width, height, look):
            return (
                f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
                f' rx="{_number(look.radius)}" fill="{look.fill}" stroke="{look.outline}" stroke-width="1.5"/>'
            )
        case Path(points, colour, dashed):
            corners = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
            dash = ' stroke-dasharray="6 4"' if dashed else ""
            return (
                f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="1.5"'
                f' stroke-linejoin="round"{dash}/>'
            )
        case Words():
            return _words(shape)


def _words(words: Words) -> str:
    left, top, right, bottom = words.extent
    behind = (
        f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(right - left)}"'
        f' height="{_number(bottom - top)}" fill="{PAPER}"/>'
        if words.masked
        else ""
    )
    anchor = ' text-anchor="middle"' if words.centred else ""
    weight = ' font-weight="bold"' if words.bold else ""
    # the baseline lies about a third of the size below the middle; dominant-baseline is not understood everywhere
    return (
        f'{behind}<text x="{_number(words.x)}" y="{_number(words.y + words.size * 0.35)}" font-size="{words.size:g}"'
        f' fill="{words.colour}"{anchor}{weight}>{escape(words.text)}</text>'
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
