"""`set interface X dhcp client|server|relay …`.

`set interface X ip dhcp-client enable` is the client as well (E038, E039; B207).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from nsemu.cli import types
from nsemu.cli.grammar import Arguments, Row, Setting, TextType, argument, choice, keyword, optional, sequence, when_set
from nsemu.cli.settings.checks import require
from nsemu.cli.settings.kept import Shelf, ip, number, text, words
from nsemu.config.device import DeviceConfig
from nsemu.config.dhcp import custom_octets
from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, ConfigError, DuplicateError, NotFoundError
from nsemu.config.interface import Interface, InterfaceKind
from nsemu.config.kept import KeptKey
from nsemu.wire.address import AddressError, format_ipv4, parse_mac


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


# --- the server


def _check_range(editor: Editor, arguments: Arguments) -> None:
    """Addresses of a network of the interface (or of any, for relays), that no other line has."""
    record = editor.interfaces[arguments["interface"]]
    first, last = arguments["first"], arguments.get("last", arguments["first"])
    if first > last:
        raise ConfigError(f"first address {format_ipv4(first)} is above the last, {format_ipv4(last)}")
    if "mac" in arguments:
        _check_mac(arguments)
    for prefix in record.prefixes:
        if first <= prefix.address <= last and "mac" not in arguments and first == last:
            raise ConfigError(f"{format_ipv4(first)} is the address of interface {record.name}")
    for key, line in editor.kept.items():
        if key.setting != SERVER_IP or key.owner != ("interface", record.name) or key.identity == (first,):
            continue
        other = dict(line.arguments)
        low, high = other["first"], other.get("last", other["first"])
        # A reserved address may lie within a range; it is not lent to others.
        if ("mac" in other) == ("mac" in arguments) and low <= last and first <= high:
            raise DuplicateError(f"addresses {format_ipv4(first)} to {format_ipv4(last)} overlap with another line")


def _check_mac(arguments: Arguments) -> None:
    if "last" in arguments:
        raise ConfigError("a reserved address is one address (ip A mac M expected)")
    try:
        parse_mac(arguments["mac"])
    except AddressError as error:
        raise ConfigError(str(error)) from None


def _check_custom(_editor: Editor, arguments: Arguments) -> None:
    kind, value = arguments["kind"], arguments["value"]
    try:
        custom_octets(kind, value)
    except ValueError:
        wanted = {"ip": "an IP address", "integer": "a number of 32 bits", "string": "a text"}[kind]
        raise ConfigError(f"invalid value {value} of option {arguments['code']} ({wanted} expected)") from None


def _check_relays(editor: Editor, arguments: Arguments) -> None:
    owner = ("interface", arguments["interface"])
    known = [key for key in editor.kept if key.owner == owner and key.setting == "interface dhcp relay server-name"]
    if len(known) >= MOST_RELAYS and all(key.identity != (arguments["server"],) for key in known):
        raise CapacityError(f"interface {owner[1]} has {MOST_RELAYS} DHCP servers already")


def _not_both(what: str, other: str) -> Callable[[Editor, Arguments], None]:
    """An interface has a server or a relay, not both (RFC 1542 §4.1)."""

    def check(editor: Editor, arguments: Arguments) -> None:
        if KeptKey(f"interface dhcp {other} service", ("interface", arguments["interface"])) in editor.kept:
            raise ConfigError(
                f"interface {arguments['interface']} is a DHCP {other} and cannot be a {what} "
                f"(unset interface {arguments['interface']} dhcp {other} service first)"
            )

    return check


MOST_RELAYS = 3
SERVER_IP = "interface dhcp server ip"
DHCP = Shelf("interface dhcp", ("interface", "interface"), acting=True)
_ADDRESSES = {
    "gateway": "default gateway",
    "netmask": "mask",
    "dns1": "first DNS server",
    "dns2": "second DNS server",
    "dns3": "third DNS server",
    "wins1": "first WINS server",
    "wins2": "second WINS server",
    "nis1": "first NIS server",
    "nis2": "second NIS server",
    "smtp": "SMTP server",
    "pop3": "POP3 server",
    "news": "news server",
}
_MINUTES = number("minutes", 0, 2**31 - 1, "minutes")
_SERVER = (
    DHCP.line("service", "give addresses", name="server service", check=_not_both("server", "relay")),
    sequence(
        words("mode", {"enable": "always", "disable": "never", "auto": "unless there is another server"}),
        DHCP.setting("interface dhcp server mode"),
    ),
    keyword(
        "option",
        "what clients are told",
        choice(
            *(DHCP.line(word, help_, ip("value"), name=f"server option {word}") for word, help_ in _ADDRESSES.items()),
            DHCP.line("domainname", "domain name", text("value", "domain name", 255), name="server option domainname"),
            DHCP.line("nistag", "NIS domain", text("value", "NIS domain", 255), name="server option nistag"),
            DHCP.line("lease", "minutes for which an address is lent", _MINUTES, name="server option lease"),
            DHCP.line(
                "custom",
                "another option",
                words("kind", {"ip": "address", "string": "text", "integer": "number"}),
                text("value", "value", 255),
                key=(number("code", 1, 254, "code"),),
                name="server option custom",
                check=_check_custom,
            ),
        ),
    ),
    DHCP.line(
        "ip",
        "addresses",
        optional(keyword("to", "last address", ip("last", "last address"))),
        optional(
            keyword(
                "mac", "for one host", argument("mac", TextType(17, "[0-9A-Fa-f:.-]+", "MAC address"), "MAC address")
            )
        ),
        key=(ip("first", "first address"),),
        name="server ip",
        check=_check_range,
    ),
    keyword(
        "config",
        "how the server works",
        choice(
            DHCP.line(
                "next-server-ip", "address of the next server", ip("address"), name="server config next-server-ip"
            ),
            DHCP.line(
                "updatable", "settings come from the upstream server", name="server config updatable", acting=False
            ),
        ),
    ),
)
_CLIENT_SETTINGS = (
    keyword("server", "server to ask", when_set(argument("server", types.IP, "IP address")), DHCP_CLIENT_SERVER),
    DHCP.line("lease", "minutes to ask for", _MINUTES, name="client settings lease"),
    DHCP.line("vendor", "vendor ID", text("vendor", "vendor ID", 32), name="client settings vendor"),
    DHCP.line("autoconfig", "begin at start", name="client settings autoconfig", acting=False),
    DHCP.line("update-dhcpserver", "pass on what was learned", name="client settings update-dhcpserver"),
    keyword(
        "retry",
        "attempts",
        choice(
            DHCP.line("number", "number", number("number", 0, 100, "attempts"), name="client settings retry number"),
            DHCP.line("time", "minutes", number("minutes", 1, 600, "minutes"), name="client settings retry time"),
        ),
    ),
)
NODE = keyword(
    "dhcp",
    "DHCP",
    choice(
        keyword(
            "client",
            "get the address from a server",
            choice(
                DHCP_CLIENT,
                keyword("enable", "get the address from a server", DHCP_CLIENT),
                keyword("settings", "settings", choice(*_CLIENT_SETTINGS)),
            ),
        ),
        keyword("server", "give addresses", choice(*_SERVER)),
        keyword(
            "relay",
            "pass requests on",
            choice(
                DHCP.line(
                    "server-name",
                    "server",
                    key=(text("server", "address or domain name", 255),),
                    name="relay server-name",
                    check=_check_relays,
                ),
                DHCP.line("service", "pass requests on", name="relay service", check=_not_both("relay", "server")),
                DHCP.line("vpn", "through a VPN", name="relay vpn"),
            ),
        ),
    ),
)
