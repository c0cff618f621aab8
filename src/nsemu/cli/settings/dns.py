"""`set dns host …`: the DNS servers that the device asks (E047)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli import types
from nsemu.cli.grammar import Arguments, Node, Row, Setting, argument, choice, keyword, when_set
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError

_ORDER = (("dns1", "first"), ("dns2", "second"), ("dns3", "third"))


def _set_server(editor: Editor, arguments: Arguments) -> None:
    field, address = arguments["which"], arguments["address"]
    if not address or address >= 0xE0000000:
        raise ConfigError("invalid DNS server address (the address of a host expected)")
    change: dict[str, Any] = {field: address}
    editor.system = replace(editor.system, **change)


def _unset_server(editor: Editor, arguments: Arguments) -> None:
    field = arguments["which"]
    if not getattr(editor.system, field):
        raise NotFoundError(f"there is no DNS server {field}")
    change: dict[str, Any] = {field: 0}
    editor.system = replace(editor.system, **change)


def _server_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for field, _ in _ORDER:
        if address := getattr(config.system, field):
            yield Row({"which": field, "address": address})


DNS_SERVER = Setting("dns host", _set_server, _unset_server, _server_rows)


def _server(field: str, text: str) -> Node:
    address = when_set(argument("address", types.IP, "IP address"))
    return keyword(field, f"{text} DNS server", address, DNS_SERVER, binds=("which", field))


NODES = (
    keyword("dns", "DNS", keyword("host", "servers that the device asks", choice(*(_server(*one) for one in _ORDER)))),
)
