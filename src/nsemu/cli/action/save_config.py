"""`save config from WHERE to WHERE`, `… merge`, `save config to WHERE` (Vol. 3, "Configuration Files").

WHERE is the flash, the last-known-good configuration, a memory card (`slot1`) or a TFTP server. Two tables say how a
text comes from each and goes to each; the commands are all their pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue, Question
from nsemu.cli.grammar import Arguments, Command, Node, TextType, argument, choice, keyword
from nsemu.cli.settings.configuration import configuration_text, load_configuration
from nsemu.cli.transfer import fetch, store
from nsemu.cli.types import IP
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.device.device import Device
from nsemu.sim.wait import Wait
from nsemu.wire.address import format_ipv4

NO_GOOD = "there is no last-known-good configuration"
Text = Generator[str | Wait | Question, str | None, str]
"""A dialogue whose result is the text of a file."""


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


def _card(device: Device) -> dict[str, str]:
    """The files of the memory card. Raises NotFoundError on a platform without a slot."""
    if device.card is None:
        raise NotFoundError(f"platform {device.platform} has no slot1")
    return device.card


# --- where texts come from


def _running(device: Device, _arguments: Arguments) -> Text:
    yield "Read the current config.\n"
    return configuration_text(device.config)


def _saved(device: Device, _arguments: Arguments) -> Text:
    if device.saved_text is None:
        raise NotFoundError("there is no saved configuration")
    yield "Load config from flash.\n"
    return device.saved_text


def _good(device: Device, _arguments: Arguments) -> Text:
    text = good_text(device)
    yield "Load config from last-known-good.\n"
    return text


def _from_card(device: Device, arguments: Arguments) -> Text:
    name = arguments["file"]
    if name not in _card(device):
        raise NotFoundError(f"file slot1:/{name} does not exist")
    yield f"Load config from slot1:/{name}.\n"
    return _card(device)[name]


def _from_server(device: Device, arguments: Arguments) -> Text:
    server, file = arguments["server"], arguments["file"]
    yield f"Load config from {format_ipv4(server)}/{file} (tftp).\n"
    return (yield from fetch(device, server, file))


# --- where they go to


def _to_flash(device: Device, _arguments: Arguments, text: str) -> Dialogue:
    yield f"Save to flash. It may take a few minutes ...platform = {device.platform}\n"
    keep(device.save, text)
    yield "Done\n"


def _to_good(device: Device, _arguments: Arguments, text: str) -> Dialogue:
    yield "Save System Configuration to last-known-good  ...\n"
    keep(device.keep_good, text)
    yield "Done\n"


def _to_card(device: Device, arguments: Arguments, text: str) -> Dialogue:
    card, name = _card(device), arguments["target"]
    yield f"Save configurations ({len(text)} bytes) to slot1:/{name}.\n"
    card[name] = text
    yield "Done\n"


def _to_server(device: Device, arguments: Arguments, text: str) -> Dialogue:
    server, file = arguments["target_server"], arguments["target"]
    if device.config.system.access.dos_files:
        text = text.replace("\n", "\r\n")
    yield f"Save configurations ({len(text)} bytes) to {file} on TFTP server {format_ipv4(server)}.\n"
    yield from store(device, server, file, text)


def _to_running(device: Device, _arguments: Arguments, text: str) -> Dialogue:
    yield from merge(device, text)


@dataclass(frozen=True, slots=True)
class Place:
    """One WHERE: its word, its help, the arguments that name a file there, and what moves a text from it and to it."""

    word: str
    help: str
    source: tuple[Node, ...]
    target: tuple[Node, ...]
    read: Callable[[Device, Arguments], Text]
    write: Callable[[Device, Arguments, str], Dialogue]


_FILE, _SHORT = TextType(128), TextType(64, r"[\w.$-]+", "file name")
_PLACES: Final = (
    Place("flash", "the saved configuration", (), (), _saved, _to_flash),
    Place("last-known-good", "the last-known-good configuration", (), (), _good, _to_good),
    Place(
        "slot1",
        "memory card",
        (argument("file", _SHORT, "file name"),),
        (argument("target", _SHORT, "file name"),),
        _from_card,
        _to_card,
    ),
    Place(
        "tftp",
        "TFTP server",
        (argument("server", IP, "IP address of the server"), argument("file", _FILE, "file name")),
        (argument("target_server", IP, "IP address of the server"), argument("target", _FILE, "file name")),
        _from_server,
        _to_server,
    ),
)


def _moving(read: Callable[[Device, Arguments], Text], write: Callable[[Device, Arguments, str], Dialogue]) -> Command:
    def run(context: Context, arguments: Arguments) -> Dialogue:
        text = yield from read(context.device, arguments)
        yield from write(context.device, arguments, text)

    return Command(run, privileged=True)


def _target(place: Place, read: Callable[[Device, Arguments], Text]) -> Node:
    return keyword(place.word, place.help, *place.target, _moving(read, place.write))


_MERGE = "add its lines to the running configuration"


def _from(place: Place) -> Node:
    """All that can be done with what is in a place."""
    targets = (_target(other, place.read) for other in _PLACES if other is not place or place.target)
    merge_ = keyword("merge", _MERGE, _moving(place.read, _to_running))
    to = keyword("to", "where to", choice(*targets))
    return keyword(place.word, place.help, *place.source, choice(merge_, to))


def words(plain: Command) -> tuple[Node, ...]:
    """After `save config`. `plain` is the command that saves the running configuration in the flash."""
    flash, *others = _PLACES
    targets = (keyword(flash.word, flash.help, plain), *(_target(place, _running) for place in others))
    return (
        keyword("from", "from where", choice(*(_from(place) for place in _PLACES))),
        keyword("to", "where to", choice(*targets)),
    )
