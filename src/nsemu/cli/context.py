"""What a command that shows or does something can reach: the device, and a little of the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nsemu.device.device import Device


class ConsoleAccess(Protocol):
    """What a command may know and change of the console it was typed on."""

    interactive: bool
    """Whether a person sits at it; False in batch runs."""
    privilege: str
    """"all" or "read-only"."""
    closed: bool
    """Set to end the session after this command."""

    @property
    def who(self) -> str:
        """Who types, by what, as the event log says it."""


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to every command."""

    device: Device
    console: ConsoleAccess
