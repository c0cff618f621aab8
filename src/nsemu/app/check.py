"""`nsemu check`: reads topology files and configurations without running them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from nsemu.app.problems import UNUSABLE, Subparsers

_DESCRIPTION: Final = """\
Check topology files (with the start-up configurations they name) and ScreenOS
configurations without running them. All errors are shown as FILE:LINE. A file
that ends in .yaml or .yml is a topology, one that ends in .cfg or .conf a
configuration; of others the first line tells. Exit code: 0 no errors, 2 errors."""

_TOPOLOGY_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_CONFIGURATION_SUFFIXES: Final = frozenset({".cfg", ".conf", ".config", ".scr"})
_FIRST_WORDS: Final = frozenset({"set", "unset", "exit", "save"})
DEFAULT_TYPE: Final = "ns208"


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "check",
        help="check files without running them",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="a topology or a configuration")
    parser.add_argument(
        "--type", metavar="PLATFORM", default=DEFAULT_TYPE, help="the platform of bare configurations (default ns208)"
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    from nsemu.app.configurations import platform_interfaces
    from nsemu.lab.topology.errors import nearest_name

    platforms = list(platform_interfaces())
    if options.type not in platforms:
        near = nearest_name(options.type, platforms)
        hint = f"; did you mean {near!r}?" if near else ""
        print(f"nsemu: unknown platform {options.type!r}; there are {', '.join(platforms)}{hint}", file=sys.stderr)
        return UNUSABLE
    errors = 0
    for path in options.files:
        found = _check_topology(path) if is_topology(path) else _check_configuration(path, options.type)
        for line in found:
            print(line, file=sys.stderr)
        if not found:
            print(f"{path}: no errors")
        errors += len(found)
    return UNUSABLE if errors else 0


def is_topology(path: Path) -> bool:
    """Whether a file is meant as a topology: by its suffix, else by its first word. An unreadable one is none."""
    suffix = path.suffix.lower()
    if suffix in _TOPOLOGY_SUFFIXES | _CONFIGURATION_SUFFIXES:
        return suffix in _TOPOLOGY_SUFFIXES
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError:
        return False
    said = (line.split() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    first = next(said, ["set"])[0]
    return first.lower() not in _FIRST_WORDS


def _check_topology(path: Path) -> list[str]:
    from nsemu.app.configurations import device_specs, platform_interfaces, read_node
    from nsemu.lab.topology.errors import TopologyError
    from nsemu.lab.topology.load import load

    try:
        topology = load(path, platform_interfaces())
    except TopologyError as error:
        return [str(problem) for problem in error.problems]
    for warning in topology.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    errors: list[str] = []
    for spec in device_specs(topology):
        try:
            errors += [str(finding) for finding in read_node(spec, topology)[1]]
        except OSError as error:
            errors.append(f"{spec.startup_config}: cannot be read: {error.strerror}")
    return errors


def _check_configuration(path: Path, platform: str) -> list[str]:
    from nsemu.app.configurations import read_configuration

    try:
        return [str(finding) for finding in read_configuration(path, platform)[1]]
    except OSError as error:
        return [f"{path}: cannot be read: {error.strerror}"]
