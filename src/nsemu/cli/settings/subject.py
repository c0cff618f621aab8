"""The configuration lines behind a decision: what a trace names as its subject, in the words of `get config`.

A subject is a tuple whose first item is its kind: ("policy", 3), ("vpn", name), ("route", vrouter, RouteKey),
("interface", name), ("connected", interface), ("zone", name), ("flow", switch), ("default-policy",).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nsemu.cli.grammar.nodes import Arguments, Setting
from nsemu.cli.grammar.printer import command_line
from nsemu.cli.settings import TREE, flow, interface, policy, vpn, vrouter, zone
from nsemu.config.device import DeviceConfig


def subject_lines(config: DeviceConfig, subject: Sequence[Any]) -> list[str]:
    """The lines that make the subject what it is; none when it is not written (a default) or not known."""
    if not subject or subject[0] not in _LINES:
        return []
    try:
        return _LINES[subject[0]](config, subject)
    except (KeyError, IndexError):
        return []


def _written(config: DeviceConfig, items: Sequence[Setting], scope: Arguments) -> list[str]:
    return [
        f"{'unset' if row.unset else 'set'} {command_line(TREE, item, row.arguments, unset=row.unset)}".rstrip()
        for item in items
        for row in item.rows(config, scope)
    ]


def _policy(config: DeviceConfig, subject: Sequence[Any]) -> list[str]:
    return _written(config, (policy.POLICY,), {"id": subject[1]})


def _vpn(config: DeviceConfig, subject: Sequence[Any]) -> list[str]:
    return _written(config, (vpn.VPN, vpn.VPN_BIND, vpn.VPN_PROXY_ID), {"vpn": subject[1]})


def _route(config: DeviceConfig, subject: Sequence[Any]) -> list[str]:
    """One line that can be typed at the top level, with its virtual router."""
    row = vrouter.route_row(config.routes[subject[2]])
    return [f"set {command_line(TREE, vrouter.ROUTE, row.arguments)}"]


def _interface(config: DeviceConfig, subject: Sequence[Any]) -> list[str]:
    name = subject[1]
    lines = [line for line in _written(config, (interface.INTERFACE_ZONE,), {}) if f'"{name}"' in line]
    items = (interface.INTERFACE_IP, interface.INTERFACE_UNNUMBERED, interface.INTERFACE_MODE)
    return lines + _written(config, items, {"interface": name})


def _zone(config: DeviceConfig, subject: Sequence[Any]) -> list[str]:
    found = config.zones[subject[1]]
    head = "set" if found.block else "unset"
    return [f"{head} {command_line(TREE, zone.ZONE_BLOCK, {'zone': found.name}, unset=not found.block)}"]


_SWITCHES = {
    "tcp-syn-check": flow.SYN_CHECK,
    "tcp-syn-check-in-tunnel": flow.SYN_CHECK_IN_TUNNEL,
    "no-tcp-seq-check": flow.NO_SEQUENCE_CHECK,
}


def _flow(config: DeviceConfig, subject: Sequence[Any]) -> list[str]:
    return _written(config, (_SWITCHES[subject[1]],), {})


def _default_policy(config: DeviceConfig, _subject: Sequence[Any]) -> list[str]:
    return _written(config, (policy.DEFAULT_PERMIT_ALL,), {}) or ["unset policy default-permit-all"]


_LINES: Mapping[str, Callable[[DeviceConfig, Sequence[Any]], list[str]]] = {
    "policy": _policy,
    "vpn": _vpn,
    "route": _route,
    "connected": _interface,
    "interface": _interface,
    "zone": _zone,
    "flow": _flow,
    "default-policy": _default_policy,
}
