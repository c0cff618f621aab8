"""`set dns host …`: the DNS servers that the device asks (E047)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli import types
from nsemu.cli.grammar import (
    Arguments,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
)
from nsemu.cli.settings.checks import not_emulated, require
from nsemu.cli.settings.clock import MinuteType
from nsemu.cli.settings.kept import Shelf, ip, number, text
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.kept import KeptKey, KeptLine

_ORDER = (("dns1", "first"), ("dns2", "second"), ("dns3", "third"))


def _set_server(editor: Editor, arguments: Arguments) -> str | None:
    """Saved configurations write 0.0.0.0 for a server that is not set."""
    field, address = arguments["which"], arguments["address"]
    if address >= 0xE0000000 or (address and address < 0x01000000):
        raise ConfigError("invalid DNS server address (the address of a host expected)")
    change: dict[str, Any] = {field: address}
    editor.system = replace(editor.system, **change)
    key = _source_key(field)
    if "interface" not in arguments:
        if key in editor.kept:
            editor.kept.remove(key)
        return None
    name = arguments["interface"]
    require(editor.interfaces, name, "interface")
    editor.kept.put(key, KeptLine((("interface", name),), uses=(("interface", name),)))
    return not_emulated("dns host src-interface")


def _source_key(field: str) -> KeptKey:
    return KeptKey("dns host src-interface", None, (field,))


def _unset_server(editor: Editor, arguments: Arguments) -> None:
    field = arguments["which"]
    if not getattr(editor.system, field):
        raise NotFoundError(f"there is no DNS server {field}")
    change: dict[str, Any] = {field: 0}
    editor.system = replace(editor.system, **change)
    if (key := _source_key(field)) in editor.kept:
        editor.kept.remove(key)


def _server_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for field, _ in _ORDER:
        if address := getattr(config.system, field):
            source = config.kept.get(_source_key(field))
            yield Row({"which": field, "address": address, **(dict(source.arguments) if source is not None else {})})


DNS_SERVER = Setting("dns host", _set_server, _unset_server, _server_rows)


def _server(field: str, help_: str) -> Node:
    address = when_set(
        argument("address", types.IP, "IP address"),
        optional(keyword("src-interface", "interface towards it", _INTERFACE)),
    )
    return keyword(field, f"{help_} DNS server", address, DNS_SERVER, binds=("which", field))


_INTERFACE = argument("interface", types.INTERFACE, "interface name")
DNS = Shelf("dns")
_DDNS_ID = argument("id", NumberType(1, 2**31 - 1), "ID")
_DDNS = keyword(
    "ddns",
    "tell a server the address of an interface",
    choice(
        DNS.setting("dns ddns"),
        DNS.line("enable", "use it", name="ddns enable"),
        keyword(
            "id",
            "an entry",
            _DDNS_ID,
            choice(
                *(
                    keyword(word, help_, when_set(*nodes), DNS.setting(f"dns ddns id {word}", ("id",)))
                    for word, help_, nodes in (
                        (
                            "server",
                            "server",
                            (
                                text("server", "domain name", 128, quoted=False),
                                keyword(
                                    "server-type",
                                    "protocol",
                                    choice(
                                        flag("dyndns", "dyndns.org", "kind", "dyndns"),
                                        flag("ddo", "ddo.jp", "kind", "ddo"),
                                    ),
                                ),
                                optional(keyword("refresh-interval", "hours", number("hours", 1, 50000, "hours"))),
                                optional(
                                    keyword("minimum-update-interval", "minutes", number("least", 1, 1440, "minutes"))
                                ),
                            ),
                        ),
                        (
                            "username",
                            "account",
                            (text("user", "name"), keyword("password", "password", text("password", "password"))),
                        ),
                        ("src-interface", "interface", (_INTERFACE,)),
                        ("host-name", "names", (text("host", "domain name", 128, quoted=False),)),
                    )
                )
            ),
        ),
    ),
)
_SELECT = keyword(
    "server-select",
    "servers for a domain",
    keyword("domain", "domain", argument("domain", TextType(128), "domain, * for all others")),
    when_set(
        optional(keyword("outgoing-interface", "interface towards them", _INTERFACE)),
        keyword("primary-server", "the first", ip("primary")),
        optional(keyword("secondary-server", "the second", ip("secondary"))),
        optional(keyword("tertiary-server", "the third", ip("tertiary"))),
        optional(flag("failover", "ask the next when one fails")),
    ),
    DNS.setting("dns server-select", ("domain",)),
)
NODES = (
    keyword(
        "dns",
        "DNS",
        choice(
            keyword(
                "host",
                "servers that the device asks",
                choice(
                    *(_server(*one) for one in _ORDER),
                    DNS.line(
                        "schedule",
                        "when names are looked up anew",
                        argument("time", MinuteType(), "time"),
                        optional(keyword("interval", "hours", number("hours", 1, 24, "hours"))),
                        name="host schedule",
                    ),
                    DNS.line(
                        "name",
                        "a name that needs no server",
                        ip("address"),
                        key=(text("name", "domain name", 128, quoted=False),),
                        name="host name",
                    ),
                ),
            ),
            keyword(
                "proxy",
                "DNS proxy",
                choice(DNS.setting("dns proxy"), DNS.line("enable", "use it", name="proxy enable")),
            ),
            _SELECT,
            _DDNS,
        ),
    ),
)
