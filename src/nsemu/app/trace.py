"""`nsemu trace`: the walk of one packet through a lab."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nsemu.app.problems import ANSWER_NO, Subparsers, Unusable, port, seed, usable
from nsemu.app.starting import start_lab

if TYPE_CHECKING:
    from nsemu.api.lab import Lab
    from nsemu.cli.walk import PacketWalk, WalkEvent

_DESCRIPTION: Final = """\
Start the lab, send one packet from a host, and show its walk: every stage that
looked at it, with the reason and the line of configuration that decided. The
first packet that needs a tunnel is dropped while IKE negotiates, which is shown
message by message, with the proposals that were chosen or refused; once IKE is
done the packet is sent again, and that walk is shown too. Exit code: 0 the
packet was delivered (and its answer, if there was one), 1 it was dropped, 2 the
topology or a name cannot be used."""

_PATIENCE: Final = 60.0
"""Virtual seconds that IKE is given; retransmission has ended by then."""
_LOOK_EVERY: Final = 0.25
_DELIVERED: Final = "delivered"


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
        journey = _travel(lab, source, destination, options)
    lab.close()
    last = journey.walks[-1].disposition
    if options.json:
        print(json.dumps(journey.to_json(), indent=2))
    else:
        print(journey.text(), end="")
    return 0 if last == _DELIVERED else ANSWER_NO


@dataclass(frozen=True, slots=True)
class _Journey:
    """The walks of one packet, sent again for every tunnel that had to be negotiated.

    `times` are the virtual seconds at which they began; `ike_failed_at` names the device whose tunnel did not come up.
    `waits` are what happened after each walk until its tunnel was up, or given up.
    """

    walks: list[PacketWalk] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    waits: list[list[WalkEvent]] = field(default_factory=list)
    ike_failed_at: str = ""

    def to_json(self) -> dict[str, object]:
        """As `--json` prints it."""
        return {
            "disposition": self.walks[-1].disposition,
            "answered": self.walks[-1].answered,
            "ike_failed_at": self.ike_failed_at or None,
            "walks": [walk.to_json() for walk in self.walks],
            "waits": [[event.to_json() for event in wait] for wait in self.waits],
        }

    def text(self) -> str:
        """All walks for people, with what happened between them."""
        from nsemu.cli.walk import events_text

        parts: list[str] = []
        waits = map(events_text, self.waits)
        for walk, at in zip(self.walks, self.times, strict=True):
            if parts:
                parts += [next(waits), f"\n--- the tunnel is up: the same packet again, at {at:g} s ---\n\n"]
            parts.append(walk.text())
        if self.ike_failed_at:
            node = self.ike_failed_at
            why = f"`get event` at {node} says why"
            parts += [next(waits), f"\n--- the tunnel did not come up in {_PATIENCE:g} s; {why} ---\n"]
        return "".join(parts)


def _travel(lab: Lab, source: str, destination: str, options: argparse.Namespace) -> _Journey:
    walks: list[PacketWalk] = []
    times: list[float] = []
    waits: list[list[WalkEvent]] = []
    waited_for: set[tuple[str, int]] = set()
    while True:
        times.append(lab.now)
        walks.append(lab.trace(source, destination, proto=options.proto, dport=options.dport))
        wanted = awaited_tunnel(walks[-1])
        if options.first_only or options.what_if or wanted is None or wanted in waited_for:
            return _Journey(walks, times, waits)
        waited_for.add(wanted)
        up, wait = _comes_up(lab, *wanted)
        waits.append(wait)
        if not up:
            return _Journey(walks, times, waits, wanted[0])


def awaited_tunnel(walk: PacketWalk) -> tuple[str, int] | None:
    """The device that dropped the packet, or its answer, and the ID of the tunnel that it asked IKE for."""
    from nsemu.runtime.drop import DropReason

    verdict = walk.verdict
    if verdict.reason is not DropReason.SA_INACTIVE or verdict.hop is None:
        return None
    asked = [step.fact.values["tunnel_id"] for step in verdict.hop.steps if "tunnel_id" in step.fact.values]
    return (verdict.hop.node, asked[-1]) if asked else None


def _comes_up(lab: Lab, node: str, identifier: int) -> tuple[bool, list[WalkEvent]]:
    """Let virtual time pass until the tunnel is active, or for as long as IKE may try; what happened meanwhile."""
    from nsemu.cli.walk import WalkEvent

    tunnel = next((one for one in lab[node].device.database if one.identifier == identifier), None)
    end = lab.now + _PATIENCE
    with lab.negotiations() as negotiations:
        while tunnel is not None and not tunnel.active and lab.now < end:
            lab.run_for(_LOOK_EVERY)
        happened = [WalkEvent(device, entry) for device, entry in negotiations.take()]
    return tunnel is not None and tunnel.active, happened
