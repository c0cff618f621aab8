"""Security zones (`set zone …`), predefined and the admin's own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nsemu.config.interface import ALL_MANAGEMENT, ManagementService
from nsemu.config.screen import DEFAULT_SCREEN, ScreenOptions

NO_SCREEN = ScreenOptions()
"""No option on."""


class ZoneKind(Enum):
    """The type column of `get zone`."""

    NULL = "Null"
    LAYER3 = "Sec(L3)"
    LAYER2 = "Sec(L2)"
    FUNCTION = "Func"
    TUNNEL = "Tun"


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone. `pbr` is the policy that routes what comes in.

    `block` is intrazone blocking; `carrier` the zone whose interfaces carry a tunnel zone (B168, B214).

    `screen` are the SCREEN options for what comes in from the zone. Of a layer 2 zone, `vlan` is the VLAN tag it was
    made with, and `manage` the services for which the device may be managed from it, None for the default.

    `asymmetric_vpn` lets packets of a session come through another tunnel of the zone; with `reassembly` what came in
    fragments is forwarded whole.
    """

    name: str
    id: int
    kind: ZoneKind
    vrouter: str = "trust-vr"
    block: bool = False
    tcp_rst: bool = False
    pbr: str | None = None
    shared: bool = False
    carrier: str | None = None
    predefined: bool = False
    screen: ScreenOptions = NO_SCREEN
    vlan: int = 0
    asymmetric_vpn: bool = False
    reassembly: bool = False
    manage: frozenset[ManagementService] | None = None

    @property
    def policy_configurable(self) -> bool:
        """Whether policies can name the zone."""
        return self.kind in {ZoneKind.LAYER3, ZoneKind.LAYER2} and self.name not in {"V1-Null"}

    @property
    def services(self) -> frozenset[ManagementService]:
        """The management services in force in a layer 2 zone (B232)."""
        if self.manage is not None:
            return self.manage
        return ALL_MANAGEMENT if self.name == "V1-Trust" else frozenset()


FIRST_USER_ZONE_ID = 100

_L3, _L2, _FUNC = ZoneKind.LAYER3, ZoneKind.LAYER2, ZoneKind.FUNCTION

PREDEFINED_ZONES: tuple[Zone, ...] = (
    Zone("Null", 0, ZoneKind.NULL, vrouter="untrust-vr", shared=True, predefined=True),
    Zone("Untrust", 1, _L3, block=True, shared=True, predefined=True, screen=DEFAULT_SCREEN),
    Zone("Trust", 2, _L3, tcp_rst=True, predefined=True),
    Zone("DMZ", 3, _L3, tcp_rst=True, predefined=True),
    Zone("Self", 4, _FUNC, predefined=True),
    Zone("MGT", 5, _FUNC, block=True, predefined=True),
    Zone("HA", 6, _FUNC, predefined=True),
    Zone("Global", 10, _L3, predefined=True),
    Zone("V1-Untrust", 11, _L2, shared=True, predefined=True, screen=DEFAULT_SCREEN),
    Zone("V1-Trust", 12, _L2, shared=True, predefined=True),
    Zone("V1-DMZ", 13, _L2, shared=True, predefined=True),
    Zone("VLAN", 14, _FUNC, shared=True, predefined=True),
    Zone("V1-Null", 15, _L2, shared=True, predefined=True),
    Zone("Untrust-Tun", 16, ZoneKind.TUNNEL, carrier="Untrust", predefined=True),
)
"""Names, IDs and defaults as a factory device shows them (screenos-cli §1.4, §6.1, §6.2)."""
