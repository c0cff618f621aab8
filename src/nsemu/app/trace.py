"""`nsemu trace`: the walk of one packet through a lab."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nsemu.app.problems import ANSWER_NO, Subparsers, Unusable, port, seed, usable
from nsemu.app.starting import start_lab

if TYPE_CHECKING:
    from nsemu.api.lab import Lab
    from nsemu.cli.walk import PacketWalk

_DESCRIPTION: Final = """\
Start the lab, send one packet from a host, and show its walk: every stage that
looked at it, with the reason and the line of configuration that decided. The
first packet that needs a tunnel is dropped while IKE negotiates; once IKE is
done the packet is sent again, and that walk is shown too. Exit code: 0 the
packet was delivered (and its answer, if there was one), 1 it was dropped, 2 the
topology or a name cannot be used."""

_PATIENCE: Final = 60.0
"""Virtual seconds that IKE is given; retransmission has ended by then."""
_LOOK_EVERY: Final = 0.25
_DELIVERED: Final = frozenset({"answered", "delivered"})


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "trace",
        help="show the walk of one packet",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topology", metavar="TOPOLOGY", type=Path, help="the topology file (YAML)")
    parser.add_argument("source", metavar="SOURCE-NODE", help="the host that sends")
    parser.add_argument("destination", metavar="DESTINATION", help="an address, a node, or NODE:INTERFACE")
    parser.add_argument("--proto", choices=("icmp", "tcp", "udp"), default="icmp", help="the protocol (default icmp)")
    parser.add_argument("--dport", metavar="N", type=port, help="the destination port of tcp and udp")
    parser.add_argument("--json", action="store_true", help="print the walks as JSON")
    parser.add_argument("--first-only", action="store_true", help="stop after the first packet")
    parser.add_argument(
        "--what-if", action="store_true", help="the fate of the packet in the lab as it starts; implies --first-only"
    )
    parser.add_argument("--seed", metavar="N", type=seed, help="the seed of all chance, instead of the file's")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    from nsemu.app.lab_shell.session import address_of, known_node

    if options.proto == "icmp" and options.dport is not None:
        raise Unusable(["nsemu: --dport needs --proto tcp or udp"])
    lab = start_lab(options.topology, options.seed)
    with usable():
        source = known_node(lab, options.source)
        destination = address_of(lab, options.destination)
        walks = _walks(lab, source, destination, options)
    if options.json:
        document = {"disposition": walks[-1].disposition, "walks": [walk.to_json() for walk in walks]}
        print(json.dumps(document, indent=2))
    else:
        print("\n".join(walk.text() for walk in walks), end="")
    return 0 if walks[-1].disposition in _DELIVERED else ANSWER_NO


def _walks(lab: Lab, source: str, destination: str, options: argparse.Namespace) -> list[PacketWalk]:
    """The walk of the packet, and again for every tunnel on its way that had to be negotiated first."""
    walks: list[PacketWalk] = []
    waited_at: set[str] = set()
    while True:
        walk = lab.trace(source, destination, proto=options.proto, dport=options.dport)
        walks.append(walk)
        where = awaits_ike(walk)
        if options.first_only or options.what_if or not where or where in waited_at:
            return walks
        waited_at.add(where)
        _let_ike_finish(lab, where)


def awaits_ike(walk: PacketWalk) -> str:
    """The device that dropped the packet, or its answer, and asked IKE for a tunnel; empty when none did."""
    from nsemu.runtime.drop import DropReason

    verdict = walk.verdict
    return verdict.hop.node if verdict.reason is DropReason.SA_INACTIVE and verdict.hop is not None else ""


def _let_ike_finish(lab: Lab, node: str) -> None:
    """Let virtual time pass until the device has one more active tunnel, or for as long as IKE may try."""
    tunnels = lab[node].device.database
    before = sum(tunnel.active for tunnel in tunnels)
    end = lab.now + _PATIENCE
    while lab.now < end and sum(tunnel.active for tunnel in tunnels) <= before:
        lab.run_for(_LOOK_EVERY)
