"""`save …`: the running configuration, or one from a TFTP server, becomes the one that a restart begins with.

screenos-cli §4.5. What moves between places is in `save_config`.
"""

from __future__ import annotations

from nsemu.cli.action import save_config
from nsemu.cli.action.save_config import keep
from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, choice, keyword
from nsemu.cli.journal import log_saved
from nsemu.cli.settings.configuration import configuration_text


def save(context: Context) -> Dialogue:
    """Save and say so. Raises ConfigError when the file cannot be written; the old one is whole then."""
    yield "Save System Configuration  ...\n"
    keep(context.device.save, configuration_text(context.device.config))
    if context.console.interactive:
        log_saved(context.device, context.console.who)
    yield "Done\n"


def _save(context: Context, _arguments: Arguments) -> Dialogue:
    return save(context)


_COMMAND = Command(_save, privileged=True)
SAVE = keyword(
    "save",
    "save command",
    choice(_COMMAND, keyword("config", "save configuration", choice(_COMMAND, *save_config.words(_COMMAND)))),
)
