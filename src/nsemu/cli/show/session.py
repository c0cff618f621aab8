"""`get session …` (screenos-cli §1.8)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword, sequence
from nsemu.cli.session_filter import SESSION_ID, session_filter, session_filters
from nsemu.cli.show.layout import endpoint, layout_of, lines
from nsemu.config.errors import NotFoundError
from nsemu.device.views.sessions import SessionTableView, SessionView, SideView, session_table, session_views
from nsemu.wire.address import format_ipv4

_TCP = 6
_NO_POLICY = 320002
"""What stands for the policy of traffic that no policy was asked about."""
_TUNNEL_FLAG = 0x40000000


def _sessions(context: Context, arguments: Arguments) -> str:
    device = context.device
    extended = layout_of(device.config).extended
    views = session_views(device, session_filter(arguments))
    rows = (line for view in views for line in (_extended(view) if extended else _plain(view)))
    return lines(*_head(session_table(device), extended), *rows, f"Total {len(views)} sessions shown")


def _info(context: Context, _arguments: Arguments) -> str:
    extended = layout_of(context.device.config).extended
    return lines(*_head(session_table(context.device), extended))


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
            f"vlan {side.vlan},tun {_tunnel(side)},vsd 0,route {side.route_id}"
        )


_TUNNEL_MARKS = {"->": "8801", "<-": "2800"}


def _extended(view: SessionView) -> Iterator[str]:
    """Releases 6.x."""
    marks = f"flag {_protocol_flag(view)}/0000/0001/0000"
    yield f"id {view.id}/s**,vsys 0,{marks},policy {_policy(view)},time {view.ticks}, dip {view.dip_id} module 0"
    digit = 1 if view.protocol == _TCP else 0
    for side, arrow, token, segment in ((view.client, "->", 4, ",seg 1"), (view.server, "<-", 3, ", seg 0")):
        mark = f"80{digit}8{'01' if arrow == '->' else '00'}"
        window = f",wsf {side.scale}" if view.protocol == _TCP else ""
        yield (
            f" if {side.number}(nspflag {mark}):{_flow(side, arrow)},{view.protocol},{side.mac.hex()},"
            f"sess token {token},vlan {side.vlan},tun {_tunnel(side)},vsd 0,route {side.route_id}{window}{segment}"
        )


def _protocol_flag(view: SessionView) -> str:
    return "08000040" if view.protocol == _TCP else "00000040"


def _flow(side: SideView, arrow: str) -> str:
    return f"{endpoint(*side.left)}{arrow}{endpoint(*side.right)}"


def _tunnel(side: SideView) -> str:
    return f"{_TUNNEL_FLAG | side.tunnel_id:x}" if side.tunnel_id else "0"


def _detail(context: Context, arguments: Arguments) -> str:
    """One session with all that is known of it."""
    views = session_views(context.device, session_filter(arguments))
    if not views:
        raise NotFoundError(f"session {arguments['id']} does not exist")
    (view,) = views
    left = min(view.ticks * 10, view.timeout)
    return lines(
        f"id {view.id}({view.id:08x}), flag {_protocol_flag(view)}/0000/0001, vsys id 0(Root)",
        f"policy id {_policy(view)}, application id 0, dip id {view.dip_id}, state 0",
        f"current timeout {left}, max timeout {view.timeout} (second)",
        f"status normal, start time {view.started}, duration {view.duration}",
        "session id mask 0, app value 0",
        *_side_detail(view, view.client, "->", 4),
        *_side_detail(view, view.server, "<-", 3),
    )


def _side_detail(view: SessionView, side: SideView, arrow: str, token: int) -> Iterator[str]:
    ends = f"{_flow(side, arrow)}, protocol {view.protocol}"
    digit = 1 if view.protocol == _TCP else 0
    yield f"{side.interface}(vsd 0): {ends} session token {token} route {side.route_id}"
    yield f"gtwy {format_ipv4(side.gateway)}, mac {side.mac.hex()}, nsptn info {_tunnel(side)}, pmtu {side.mtu}"
    yield f"flag 80{digit}8{'01' if arrow == '->' else '00'}, diff 0/0"
    yield "port seq 0, subif 0, cookie 0, fin seq 0, fin state 0"
    yield f"packets {side.packets}, bytes {side.octets}"


SESSION = keyword(
    "session",
    "show sessions",
    choice(
        keyword("info", "show the summary only", Command(_info)),
        keyword("id", "show one session", argument("id", SESSION_ID, "session ID"), Command(_detail)),
        sequence(session_filters("show sessions"), Command(_sessions)),
    ),
)
