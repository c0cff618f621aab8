"""L2TP as configured (`set l2tp …`; Vol. 5, chapter 6): the tunnels, and what their users are told.

The lines are kept as they were typed (`config.kept`); the functions here read them into records for the run-time side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from nsemu.config.device import DeviceConfig
from nsemu.config.kept import owned_lines, owners_of
from nsemu.config.users import LOCAL

DEFAULT_KEEPALIVE: Final = 60
_SERVERS: Final = ("dns1", "dns2", "wins1", "wins2")


@dataclass(frozen=True, slots=True)
class L2tpUsers:
    """What users are told unless they have settings of their own. Addresses are ints, None for none."""

    pool: str = ""
    dns1: int | None = None
    dns2: int | None = None
    wins1: int | None = None
    wins2: int | None = None


@dataclass(frozen=True, slots=True)
class L2tpTunnel:
    """`set l2tp NAME …`. A `peer` of 0 is any (B286), a `host` of "" any (B289). `user` and `group` limit who may call.

    `keepalive` is in seconds, 0 for no hellos (B287).
    """

    name: str
    interface: str = ""
    peer: int = 0
    host: str = ""
    secret: str = field(default="", repr=False)
    keepalive: int = DEFAULT_KEEPALIVE
    server: str = LOCAL
    user: str = ""
    group: str = ""
    users: L2tpUsers = L2tpUsers()


@dataclass(frozen=True, slots=True)
class L2tpSettings:
    """All of it. `ppp_auth` is the CLI's word (B278)."""

    tunnels: dict[str, L2tpTunnel]
    users: L2tpUsers
    ppp_auth: str = "any"


def l2tp_settings(config: DeviceConfig) -> L2tpSettings:
    """What the lines say."""
    default = dict(owned_lines(config.kept, None, "l2tp default"))
    names = dict.fromkeys((*owners_of(config.kept, "l2tp"), *owners_of(config.kept, "l2tp auth server")))
    server = str(default.get("auth server", {}).get("server", LOCAL))
    tunnels = {name: _tunnel(config, str(name), server) for name in names}
    return L2tpSettings(tunnels, _users(default, ""), default.get("ppp-auth", {}).get("ppp_auth", "any"))


def _tunnel(config: DeviceConfig, name: str, server: str) -> L2tpTunnel:
    lines = dict(owned_lines(config.kept, ("l2tp", name), "l2tp"))
    own, auth = lines.get("", {}), lines.get("auth server", {})
    return L2tpTunnel(
        name,
        own.get("interface", ""),
        own.get("peer", 0),
        own.get("host", ""),
        own.get("secret", ""),
        own.get("keepalive", DEFAULT_KEEPALIVE),
        auth.get("server", server),
        auth.get("user", ""),
        auth.get("group", ""),
        _users(lines, "remote-setting "),
    )


def _users(lines: dict[str, dict[str, Any]], prefix: str) -> L2tpUsers:
    servers = (lines.get(prefix + word, {}).get("server") for word in _SERVERS)
    return L2tpUsers(lines.get(f"{prefix}ippool", {}).get("pool", ""), *(server or None for server in servers))
