"""`save`: the running configuration becomes the one that a restart begins with (screenos-cli §4.5)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.settings.configuration import configuration_text


def save(context: Context) -> Dialogue:
    """Save and say so."""
    yield "Save System Configuration  ...\n"
    context.device.save(configuration_text(context.device.config))
    yield "Done\n"


def _save(context: Context, _arguments: Arguments) -> Dialogue:
    return save(context)


_COMMAND = Command(_save, privileged=True)
SAVE = keyword("save", "save command", choice(_COMMAND, keyword("config", "save configuration", _COMMAND)))
