"""`nsemu doctor`: compares the two ends of every tunnel of a topology without running it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nsemu.app.problems import ANSWER_NO, Subparsers, Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from nsemu.lab.topology.model import Topology

_DESCRIPTION: Final = """\
Compare the two ends of every VPN tunnel of a topology without running it: keys
(compared, never printed), modes, identities, proposals, proxy IDs, addresses,
routes and policies. Says what does not match, with the configuration lines of
both ends. Exit code: 0 all tunnels match, 1 something does not, 2 the topology
cannot be used."""


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "doctor",
        help="compare the ends of tunnels without running them",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topology", metavar="TOPOLOGY", type=Path, help="the topology file (YAML)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    from nsemu.api.doctor import examine
    from nsemu.app.configurations import device_specs, platform_interfaces, read_node
    from nsemu.lab.topology.errors import TopologyError
    from nsemu.lab.topology.load import load
    from nsemu.lab.topology.model import DialupSpec

    try:
        topology = load(options.topology, platform_interfaces())
    except TopologyError as error:
        raise Unusable([str(problem) for problem in error.problems]) from None
    configurations = {}
    for spec in device_specs(topology):
        configurations[spec.name], refused = read_node(spec, topology)
        for problem in refused:
            print(f"warning: {problem}", file=sys.stderr)
    clients = {name: spec.vpn for name, spec in topology.nodes.items() if isinstance(spec, DialupSpec)}
    findings = examine(configurations, _names_of(topology), clients)
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.subject}: {finding.message}")
            for shown in finding.lines:
                print(f"    {shown}")
        print(_summary(len(findings)))
    return ANSWER_NO if findings else 0


def _summary(count: int) -> str:
    if not count:
        return "the ends of all tunnels match"
    return f"{count} {'thing does' if count == 1 else 'things do'} not match"


def _names_of(topology: Topology) -> Callable[[str], tuple[int, ...]]:
    """What the DNS servers of a topology answer."""
    from nsemu.lab.topology.model import HostSpec

    records: dict[str, tuple[int, ...]] = {}
    for spec in topology.nodes.values():
        for service in spec.services if isinstance(spec, HostSpec) else ():
            if service.zone is not None:
                records |= {name.lower(): addresses for name, addresses in service.zone.records.items()}
    return lambda name: records.get(name.lower(), ())
