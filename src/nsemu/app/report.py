"""The results of checks as text for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nsemu.api.validation import CheckResult, Outcome

_SHOWN_LINES: Final = 20
_WORDS: Final = {Outcome.PASS: "PASS", Outcome.FAIL: "FAIL", Outcome.WARN: "WARN"}


def check_lines(result: CheckResult) -> str:
    """One check: its outcome, name and text; when it did not pass, what was expected and what was seen."""
    text = f"{_WORDS[result.outcome]}  {result.name}"
    text += f": {result.description}\n" if result.description else "\n"
    if result.text:
        text += f"      {result.text}\n"
    if result.outcome is Outcome.PASS:
        return text
    text += f"      expected {result.expected}\n"
    for command in result.commands:
        text += f"      {result.node}> {command}\n"
    return text + "".join(f"      | {line}\n" for line in shortened(result.output.splitlines()))


def shortened(lines: Sequence[str]) -> list[str]:
    """The lines, without the middle ones when there are many."""
    kept = [line.rstrip() for line in lines]
    if len(kept) <= _SHOWN_LINES:
        return kept
    half = _SHOWN_LINES // 2
    return [*kept[:half], f"... {len(kept) - 2 * half} lines left out ...", *kept[-half:]]


def summary(results: Sequence[CheckResult]) -> str:
    """`5 checks: 4 passed, 1 failed`."""
    counts = [
        (sum(result.outcome is outcome for result in results), word)
        for outcome, word in ((Outcome.PASS, "passed"), (Outcome.FAIL, "failed"), (Outcome.WARN, "with a warning"))
    ]
    told = ", ".join(f"{number} {word}" for number, word in counts if number)
    return f"{len(results)} check{'' if len(results) == 1 else 's'}: {told}\n"
