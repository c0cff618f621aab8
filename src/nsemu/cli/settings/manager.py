"""`set admin manager-ip A [M]`: the only hosts that may log in (checked by `flow.local` for each segment)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nsemu.cli.grammar import Arguments, Row, Setting, argument, choice, keyword, optional, when_set, when_unset
from nsemu.cli.settings.address import MaskType
from nsemu.cli.settings.checks import check_capacity
from nsemu.cli.types import IP
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import NotFoundError
from nsemu.wire.address import Prefix, format_ipv4

MOST_HOSTS = 6
"""How many entries a device holds."""


def _set(editor: Editor, arguments: Arguments) -> None:
    network = Prefix(arguments["address"], arguments.get("mask", 32)).network
    known = editor.system.manager_ips
    if network not in known:
        check_capacity(known, MOST_HOSTS, "manager IP addresses")
        editor.system = replace(editor.system, manager_ips=(*known, network))


def _unset(editor: Editor, arguments: Arguments) -> None:
    known = editor.system.manager_ips
    kept: tuple[Prefix, ...] = ()
    if "address" in arguments:
        kept = tuple(one for one in known if one.address != arguments["address"])
        if kept == known:
            raise NotFoundError(f"manager IP {format_ipv4(arguments['address'])} does not exist")
    editor.system = replace(editor.system, manager_ips=kept)


def _rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for prefix in config.system.manager_ips:
        yield Row({"address": prefix.address, "mask": prefix.length})


MANAGER_IP = Setting("admin manager-ip", _set, _unset, _rows)
NODE = keyword(
    "manager-ip",
    "hosts that may manage the device",
    choice(
        argument(
            "address",
            IP,
            "IP address",
            when_set(optional(argument("mask", MaskType(), "netmask"))),
            MANAGER_IP,
        ),
        when_unset(keyword("all", "all of them", MANAGER_IP)),
    ),
)
