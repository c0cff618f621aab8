"""The help texts of the words after `set` and `unset`, in the manner of `get ?` (screenos-cli §4.4).

The declarations of the nouns stand in many files; what `?` shows of them first is one table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from nsemu.cli.grammar.nodes import Keyword, Node, Sequence

HELP: Final = {
    "address": "define address book entry",
    "admin": "admin command",
    "alarm": "set alarm parameters",
    "alg": "set application layer gateways",
    "alias": "set alias definitions",
    "arp": "set ARP entries",
    "attack": "set attack database parameters",
    "auth": "user authentication settings",
    "auth-server": "authentication server settings",
    "clock": "adjust system clock",
    "config": "set configuration lock parameters",
    "console": "set console parameters",
    "crypto-policy": "set limits of algorithms",
    "dip": "set dip of all interfaces",
    "dns": "set dns configuration",
    "domain": "set domain name",
    "ffilter": "set flow filter",
    "firewall": "set firewall parameters",
    "flow": "set flow parameters",
    "global-pro": "set global-pro parameters",
    "group": "set address or service group",
    "hostname": "set device hostname",
    "ike": "config IKE parameters",
    "interface": "interface command",
    "ip": "set ip parameters",
    "ippool": "set ippool info",
    "ipsec": "set ipsec parameters",
    "key": "set key protection",
    "l2tp": "config l2tp",
    "license-key": "set license key parameters",
    "log": "set log config",
    "modem": "set modem parameters",
    "nsmgmt": "set NSM parameters",
    "nsrp": "set NSRP parameters",
    "ntp": "set ntp configuration",
    "pki": "config PKI parameters",
    "policy": "set policy",
    "pppoe": "set PPPoE parameters",
    "route": "set static route",
    "scheduler": "set scheduler",
    "scp": "set secure copy",
    "scs": "set SSH configuration",
    "service": "configure service entry",
    "snmp": "set SNMP parameters",
    "snmpv3": "set SNMPv3 parameters",
    "ssh": "set SSH configuration",
    "ssl": "set ssl configuration",
    "syslog": "set syslog configuration",
    "telnet": "set telnet client",
    "traffic-shaping": "set traffic shaping",
    "url": "set URL filter parameters",
    "user": "set user",
    "user-group": "set user group",
    "vip": "set vip of all interfaces",
    "vpn": "config vpn",
    "vpn-group": "config vpn group",
    "vpnmonitor": "set VPN monitor parameters",
    "vrouter": "configure vrouter",
    "vsys": "configure virtual system",
    "webauth": "webauth settings",
    "xauth": "set xauth parameters",
    "zone": "zone configuration",
}


def with_help(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes with the help of the table at the words they begin with."""
    return tuple(_told(node) for node in nodes)


def _told(node: Node) -> Node:
    if isinstance(node, Keyword):
        return replace(node, help=HELP.get(node.word, node.help))
    if isinstance(node, Sequence):
        return replace(node, parts=(_told(node.parts[0]), *node.parts[1:]))
    return node
