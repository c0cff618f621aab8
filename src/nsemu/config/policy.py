"""Policies as configured (`set policy …`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nsemu.config.authentication import PolicyAuthentication
from nsemu.config.nat import DestinationNat

GLOBAL_ZONE = "Global"

TrafficAlarm = tuple[int, int]
"""Octets a second and octets a minute above which a policy raises an alarm; 0 for never."""

ZonePair = tuple[str, str]
"""(from zone, to zone)."""


class PolicyAction(Enum):
    """What a policy does; the value is the CLI word. A tunnel policy permits into its VPN (B140)."""

    PERMIT = "permit"
    DENY = "deny"
    REJECT = "reject"
    TUNNEL = "tunnel"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. Members are names: addresses and address groups of the zones, services and service groups.

    `source_nat` translates the source to the egress interface, or to the pool `dip_id`.
    `vpn`, `vpn_group` and `l2tp` are set for the action TUNNEL alone: a VPN, with L2TP inside if it is named too, or a
    group of redundant VPNs, or L2TP without IPsec. `pair` is the ID of the policy of the opposite direction on the same
    VPN. `authentication` says who may use it; `schedule` limits it to the times of a schedule. `alert` sends what it
    logs to those who are alerted; `alarm` are the rates of traffic above which it raises an alarm;
    `session_limit` is how many sessions one source may have by the policy. `kept` are words of
    the line that have no effect, as (argument, value).
    """

    id: int
    from_zone: str
    to_zone: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    services: tuple[str, ...]
    action: PolicyAction
    name: str = ""
    vpn: str | None = None
    pair: int | None = None
    log: bool = False
    log_init: bool = False
    count: bool = False
    enabled: bool = True
    source_nat: bool = False
    dip_id: int | None = None
    destination_nat: DestinationNat | None = None
    source_negate: bool = False
    destination_negate: bool = False
    vpn_group: int | None = None
    l2tp: str | None = None
    schedule: str | None = None
    alert: bool = False
    alarm: TrafficAlarm | None = None
    session_limit: int | None = None
    authentication: PolicyAuthentication | None = None
    kept: tuple[tuple[str, object], ...] = ()

    @property
    def zones(self) -> ZonePair:
        """The list the policy is in."""
        return (self.from_zone, self.to_zone)
