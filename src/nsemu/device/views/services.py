"""NTP and syslog as `get ntp` and `get syslog` show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nsemu.config.ntp import PLACES, NtpSettings
from nsemu.config.syslog import SyslogSettings, syslog_settings
from nsemu.device.device import Device


@dataclass(frozen=True, slots=True)
class NtpView:
    """The client. `servers` are addresses by place, "" for none; `updated` is local time, None while it never was."""

    settings: NtpSettings
    servers: tuple[str, ...]
    asking: bool
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class SyslogView:
    """The messages sent, and those that could not leave."""

    settings: SyslogSettings
    sent: int
    lost: int


def ntp_view(device: Device) -> NtpView:
    """The NTP client."""
    client = device.services.ntp
    known = {server.place: server.address for server in client.settings.servers}
    updated = client.updated_at
    return NtpView(
        client.settings,
        tuple(known.get(place, "") for place in PLACES),
        client.round is not None,
        device.config.system.zone.local(updated) if updated is not None else None,
    )


def syslog_view(device: Device) -> SyslogView:
    """Syslog."""
    syslog = device.services.syslog
    return SyslogView(syslog_settings(device.config), syslog.sent, syslog.lost)
