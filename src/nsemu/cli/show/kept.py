"""What `get` reads from settings that are only kept, and the commands that show no more than their lines.

Nothing here says that a thing runs: the lines are shown as the configuration has them, under a first line that says
that the function itself is not emulated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command
from nsemu.cli.settings import TREE
from nsemu.cli.settings.layout import Item, write
from nsemu.cli.show.layout import lines
from nsemu.config.device import DeviceConfig
from nsemu.config.kept import KeptKey, Owner


def kept_value(
    config: DeviceConfig, setting: str, argument: str, default: Any = None, owner: Owner | None = None
) -> Any:
    """One argument of a kept setting, or the default when the setting or the argument is not there."""
    line = config.kept.get(KeptKey(setting, owner))
    return default if line is None or not line.on else dict(line.arguments).get(argument, default)


def is_kept(config: DeviceConfig, setting: str, owner: Owner | None = None) -> bool:
    """Whether a setting without values is on."""
    line = config.kept.get(KeptKey(setting, owner))
    return line is not None and line.on


def is_unset(config: DeviceConfig, setting: str, owner: Owner | None = None) -> bool:
    """Whether a setting that a device starts with was taken back."""
    line = config.kept.get(KeptKey(setting, owner))
    return line is not None and not line.on


def kept_rows(config: DeviceConfig, setting: str) -> Iterator[tuple[KeptKey, dict[str, Any]]]:
    """All lines of a setting: what tells each apart, and its arguments."""
    for key, line in config.kept.items():
        if key.setting == setting:
            yield key, dict(line.arguments)


def written(what: str, *items: Item) -> Command:
    """The command that shows the lines of some settings: `what` names the function, which the emulator has not."""

    def show(context: Context, _arguments: Arguments) -> str:
        return lines(f"{what} is not emulated, its configuration:", *config_lines(context, *items))

    return Command(show)


def config_lines(context: Context, *items: Item) -> Iterator[str]:
    """The lines of some settings, indented; one line that says so when there are none."""
    found = False
    for line in write(context.device.config, TREE, items, {}):
        found = True
        yield f"  {line}"
    if not found:
        yield "  nothing is configured"
