"""Delay, loss, rate as text from a person at a prompt: the same words and units as in a topology file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from nsemu.lab.topology import units
from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings, TopologyError
from nsemu.sim.scheduler import Duration

T = TypeVar("T")


def _read(reader: Callable[[Element, Findings], T | None], text: str) -> T:
    findings = Findings("")
    value = reader(Element("", text, text), findings)
    if value is not None:
        return value
    try:
        findings.raise_errors()
    except TopologyError as error:
        problem = error.problems[0]
        raise ValueError(f"found {problem.found}; allowed: {problem.allowed}") from None
    raise ValueError(f"{text!r} is not understood")


def read_delay(text: str) -> Duration:
    """`10ms` → nanoseconds. Raises ValueError, which says what is allowed."""
    return _read(units.delay, text)


def read_wait(text: str) -> Duration:
    """`30` (seconds), `8h` → nanoseconds. Raises ValueError."""
    return _read(units.wait, text)


def read_loss(text: str) -> float:
    """`10%`, `0.1` → a fraction. Raises ValueError."""
    if "%" not in text:
        try:
            return _read(units.loss, text) if text.strip() in {"", "0"} else _fraction(text)
        except ValueError:
            pass
    return _read(units.loss, text)


def _fraction(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise ValueError(text)
    return value


def read_rate(text: str) -> int:
    """`10mbit` → bits per second. Raises ValueError."""
    return _read(units.rate, text)
