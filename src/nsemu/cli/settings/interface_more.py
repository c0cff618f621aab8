"""`set interface …`, `set zone …`: words that are kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Node,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
)
from nsemu.cli.settings import interface_dhcp, monitor
from nsemu.cli.settings.kept import Shelf, ip, number, text, words
from nsemu.cli.types import INTERFACE

OF = ("interface", "interface")
PROTOCOL = Shelf("interface protocol", OF)
_SECONDS = number("seconds", 1, 65535, "seconds")
_KEY = text("key", "key", 32)
_OSPF = (
    PROTOCOL.line(
        "area",
        "area of the interface",
        argument("area", TextType(15, r"[0-9.]+", "area ID"), "area ID"),
        name="ospf area",
    ),
    PROTOCOL.line("enable", "run OSPF", name="ospf enable"),
    PROTOCOL.line("passive", "announce the network only", name="ospf passive"),
    PROTOCOL.line(
        "link-type",
        "kind of link",
        words("kind", {"p2mp": "point to multipoint", "p2p": "point to point", "broadcast": "broadcast"}),
        name="ospf link-type",
    ),
    PROTOCOL.line("cost", "cost of the link", number("cost", 1, 65535, "cost"), name="ospf cost"),
    PROTOCOL.line("priority", "priority of the router", number("priority", 0, 255, "priority"), name="ospf priority"),
    PROTOCOL.line("hello-interval", "seconds between hellos", _SECONDS, name="ospf hello-interval"),
    PROTOCOL.line("dead-interval", "seconds without hellos", _SECONDS, name="ospf dead-interval"),
    PROTOCOL.line("retransmit-interval", "seconds before repetition", _SECONDS, name="ospf retransmit-interval"),
    PROTOCOL.line("transit-delay", "seconds on the way", _SECONDS, name="ospf transit-delay"),
    PROTOCOL.line("demand-circuit", "circuit on demand", name="ospf demand-circuit"),
    PROTOCOL.line("ignore-mtu", "ignore differences of MTU", name="ospf ignore-mtu"),
    keyword(
        "authentication",
        "authentication",
        choice(
            PROTOCOL.line(
                "md5",
                "MD5",
                _KEY,
                optional(keyword("key-id", "key ID", number("id", 0, 255, "ID"))),
                name="ospf authentication md5",
            ),
            PROTOCOL.line("password", "password", _KEY, name="ospf authentication password"),
        ),
    ),
)
_RIP = (
    PROTOCOL.line("enable", "run RIP", name="rip enable"),
    PROTOCOL.line("passive-mode", "listen only", name="rip passive-mode"),
    PROTOCOL.line("metric", "metric", number("metric", 1, 15, "metric"), name="rip metric"),
    PROTOCOL.line(
        "split-horizon",
        "split horizon",
        optional(flag("poison-reverse", "poisoned reverse", "poison")),
        name="rip split-horizon",
    ),
    PROTOCOL.line(
        "authentication", "authentication", keyword("password", "password", _KEY), name="rip authentication password"
    ),
)
_PROTOCOL_NODE = keyword(
    "protocol",
    "routing protocol",
    choice(
        PROTOCOL.line("bgp", "run BGP"),
        keyword("ospf", "OSPF", choice(*_OSPF)),
        keyword("rip", "RIP", choice(PROTOCOL.setting("interface protocol rip"), *_RIP)),
        keyword(
            "igmp",
            "IGMP",
            choice(
                PROTOCOL.line("enable", "run IGMP", name="igmp enable"),
                PROTOCOL.line("host", "host mode", name="igmp host"),
                PROTOCOL.line("router", "router mode", name="igmp router"),
            ),
        ),
        keyword(
            "pim",
            "PIM",
            choice(PROTOCOL.setting("interface protocol pim"), PROTOCOL.line("enable", "run PIM", name="pim enable")),
        ),
    ),
)

DHCP = Shelf("interface dhcp", OF)
_SERVER = (
    DHCP.line("service", "give addresses", name="server service"),
    DHCP.line("enable", "always", name="server enable"),
    DHCP.line("disable", "never", name="server disable"),
    DHCP.line("auto", "unless there is another server", name="server auto"),
    DHCP.line(
        "ip",
        "addresses",
        optional(keyword("to", "last address", ip("last", "last address"))),
        optional(
            keyword(
                "mac", "for one host", argument("mac", TextType(17, "[0-9A-Fa-f:.-]+", "MAC address"), "MAC address")
            )
        ),
        key=(ip("first", "first address"),),
        name="server ip",
    ),
    keyword(
        "option",
        "what clients are told",
        choice(
            *(
                DHCP.line(word, help_, ip("value"), name=f"server option {word}")
                for word, help_ in {
                    "gateway": "default gateway",
                    "netmask": "mask",
                    "dns1": "first DNS server",
                    "dns2": "second DNS server",
                    "dns3": "third DNS server",
                    "wins1": "first WINS server",
                    "wins2": "second WINS server",
                    "nis1": "first NIS server",
                    "nis2": "second NIS server",
                    "smtp": "SMTP server",
                    "pop3": "POP3 server",
                    "news": "news server",
                }.items()
            ),
            DHCP.line("domainname", "domain name", text("value", "domain name", 255), name="server option domainname"),
            DHCP.line("nistag", "NIS domain", text("value", "NIS domain", 255), name="server option nistag"),
            DHCP.line(
                "lease",
                "minutes for which an address is lent",
                number("minutes", 0, 2**31 - 1, "minutes"),
                name="server option lease",
            ),
            DHCP.line(
                "custom",
                "another option",
                words("kind", {"ip": "address", "string": "text", "integer": "number"}),
                text("value", "value", 255),
                key=(number("code", 1, 254, "code"),),
                name="server option custom",
            ),
        ),
    ),
    keyword(
        "config",
        "how the server works",
        choice(
            DHCP.line(
                "next-server-ip", "address of the next server", ip("address"), name="server config next-server-ip"
            ),
            DHCP.line("updatable", "settings come from the upstream server", name="server config updatable"),
        ),
    ),
)
_CLIENT = interface_dhcp.DHCP_CLIENT
_CLIENT_SETTINGS = (
    interface_dhcp.SERVER_NODE,
    DHCP.line("lease", "minutes to ask for", number("minutes", 0, 2**31 - 1, "minutes"), name="client settings lease"),
    DHCP.line("vendor", "vendor ID", text("vendor", "vendor ID", 32), name="client settings vendor"),
    DHCP.line("autoconfig", "begin at start", name="client settings autoconfig"),
    DHCP.line("update-dhcpserver", "pass on what was learned", name="client settings update-dhcpserver"),
    keyword(
        "retry",
        "attempts",
        choice(
            DHCP.line("number", "number", number("number", 0, 100, "attempts"), name="client settings retry number"),
            DHCP.line("time", "minutes", number("minutes", 1, 600, "minutes"), name="client settings retry time"),
        ),
    ),
)
_DHCP_NODE = keyword(
    "dhcp",
    "DHCP",
    choice(
        keyword(
            "client",
            "get the address from a server",
            choice(
                _CLIENT,
                keyword("enable", "get the address from a server", _CLIENT),
                keyword("settings", "settings", choice(*_CLIENT_SETTINGS)),
            ),
        ),
        keyword("server", "give addresses", choice(*_SERVER)),
        keyword(
            "relay",
            "pass requests on",
            choice(
                DHCP.line(
                    "server-name", "server", text("server", "address or domain name", 255), name="relay server-name"
                ),
                DHCP.line("service", "pass requests on", name="relay service"),
                DHCP.line("vpn", "through a VPN", name="relay vpn"),
            ),
        ),
    ),
)


IP_NODES: tuple[Node, ...] = (
    keyword(
        "dhcp-client", "get the address from a server", keyword("enable", "get the address from a server", _CLIENT)
    ),  # E039
)
MORE = Shelf("interface", OF)
_KBIT = number("rate", 0, 10_000_000, "kbit/s")
_MORE = (
    MORE.line(
        "bandwidth",
        "bandwidth of the link",
        choice(
            _KBIT,
            sequence(
                keyword("egress", "outgoing"),
                any_order(
                    keyword("gbw", "guaranteed", number("gbw", 0, 10_000_000, "kbit/s")),
                    keyword("mbw", "maximum", number("mbw", 0, 10_000_000, "kbit/s")),
                ),
            ),
        ),
        optional(keyword("ingress", "incoming", keyword("mbw", "maximum", number("ingress", 0, 10_000_000, "kbit/s")))),
    ),
    MORE.line("bypass-icmpv6-ndp", "let IPv6 neighbor discovery pass"),
    MORE.line("bypass-icmpv6-mld", "let IPv6 listener discovery pass"),
    MORE.line("bypass-ipv6-others-ipsec", "let IPv6 IPsec of others pass"),
    MORE.line("vlan", "VLAN tags", keyword("trunk", "let tagged frames pass", binds=("trunk", True))),
    MORE.line("webauth", "web authentication", optional(flag("ssl-only", "SSL only", "ssl"))),
    MORE.line("webauth-ip", "address of web authentication", ip("address")),
    MORE.line("group", "interface group", argument("group", INTERFACE, "interface name")),
    MORE.line(
        "backup",
        "interface to use when this fails",
        keyword("interface", "interface", argument("other", INTERFACE, "interface name")),
        optional(
            keyword(
                "type",
                "how failure is noticed",
                words("kind", {"track-ip": "pings", "tunnel-if": "tunnel", "route": "route"}),
            )
        ),
        uses={"other": "interface"},
    ),
    MORE.line(
        "gateway",
        "default gateway of the interface",
        ip("address"),
        optional(flag("no-default-route", "no route", "no_route")),
    ),
    MORE.line("ntp-server", "answer NTP"),
    MORE.line("pmtu", "path MTU", keyword("ipv4", "IPv4")),
    MORE.line(
        "arp",
        "ARP",
        key=(ip("address"), argument("mac", TextType(17, "[0-9A-Fa-f:.-]+", "MAC address"), "MAC address")),
    ),
    MORE.line(
        "proxy-arp-entry",
        "answer ARP for others",
        key=(keyword("ip-min", "first", ip("low")), keyword("ip-max", "last", ip("high"))),
    ),
    MORE.line(
        "tunnel",
        "tunnel interface",
        keyword("encap", "encapsulation", flag("gre", "GRE", "encap", "gre")),
        optional(flag("key", "key", "key")),
    ),
    MORE.line("hold-time", "seconds before a change counts", number("seconds", 0, 3600, "seconds")),
    MORE.line(
        "track-ip",
        "ping a host",
        optional(choice(flag("dynamic", "the default gateway", "dynamic"), keyword("ip", "host", ip("target")))),
    ),
    keyword(
        "monitor",
        "watch other things, and go down with them",
        monitor.nodes(MORE.line("dynamic", "the default gateway", name="monitor track-ip dynamic")),
    ),
    keyword(
        "ipv6",
        "IPv6",
        choice(
            MORE.line(
                "mode",
                "what the interface is",
                words("mode", {"host": "host", "router": "router"}),
                name="ipv6 mode",
                quoted=("mode",),
            ),
            MORE.line("enable", "run IPv6", name="ipv6 enable"),
            MORE.line(
                "ip",
                "IPv6 address",
                key=(argument("address", TextType(43, "[0-9A-Fa-f:./]+", "IPv6 address"), "IPv6 address"),),
                name="ipv6 ip",
            ),
            MORE.line(
                "interface-id",
                "interface ID",
                argument("id", TextType(32, "[0-9A-Fa-f:]+", "interface ID"), "interface ID"),
                name="ipv6 interface-id",
            ),
            MORE.line(
                "ra",
                "router advertisements",
                words(
                    "what",
                    {
                        "transmit": "send",
                        "accept": "accept",
                        "link-mtu": "MTU",
                        "link-address": "link address",
                        "managed": "managed",
                        "other": "other",
                        "hop-limit": "hop limit",
                    },
                ),
                name="ipv6 ra",
            ),
            MORE.line(
                "nd",
                "neighbor discovery",
                words("what", {"nud": "unreachability", "dad-count": "duplicates"}),
                name="ipv6 nd",
            ),
        ),
    ),
    keyword(
        "modem",
        "modem",
        choice(
            MORE.line(
                "settings",
                "settings",
                optional(text("value", "strings", 128)),
                key=(
                    text("name", "name"),
                    words("what", {"init": "initial strings", "init-strings": "initial strings", "active": "use them"}),
                ),
                name="modem settings",
            ),
            MORE.line("speed", "speed", number("speed", 9600, 115200, "bit/s"), name="modem speed"),
            MORE.line("retry", "attempts", number("retry", 0, 10, "attempts"), name="modem retry"),
            MORE.line(
                "interval", "seconds between attempts", number("interval", 1, 60, "seconds"), name="modem interval"
            ),
            MORE.line("idle-time", "idle minutes", number("minutes", 0, 20, "minutes"), name="modem idle-time"),
        ),
    ),
)
NODES: tuple[Node, ...] = (_PROTOCOL_NODE, _DHCP_NODE, *_MORE)
ITEMS = (*MORE.items, *PROTOCOL.items, *DHCP.items)

ZONE = Shelf("zone", ("zone", "zone"))
ZONE_NODES: tuple[Node, ...] = (
    ZONE.line("asymmetric-vpn", "answers may come through another VPN"),
    ZONE.line("reassembly-for-alg", "reassemble TCP for ALGs"),
    ZONE.line("rp-filter", "reverse path filter"),
)
