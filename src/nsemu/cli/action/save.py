"""`save …`: the running configuration, or one from a TFTP server, becomes the one that a restart begins with.

screenos-cli §4.5; Vol. 3, "Configuration Files". `merge` adds the lines of a file to the running configuration.
"""

from __future__ import annotations

from collections.abc import Callable

from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue
from nsemu.cli.grammar import Arguments, Command, Node, TextType, argument, choice, keyword
from nsemu.cli.journal import log_saved
from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.cli.transfer import fetch, store
from nsemu.cli.types import IP
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.device.device import Device
from nsemu.wire.address import format_ipv4

NO_GOOD = "there is no last-known-good configuration"


def save(context: Context) -> Dialogue:
    """Save and say so. Raises ConfigError when the file cannot be written; the old one is whole then."""
    yield "Save System Configuration  ...\n"
    keep(context.device.save, configuration_text(context.device.config))
    if context.console.interactive:
        log_saved(context.device, context.console.who)
    yield "Done\n"


def keep(put: Callable[[str], None], text: str) -> None:
    """Write a file of the device. Raises ConfigError."""
    try:
        put(text)
    except OSError as error:
        raise ConfigError(f"Failed to save the configuration: {error.strerror or error}") from None


def merge(device: Device, text: str) -> Dialogue:
    """Add the lines of a text to the running configuration; those that are not accepted are named."""
    editor = Editor(device.config)
    errors = load_configuration(text, editor)
    if editor.changed:
        device.commit(editor.finish())
    device.modified = True
    for error in errors:
        yield f"Failed command - {error.text}\n"


def good_text(device: Device) -> str:
    """The last-known-good configuration. Raises NotFoundError."""
    if device.good_text is None:
        raise NotFoundError(NO_GOOD)
    return device.good_text


def _save(context: Context, _arguments: Arguments) -> Dialogue:
    return save(context)


def _from_tftp(context: Context, arguments: Arguments) -> Dialogue:
    server, file, device = arguments["server"], arguments["file"], context.device
    yield f"Load config from {format_ipv4(server)}/{file} (tftp).\n"
    text = yield from fetch(device, server, file)
    target = arguments["target"]
    if target == "merge":
        yield from merge(device, text)
        return
    yield "Save to flash. It may take a few minutes ...platform = "
    yield f"{device.platform}\n"
    keep(device.save if target == "flash" else device.keep_good, text)
    yield "Done\n"


def _to_tftp(context: Context, arguments: Arguments) -> Dialogue:
    server, file, device = arguments["server"], arguments["file"], context.device
    text = configuration_text(device.config)
    if device.config.system.access.dos_files:
        text = text.replace("\n", "\r\n")
    yield f"Read the current config.\nSave configurations ({len(text)} bytes) to {file} on TFTP server "
    yield f"{format_ipv4(server)}.\n"
    yield from store(device, server, file, text)


def _to_good(context: Context, _arguments: Arguments) -> Dialogue:
    yield "Save System Configuration to last-known-good  ...\n"
    keep(context.device.keep_good, configuration_text(context.device.config))
    yield "Done\n"


def _good_to_flash(context: Context, _arguments: Arguments) -> Dialogue:
    yield "Save System Configuration  ...\n"
    keep(context.device.save, good_text(context.device))
    yield "Done\n"


def _merge_good(context: Context, _arguments: Arguments) -> Dialogue:
    yield from merge(context.device, good_text(context.device))


_FILE = TextType(128)


def _server(*then: Node) -> Node:
    return keyword(
        "tftp",
        "TFTP server",
        argument("server", IP, "IP address of the server", argument("file", _FILE, "file name", *then)),
    )


def _target(word: str, text: str) -> Node:
    return keyword(word, text, Command(_from_tftp, privileged=True), binds=("target", word))


_FROM_TFTP = _server(
    choice(
        _target("merge", "add its lines to the running configuration"),
        keyword(
            "to",
            "where to",
            choice(
                _target("flash", "the saved configuration"),
                _target("last-known-good", "the last-known-good configuration"),
            ),
        ),
    )
)
_FROM_GOOD = keyword(
    "last-known-good",
    "the last-known-good configuration",
    choice(
        keyword("merge", "add its lines to the running configuration", Command(_merge_good, privileged=True)),
        keyword(
            "to", "where to", keyword("flash", "the saved configuration", Command(_good_to_flash, privileged=True))
        ),
    ),
)
_COMMAND = Command(_save, privileged=True)
SAVE = keyword(
    "save",
    "save command",
    choice(
        _COMMAND,
        keyword(
            "config",
            "save configuration",
            choice(
                _COMMAND,
                keyword("from", "from where", choice(_FROM_TFTP, _FROM_GOOD)),
                keyword(
                    "to",
                    "where to",
                    choice(
                        keyword("flash", "the saved configuration", _COMMAND),
                        keyword(
                            "last-known-good", "the last-known-good configuration", Command(_to_good, privileged=True)
                        ),
                        _server(Command(_to_tftp, privileged=True)),
                    ),
                ),
            ),
        ),
    ),
)
