"""What is wrong with a topology file: one `Problem` a finding, all of them in one `TopologyError`.

Owns the wording. A problem names file and line, the dotted path, what was found, what is allowed, and the nearest name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `found` is what the file has, in quotes when it is a text; empty when `reason` says it all.

    `line` and `column` count from 1; 0 means the finding has no place in the file.
    """

    file: str
    line: int
    path: str = ""
    found: str = ""
    reason: str = ""
    allowed: str = ""
    nearest: str = ""
    column: int = 0

    @property
    def place(self) -> str:
        """`file`, `file:line` or `file:line:column`."""
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *numbers])

    def __str__(self) -> str:
        words = [f"found {self.found}"] if self.found else []
        if self.reason:
            words.append(self.reason)
        if self.allowed:
            words.append(f"allowed: {self.allowed}")
        if self.nearest:
            words.append(f"did you mean '{self.nearest}'?")
        where = f"{self.place}: {self.path}: " if self.path else f"{self.place}: "
        return where + "; ".join(words)


class TopologyError(ValueError):
    """A topology file that cannot be used. `problems` holds everything that is wrong, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        self.problems = problems
        self.warnings = warnings
        super().__init__("\n".join(str(problem) for problem in problems))


class Findings:
    """Gathers the problems of one file, each once, and knows on which line a dotted path stands."""

    __slots__ = ("_errors", "_warnings", "file", "lines")

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        self._errors: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}

    def line_of(self, path: str) -> int:
        """The line of a dotted path, or of the nearest thing around it that is in the file."""
        while path not in self.lines and path:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def error(self, path: str, found: str = "", *, reason: str = "", allowed: str = "", nearest: str = "") -> None:
        """Record something that makes the file unusable."""
        self._errors[Problem(self.file, self.line_of(path), path, found, reason, allowed, nearest)] = None

    def unknown(self, path: str, found: str, allowed: Iterable[str], *, reason: str = "") -> None:
        """Record a name that is not one of `allowed`; the nearest of them is offered."""
        names = list(allowed)
        near = nearest_name(found, names)
        self.error(path, quoted(found), reason=reason, allowed=", ".join(names) or "none", nearest=near)

    def syntax(self, line: int, column: int, reason: str) -> None:
        """Record that the text is no YAML."""
        self._errors[Problem(self.file, line, reason=reason, column=column)] = None

    def warn(self, path: str, reason: str) -> None:
        """Record something that is odd, but can run."""
        self._warnings[Problem(self.file, self.line_of(path), path, reason=reason)] = None

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """All warnings, in the order of the file."""
        return _in_file_order(self._warnings)

    def raise_errors(self) -> None:
        """Raise one TopologyError with everything recorded so far, if anything is wrong."""
        if self._errors:
            raise TopologyError(_in_file_order(self._errors), self.warnings)


def nearest_name(found: str, names: Iterable[str]) -> str:
    """The name most like `found`, ignoring case; empty when nothing is close."""
    by_lower: Mapping[str, str] = {name.lower(): name for name in names}
    close = difflib.get_close_matches(found.lower()[:_SHOWN_CHARACTERS], by_lower, n=1)
    return by_lower[close[0]] if close else ""


def _in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


def quoted(text: str) -> str:
    """A text of the file as messages show it: in quotes, escaped, cut when long."""
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    return repr(text)
