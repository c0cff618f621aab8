"""Syslog as configured (`set syslog …`): the servers, and what each of them gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from nsemu.config.device import DeviceConfig
from nsemu.config.kept import owned_lines

DEFAULT_PORT: Final = 514
DEFAULT_FACILITY: Final = "local0"


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """One server. `address` is an address or a domain name; facilities are the CLI's words."""

    address: str
    port: int = DEFAULT_PORT
    security: str = DEFAULT_FACILITY
    regular: str = DEFAULT_FACILITY
    events: bool = True
    traffic: bool = False


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """All servers, none when syslog is off. `source` is the interface in whose name messages go, "" for the egress."""

    servers: tuple[SyslogServer, ...] = ()
    source: str = ""
    vpn: bool = False


def syslog_settings(config: DeviceConfig) -> SyslogSettings:
    """What the lines say."""
    lines = owned_lines(config.kept, None, "syslog")
    words = {rest for rest, _line in lines}
    if "enable" not in words:
        return SyslogSettings()
    names = dict.fromkeys(line["server"] for rest, line in lines if rest.startswith("config"))
    servers = tuple(_server(name, lines) for name in names)
    source = next((line["interface"] for rest, line in lines if rest == "src-interface"), "")
    return SyslogSettings(servers, source, "vpn" in words)


def _server(name: str, lines: list[tuple[str, dict[str, Any]]]) -> SyslogServer:
    own = [(rest, line) for rest, line in lines if line.get("server") == name]
    single, logs = dict(own), {line["log"] for rest, line in own if rest == "config log"}
    facilities = single.get("config facilities", {})
    return SyslogServer(
        name,
        single.get("config port", {}).get("port", DEFAULT_PORT),
        facilities.get("security", DEFAULT_FACILITY),
        facilities.get("regular", DEFAULT_FACILITY),
        not logs or bool(logs & {"all", "event"}),
        bool(logs & {"all", "traffic"}),
    )
