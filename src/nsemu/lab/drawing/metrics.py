"""Sizes of text, without a font: widths of a wide sans serif face, so that narrower ones fit as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

TITLE_SIZE: Final = 18.0
NAME_SIZE: Final = 14.0
CAPTION_SIZE: Final = 11.0
LABEL_SIZE: Final = 11.0
LABEL_HEIGHT: Final = 14.0

_BOLD: Final = 1.08
_NARROW: Final = frozenset("iljtfrI.,:;'|!()[]/- ")
_WIDE: Final = frozenset("mwMWOQG@%±")


def text_width(text: str, size: float) -> float:
    """Pixels a line of text takes at most, bold or not."""
    return sum(map(_advance, text)) * size * _BOLD


def block_width(lines: Iterable[str], size: float) -> float:
    """Pixels the longest of several lines takes."""
    return max((text_width(line, size) for line in lines), default=0.0)


def _advance(character: str) -> float:
    if character in _NARROW:
        return 0.42
    if character in _WIDE:
        return 0.9
    if character.isupper():
        return 0.7
    return 0.62 if character.isascii() else 1.0
