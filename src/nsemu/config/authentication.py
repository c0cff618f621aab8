"""Authentication of users at the firewall as the admin wrote it (`set auth …`, `set webauth …`, `auth` of a policy).

Vol. 5, "Policy-Based Site-to-Site VPN, Dynamic Peer"; screenos-cli §1.7. Of authentication servers only the local
database is asked: what other servers need is kept (`config.kept`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from nsemu.config.users import LOCAL

DEFAULT_IDLE_MINUTES = 10
"""After so many minutes without traffic a login at the local database is over."""


class LoginProtocol(Enum):
    """The protocols in which a firewall asks for name and password; the value is the CLI word."""

    FTP = "ftp"
    HTTP = "http"
    TELNET = "telnet"


class BannerMoment(Enum):
    """When a banner is shown; the value is the CLI word."""

    LOGIN = "login"
    SUCCESS = "success"
    FAIL = "fail"


INFRANET_CONTROLLER: Final = "Infranet Controller"
"""What `infranet-auth` asks; no authentication server can have this name, as it is none."""
BannerKey = tuple[LoginProtocol, BannerMoment]


@dataclass(frozen=True, slots=True)
class PolicyAuthentication:
    """Who may use a policy: users logged in at the firewall, or for `webauth` at its web page.

    `server` None means the default of the device. `user` and `group` admit that user, or the members of that group,
    alone; with neither any user of the server will do. `infranet` leaves the choice to an Infranet Controller.
    """

    webauth: bool = False
    server: str | None = None
    user: str | None = None
    group: str | None = None
    infranet: bool = False


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """The settings of the device.

    `idle_minutes` and `forced_minutes` are those of the local database, 0 for no end: after so long without traffic,
    and after so long in any case, a login is over. `banners` are those that the admin wrote.
    """

    default_server: str = LOCAL
    webauth_server: str = LOCAL
    idle_minutes: int = DEFAULT_IDLE_MINUTES
    forced_minutes: int = 0
    banners: tuple[tuple[BannerKey, str], ...] = ()
    webauth_success: str = ""

    def server_of(self, wanted: PolicyAuthentication) -> str:
        """The server that a policy asks."""
        if wanted.infranet:
            return INFRANET_CONTROLLER
        if wanted.webauth:
            return self.webauth_server
        return wanted.server if wanted.server is not None else self.default_server
