"""Starting a lab for a sub-command: the lab, and what it has to say of its files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nsemu.app.problems import Unusable, usable

if TYPE_CHECKING:
    from nsemu.api.lab import Lab
    from nsemu.sim.pacing import Pacer

STATE_FOLDER = ".nsemu-state"


def start_lab(path: Path, seed: int | None = None, *, state: Path | None = None, fresh: bool = False) -> Lab:
    """A running lab; warnings go to the standard error. Raises Unusable."""
    from nsemu.api.lab import Lab

    with usable():
        lab = Lab.load(path, seed, state=state, fresh=fresh)
    warn(lab)
    return lab


def pacer_of(lab: Lab, rate: float) -> Pacer:
    """The pacer of a lab at a rate. Raises Unusable."""
    from nsemu.sim.pacing import Pacer

    try:
        return Pacer(lab.scheduler, rate)
    except ValueError as error:
        lab.close()
        raise Unusable([f"nsemu: {error}"]) from None


def warn(lab: Lab) -> None:
    """Say what is odd about the topology, and which lines of the start-up configurations were not accepted."""
    for warning in lab.topology.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for problem in lab.problems:
        print(f"warning: {problem}: {problem.text}", file=sys.stderr)


def state_folder(given: Path | None, topology: Path) -> Path:
    """Where devices keep what they save: the folder given, or the one beside the topology file."""
    return given if given is not None else topology.parent / STATE_FOLDER
