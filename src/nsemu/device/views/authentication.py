"""Who is logged in at the firewall, or about to, as `get auth table` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.auth.dialogue import Banners
from nsemu.config.authentication import AuthSettings, BannerMoment, LoginProtocol, PolicyAuthentication
from nsemu.device.device import Device
from nsemu.flow.logins import DEFAULT_BANNERS, Attempt
from nsemu.sim.scheduler import SECOND, Duration

PENDING, FAILED, SUCCESS = "Pending", "Fail", "Success"
_MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class AuthView:
    """One user, or one who is still asked for name and password (`id` 0).

    `minutes` are left until the login ends if nothing is sent, None when nothing ends it; `used` is D for the default
    server, A for one that the policy names, W for WebAuth. `vpn` is that through which the address comes, "" in clear.
    """

    id: int
    address: int
    user: str
    group: str
    minutes: int | None
    status: str
    server: str
    used: str
    from_zone: str
    to_zone: str
    vpn: str
    sessions: int
    protocol: LoginProtocol | None = None


def auth_views(device: Device) -> list[AuthView]:
    """Those who are logged in, oldest first, then those who are asked."""
    now, table = device.scheduler.now, device.state.auth
    views = []
    for entry in table:
        deadline, login = table.deadline(entry), entry.login
        if deadline is None and table.idle:
            deadline = now + table.idle  # sessions live: the idle time has not begun
        zones = ("N/A", "N/A") if login.webauth else (entry.origin.zone, login.to_zone)
        views.append(
            AuthView(
                entry.id,
                entry.origin.address,
                login.user,
                login.group,
                None if deadline is None else _minutes(deadline - now),
                SUCCESS,
                login.server,
                login.used,
                *zones,
                entry.origin.vpn,
                entry.sessions,
            )
        )
    return views + [_pending(device, attempt) for attempt in device.logins.attempts()]


def clear_auth(device: Device, number: int | None = None, address: int | None = None) -> int:
    """End logins, all or those of an ID or an address, with their sessions; how many there were."""
    chosen = [
        entry
        for entry in device.state.auth
        if number in {None, entry.id} and (address is None or entry.origin.address == address)
    ]
    for entry in chosen:
        device.logins.log_out(entry)
    device.logins.arm()
    return len(chosen)


def _pending(device: Device, attempt: Attempt) -> AuthView:
    wanted: PolicyAuthentication = attempt.wanted
    left = attempt.timer.at - device.scheduler.now if attempt.timer is not None else 0
    zones = ("N/A", "N/A") if wanted.webauth else (attempt.origin.zone, attempt.policy[1])
    return AuthView(
        0,
        attempt.origin.address,
        attempt.name,
        "",
        _minutes(left),
        FAILED if attempt.dialogue.failures else PENDING,
        device.config.auth.server_of(wanted),
        "W" if wanted.webauth else "A" if wanted.server is not None else "D",
        *zones,
        attempt.origin.vpn,
        0,
        attempt.protocol,
    )


def _minutes(time: Duration) -> int:
    """Minutes, of which one that has begun counts."""
    return max(0, -(-time // _MINUTE))


def login_banner(settings: AuthSettings, protocol: LoginProtocol, moment: BannerMoment) -> str:
    """The text that is shown: that of the admin, or the default."""
    return Banners(settings, protocol, DEFAULT_BANNERS[protocol])[moment]
