"""What a command that shows or does something can reach: the device and the console, both by their surface only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nsemu.config.device import DeviceConfig


class DeviceAccess(Protocol):
    """What the console itself needs of a device."""

    @property
    def config(self) -> DeviceConfig:
        """The configuration in force."""

    def commit(self, config: DeviceConfig) -> None:
        """Put a configuration in force. It has been checked; this cannot fail."""


class ConsoleAccess(Protocol):
    """What a command may know and change of the console it was typed on."""

    modified: bool
    """Whether the configuration changed since it was saved."""
    closed: bool
    """Set to end the session after this command."""


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to every command."""

    device: DeviceAccess
    console: ConsoleAccess
