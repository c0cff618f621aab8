"""From a graph to a file; the suffix of the name chooses the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nsemu.lab.drawing.dot import to_dot
from nsemu.lab.drawing.figure import Figure, figure_of
from nsemu.lab.drawing.mermaid import to_mermaid
from nsemu.lab.drawing.picture import draw
from nsemu.lab.drawing.svg import to_svg


class DrawingError(ValueError):
    """A drawing that cannot be made or written; the message says why."""


def _png(figure: Figure) -> bytes:
    from nsemu.lab.drawing.png import to_png  # late: Pillow takes its time to load

    return to_png(draw(figure))


FORMATS: Final[Mapping[str, Callable[[Figure], bytes]]] = {
    ".svg": lambda figure: to_svg(draw(figure)).encode(),
    ".png": _png,
    ".dot": lambda figure: to_dot(figure).encode(),
    ".mmd": lambda figure: to_mermaid(figure).encode(),
}
"""Suffix → renderer."""


def render(graph: Any, suffix: str) -> bytes:
    """The octets of a drawing of a graph made by `build_graph`. Raises DrawingError for a suffix not in FORMATS."""
    renderer = FORMATS.get(suffix.lower())
    if renderer is None:
        raise DrawingError(f"cannot draw a {suffix or 'file without a suffix'!r}; allowed: {', '.join(FORMATS)}")
    return renderer(figure_of(graph))


def write_drawing(graph: Any, path: Path) -> None:
    """Draw into a file. Raises DrawingError for an unknown suffix or a file that cannot be written."""
    octets = render(graph, path.suffix)
    try:
        path.write_bytes(octets)
    except OSError as error:
        raise DrawingError(f"cannot write {path}: {error.strerror}") from None
