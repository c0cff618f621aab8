"""`get policy …` (screenos-cli §1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword, optional
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import cut, layout_of, lines, yes_no
from nsemu.cli.types import POLICY_ID, ZONE
from nsemu.config.errors import NotFoundError
from nsemu.config.policy import Policy, PolicyAction
from nsemu.device.views.policies import PolicyView, is_global, policy_view, policy_views
from nsemu.wire.address import format_ipv4

_HEADER = (
    f"{'ID':>6} {'From':<8} {'To':<8} {'Src-address':<12} {'Dst-address':<12} {'Service':<20} Action State   ASTLCB"
)


def _all(context: Context, _arguments: Arguments) -> str:
    views = policy_views(context.device)
    regular = [view for view in views if not is_global(view.policy)]
    own = [view for view in views if is_global(view.policy)]
    global_part = list(_global_listing(own)) if own else []
    return lines(*_listing(context, regular), *global_part)


def _global(context: Context, _arguments: Arguments) -> str:
    return lines(*_global_listing([view for view in policy_views(context.device) if is_global(view.policy)]))


def _pair(context: Context, arguments: Arguments) -> str:
    zones = context.device.config.zones
    for word in ("from", "to"):
        if word in arguments:
            require(zones, arguments[word], "zone")
    chosen = [
        view
        for view in policy_views(context.device)
        if arguments.get("from") in {None, view.policy.from_zone} and arguments.get("to") in {None, view.policy.to_zone}
    ]
    return lines(*_listing(context, chosen))


def _listing(context: Context, views: list[PolicyView]) -> Iterator[str]:
    default = "permit" if context.device.config.system.default_permit_all else "deny"
    yield f"Total regular policies {len(views)}, Default {default}."
    yield _HEADER
    for view in views:
        yield from _rows(view)


def _global_listing(views: list[PolicyView]) -> Iterator[str]:
    yield f"Total global policies {len(views)}."
    yield _HEADER
    for view in views:
        yield from _rows(view)


def _rows(view: PolicyView) -> Iterator[str]:
    """One line, and one more for each further member of a cell."""
    policy = view.policy
    sources, destinations = _members(policy)
    cells = list(zip_longest(sources, destinations, policy.services, fillvalue=""))
    first, *others = (f"{cut(a, 12)} {cut(b, 12)} {cut(c, 20)}" for a, b, c in cells)
    zones = f"{cut(policy.from_zone, 8)} {cut(policy.to_zone, 8)}"
    action = policy.action.value.capitalize()
    yield f"{policy.id:>6} {zones} {first} {action:<6} {view.state:<7} {_flags(policy)}"
    yield from (f"{'':25}{other}".rstrip() for other in others)


def _members(policy: Policy) -> tuple[list[str], list[str]]:
    sources = [f"!{name}" if policy.source_negate else name for name in policy.sources]
    destinations = [f"!{name}" if policy.destination_negate else name for name in policy.destinations]
    return sources, destinations


def _flags(policy: Policy) -> str:
    """Attack (deep inspection), schedule, traffic shaping, log, count, session backup."""
    kept = dict(policy.kept)
    set_ = (False, policy.schedule is not None, "shaping" in kept, policy.log, policy.count, True)
    return "".join("X" if one else "-" for one in set_)


def _one(context: Context, arguments: Arguments) -> str:
    view = policy_view(context.device, arguments["id"])
    if view is None:
        raise NotFoundError(f"policy {arguments['id']} does not exist")
    extended = layout_of(context.device.config).extended
    wanted = view.policy.authentication
    server = context.device.config.auth.server_of(wanted) if wanted is not None else ""
    return lines(*_detail(view, extended, server))


def _detail(view: PolicyView, extended: bool, server: str) -> Iterator[str]:
    policy = view.policy
    zones = f"zone {policy.from_zone} -> {policy.to_zone}"
    yield f'name:"{policy.name or "none"}" (id {policy.id}), {zones},action {_action(policy)}, status "{view.state}"'
    yield from _cells(policy)
    if extended:
        yield f"Rules on this VPN policy: {view.tunnel_policies}"
    else:
        yield f"Policies on this vpn tunnel: {view.tunnel_policies}"
    yield f"nat {_translation(policy)}, {'Web filtering : disabled' if extended else 'url filtering OFF'}"
    yield f"vpn {policy.vpn or 'unknown vpn'}, policy flag {'00010000' if extended else '0000'}, session backup: on"
    yield f"traffic {'shaping' if extended else 'shapping'} off, scheduler {policy.schedule or 'n/a'}, serv flag 00"
    second, minute = policy.alarm or (0, 0)
    counts = (view.sessions, view.octets, view.packets) if policy.count else (0, 0, 0)
    yield (
        f"log {yes_no(policy.log).lower()}, log count {view.log_entries}, alert {yes_no(policy.alert).lower()}, "
        f"counter {yes_no(policy.count).lower()}({int(policy.count)}) byte rate(sec/min) {second}/{minute}"
    )
    yield f"total octets {counts[1]}, counter(session/packet/octet) {counts[0]}/{counts[2]}/{counts[1]}"
    yield "priority 7, diffserv marking Off"
    yield "tadapter: state off, gbw/mbw 0/-1"
    yield from _authentication(policy, server)


def _authentication(policy: Policy, server: str) -> Iterator[str]:
    """Who may use it; `server` is that which checks them."""
    wanted = policy.authentication
    if wanted is None:
        yield "No Authentication"
    else:
        yield f"{'WebAuth' if wanted.webauth else 'Authentication'} by server {server}"
    if wanted is not None and wanted.user is not None:
        yield f"User {wanted.user}"
    elif wanted is not None and wanted.group is not None:
        yield f"User Group {wanted.group}"
    else:
        yield "No User, User Group or Group expression set"


def _translation(policy: Policy) -> str:
    words = []
    if policy.source_nat:
        words.append("src" if policy.dip_id is None else f"src dip-id {policy.dip_id}")
    wanted = policy.destination_nat
    if wanted is not None:
        second = f" {format_ipv4(wanted.high)}" if wanted.high is not None else ""
        port = f" port {wanted.port}" if wanted.port is not None else ""
        words.append(f"dst ip {format_ipv4(wanted.low)}{second}{port}")
    return " ".join(words) or "off"


def _action(policy: Policy) -> str:
    return "Tunnel" if policy.action is PolicyAction.TUNNEL else policy.action.value.capitalize()


def _cells(policy: Policy) -> Iterator[str]:
    sources, destinations = _members(policy)
    if len(sources) == len(destinations) == len(policy.services) == 1:
        yield f'src "{sources[0]}", dst "{destinations[0]}", serv "{policy.services[0]}"'
        return
    for word, members in (("source", sources), ("destination", destinations), ("service", policy.services)):
        plural = "" if len(members) == 1 else "s"
        yield f"{len(members)} {word}{plural}: " + ", ".join(f'"{member}"' for member in members)


_TO = keyword("to", "show policies to a zone", argument("to", ZONE, "destination zone"))

POLICY = keyword(
    "policy",
    "show policy",
    choice(
        Command(_all),
        keyword("all", "show all policies", Command(_all)),
        keyword("global", "show global policies", Command(_global)),
        keyword("id", "show one policy", argument("id", POLICY_ID, "policy ID", Command(_one))),
        keyword(
            "from", "show policies from a zone", argument("from", ZONE, "source zone"), optional(_TO), Command(_pair)
        ),
        keyword("to", "show policies to a zone", argument("to", ZONE, "destination zone", Command(_pair))),
    ),
)
