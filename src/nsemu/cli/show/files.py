"""`get file …`: what the flash holds (screenos-cli §1.18)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, TextType, argument, choice, keyword
from nsemu.cli.show.layout import lines
from nsemu.config.errors import NotFoundError
from nsemu.device.device import Device

_KILOBYTE = 1024
_IMAGE_KILOBYTES = 5_000
SAVED, GOOD = "ns_sys_config", "$lkg$.cfg"
"""The saved configuration and the last-known-good one (screenos-cli §1.19; the second name is recalled)."""


def flash_files(device: Device) -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    if device.saved_text is not None:
        yield SAVED, device.saved_text
    if device.good_text is not None:
        yield GOOD, device.good_text


def _files(device: Device) -> Iterator[tuple[str, str]]:
    """Path and text of each file, of the memory card as well."""
    yield from ((f"flash:/{name}", text) for name, text in flash_files(device))
    yield from ((f"slot1:/{name}", text) for name, text in (device.card or {}).items())


def _size(text: str) -> int:
    return len(text.encode("latin-1", "replace"))


def _list(context: Context, arguments: Arguments) -> str:
    wanted = arguments.get("file")
    found = [(path, text) for path, text in _files(context.device) if wanted in {None, path, path.partition("/")[2]}]
    if wanted is not None and not found:
        raise NotFoundError(f"file {wanted} does not exist")
    return lines(*(f"    {path:<28}{_size(text):>10}" for path, text in found))


def _info(context: Context, _arguments: Arguments) -> str:
    total = context.device.config.platform.flash * _KILOBYTE
    taken = _IMAGE_KILOBYTES * _KILOBYTE + sum(_size(text) for _, text in flash_files(context.device))
    return f'There are {total - taken} bytes free ({total} total) on disk "flash:"\n'


def checksum(text: str) -> str:
    """What `get config datafile` and `get config hash` tell one configuration from another by."""
    return f"{zlib.crc32(text.encode('latin-1', 'replace')):08x}"


FILE = keyword(
    "file",
    "show file information",
    choice(
        Command(_list),
        keyword("info", "show how much room there is", Command(_info)),
        argument(
            "file", TextType(64, r"(?:flash|slot1):/?\S+|\S*[.$_]\S*", "a file name"), "file name", Command(_list)
        ),
    ),
)
