"""The lists of `docs/fidelity.md` that follow from the grammar: settings without effect, commands that are not built.

`python tests/support/fidelity_lists.py` writes them anew; a test compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "fidelity.md"
BEGIN, END = "<!-- lists of the grammar: begin -->", "<!-- lists of the grammar: end -->"


def section() -> str:
    """The section as it should be."""
    from nsemu.cli.settings.policy_more import NOTES
    from nsemu.cli.unbuilt import NOT_BUILT
    from support.cli_console import all_settings

    kept = sorted(name for name, setting in all_settings().items() if setting.without_effect)
    kept += [f"{name} (word of the policy line)" for name in NOTES]
    groups: dict[str, list[str]] = {}
    for name in kept:
        head, _, rest = name.partition(" ")
        groups.setdefault(head, []).append(rest or head)
    lines = [BEGIN, "", "### Settings that are kept without effect", ""]
    lines += ["Stored, shown and taken back like all settings; the console says of each that nothing comes of it.", ""]
    lines += [f"- `{head}`: {', '.join(sorted(rest))}" for head, rest in sorted(groups.items())]
    lines += ["", "### Commands that are refused with `… is not built yet`", ""]
    lines += [f"- `{name}`" for name in sorted(NOT_BUILT)]
    return "\n".join([*lines, "", END])


def written() -> str:
    """The section as the page has it; empty when it has none."""
    text = PAGE.read_text()
    if BEGIN not in text:
        return ""
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def write() -> None:
    """Bring the page up to date."""
    text = PAGE.read_text()
    now = written()
    PAGE.write_text(text.replace(now, section()) if now else f"{text.rstrip()}\n\n{section()}\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    write()
