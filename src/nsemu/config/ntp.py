"""Network time as configured (`set ntp …`, `set clock ntp`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from nsemu.config.device import DeviceConfig
from nsemu.config.kept import owned_lines

DEFAULT_INTERVAL: Final = 10
DEFAULT_ADJUSTMENT: Final = 3
PLACES: Final = ("primary", "backup1", "backup2")


class NtpAuthentication(Enum):
    """Whether answers need a digest; the value is the CLI word."""

    NONE = "none"
    REQUIRED = "required"
    PREFERRED = "preferred"


@dataclass(frozen=True, slots=True)
class NtpServer:
    """One server. `place` is one of `PLACES`; `source` the interface in whose name it is asked, "" for the egress."""

    place: str
    address: str
    source: str = ""
    key_id: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class NtpSettings:
    """`interval` in minutes, `adjustment` the largest change in seconds, 0 for any."""

    enabled: bool = False
    servers: tuple[NtpServer, ...] = ()
    interval: int = DEFAULT_INTERVAL
    adjustment: int = DEFAULT_ADJUSTMENT
    authentication: NtpAuthentication = NtpAuthentication.NONE
    vpn: bool = False


def ntp_settings(config: DeviceConfig) -> NtpSettings:
    """What the lines say."""
    lines = dict(owned_lines(config.kept, None, "ntp"))
    servers = []
    for place, words in zip(PLACES, ("server", "server backup1", "server backup2"), strict=True):
        if words not in lines or lines[words]["server"] in {"", "0.0.0.0"}:
            continue
        key = lines.get(f"{words} key-id", {})
        source = lines.get(f"{words} src-interface", {}).get("interface", "")
        servers.append(NtpServer(place, lines[words]["server"], source, key.get("id", 0), key.get("key", "")))
    return NtpSettings(
        bool(owned_lines(config.kept, None, "clock ntp")),
        tuple(servers),
        lines.get("interval", {}).get("minutes", DEFAULT_INTERVAL),
        lines.get("max-adjustment", {}).get("seconds", DEFAULT_ADJUSTMENT),
        NtpAuthentication(lines.get("auth", {}).get("mode", "none")),
        "vpn" in lines,
    )
