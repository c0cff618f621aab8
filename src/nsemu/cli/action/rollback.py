"""`exec config rollback …`: back to the last-known-good configuration, on command or when the saved one has errors."""

from __future__ import annotations

from nsemu.cli.action.config_lock import LOCK
from nsemu.cli.action.reset import RESET_QUESTION, restart
from nsemu.cli.action.save_config import good_text, keep
from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, choice, keyword


def _rollback(context: Context, _arguments: Arguments) -> Dialogue:
    device = context.device
    text = good_text(device)
    if (yield RESET_QUESTION) != "y":
        return
    keep(device.save, text)
    yield "In reset ...\n"
    for error in restart(device):
        yield f"Failed command - {error.text}\n"
    context.console.closed = True


def _enable(context: Context, _arguments: Arguments) -> str:
    good_text(context.device)
    context.device.rolls_back = True
    return ""


def _disable(context: Context, _arguments: Arguments) -> str:
    context.device.rolls_back = False
    return ""


EXEC_CONFIG = keyword(
    "config",
    "configuration",
    choice(
        LOCK,
        keyword(
            "rollback",
            "go back to the last-known-good configuration",
            choice(
                Command(_rollback, privileged=True),
                keyword("enable", "when the saved configuration has errors", Command(_enable, privileged=True)),
                keyword("disable", "only on command", Command(_disable, privileged=True)),
            ),
        ),
    ),
)
