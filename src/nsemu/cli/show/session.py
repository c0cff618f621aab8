"""`get session …` (screenos-cli §1.8)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import (
    Arguments,
    Command,
    Node,
    NumberType,
    any_order,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
)
from nsemu.cli.show.layout import endpoint, layout_of, lines
from nsemu.cli.types import IP, POLICY_ID, PORT, SERVICE
from nsemu.device.views.sessions import (
    SessionFilter,
    SessionTableView,
    SessionView,
    SideView,
    session_table,
    session_views,
)

_HOST = 0xFFFFFFFF
_TCP = 6
_NO_POLICY = 320002
"""What stands for the policy of traffic that no policy was asked about."""
_TUNNEL_FLAG = 0x40000000


def _sessions(context: Context, arguments: Arguments) -> str:
    device = context.device
    extended = layout_of(device.config).extended
    views = session_views(device, _filter(arguments))
    rows = (line for view in views for line in (_extended(view) if extended else _plain(view)))
    return lines(*_head(session_table(device), extended), *rows, f"Total {len(views)} sessions shown")


def _info(context: Context, _arguments: Arguments) -> str:
    extended = layout_of(context.device.config).extended
    return lines(*_head(session_table(context.device), extended))


def _filter(arguments: Arguments) -> SessionFilter:
    return SessionFilter(
        arguments.get("id"),
        _network(arguments, "src_ip", "src_mask"),
        _network(arguments, "dst_ip", "dst_mask"),
        _range(arguments, "src_port"),
        _range(arguments, "dst_port"),
        _range(arguments, "protocol"),
        arguments.get("policy_id"),
        arguments.get("tunnel", False),
        arguments.get("service"),
    )


def _network(arguments: Arguments, address: str, mask: str) -> tuple[int, int] | None:
    return (arguments[address], arguments.get(mask, _HOST)) if address in arguments else None


def _range(arguments: Arguments, name: str) -> tuple[int, int] | None:
    if name not in arguments:
        return None
    first = arguments[name]
    return first, arguments.get(f"{name}_to", first)


def _head(table: SessionTableView, extended: bool) -> Iterator[str]:
    alloc = f"alloc {table.allocated}/max {table.capacity}, alloc failed {table.failed}"
    if extended:
        yield f"{alloc}, mcast alloc 0, di alloc failed 0"
        yield f"total reserved 0, free sessions in shared pool {table.capacity - table.allocated}"
    else:
        yield f"{alloc}, di alloc failed 0"


def _policy(view: SessionView) -> int:
    return view.policy_id if view.policy_id is not None else _NO_POLICY


def _plain(view: SessionView) -> Iterator[str]:
    """Releases 5.x."""
    marks = f"flag {_protocol_flag(view)}/0000/00"
    yield f"id {view.id}/s**,vsys 0,{marks},policy {_policy(view)},time {view.ticks}, dip {view.dip_id}"
    sides = ((view.client, "->", 2, "0801"), (view.server, "<-", 3, "0800"))
    tunnelled = bool(view.client.tunnel_id or view.server.tunnel_id)
    for side, arrow, token, clear in sides:
        mark = _TUNNEL_MARKS[arrow] if tunnelled else clear
        yield (
            f" {side.number}({mark}):{_flow(side, arrow)},{view.protocol},{side.mac.hex()},{token},"
            f"vlan 0,tun {_tunnel(side)},vsd 0,route {side.route_id}"
        )


_TUNNEL_MARKS = {"->": "8801", "<-": "2800"}


def _extended(view: SessionView) -> Iterator[str]:
    """Releases 6.x."""
    marks = f"flag {_protocol_flag(view)}/0000/0001/0000"
    yield f"id {view.id}/s**,vsys 0,{marks},policy {_policy(view)},time {view.ticks}, dip {view.dip_id} module 0"
    digit = 1 if view.protocol == _TCP else 0
    window = ",wsf 0" if view.protocol == _TCP else ""
    for side, arrow, token, segment in ((view.client, "->", 4, ",seg 1"), (view.server, "<-", 3, ", seg 0")):
        mark = f"80{digit}8{'01' if arrow == '->' else '00'}"
        yield (
            f" if {side.number}(nspflag {mark}):{_flow(side, arrow)},{view.protocol},{side.mac.hex()},"
            f"sess token {token},vlan 0,tun {_tunnel(side)},vsd 0,route {side.route_id}{window}{segment}"
        )


def _protocol_flag(view: SessionView) -> str:
    return "08000040" if view.protocol == _TCP else "00000040"


def _flow(side: SideView, arrow: str) -> str:
    return f"{endpoint(*side.left)}{arrow}{endpoint(*side.right)}"


def _tunnel(side: SideView) -> str:
    return f"{_TUNNEL_FLAG | side.tunnel_id:x}" if side.tunnel_id else "0"


def _address(word: str, name: str, mask: str, what: str) -> Node:
    netmask = keyword("netmask", "netmask", argument(mask, IP, "netmask"))
    return keyword(word, f"show sessions with a {what}", argument(name, IP, what), optional(netmask))


def _numbers(word: str, name: str, numbers: NumberType, what: str) -> Node:
    high = optional(argument(f"{name}_to", numbers, f"highest {what}"))
    return keyword(word, f"show sessions with a {what}", argument(name, numbers, what), high)


_FILTERS = any_order(
    keyword("id", "show one session", argument("id", NumberType(0, 0x7FFFFFFF), "session ID")),
    _address("src-ip", "src_ip", "src_mask", "source IP address"),
    _address("dst-ip", "dst_ip", "dst_mask", "destination IP address"),
    _numbers("src-port", "src_port", PORT, "source port"),
    _numbers("dst-port", "dst_port", PORT, "destination port"),
    _numbers("protocol", "protocol", NumberType(0, 255), "protocol number"),
    keyword("policy-id", "show sessions of a policy", argument("policy_id", POLICY_ID, "policy ID")),
    keyword("service", "show sessions of a service", argument("service", SERVICE, "service name")),
    flag("tunnel", "show sessions through tunnels"),
)

SESSION = keyword(
    "session",
    "show sessions",
    choice(keyword("info", "show the summary only", Command(_info)), sequence(_FILTERS, Command(_sessions))),
)
