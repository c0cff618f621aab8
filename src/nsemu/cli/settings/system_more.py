"""Other words of real configurations, kept without effect: ALGs, logs, console; and ARP, which acts."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Node,
    Row,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    sequence,
    when_set,
)
from nsemu.cli.settings import session_alarm
from nsemu.cli.settings.kept import Shelf, ip, number, text, words
from nsemu.cli.types import INTERFACE
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.wire.address import AddressError, format_ipv4, parse_mac
from nsemu.wire.ethernet import is_group

_INTERFACE = argument("interface", INTERFACE, "interface name")
_MINUTES = number("minutes", 0, 999, "minutes")
_SECONDS = number("seconds", 0, 2**31 - 1, "seconds")
_PORT = number("port", 1, 65535, "port")
_MAILBOX = text("mailbox", "mailbox", 128)
ALG = Shelf("alg")
ALG_NAMES = (
    "appleichat",
    "dns",
    "h323",
    "h245",
    "mgcp",
    "msrpc",
    "pptp",
    "real",
    "rsh",
    "rtsp",
    "sccp",
    "sctp",
    "sip",
    "sql",
    "sunrpc",
    "xing",
)


def _alg(name: str) -> Node:
    switch = ALG.setting(f"alg {name} enable", default=Row({}))
    more: tuple[Node, ...] = ()
    if name == "appleichat":
        more = (
            keyword(
                "re-assembly",
                "reassembly",
                ALG.line("enable", "reassemble", name="appleichat re-assembly enable", default=Row({}, unset=True)),
            ),
        )
    return keyword(name, f"{name} ALG", choice(keyword("enable", "use it", switch), switch, *more))


def _check_entry(editor: Editor, arguments: Arguments) -> None:
    """A static ARP entry is for a host on a network of its interface, with the address of one node."""
    try:
        mac = parse_mac(arguments["mac"])
    except AddressError as error:
        raise ConfigError(str(error)) from None
    if is_group(mac) or not any(mac):
        raise ConfigError(f"invalid MAC address {arguments['mac']} (that of one node expected)")
    record = editor.interfaces[arguments["interface"]]
    if record.prefixes and not any(arguments["address"] in prefix for prefix in record.prefixes):
        raise ConfigError(
            f"{format_ipv4(arguments['address'])} is on no network of interface {record.name} "
            f"({', '.join(str(prefix.network) for prefix in record.prefixes)})"
        )


LOG, ALARM, SHAPING, ARP = Shelf("log"), Shelf("alarm"), Shelf("traffic-shaping"), Shelf("arp", acting=True)
VSYS, CONSOLE = Shelf("vsys"), Shelf("console")
CONSOLE_NODES: tuple[Node, ...] = (
    CONSOLE.line("disable", "no console"),
    CONSOLE.line("dbuf", "debug output to the buffer"),
    keyword("aux", "second console", CONSOLE.line("disable", "no second console", name="aux disable")),
)
_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notification", "information", "debugging")
_DESTINATIONS = ("console", "email", "nsm", "onesecure", "snmp", "syslog", "usb", "webtrends", "pcmcia")
_LOG_MODULE = keyword(
    "module",
    "a module",
    keyword("system", "system"),
    keyword("level", "level", words("level", {word: word for word in _LEVELS})),
    keyword(
        "destination",
        "where",
        choice(
            sequence(
                words("destination", {word: word for word in _DESTINATIONS}),
                LOG.setting("log module", ("level", "destination")),
            ),
            keyword("internal", "log of the device", LOG.setting("log module internal", ("level",), default=Row({}))),
        ),
    ),
)
NODES: tuple[Node, ...] = (
    keyword("alg", "application layer gateways", choice(*(_alg(name) for name in ALG_NAMES))),
    keyword(
        "log",
        "logs",
        choice(
            _LOG_MODULE,
            LOG.line("audit-loss-mitigation", "stop when the log is full"),
            LOG.line("cli", "log commands", flag("enable", "log them", "enable")),
            LOG.line("exclude-id", "event IDs", key=(number("id", 0, 2**31 - 1, "ID"),)),
        ),
    ),
    keyword(
        "alarm",
        "alarms",
        choice(
            keyword(
                "threshold",
                "thresholds",
                choice(
                    ALARM.line("cpu", "processor", number("percent", 1, 100, "percent"), name="threshold cpu"),
                    ALARM.line("memory", "memory", number("percent", 1, 100, "percent"), name="threshold memory"),
                    session_alarm.NODE,
                ),
            ),
            ALARM.line("event", "events", words("what", {"dst-ip": "destination", "time": "time"})),
        ),
    ),
    keyword(
        "traffic-shaping",
        "traffic shaping",
        choice(
            SHAPING.line("mode", "when", words("mode", {"auto": "as policies ask", "on": "always", "off": "never"})),
            SHAPING.line("dscp-class-selector", "classes by the first three bits"),
            SHAPING.line("ip_precedence", "classes", *(number(f"class{index}", 0, 7, "class") for index in range(8))),
        ),
    ),
    keyword(
        "arp",
        "ARP",
        choice(
            ARP.line("always-on-dest", "ask for every packet"),
            ARP.line("age", "seconds for which entries are kept", _SECONDS),
            ARP.line("nat-dst", "answer for translated destinations", acting=False),
            sequence(
                ip("address"),
                when_set(argument("mac", TextType(17, "[0-9A-Fa-f:.-]+", "MAC address"), "MAC address"), _INTERFACE),
                ARP.setting("arp", ("address",), uses={"interface": "interface"}, check=_check_entry),
            ),
        ),
    ),
    keyword("vsys", "virtual system", text("vsys", "name", 31), VSYS.setting("vsys", ("vsys",))),
)
