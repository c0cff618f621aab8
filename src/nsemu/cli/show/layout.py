"""What the layouts of `get` share, and how they differ between releases (screenos-cli §1).

The differences are data: a command asks the `Layout` of its device, never for a release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nsemu.config.device import DeviceConfig
from nsemu.wire.address import format_ipv4


@dataclass(frozen=True, slots=True)
class Layout:
    """How tables look in one family of releases.

    `interface_address` and `route_id` are column widths, `route_rule` the dashes under a title, `table_gap` the blank
    lines between routing tables, `legend_nhrp` a legend line that the newer releases add. `extended` is whether the
    interface, session, policy and cookie outputs have the form of 6.x.
    """

    interface_address: int
    route_id: int
    route_rule: int
    table_gap: int
    legend_nhrp: bool
    extended: bool


_LAYOUT_5 = Layout(18, 4, 80, 1, legend_nhrp=False, extended=False)
_LAYOUT_6 = Layout(33, 10, 86, 2, legend_nhrp=True, extended=True)


def layout_of(config: DeviceConfig) -> Layout:
    """The layout of a device's release."""
    return _LAYOUT_5 if int(config.platform.release.partition(".")[0]) < 6 else _LAYOUT_6


def cut(text: str, width: int) -> str:
    """A text in a column of `width`; one that is too long is cut and ends in `~` (screenos-cli §1.7)."""
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}~"


def dated(date: datetime) -> str:
    """`03/28/2016 19:24:34`."""
    return f"{date:%m/%d/%Y %H:%M:%S}"


def endpoint(address: int, port: int) -> str:
    """`10.1.1.5/1024`."""
    return f"{format_ipv4(address)}/{port}"


def on_off(value: bool) -> str:
    """`on` or `off`."""
    return "on" if value else "off"


def enabled(value: bool) -> str:
    """`enabled` or `disabled`."""
    return "enabled" if value else "disabled"


def yes_no(value: bool) -> str:
    """`Yes` or `No`."""
    return "Yes" if value else "No"


def lines(*text: str) -> str:
    """Lines as one text."""
    return "".join(f"{line}\n" for line in text)
