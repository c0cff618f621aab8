"""The `validate:` blocks of a topology: runs them on a lab and says what came of each.

Checks are generators like commands: they yield waits and never move time themselves, so that a person can watch and
interrupt them. `validate` drives them at once. What a check left on the lab (sessions, SAs, settings) is there for the
next one: blocks run in the order of the file.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from nsemu.api.lab import Lab
from nsemu.cli.dialogue import Question
from nsemu.lab.arguments import CommandRefused
from nsemu.lab.network import LabError
from nsemu.lab.topology.errors import nearest_name
from nsemu.lab.topology.model import ValidationSpec
from nsemu.sim.scheduler import SECOND
from nsemu.sim.wait import Wait, satisfy


class Outcome(Enum):
    """What came of a check."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. `at` is the virtual second at which it ended; `expected` is empty when it passed.

    `output` is all that its commands printed.
    """

    name: str
    description: str
    node: str
    commands: tuple[str, ...]
    outcome: Outcome
    text: str
    expected: str
    output: str
    at: float

    def to_dict(self) -> dict[str, object]:
        """The same as JSON has it."""
        return {
            "name": self.name,
            "description": self.description,
            "node": self.node,
            "exec": list(self.commands),
            "outcome": self.outcome.value,
            "text": self.text,
            "expected": self.expected,
            "output": self.output,
            "at": self.at,
        }


class _Fate(Enum):
    """What became of a command."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    MISREAD = "misread"


Checking = Generator[Wait, None, CheckResult]


def selected(lab: Lab, only: str | None = None) -> tuple[ValidationSpec, ...]:
    """The checks of the lab, or the one of that name. Raises LabError when there is none such."""
    checks = lab.topology.validations
    if only is None:
        return checks
    chosen = tuple(check for check in checks if check.name == only)
    if not chosen:
        near = nearest_name(only, [check.name for check in checks])
        raise LabError(f"no check {only!r}" + (f"; did you mean {near!r}?" if near else ""))
    return chosen


def validate(lab: Lab, only: str | None = None) -> list[CheckResult]:
    """Run the checks in their order, in virtual time as fast as possible. Raises LabError for an unknown name."""
    return list(run_checks(lab, selected(lab, only)))


def run_checks(lab: Lab, checks: Iterable[ValidationSpec]) -> Iterator[CheckResult]:
    """Run these checks in their order; each result comes as soon as it is there."""
    for spec in checks:
        yield _drive(check(lab, spec), lab)


def check(lab: Lab, spec: ValidationSpec) -> Checking:
    """One check: wait, run the commands, look at what they printed.

    A command that is not understood fails the check unless `match` finds what was said to it; one that is understood
    and declined (a zone in use) fails a check that does not look at the output at all.
    """
    if spec.wait:
        yield Wait(lab.scheduler.now + spec.wait)
    pieces: list[str] = []
    fates: dict[str, _Fate] = {}
    for line in spec.commands:
        fates[line] = yield from _run(lab, spec.node, line, pieces)
    output = "".join(pieces)
    expected = _unmet(spec, output, fates)
    if not expected:
        outcome, text = Outcome.PASS, spec.pass_text
    else:
        outcome = Outcome.WARN if spec.level == "warning" else Outcome.FAIL
        text = spec.fail_text
    at = lab.scheduler.now / SECOND
    return CheckResult(spec.name, spec.description, spec.node, spec.commands, outcome, text, expected, output, at)


def _drive(checking: Checking, lab: Lab) -> CheckResult:
    while True:
        try:
            wait = next(checking)
        except StopIteration as end:
            result: CheckResult = end.value
            return result
        satisfy(wait, lab.scheduler)


def _run(lab: Lab, node: str, line: str, pieces: list[str]) -> Generator[Wait, None, _Fate]:
    """Run one command, gathering what it prints; questions get their default answer."""
    first = len(pieces)
    try:
        running, console = lab[node].start(line)
    except CommandRefused as error:
        pieces.append(f"{error}\n")
        return _Fate.MISREAD
    reply: str | None = None
    while True:
        try:
            item = running.send(reply)  # type: ignore[arg-type]  # hosts ask nothing, and are sent None
        except StopIteration:
            if console is None or not console.refused:
                return _Fate.ACCEPTED
            return _Fate.MISREAD if any(is_marker(piece) for piece in pieces[first:]) else _Fate.DECLINED
        reply = None
        if isinstance(item, Wait):
            yield item
        elif isinstance(item, Question):
            reply = item.default
            pieces.append(f"{item.text}{reply}\n")
        else:
            pieces.append(item)


def is_marker(text: str) -> bool:
    """Whether this is the line with which a console points at a word that it does not know."""
    return text.lstrip(" ").startswith("^--")


def _unmet(spec: ValidationSpec, output: str, fates: Mapping[str, _Fate]) -> str:
    """What was expected and is not so, in words; empty when all is well."""
    silent = spec.match is None and spec.not_match is None
    for line, fate in fates.items():
        if (fate is _Fate.MISREAD and spec.match is None) or (fate is _Fate.DECLINED and silent):
            return f"the command to be accepted: {line}"
    if spec.match is not None and spec.match.search(output) is None:
        return f"output that matches {spec.match.pattern!r}"
    if spec.not_match is not None and spec.not_match.search(output) is not None:
        return f"output that does not match {spec.not_match.pattern!r}"
    return ""
