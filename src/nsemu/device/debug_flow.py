"""Turning the steps of a traced packet into the lines of `debug flow basic` (screenos-cli §2.2 to §2.5)."""

from __future__ import annotations

from nsemu.runtime.trace import Hop
from nsemu.sim.scheduler import Instant


def render_flow(hop: Hop, booted_at: Instant) -> str:
    """The debug lines of one device's handling of a packet."""
    seconds = (hop.at - booted_at) // 1_000_000_000
    lines = [f"****** {seconds}.0: <{hop.zone}/{hop.interface}> packet received ******"]
    lines += [f"  {step}" for step in hop.steps]
    return "\n".join(lines) + "\n"
