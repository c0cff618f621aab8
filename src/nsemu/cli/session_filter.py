"""The words that choose sessions, in `get session` and `clear session`."""

from __future__ import annotations

from typing import Final

from nsemu.cli.grammar import Arguments, Node, NumberType, any_order, argument, flag, keyword, optional
from nsemu.cli.types import IP, MAC, POLICY_ID, PORT, SERVICE
from nsemu.device.sessions import SessionFilter

SESSION_ID: Final = NumberType(0, 0x7FFFFFFF)
_HOST: Final = 0xFFFFFFFF


def session_filter(arguments: Arguments) -> SessionFilter:
    """What the words say."""
    return SessionFilter(
        arguments.get("id"),
        _network(arguments, "src_ip", "src_mask"),
        _network(arguments, "dst_ip", "dst_mask"),
        arguments.get("src_mac"),
        arguments.get("dst_mac"),
        _range(arguments, "src_port"),
        _range(arguments, "dst_port"),
        _range(arguments, "protocol"),
        arguments.get("policy_id"),
        arguments.get("vsd_id"),
        arguments.get("tunnel", False),
        arguments.get("ike_nat", False),
        arguments.get("service"),
    )


def session_filters(what: str) -> Node:
    """The filters, in any order; `what` begins the help texts."""
    return any_order(
        _address("src-ip", "src_ip", "src_mask", f"{what} with a source IP address"),
        _address("dst-ip", "dst_ip", "dst_mask", f"{what} with a destination IP address"),
        keyword("src-mac", f"{what} with a source MAC address", argument("src_mac", MAC, "MAC address")),
        keyword("dst-mac", f"{what} with a destination MAC address", argument("dst_mac", MAC, "MAC address")),
        _numbers("src-port", "src_port", PORT, f"{what} with a source port"),
        _numbers("dst-port", "dst_port", PORT, f"{what} with a destination port"),
        _numbers("protocol", "protocol", NumberType(0, 255), f"{what} with a protocol number"),
        keyword("policy-id", f"{what} of a policy", argument("policy_id", POLICY_ID, "policy id")),
        keyword("service", f"{what} of a service", argument("service", SERVICE, "service name")),
        keyword("vsd-id", f"{what} of a VSD group", argument("vsd_id", NumberType(0, 7), "VSD group")),
        flag("tunnel", f"{what} through tunnels"),
        flag("ike-nat", f"{what} of IKE with a translated source", "ike_nat"),
    )


def _network(arguments: Arguments, address: str, mask: str) -> tuple[int, int] | None:
    return (arguments[address], arguments.get(mask, _HOST)) if address in arguments else None


def _range(arguments: Arguments, name: str) -> tuple[int, int] | None:
    if name not in arguments:
        return None
    first = arguments[name]
    return first, arguments.get(f"{name}_to", first)


def _address(word: str, name: str, mask: str, help: str) -> Node:
    netmask = keyword("netmask", "netmask", argument(mask, IP, "netmask"))
    return keyword(word, help, argument(name, IP, "IP address"), optional(netmask))


def _numbers(word: str, name: str, numbers: NumberType, help: str) -> Node:
    return keyword(word, help, argument(name, numbers, "lowest"), optional(argument(f"{name}_to", numbers, "highest")))
