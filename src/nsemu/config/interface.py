"""Interfaces as configured (`set interface …`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nsemu.config.monitor import NOT_MONITORED, InterfaceMonitor
from nsemu.wire.address import Prefix


class InterfaceKind(Enum):
    """What an interface is; the value is the stem of its name."""

    ETHERNET = "ethernet"
    TUNNEL = "tunnel"
    LOOPBACK = "loopback"
    VLAN = "vlan"
    NULL = "null"


GROUP_STEM = "bgroup"
"""How the names of bridge groups begin."""


class InterfaceMode(Enum):
    """NAT mode translates the source of traffic that leaves for another zone (B194). The value is the CLI word."""

    NAT = "nat"
    ROUTE = "route"


class ManagementService(Enum):
    """A management service of an interface (`set interface X manage …`). The value is the CLI word."""

    PING = "ping"
    TELNET = "telnet"
    SSH = "ssh"
    SNMP = "snmp"
    WEB = "web"
    SSL = "ssl"
    IDENT_RESET = "ident-reset"


ALL_MANAGEMENT = frozenset(ManagementService) - {ManagementService.IDENT_RESET}
"""What `set interface X manage` without a service turns on."""


class UnknownMac(Enum):
    """What becomes of a packet whose destination MAC address was never seen. The value is the CLI word."""

    FLOOD = "flood"
    ARP = "arp"


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """`set interface vlan1 …`: unknown destinations, and frames that no policy is asked about.

    `trace_route` asks routers too, by ICMP with TTL 1. Without `bypass_non_ip_all` no frame passes that is neither
    IPv4 nor ARP; with `bypass_non_ip` all of them do; in between broadcasts and multicasts. `bypass_others_ipsec` lets
    ESP and AH between others pass. Frames with an IEEE 802.1Q tag are dropped unless `vlan_trunk` has the tag ignored.
    """

    unknown_mac: UnknownMac = UnknownMac.FLOOD
    trace_route: bool = False
    bypass_non_ip: bool = False
    bypass_non_ip_all: bool = True
    bypass_others_ipsec: bool = False
    vlan_trunk: bool = False

    def lets_pass(self, group: bool) -> bool:
        """Whether a frame that is neither IPv4 nor ARP passes; `group` for a broadcast or multicast."""
        return self.bypass_non_ip_all and (group or self.bypass_non_ip)


class WebAuth(Enum):
    """Whether users may log in at the WebAuth address of an interface, and whether by TLS alone."""

    OFF = "off"
    ON = "on"
    SSL_ONLY = "ssl-only"


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface. `pbr` is the policy that routes what comes in; `monitor` can take the interface down.

    `zone` is "Null" when unbound. `address` keeps its host part; None for none. `unnumbered` names the interface whose
    address a tunnel interface borrows. `manage` None means the default of the zone: all services in Trust and MGT,
    none elsewhere. `mtu` 0 means the default of the kind. `link_down` is `phy link-down`.
    `dhcp_client` takes the address from a server, `dhcp_server` is the only one to accept, 0 for any.
    `loopback_group` names the loopback interface whose MIPs and DIP pools this interface serves as well. `bridge`
    counts on `vlan1` alone. `tag` is the IEEE 802.1Q VLAN of a sub-interface, 0 without one; `port_group` the bridge
    group (`bgroup0`) whose port this interface is. `secondary` are further addresses, in networks of their own.
    At `webauth_ip`, 0 for none, users log in by a web page while `webauth` is on.
    """

    name: str
    kind: InterfaceKind
    zone: str = "Null"
    address: Prefix | None = None
    unnumbered: str | None = None
    mode: InterfaceMode = InterfaceMode.ROUTE
    pbr: str | None = None
    monitor: InterfaceMonitor = NOT_MONITORED
    manageable: bool = True
    manage: frozenset[ManagementService] | None = None
    manage_ip: int | None = None
    mtu: int = 0
    link_down: bool = False
    loopback_group: str | None = None
    description: str = ""
    bridge: BridgeSettings = BridgeSettings()
    dhcp_client: bool = False
    dhcp_server: int = 0
    tag: int = 0
    port_group: str | None = None
    secondary: tuple[Prefix, ...] = ()
    route_deny: bool = False
    webauth: WebAuth = WebAuth.OFF
    webauth_ip: int = 0

    @property
    def parent(self) -> str | None:
        """The interface of which a sub-interface (`ethernet3.1`) is a part; None for any other."""
        stem, dot, _number = self.name.rpartition(".")
        return stem if dot and self.kind is InterfaceKind.ETHERNET else None

    @property
    def is_group(self) -> bool:
        """Whether it is a bridge group, which has ports instead of a link."""
        return self.name.startswith(GROUP_STEM)

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """All its addresses, the primary one first."""
        return ((self.address,) if self.address is not None else ()) + self.secondary


def management_services(interface: Interface) -> frozenset[ManagementService]:
    """The services in force on an interface, its zone's default included."""
    if interface.manage is not None:
        return interface.manage
    return ALL_MANAGEMENT if interface.zone in {"Trust", "MGT", "V1-Trust"} else frozenset()
