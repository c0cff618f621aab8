"""Counts which behaviours of docs/behaviours.md a test names: `python tests/behaviour_coverage.py [TAG]`."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
_ITEM = re.compile(r"^- \*\*(B\d{3})\*\* \[([a-z0-9-]+)\] (.*)$", re.MULTILINE)
_RANGE = re.compile(r"\b(B\d{3})(?: (?:to|-) (B\d{3}))?\b")


def behaviours() -> dict[str, tuple[str, str]]:
    """Number → (tag, sentence)."""
    text = (ROOT / "docs" / "behaviours.md").read_text(encoding="utf-8")
    return {number: (tag, sentence) for number, tag, sentence in _ITEM.findall(text)}


def named() -> set[str]:
    """The numbers that tests and the checks of labs name."""
    found: set[str] = set()
    for path in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("topologies/**/*.yaml")]:
        text = re.sub(r"(?<=_)b(\d{3})(?=_)", r" B\1 ", path.read_text(encoding="utf-8"))  # in the names of tests
        for first, last in _RANGE.findall(text):
            end = int((last or first)[1:])
            found.update(f"B{number:03d}" for number in range(int(first[1:]), end + 1))
    return found


def main(wanted: str | None = None) -> int:
    """Print the counts by tag and, for one tag, what is missing."""
    everything, covered = behaviours(), named()
    total = Counter(tag for tag, _ in everything.values())
    done = Counter(tag for number, (tag, _) in everything.items() if number in covered)
    lines = [f"{tag:10}{done[tag]:5} of {total[tag]:4}" for tag in sorted(total)]
    lines.append(f"{'all':10}{sum(done.values()):5} of {len(everything):4}")
    lines += [
        f"{number} {sentence}"
        for number, (tag, sentence) in everything.items()
        if tag == wanted and number not in covered
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
