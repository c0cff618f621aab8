"""The words of `set interface …`; what they do is in `interface`."""

from __future__ import annotations

from nsemu.cli.grammar import (
    NumberType,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings import interface_link, interface_more, nat_words, pbr, transparent
from nsemu.cli.settings.address import MaskType
from nsemu.cli.settings.interface import (
    INTERFACE_DESCRIPTION,
    INTERFACE_IP,
    INTERFACE_LINK_DOWN,
    INTERFACE_MANAGE,
    INTERFACE_MANAGE_IP,
    INTERFACE_MANAGEABLE,
    INTERFACE_MODE,
    INTERFACE_MTU,
    INTERFACE_OBJECT,
    INTERFACE_UNNUMBERED,
    INTERFACE_ZONE,
)
from nsemu.cli.types import INTERFACE, INTERFACE_ADDRESS, IP, ZONE
from nsemu.config.interface import InterfaceMode, ManagementService

_SERVICE_HELP = {
    ManagementService.PING: "answer pings",
    ManagementService.TELNET: "Telnet management",
    ManagementService.SSH: "SSH management",
    ManagementService.SNMP: "SNMP management",
    ManagementService.WEB: "Web management",
    ManagementService.SSL: "Web management over SSL",
    ManagementService.IDENT_RESET: "reset IDENT requests",
}

_IP = keyword(
    "ip",
    "IP address of the interface",
    choice(
        when_set(
            argument(
                "address", INTERFACE_ADDRESS, "address and mask", choice(INTERFACE_IP, interface_link.AFTER_ADDRESS)
            )
        ),
        when_set(argument("host", IP, "address", argument("mask", MaskType(), "netmask", INTERFACE_IP))),
        when_set(
            keyword(
                "unnumbered",
                "borrow the address of another interface",
                keyword("interface", "the interface that lends it", argument("lender", INTERFACE, "interface name")),
                INTERFACE_UNNUMBERED,
            )
        ),
        when_unset(
            choice(
                INTERFACE_IP,
                argument(
                    "address", INTERFACE_ADDRESS, "address and mask", choice(INTERFACE_IP, interface_link.AFTER_ADDRESS)
                ),
            )
        ),
        *interface_more.IP_NODES,
        keyword("manageable", "the address can be used for management", INTERFACE_MANAGEABLE),
    ),
)
_MODE = sequence(
    choice(
        flag("nat", "NAT mode: translate the source of outgoing traffic", "mode", InterfaceMode.NAT),
        flag("route", "route mode: no translation", "mode", InterfaceMode.ROUTE),
    ),
    INTERFACE_MODE,
)
_MANAGE = keyword(
    "manage",
    "management services",
    optional(choice(*(flag(service.value, text, "service", service) for service, text in _SERVICE_HELP.items()))),
    INTERFACE_MANAGE,
)

NODES = (
    keyword(
        "interface",
        "interface command",
        argument(
            "interface",
            INTERFACE,
            "interface name",
            choice(
                when_unset(INTERFACE_OBJECT),
                keyword("zone", "zone of the interface", when_set(argument("zone", ZONE, "zone name")), INTERFACE_ZONE),
                _IP,
                _MODE,
                _MANAGE,
                keyword(
                    "manage-ip",
                    "address for management only",
                    when_set(argument("address", IP, "IP address")),
                    INTERFACE_MANAGE_IP,
                ),
                keyword(
                    "mtu", "largest packet", when_set(argument("mtu", NumberType(800, 1500), "octets")), INTERFACE_MTU
                ),
                *transparent.INTERFACE_NODES,
                *interface_link.NODES,
                *interface_more.NODES,
                keyword(
                    "phy",
                    "physical link",
                    choice(keyword("link-down", "keep the link down", INTERFACE_LINK_DOWN), *interface_more.PHY_NODES),
                ),
                keyword(
                    "description",
                    "a text about the interface",
                    when_set(argument("description", TextType(64, quoted=True), "text")),
                    INTERFACE_DESCRIPTION,
                ),
                *nat_words.INTERFACE_NODES,
                pbr.INTERFACE_NODE,
            ),
        ),
    ),
)
