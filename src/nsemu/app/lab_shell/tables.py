"""Plain tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Rows of equal length in aligned columns, two blanks apart, without blanks at the line ends."""
    if not rows:
        return ""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = (
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def count(number: int, noun: str) -> str:
    """`1 link`, `2 links`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
