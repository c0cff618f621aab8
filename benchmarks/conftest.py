"""The table of figures at the end of `make bench`."""

from __future__ import annotations

import pytest
from figures import FIGURES

_VERDICTS = {None: "", True: "met", False: "MISSED"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each figure beside its goal."""
    if not FIGURES:
        return
    terminalreporter.section("figures and goals")
    for figure in FIGURES:
        terminalreporter.write_line(
            f"{figure.subject:52} {figure.value:38} {figure.goal:14} {_VERDICTS[figure.met]}".rstrip()
        )
