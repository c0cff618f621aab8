"""`set vpn-group id N [vpn NAME [weight W]]`: redundant VPN gateways (Vol. 5, "VPN Groups"; B347, B348, B350)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nsemu.cli.grammar import (
    Arguments,
    NumberType,
    Row,
    Setting,
    argument,
    choice,
    keyword,
    optional,
    sequence,
    when_set,
)
from nsemu.cli.settings.checks import check_capacity, refuse_if_used, require
from nsemu.cli.types import VPN
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import CapacityError, ConfigError, DuplicateError, NotFoundError
from nsemu.config.references import policies_of_vpn_group
from nsemu.config.vpn import MOST_MEMBERS, Vpn, VpnGroup

MOST_GROUPS = 64


def _group(editor: Editor, arguments: Arguments) -> VpnGroup:
    number = arguments["vpn_group"]
    if number not in editor.vpn_groups:
        check_capacity(editor.vpn_groups, MOST_GROUPS, "VPN groups")
        editor.vpn_groups.put(number, VpnGroup(number))
    return editor.vpn_groups[number]


def _existing(editor: Editor, number: int) -> VpnGroup:
    if number not in editor.vpn_groups:
        raise NotFoundError(f"vpn-group {number} does not exist")
    return editor.vpn_groups[number]


def _set_group(editor: Editor, arguments: Arguments) -> None:
    _group(editor, arguments)


def _unset_group(editor: Editor, arguments: Arguments) -> None:
    group = _existing(editor, arguments["vpn_group"])
    refuse_if_used(f"vpn-group {group.id}", policies_of_vpn_group(editor, group.id))
    editor.vpn_groups.remove(group.id)


def _set_member(editor: Editor, arguments: Arguments) -> None:
    vpn, group = require(editor.vpns, arguments["vpn"], "vpn"), _group(editor, arguments)
    others = {name: weight for name, weight in group.weights if name != vpn.name}
    weight = arguments.get("weight", 1)
    if len(others) >= MOST_MEMBERS:
        raise CapacityError(f"vpn-group {group.id} has {MOST_MEMBERS} members, the most there can be")
    taken = [name for name, other in others.items() if other == weight]
    if taken:
        raise DuplicateError(f"weight {weight} of vpn-group {group.id} is taken by vpn {taken[0]}")
    editor.vpn_groups.put(group.id, replace(group, weights=(*others.items(), (vpn.name, weight))))
    _check_group(editor, editor.vpn_groups[group.id])


def _unset_member(editor: Editor, arguments: Arguments) -> None:
    group, name = _existing(editor, arguments["vpn_group"]), arguments["vpn"]
    if name not in group.members:
        raise NotFoundError(f"vpn {name} is not in vpn-group {group.id}")
    left = tuple(member for member in group.weights if member[0] != name)
    editor.vpn_groups.put(group.id, replace(group, weights=left))


def check_groups(editor: Editor) -> None:
    """After a change of a VPN or a gateway: every member of a group must still be fit for it. Raises ConfigError."""
    for group in editor.vpn_groups.values():
        _check_group(editor, group)


def _check_group(editor: Editor, group: VpnGroup) -> None:
    peers: dict[str, str] = {}
    for name in group.members:
        vpn = editor.vpns[name]
        unfit = _unfit(editor, vpn)
        if unfit:
            raise ConfigError(f"vpn {name} {unfit} and cannot be in vpn-group {group.id}")
        peer = editor.gateways[vpn.gateway].address or ""
        if peer and peer in peers:
            raise DuplicateError(f"vpn {name} and vpn {peers[peer]} of vpn-group {group.id} lead to the same {peer}")
        peers[peer] = name


def _unfit(editor: Editor, vpn: Vpn) -> str:
    """Why a VPN may be in no group (B348), "" when it may."""
    if vpn.manual is not None:
        return "has manual keys"
    if vpn.bind_interface is not None:
        return f"is bound to interface {vpn.bind_interface}"
    if vpn.transport:
        return "is in transport mode"
    gateway = editor.gateways[vpn.gateway]
    if gateway.dialup is not None:
        return "is a dialup VPN"
    return "" if gateway.address is not None else "leads to a dynamic peer"  # B352


def _rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for group in config.vpn_groups.values():
        yield Row({"vpn_group": group.id})


def _member_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    for group in config.vpn_groups.values():
        for name, weight in group.weights:
            yield Row({"vpn_group": group.id, "vpn": name, "weight": weight})


VPN_GROUP = Setting("vpn-group", _set_group, _unset_group, _rows)
VPN_GROUP_MEMBER = Setting("vpn-group vpn", _set_member, _unset_member, _member_rows)

NODES = (
    keyword(
        "vpn-group",
        "redundant VPNs",
        keyword(
            "id",
            "ID of the group",
            argument("vpn_group", NumberType(1, 65535), "ID"),
            choice(
                sequence(
                    keyword("vpn", "a member", argument("vpn", VPN, "VPN name")),
                    when_set(
                        optional(
                            keyword(
                                "weight",
                                "the highest carries the traffic",
                                argument("weight", NumberType(1, 255), "weight"),
                            )
                        )
                    ),
                    VPN_GROUP_MEMBER,
                ),
                VPN_GROUP,
            ),
        ),
    ),
)
