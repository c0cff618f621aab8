"""`set interface X webauth`, `set interface X webauth-ip A`: where users log in by a web page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nsemu.cli.grammar import Arguments, Node, Row, Setting, argument, flag, keyword, optional, when_set
from nsemu.cli.settings.checks import require
from nsemu.cli.types import IP
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.config.interface import Interface, WebAuth
from nsemu.wire.address import format_ipv4

NO_TLS = "Note: WebAuth by SSL is not emulated: nobody can log in at interface {}."


def _interface(editor: Editor, arguments: Arguments) -> Interface:
    return require(editor.interfaces, arguments["interface"], "interface")


def _set_webauth(editor: Editor, arguments: Arguments) -> str | None:
    record = _interface(editor, arguments)
    webauth = WebAuth.SSL_ONLY if arguments.get("ssl") else WebAuth.ON
    editor.interfaces.put(record.name, replace(record, webauth=webauth))
    return NO_TLS.format(record.name) if webauth is WebAuth.SSL_ONLY else None


def _unset_webauth(editor: Editor, arguments: Arguments) -> None:
    record = _interface(editor, arguments)
    editor.interfaces.put(record.name, replace(record, webauth=WebAuth.OFF))


def _webauth_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    webauth = config.interfaces[scope["interface"]].webauth
    if webauth is not WebAuth.OFF:
        ssl = {"ssl": True} if webauth is WebAuth.SSL_ONLY else {}
        yield Row({"interface": scope["interface"], **ssl})


def _set_address(editor: Editor, arguments: Arguments) -> None:
    record, address = _interface(editor, arguments), arguments["address"]
    if record.address is None:
        raise ConfigError(f"interface {record.name} has no IP address (set interface {record.name} ip first)")
    if address not in record.address or address in {record.address.address, record.manage_ip}:
        raise ConfigError(
            f"invalid WebAuth IP {format_ipv4(address)} (another address of {record.address.network} expected)"
        )
    editor.interfaces.put(record.name, replace(record, webauth_ip=address))


def _unset_address(editor: Editor, arguments: Arguments) -> None:
    record = _interface(editor, arguments)
    editor.interfaces.put(record.name, replace(record, webauth_ip=0))


def _address_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    address = config.interfaces[scope["interface"]].webauth_ip
    if address:
        yield Row({"interface": scope["interface"], "address": address})


WEBAUTH = Setting("interface webauth", _set_webauth, _unset_webauth, _webauth_rows)
WEBAUTH_IP = Setting("interface webauth-ip", _set_address, _unset_address, _address_rows)
NODES: tuple[Node, ...] = (
    keyword("webauth", "users log in by a web page", when_set(optional(flag("ssl-only", "SSL only", "ssl"))), WEBAUTH),
    keyword("webauth-ip", "address of the web page", when_set(argument("address", IP, "IP address")), WEBAUTH_IP),
)
ITEMS = (WEBAUTH_IP, WEBAUTH)
