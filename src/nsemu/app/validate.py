"""`nsemu validate`: the checks of topology files, each on a lab of its own."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nsemu.app.problems import ANSWER_NO, UNUSABLE, WARNINGS, Subparsers, Unusable, seed, usable
from nsemu.app.starting import warn

if TYPE_CHECKING:
    from nsemu.api.lab import Lab
    from nsemu.api.validation import CheckResult

_DESCRIPTION: Final = """\
Run the validate blocks of topology files, in their order, on a freshly started
lab for each file (nothing that was saved is used). Exit code: 0 all passed,
1 a check failed, 2 a file cannot be used or has no checks, 3 warnings only (a
check of level warning, or start-up lines that were not accepted)."""

_WORST_FIRST: Final = (UNUSABLE, ANSWER_NO, WARNINGS, 0)


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "validate",
        help="run the checks of a topology",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topologies", metavar="TOPOLOGY", type=Path, nargs="+", help="the topology file (YAML)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--only", metavar="NAME", help="run this check alone")
    parser.add_argument("--seed", metavar="N", type=seed, help="the seed of all chance, instead of the file's")
    parser.set_defaults(execute=execute)


@dataclass(frozen=True, slots=True)
class _FileReport:
    """What came of one file: an exit code, and the reasons when it could not be used."""

    path: Path
    code: int
    unusable: tuple[str, ...] = ()
    lab: Lab | None = None
    results: tuple[CheckResult, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As `--json` prints it."""
        return {
            "file": str(self.path),
            "name": self.lab.name if self.lab is not None else None,
            "code": self.code,
            "errors": list(self.unusable),
            "warnings": [str(one) for one in (*self.lab.topology.warnings, *self.lab.problems)] if self.lab else [],
            "checks": [result.to_dict() for result in self.results],
        }


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    reports: list[_FileReport] = []
    for path in options.topologies:
        report = _file(path, options)
        reports.append(report)
        if not options.json:
            _print_end(report)
    code = next(code for code in _WORST_FIRST if any(report.code == code for report in reports))
    if options.json:
        print(json.dumps({"code": code, "files": [report.to_dict() for report in reports]}, indent=2))
    return code


def _file(path: Path, options: argparse.Namespace) -> _FileReport:
    from nsemu.api.lab import Lab
    from nsemu.api.validation import run_checks, selected

    try:
        with usable():
            lab = Lab.load(path, options.seed)
            checks = selected(lab, options.only)
    except Unusable as error:
        return _FileReport(path, UNUSABLE, error.lines)
    if not checks:
        return _FileReport(path, UNUSABLE, (f"{path}: no validate blocks",), lab)
    if not options.json:
        warn(lab)
        print(f"{lab.name} ({path})")
    results: list[CheckResult] = []
    try:
        with usable():
            for result in run_checks(lab, checks):
                results.append(result)
                if not options.json:
                    _print_result(result)
    except Unusable as error:
        return _FileReport(path, UNUSABLE, error.lines, lab, tuple(results))
    finally:
        lab.close()
    return _FileReport(path, _code(lab, results), (), lab, tuple(results))


def _code(lab: Lab, results: list[CheckResult]) -> int:
    from nsemu.api.validation import Outcome

    outcomes = {result.outcome for result in results}
    if Outcome.FAIL in outcomes:
        return ANSWER_NO
    return WARNINGS if Outcome.WARN in outcomes or lab.problems else 0


def _print_result(result: CheckResult) -> None:
    from nsemu.app.report import check_lines

    print("".join(f"  {line}\n" for line in check_lines(result).splitlines()), end="", flush=True)


def _print_end(report: _FileReport) -> None:
    import sys

    from nsemu.app.report import summary

    for line in report.unusable:
        print(line, file=sys.stderr)
    if report.results:
        print(summary(report.results), flush=True)
