"""Figures for people: ratios of costs that were measured side by side, each beside its goal.

Costs are processor time, not wall time, and the ways that are compared take turns, so that what disturbs one disturbs
the others. `conftest.py` prints all figures at the end of the run.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import process_time

Once = Callable[[], object]

_TURNS = 7


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `met` is None for what has no goal."""

    subject: str
    value: str
    goal: str
    met: bool | None


FIGURES: list[Figure] = []


def told(subject: str, value: str) -> None:
    """A figure without a goal."""
    FIGURES.append(Figure(subject, value, "", None))


def at_most(subject: str, value: float, goal: float, detail: str = "") -> None:
    """A figure that must not be greater than its goal."""
    _judge(Figure(subject, f"{value:.2f}{detail and f'  ({detail})'}", f"at most {goal:g}", value <= goal))


def at_least(subject: str, value: float, goal: float, detail: str = "") -> None:
    """A figure that must not be smaller than its goal."""
    _judge(Figure(subject, f"{value:.0f}{detail and f'  ({detail})'}", f"at least {goal:g}", value >= goal))


def _judge(figure: Figure) -> None:
    FIGURES.append(figure)
    assert figure.met, f"{figure.subject}: {figure.value}, goal {figure.goal}"


def costs(ways: Mapping[str, tuple[Once, int]]) -> dict[str, float]:
    """Microseconds a call of each way, the best of its turns; a way is a function and how often a turn calls it."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(_TURNS):
        for name, (once, rounds) in ways.items():
            best[name] = min(best[name], _turn(once, rounds))
    return best


def _turn(once: Once, rounds: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = process_time()
        for _ in range(rounds):
            once()
        return (process_time() - start) / rounds * 1e6
    finally:
        gc.enable()
