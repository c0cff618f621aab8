"""`get config …` (screenos-cli §1.19). The lines themselves are written by the settings."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.settings.configuration import configuration_text, get_config_text
from nsemu.cli.show.files import checksum
from nsemu.cli.show.kept import kept_value


def _running(context: Context, _arguments: Arguments) -> str:
    return get_config_text(context.device.config)


def _saved(context: Context, _arguments: Arguments) -> str:
    text = context.device.saved_text
    return text if text is not None else ""


def _rollback(context: Context, _arguments: Arguments) -> str:
    device = context.device
    there = "" if device.good_text is not None else "not "
    state = "enabled" if device.rolls_back else "disabled"
    return f"Config rollback is {state}\nLast-known-good configuration is {there}available\n"


def _lock(context: Context, _arguments: Arguments) -> str:
    device, minutes = context.device, kept_value(context.device.config, "config lock timeout", "minutes", 5)
    if device.config_lock is None:
        return f"Configuration is not locked, lock timeout is {minutes} minutes\n"
    left = device.config_lock.remaining(device.scheduler.now)
    return f"Configuration is locked, {left} seconds remain before it is restored\n"


def _datafile(context: Context, _arguments: Arguments) -> str:
    """What a manager compares to see whether it knows the configuration."""
    text = configuration_text(context.device.config)
    return f"config datafile: {len(text.encode('latin-1', 'replace'))} bytes, checksum {checksum(text)}\n"


CONFIG = keyword(
    "config",
    "show system configuration",
    choice(
        Command(_running),
        keyword("all", "show the whole configuration", Command(_running)),
        keyword("datafile", "show size and checksum of the configuration", Command(_datafile)),
        keyword("hash", "show size and checksum of the configuration", Command(_datafile), hidden=True),
        keyword("lock", "show whether the configuration is locked", Command(_lock)),
        keyword("rollback", "show what a rollback would do", Command(_rollback)),
        keyword("saved", "show the saved configuration", Command(_saved)),
    ),
)
