"""`set interface …`, `set zone …`: words that are kept without effect."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Node,
    Row,
    TextType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
    when_set,
)
from nsemu.cli.settings import interface_dhcp, interface_webauth, monitor
from nsemu.cli.settings.kept import Shelf, ip, number, text, words
from nsemu.cli.types import INTERFACE
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.wire.address import format_ipv4

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

IP_NODES: tuple[Node, ...] = (
    keyword(
        "dhcp-client",
        "get the address from a server",
        keyword("enable", "get the address from a server", interface_dhcp.DHCP_CLIENT),
    ),  # E039
)


def _check_gateway(editor: Editor, arguments: Arguments) -> None:
    record, gateway = editor.interfaces[arguments["interface"]], arguments["address"]
    if record.prefixes and not any(gateway in prefix for prefix in record.prefixes):
        raise ConfigError(f"gateway {format_ipv4(gateway)} is on no network of interface {record.name}")
    if any(gateway == prefix.address for prefix in record.prefixes):
        raise ConfigError(f"gateway {format_ipv4(gateway)} is the address of interface {record.name}")


def _check_proxied(_editor: Editor, arguments: Arguments) -> None:
    if arguments["low"] > arguments["high"]:
        low, high = format_ipv4(arguments["low"]), format_ipv4(arguments["high"])
        raise ConfigError(f"first address {low} is above the last, {high}")


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
    *interface_webauth.NODES,
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
    keyword("proxy", "answer for others", MORE.line("dns", "answer DNS from the cache", name="proxy dns")),
    MORE.line("g-arp", "learn from gratuitous ARP", default=Row({})),
    MORE.line("acvpn-dynamic-routing", "routing over automatically made VPNs", default=Row({})),
    MORE.line(
        "gateway",
        "default gateway of the interface",
        ip("address"),
        optional(flag("no-default-route", "no route", "no_route")),
        check=_check_gateway,
        acting=True,
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
        check=_check_proxied,
        acting=True,
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
        monitor.nodes(),
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
                optional(number("value", 0, 2**32 - 1, "value")),
                key=(
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
                            "default-life-time": "seconds as default router",
                            "max-adv-int": "seconds between two at most",
                            "min-adv-int": "seconds between two at least",
                            "reachable-time": "milliseconds",
                            "retransmit-time": "milliseconds",
                        },
                    ),
                ),
                name="ipv6 ra",
            ),
            MORE.line(
                "nd",
                "neighbor discovery",
                optional(number("value", 0, 2**32 - 1, "value")),
                key=(
                    words(
                        "what",
                        {
                            "nud": "unreachability",
                            "dad-count": "probes for duplicates",
                            "base-reachable-time": "seconds",
                            "probe-time": "seconds",
                            "retransmit-time": "milliseconds",
                        },
                    ),
                ),
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
_RATES = words("rate", {"10mb": "10 Mbit/s", "100mb": "100 Mbit/s", "1000mb": "1 Gbit/s"})
PHY_NODES: tuple[Node, ...] = (
    MORE.line("auto", "agree with the other end", name="phy auto", default=Row({})),
    keyword("full", "full duplex", when_set(_RATES), MORE.setting("interface phy full")),
    keyword("half", "half duplex", when_set(_RATES), MORE.setting("interface phy half")),
    MORE.line(
        "holddown", "half seconds before a change counts", number("time", 1, 50, "half seconds"), name="phy holddown"
    ),
)
"""After `phy`, beside `link-down`."""
NODES: tuple[Node, ...] = (_PROTOCOL_NODE, interface_dhcp.NODE, *_MORE)
ITEMS = (*MORE.items, *PROTOCOL.items, *interface_dhcp.DHCP.items)

ZONE = Shelf("zone", ("zone", "zone"))
ON_TUNNEL = ZONE.line(
    "on-tunnel", "packets out of tunnels too: they are looked at always", name="screen on-tunnel", acting=True
)
"""Releases 6.x: what comes out of tunnels is judged as well, which is so here with and without it (B163)."""
ZONE_NODES: tuple[Node, ...] = (ZONE.line("rp-filter", "reverse path filter"),)
