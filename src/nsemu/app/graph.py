"""`nsemu graph`: draws a topology without running it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from nsemu.app.problems import Subparsers, Unusable, usable

_DESCRIPTION: Final = """\
Draw a topology without running it, with the zones and addresses of its start-up
configurations: into a file, or as text when none is named. Exit code: 0, or 2 if
the topology cannot be used or the file not written."""


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "graph",
        help="draw a topology",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topology", metavar="TOPOLOGY", type=Path, help="the topology file (YAML)")
    parser.add_argument(
        "-o", dest="output", metavar="FILE", type=Path, help="write to this file: .svg, .png, .dot (Graphviz) or .mmd"
    )
    parser.add_argument("--ascii", action="store_true", help="draw text with ASCII characters only")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    from nsemu.app.configurations import interface_labels, platform_interfaces
    from nsemu.lab.drawing import ASCII, UNICODE, DrawingError, figure_of, to_outline, write_drawing
    from nsemu.lab.graph import build_graph
    from nsemu.lab.topology.load import load

    with usable():
        topology = load(options.topology, platform_interfaces())
    graph = build_graph(topology, interface_labels(topology))
    if options.output is None:
        plain = options.ascii or not _prints_unicode()
        print(to_outline(figure_of(graph), ASCII if plain else UNICODE), end="")
        return 0
    try:
        write_drawing(graph, options.output)
    except DrawingError as error:
        raise Unusable([f"nsemu: {error}"]) from None
    print(f"{options.output} written")
    return 0


def _prints_unicode() -> bool:
    try:
        "├─╳".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
