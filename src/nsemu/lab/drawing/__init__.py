"""Drawings of a topology: SVG, PNG, Graphviz, Mermaid and plain text, made from its graph; nothing runs for them."""

from nsemu.lab.drawing.figure import Figure, figure_of
from nsemu.lab.drawing.outline import ASCII, UNICODE, to_outline
from nsemu.lab.drawing.write import FORMATS, DrawingError, render, write_drawing

__all__ = [
    "ASCII",
    "FORMATS",
    "UNICODE",
    "DrawingError",
    "Figure",
    "figure_of",
    "render",
    "to_outline",
    "write_drawing",
]
