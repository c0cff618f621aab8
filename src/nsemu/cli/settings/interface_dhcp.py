"""`set interface X dhcp client …` and `set interface X ip dhcp-client enable`, which is the same (E038, E039; B207)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nsemu.cli import types
from nsemu.cli.grammar import Arguments, Row, Setting, argument, keyword, when_set
from nsemu.cli.settings.checks import require
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.interface import Interface, InterfaceKind


def _client(editor: Editor, arguments: Arguments) -> Interface:
    record = require(editor.interfaces, arguments["interface"], "interface")
    if record.kind is not InterfaceKind.ETHERNET:
        raise ConfigError(f"interface {record.name} cannot be a DHCP client (an ethernet interface expected)")
    return record


def _set_client(editor: Editor, arguments: Arguments) -> None:
    record = _client(editor, arguments)
    editor.interfaces.put(record.name, replace(record, dhcp_client=True))


def _unset_client(editor: Editor, arguments: Arguments) -> None:
    record = _client(editor, arguments)
    if not record.dhcp_client:
        raise NotFoundError(f"interface {record.name} is no DHCP client")
    editor.interfaces.put(record.name, replace(record, dhcp_client=False))


def _client_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    if config.interfaces[scope["interface"]].dhcp_client:
        yield Row({"interface": scope["interface"]})


def _set_server(editor: Editor, arguments: Arguments) -> None:
    record = _client(editor, arguments)
    editor.interfaces.put(record.name, replace(record, dhcp_server=arguments["server"]))


def _unset_server(editor: Editor, arguments: Arguments) -> None:
    record = _client(editor, arguments)
    if not record.dhcp_server:
        raise NotFoundError(f"interface {record.name} has no DHCP server")
    editor.interfaces.put(record.name, replace(record, dhcp_server=0))


def _server_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    if server := config.interfaces[scope["interface"]].dhcp_server:
        yield Row({"interface": scope["interface"], "server": server})


DHCP_CLIENT = Setting("interface dhcp client", _set_client, _unset_client, _client_rows)
DHCP_CLIENT_SERVER = Setting("interface dhcp client settings server", _set_server, _unset_server, _server_rows)
SERVER_NODE = keyword(
    "server", "server to ask", when_set(argument("server", types.IP, "IP address")), DHCP_CLIENT_SERVER
)
