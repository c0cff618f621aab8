"""VPN tunnels as the admin wrote them (`set vpn …`)."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.ike import SecurityLevel
from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class ProxyId:
    """A proxy ID: what a Phase 2 SA may carry (B056). `service` is a service name; "ANY" for all."""

    local: Prefix
    remote: Prefix
    service: str = "ANY"


@dataclass(frozen=True, slots=True)
class Vpn:
    """`set vpn NAME gateway GW …` with its binding and proxy ID.

    Either `security_level` or `proposals` (names, at most four) is set. `bind_interface` is a tunnel interface;
    `bind_zone` a tunnel zone; both None for a VPN that policies name.
    """

    name: str
    gateway: str
    security_level: SecurityLevel | None = None
    proposals: tuple[str, ...] = ()
    replay: bool = False
    idle_time: int = 0
    bind_interface: str | None = None
    bind_zone: str | None = None
    proxy_id: ProxyId | None = None
    df_bit: str = "clear"
