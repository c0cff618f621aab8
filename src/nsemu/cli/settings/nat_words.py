"""The words of address translation under `set interface …` and at the top; what they do is in `nat`."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Node,
    NumberType,
    Setting,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.settings import nat, nat_groups
from nsemu.cli.settings.address import AddressPrefixType, MaskType
from nsemu.cli.types import INTERFACE, IP, PORT, SERVICE, VPN, VROUTER
from nsemu.config.nat import FIRST_DIP_ID, LAST_DIP_ID

DIP_ID = NumberType(FIRST_DIP_ID, LAST_DIP_ID)
MASK = MaskType()

_RANGE = sequence(argument("low", IP, "lowest address"), optional(argument("high", IP, "highest address")))


def _pool(setting: Setting) -> Node:
    return argument(
        "dip",
        DIP_ID,
        "DIP ID",
        choice(
            when_unset(setting),
            when_set(
                keyword(
                    "shift-from",
                    "shift addresses instead of ports",
                    argument("shift", IP, "lowest original address"),
                    keyword("to", "translated addresses", _RANGE),
                    setting,
                )
            ),
            when_set(_RANGE, optional(flag("fix-port", "keep the source port", "fixed")), setting),
        ),
    )


_DIP = keyword("dip", "pool of addresses for source translation", _pool(nat.DIP))
_EXTENDED = keyword(
    "ext",
    "a network beside that of the interface",
    keyword(
        "ip",
        "IP address there",
        choice(
            sequence(argument("extended_ip", IP, "address"), argument("extended_mask", MASK, "netmask")),
            argument("extended", AddressPrefixType(host_bits=True), "address and mask"),
        ),
        keyword("dip", "pool in that network", _pool(nat.EXTENDED_DIP)),
    ),
)
_MIP = keyword(
    "mip",
    "mapped IP address",
    argument(
        "mapped",
        IP,
        "mapped address",
        choice(
            when_set(
                keyword("host", "the host behind it", argument("host", IP, "host address")),
                optional(keyword("netmask", "map a whole network", argument("mask", MASK, "netmask"))),
                optional(
                    choice(
                        keyword("vr", "virtual router of the host", argument("vrouter", VROUTER, "virtual router")),
                        keyword(
                            "vrouter", "virtual router of the host", argument("vrouter", VROUTER, "virtual router")
                        ),
                    )
                ),
                nat.MIP,
            ),
            when_unset(
                optional(keyword("netmask", "mask of the network", argument("mask", MASK, "netmask"))),
                optional(keyword("vr", "virtual router of the host", argument("vrouter", VROUTER, "virtual router"))),
                nat.MIP,
            ),
        ),
    ),
)
_VIP = keyword(
    "vip",
    "virtual IP address",
    choice(
        flag("interface-ip", "the interface's own address", "virtual", 0),
        flag("untrust-ip", "the interface's own address", "virtual", 0),
        argument("virtual", IP, "virtual address"),
    ),
    choice(
        when_set(
            optional(flag("+", "one more port of a virtual address", "more")),
            argument("port", PORT, "virtual port"),
            argument("service", SERVICE, "service at the server"),
            argument("host", IP, "server address"),
            optional(flag("manual", "do not probe the server")),
            nat.VIP,
        ),
        when_unset(
            optional(
                choice(
                    keyword("port", "one virtual port", argument("port", PORT, "virtual port")),
                    argument("port", PORT, "virtual port"),
                )
            ),
            nat.VIP,
        ),
    ),
)
_NHTB = keyword(
    "nhtb",
    "bind a next hop to a VPN",
    argument(
        "next_hop",
        IP,
        "address of the peer's tunnel interface",
        when_set(keyword("vpn", "VPN", argument("vpn", VPN, "VPN name"))),
        nat.NHTB,
    ),
)
_GROUP = keyword(
    "loopback-group",
    "serve the addresses of a loopback interface",
    when_set(argument("group", INTERFACE, "loopback interface")),
    nat.LOOPBACK_GROUP,
)

INTERFACE_NODES: tuple[Node, ...] = (_DIP, _EXTENDED, _MIP, _VIP, _NHTB, _GROUP)
"""Alternatives behind `set interface NAME`."""

NODES: tuple[Node, ...] = (
    keyword(
        "dip",
        "DIP pools of all interfaces",
        choice(
            keyword("sticky", "a host keeps its translated address", nat.DIP_STICKY),
            *nat_groups.NODES,
        ),
    ),
    keyword(
        "vip",
        "VIPs of all interfaces",
        keyword("multi-port", "a VIP takes all ports of its service", nat.VIP_MULTI_PORT),
    ),
)
