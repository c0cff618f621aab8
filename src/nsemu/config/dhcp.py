"""DHCP as configured: the servers and relays of interfaces, and how clients ask (`set interface X dhcp …`).

The lines are kept as they were typed (`config.kept`); the functions here read them into records for the run-time side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from nsemu.config.device import DeviceConfig
from nsemu.config.interface import Interface
from nsemu.config.kept import owned_lines, owners_of
from nsemu.wire.address import parse_ipv4, parse_mac
from nsemu.wire.dhcp import DhcpOption

DEFAULT_LEASE: Final = 1440
"""Minutes for which an address is lent."""

_CODES: Final[Mapping[str, DhcpOption]] = {
    "gateway": DhcpOption.ROUTER,
    "netmask": DhcpOption.SUBNET_MASK,
    "dns1": DhcpOption.DNS_SERVER,
    "dns2": DhcpOption.DNS_SERVER,
    "dns3": DhcpOption.DNS_SERVER,
    "wins1": DhcpOption.NETBIOS_SERVER,
    "wins2": DhcpOption.NETBIOS_SERVER,
    "nis1": DhcpOption.NIS_SERVER,
    "nis2": DhcpOption.NIS_SERVER,
    "smtp": DhcpOption.SMTP_SERVER,
    "pop3": DhcpOption.POP3_SERVER,
    "news": DhcpOption.NNTP_SERVER,
    "domainname": DhcpOption.DOMAIN_NAME,
    "nistag": DhcpOption.NIS_DOMAIN,
}
LEARNED: Final = tuple(dict.fromkeys(code for word, code in _CODES.items() if word not in {"gateway", "netmask"}))
"""What `update-dhcpserver` passes on from a client to the servers of the device."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How a client asks. `server` is the only one to accept, 0 for any; `lease` the seconds to ask for, 0 for what the
    server likes; `vendor` the vendor class. After `attempts` without offer it rests for `pause` seconds, 0 attempts
    for never. `parameters` are further options to ask for; `passes_on`: what it learns is for the own servers too.
    """

    server: int = 0
    lease: int = 0
    vendor: str = ""
    attempts: int = 0
    pause: int = 600
    parameters: tuple[int, ...] = ()
    passes_on: bool = False


class ServerMode(Enum):
    """Whether a server answers; the value is the CLI word. `AUTO` is silent when the network has another server."""

    ENABLE = "enable"
    DISABLE = "disable"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class DhcpServerSettings:
    """The server of an interface. `ranges` are (first, last); `reserved` maps hardware addresses to theirs.

    `lease` in seconds, 0 for ever. `options` are what clients are told, by code, but for the lease and the server;
    `next_server` is for those that load a file.
    """

    interface: str
    mode: ServerMode = ServerMode.ENABLE
    ranges: tuple[tuple[int, int], ...] = ()
    reserved: tuple[tuple[bytes, int], ...] = ()
    lease: int = DEFAULT_LEASE * 60
    options: tuple[tuple[int, bytes], ...] = ()
    next_server: int = 0


@dataclass(frozen=True, slots=True)
class DhcpRelaySettings:
    """The relay of an interface. `servers` are addresses or domain names; `vpn`: through a VPN, in its own name."""

    interface: str
    servers: tuple[str, ...]
    vpn: bool = False


def client_settings(config: DeviceConfig, record: Interface) -> ClientSettings:
    """How the client on an interface asks."""
    lines = dict(_of(config, record.name, "interface dhcp client settings"))
    passes_on = "update-dhcpserver" in lines
    return ClientSettings(
        record.dhcp_server,
        min(lines.get("lease", {}).get("minutes", 0) * 60, 0xFFFFFFFF),
        lines.get("vendor", {}).get("vendor", ""),
        lines.get("retry number", {}).get("number", 0),
        lines.get("retry time", {}).get("minutes", 10) * 60,
        tuple(code for code in LEARNED if code not in _ALWAYS) if passes_on else (),
        passes_on,
    )


_ALWAYS: Final = {DhcpOption.DNS_SERVER, DhcpOption.DOMAIN_NAME}


def dhcp_servers(config: DeviceConfig) -> dict[str, DhcpServerSettings]:
    """The servers by interface: those with `dhcp server service` that are not disabled."""
    found: dict[str, DhcpServerSettings] = {}
    for name in owners_of(config.kept, "interface dhcp server service"):
        server = _server(name, _of(config, name, "interface dhcp server"))
        if server.mode is not ServerMode.DISABLE:
            found[name] = server
    return found


def dhcp_relays(config: DeviceConfig) -> dict[str, DhcpRelaySettings]:
    """The relays by interface: those with `dhcp relay service` and a server."""
    found = {}
    for name in owners_of(config.kept, "interface dhcp relay service"):
        lines = _of(config, name, "interface dhcp relay")
        servers = tuple(line["server"] for rest, line in lines if rest == "server-name")
        if servers:
            found[name] = DhcpRelaySettings(name, servers, any(rest == "vpn" for rest, _line in lines))
    return found


_Lines = list[tuple[str, dict[str, Any]]]


def _of(config: DeviceConfig, interface: str, head: str) -> _Lines:
    return owned_lines(config.kept, ("interface", interface), head)


def _server(name: str, lines: _Lines) -> DhcpServerSettings:
    single = dict(lines)
    addresses = [line for rest, line in lines if rest == "ip"]
    lent = [line for line in addresses if "mac" not in line]
    lease = single.get("option lease", {}).get("minutes", DEFAULT_LEASE)
    return DhcpServerSettings(
        name,
        ServerMode(single.get("mode", {}).get("mode", "enable")),
        tuple((int(line["first"]), int(line["last"] if "last" in line else line["first"])) for line in lent),
        tuple((parse_mac(line["mac"]), line["first"]) for line in addresses if "mac" in line),
        min(lease * 60, 0xFFFFFFFE),
        tuple(_options(lines)),
        single.get("config next-server-ip", {}).get("address", 0),
    )


def _options(lines: _Lines) -> Iterable[tuple[int, bytes]]:
    """What clients are told, in the order of the words; the servers of a kind are one option."""
    options: dict[int, bytes] = {}
    single = dict(lines)
    for word, code in _CODES.items():
        line = single.get(f"option {word}")
        if line is not None:
            value = line["value"]
            octets = value.encode() if isinstance(value, str) else int(value or 0).to_bytes(4, "big")
            options[code] = options.get(code, b"") + octets
    for rest, custom in lines:
        if rest == "option custom":
            options[custom["code"]] = custom_octets(custom["kind"], custom["value"])
    return options.items()


def custom_octets(kind: str, value: str) -> bytes:
    """The octets of a custom option; `kind` is ip, string or integer. Raises ValueError when the value is none."""
    if kind == "string":
        return value.encode()
    if kind == "ip":
        return parse_ipv4(value).to_bytes(4, "big")
    number = int(value)
    if not 0 <= number <= 0xFFFFFFFF:
        raise ValueError(value)
    return number.to_bytes(4, "big")
