"""`exec config lock start|end|abort`: changes that go back by themselves unless they are confirmed."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.show.kept import kept_value
from nsemu.config.errors import ConfigError
from nsemu.device.config_lock import ConfigLock
from nsemu.device.device import Device


def _start(context: Context, _arguments: Arguments) -> str:
    device = context.device
    if device.config_lock is not None:
        raise ConfigError("the configuration is already locked (exec config lock end or abort first)")
    minutes = kept_value(device.config, "config lock timeout", "minutes", 5)
    device.config_lock = ConfigLock(
        device.scheduler, device.config, device.modified, minutes, lambda: restore(device), lambda: _forget(device)
    )
    device.config_lock.touch()
    device.on_restart.append(device.config_lock.power_off)
    return ""


def _forget(device: Device) -> None:
    """The lock is over, also when the power goes."""
    lock = _held(device)
    lock.release()
    device.on_restart.remove(lock.power_off)
    device.config_lock = None


def _held(device: Device) -> ConfigLock:
    if device.config_lock is None:
        raise ConfigError("the configuration is not locked (exec config lock start first)")
    return device.config_lock


def _end(context: Context, _arguments: Arguments) -> str:
    _forget(context.device)
    return ""


def _abort(context: Context, _arguments: Arguments) -> Dialogue:
    _held(context.device)
    yield "In reset ...\n"
    restore(context.device)
    context.console.closed = True


def restore(device: Device) -> None:
    """Restart with the configuration that was locked."""
    lock = _held(device)
    _forget(device)
    device.restart(lock.config)
    device.modified = lock.modified


LOCK = keyword(
    "lock",
    "go back to this configuration unless the changes are confirmed",
    choice(
        keyword("start", "lock the configuration", Command(_start, privileged=True)),
        keyword("end", "keep the changes", Command(_end, privileged=True)),
        keyword("abort", "go back at once, with a restart", Command(_abort, privileged=True)),
    ),
)
