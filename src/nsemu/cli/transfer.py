"""Files to and from TFTP servers, as parts of commands: what is printed while they move, and how failures read.

The texts are from memory of real devices (docs/fidelity.md).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from nsemu.cli.dialogue import Dialogue, Question
from nsemu.config.errors import ConfigError
from nsemu.device.tftp import DeviceTftp
from nsemu.runtime.tftp import TftpReceiver, TftpSender, TftpSettings, ask_to_read, ask_to_write
from nsemu.sim.scheduler import SECOND
from nsemu.sim.wait import Wait

if TYPE_CHECKING:
    from nsemu.device.device import Device

_BLOCKS_A_MARK: Final = 10
_SUCCESS: Final = "tftp success!\n\nTFTP Succeeded\n"


class TransferError(ConfigError):
    """A file that did not come, or did not go, whole."""


def fetch(device: Device, server: int, file: str) -> Generator[str | Wait | Question, str | None, str]:
    """Get a text file; it is the result. Raises TransferError."""
    engine = ask_to_read(file, _settings(device), device.scheduler.now)
    yield from _move(device, server, engine)
    data = engine.data
    yield f"tftp received octets = {len(data)}\n{_SUCCESS}"
    return data.decode("latin-1").replace("\r\n", "\n")


def store(device: Device, server: int, file: str, text: str) -> Dialogue:
    """Put a text file. Raises TransferError."""
    data = text.encode("latin-1", "replace")
    engine = ask_to_write(file, data, _settings(device), device.scheduler.now)
    yield from _move(device, server, engine)
    yield f"tftp transferred records = {engine.blocks}\n{_SUCCESS}"


def _move(device: Device, server: int, engine: TftpReceiver | TftpSender) -> Dialogue:
    with DeviceTftp(device, server, engine) as transfer:
        marks = 0
        for wait in transfer.run():
            if engine.blocks >= (marks + 1) * _BLOCKS_A_MARK:
                marks += 1
                yield "!"
            yield wait
    if engine.error:
        lead = "\n" if marks else ""
        raise TransferError(f"{lead}tftp error: {engine.error}\n\nTFTP Failed")
    yield "!\n"


def _settings(device: Device) -> TftpSettings:
    system = device.config.system
    return TftpSettings(system.tftp_retry, system.tftp_timeout * SECOND)
