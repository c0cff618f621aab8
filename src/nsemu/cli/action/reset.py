"""`reset` and `unset all`, with their questions (screenos-cli §4.5)."""

from __future__ import annotations

from nsemu.cli.action.save import save
from nsemu.cli.console import SAVE_QUESTION
from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue, Question
from nsemu.cli.grammar import Arguments, Command, any_order, choice, flag, keyword, when_unset
from nsemu.cli.settings.configuration import LineError, load_configuration
from nsemu.config.device import factory_configuration
from nsemu.config.editor import Editor
from nsemu.device.device import Device

RESET_QUESTION = Question("System reset, are you sure? y/[n] ", "n")
ERASE_QUESTION = Question("Erase all system config, are you sure y/ [n]? ", "n")


def restart(device: Device) -> list[LineError]:
    """Power a device off and on with its saved configuration; the lines of it that are not accepted any more.

    With such lines the last-known-good configuration is used instead, if the device is told to.
    """
    editor = Editor(factory_configuration(device.platform))
    errors = load_configuration(device.saved_text or "", editor)
    if errors and device.rolls_back and device.good_text is not None:
        editor = Editor(factory_configuration(device.platform))
        load_configuration(device.good_text, editor)
    device.restart(editor.finish())
    return errors


def _reset(context: Context, arguments: Arguments) -> Dialogue:
    keep = arguments.get("save-config")
    asks = not arguments.get("no-prompt", False)
    if keep is None and asks and context.device.modified:
        keep = (yield SAVE_QUESTION) == "y"
    if keep:
        yield from save(context)
    if asks and (yield RESET_QUESTION) != "y":
        return
    yield "In reset ...\n"
    for error in restart(context.device):
        yield f"Failed command - {error.text}\n"
    context.console.closed = True


def _erase(context: Context, _arguments: Arguments) -> Dialogue:
    if (yield ERASE_QUESTION) == "y":
        context.device.erase()


RESET = keyword(
    "reset",
    "reset system",
    any_order(
        keyword(
            "save-config",
            "whether to save the configuration first",
            choice(
                flag("yes", "save the configuration", "save-config", True),
                flag("no", "do not save the configuration", "save-config", False),
            ),
        ),
        flag("no-prompt", "reset without asking", "no-prompt"),
    ),
    Command(_reset, privileged=True),
)
ERASE = when_unset(keyword("all", "erase the saved configuration", Command(_erase, privileged=True)))
