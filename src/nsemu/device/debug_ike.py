"""`debug ike`: the engine's lines, with the time in front, into the debug buffer (screenos-cli §2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nsemu.device.device import Device

_DETAILS: Final = ("Construct ", "Process ", "Catcher: ")
"""How the lines begin that only `detail` shows."""


def debug_ike(device: Device, level: str | None) -> None:
    """Turn the lines on with a level, or off with None."""
    if level is None:
        device.debug.active.pop("ike", None)
        device.ike.engine.debug = None
        return
    device.debug.active["ike"] = level

    def write(line: str) -> None:
        text = line.partition("> ")[2]
        if level != "basic" or not text.startswith(_DETAILS):
            stamp = device.clock.now(device.config.system.zone).strftime("%Y-%m-%d %H:%M:%S")
            device.debug.write(f"## {stamp} : {line}\n")

    device.ike.engine.debug = write
