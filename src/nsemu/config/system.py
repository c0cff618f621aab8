"""System-wide settings: names, clock, console, admins."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.config.access import FACTORY_ACCESS, AdminAccess
from nsemu.config.clock import DaylightSaving, TimeZone
from nsemu.wire.address import Prefix

DEFAULT_ADMIN = "netscreen"
DEFAULT_ADMIN_HASH = "nKVUM2rwMUzPcrkG5sWIHdCtqkAibn"
"""`config.password.password_hash` of the factory's name and password, netscreen and netscreen (screenos-cli §4.2)."""


@dataclass(frozen=True, slots=True)
class AdminUser:
    """An administrator other than the root one. `password` is a hash (`config.password`).

    `privilege` is "all" or "read-only".
    """

    name: str
    password: str
    privilege: str = "read-only"


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """Host name, clock and console. `timezone` in hours east of UTC; `console_timeout` in minutes, 0 for never.

    `saving` is daylight saving time, None where clocks are never changed.

    `manager_ips` are the only hosts that may manage the device; none means all. `tftp_retry` is how often a message
    of a transfer is sent, `tftp_timeout` the seconds between. From `session_alarm` sessions on, or that percentage of
    the capacity, the event log says so; 0 for never.
    """

    hostname: str
    domain: str = ""
    timezone: int = 0
    saving: DaylightSaving | None = None
    console_page: int = 20
    console_timeout: int = 10
    manager_ips: tuple[Prefix, ...] = ()
    tftp_retry: int = 10
    tftp_timeout: int = 2
    admin_name: str = DEFAULT_ADMIN
    admin_password: str = DEFAULT_ADMIN_HASH
    default_permit_all: bool = False
    dns1: int = 0
    dns2: int = 0
    dns3: int = 0
    session_alarm: int = 0
    session_alarm_percent: int = 0
    access: AdminAccess = FACTORY_ACCESS

    @property
    def zone(self) -> TimeZone:
        """What makes local time out of UTC."""
        return TimeZone(self.timezone, self.saving)

    @property
    def dns_servers(self) -> tuple[int, ...]:
        """The DNS servers that are set, the first to ask first."""
        return tuple(server for server in (self.dns1, self.dns2, self.dns3) if server)
