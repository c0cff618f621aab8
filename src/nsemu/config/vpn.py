"""VPN tunnels as the admin wrote them (`set vpn …`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.config.ike import SecurityLevel
from nsemu.wire.address import Prefix


@dataclass(frozen=True, slots=True)
class ProxyId:
    """A proxy ID: what a Phase 2 SA may carry (B056). `service` is a service name; "ANY" for all."""

    local: Prefix
    remote: Prefix
    service: str = "ANY"


@dataclass(frozen=True, slots=True)
class ManualKey:
    """The key of one algorithm: a password from which it is made (B213), or its octets. Both empty with NULL."""

    password: str = field(default="", repr=False)
    octets: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ManualKeys:
    """`set vpn NAME manual …`: everything an SA pair needs, the same at both ends but for the SPIs (B025, B212).

    `local_spi` is the one that packets to this device carry. With AH the encryption is NULL.
    """

    local_spi: int
    remote_spi: int
    peer: int
    outgoing_interface: str
    protocol: IpsecProtocol
    encryption: Encryption
    integrity: Integrity
    encryption_key: ManualKey = ManualKey()
    integrity_key: ManualKey = ManualKey()


@dataclass(frozen=True, slots=True)
class VpnMonitor:
    """`set vpn NAME monitor …`. Without source: the outgoing interface; destination 0: the remote gateway (B324)."""

    source_interface: str | None = None
    destination: int = 0
    optimized: bool = False
    rekey: bool = False


@dataclass(frozen=True, slots=True)
class Vpn:
    """`set vpn NAME gateway GW …` or `set vpn NAME manual …`, with its binding and proxy ID.

    With `manual` there is no gateway (its name is ""), no proposal and no proxy ID.

    Either `security_level` or `proposals` (names, at most four) is set. `bind_interface` is a tunnel interface;
    `bind_zone` a tunnel zone; both None for a VPN that policies name. `transport` asks for transport mode.
    `dscp` marks the packets of the tunnel; None and 0 copy what the packet inside has. `tunnel_id` is the number that
    `set vpn … id` gives the tunnel, None for the next free one.
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
    manual: ManualKeys | None = None
    transport: bool = False
    monitor: VpnMonitor | None = None
    dscp: int | None = None
    tunnel_id: int | None = None


MOST_MEMBERS = 4
"""VPNs of one group (B347)."""


@dataclass(frozen=True, slots=True)
class VpnGroup:
    """`set vpn-group …`: redundant VPNs, each with its weight. The highest carries the traffic (B347)."""

    id: int
    weights: tuple[tuple[str, int], ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the VPNs, the one of the highest weight first."""
        return tuple(name for name, _weight in sorted(self.weights, key=lambda member: -member[1]))
