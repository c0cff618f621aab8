"""`get config …` (screenos-cli §1.19). The lines themselves are written by the settings."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.settings.configuration import get_config_text


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


CONFIG = keyword(
    "config",
    "show system configuration",
    choice(
        Command(_running),
        keyword("all", "show the whole configuration", Command(_running)),
        keyword("rollback", "show what a rollback would do", Command(_rollback)),
        keyword("saved", "show the saved configuration", Command(_saved)),
    ),
)
