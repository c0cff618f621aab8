"""`set policy …`: policies, their order, their several addresses and services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from nsemu.cli.grammar import Arguments, Row, Setting
from nsemu.cli.settings import (
    policy_auth,
    policy_checks,
    policy_dialup,
    policy_more,
    policy_nat,
    policy_pair,
    vpn_transport,
)
from nsemu.cli.settings.checks import check_capacity, policy_zone, require, require_address, require_service
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, DuplicateError, NotFoundError
from nsemu.config.policy import GLOBAL_ZONE, Policy, ZonePair

LARGEST_ID = 65535


def find(editor: Editor, number: int) -> Policy:
    """The policy with an ID. Raises NotFoundError."""
    if number not in editor.policies:
        raise NotFoundError(f"policy id {number} does not exist")
    return editor.policies[number]


# --- a policy


def _set_policy(editor: Editor, arguments: Arguments) -> str | None:
    given = arguments.get("id")
    old = editor.policies.get(given) if given is not None else None
    if old is None:
        check_capacity(editor.policies, editor.platform.capacity.policies, "policies")
    policy = _read(editor, given if given is not None else _free_id(editor), arguments)
    _check_references(editor, policy)
    if old is not None and old.zones != policy.zones:
        raise DuplicateError(f"policy id {policy.id} already exists from {old.from_zone} to {old.to_zone}")
    policy = policy_pair.check(editor, policy, old)
    policy_dialup.check(editor, policy)
    before = arguments.get("before")
    if before is not None and (before not in editor.policies or editor.policies[before].zones != policy.zones):
        raise NotFoundError(f"policy id {before} does not exist from {policy.from_zone} to {policy.to_zone}")
    policy_pair.join(editor, policy)
    if old is None or arguments.get("top") or before is not None:
        _place(editor, policy.zones, policy.id, lambda order: _index(order, arguments.get("top", False), before))
    told = [] if given is not None else [f"policy id = {policy.id}"]
    said = (*policy_auth.notes(editor, policy), *policy_more.notes(policy), *policy_checks.warnings(editor, policy))
    return "\n".join([*told, *said]) or None


def _index(order: tuple[int, ...], top: bool, before: int | None) -> int:
    if top:
        return 0
    return order.index(before) if before is not None and before in order else len(order)


def _free_id(editor: Editor) -> int:
    number = len(editor.policies) + 1
    while number in editor.policies:
        number += 1
    if number > LARGEST_ID:
        raise ConfigError(f"no free policy ID up to {LARGEST_ID}: give one with id NUMBER")
    return number


def _read(editor: Editor, number: int, arguments: Arguments) -> Policy:
    from_zone = to_zone = GLOBAL_ZONE
    if not arguments.get("global"):
        from_zone, to_zone = (policy_zone(editor, arguments[end]).name for end in ("from", "to"))
    return Policy(
        id=number,
        from_zone=from_zone,
        to_zone=to_zone,
        sources=(arguments["source"],),
        destinations=(arguments["destination"],),
        services=(arguments["service"],),
        action=arguments["action"],
        name=arguments.get("name", ""),
        vpn=arguments.get("vpn"),
        pair=arguments.get("pair"),
        log=arguments.get("log", False),
        count=arguments.get("count", False),
        source_nat=arguments.get("nat_src", False),
        dip_id=arguments.get("dip_id"),
        destination_nat=policy_nat.read_destination(arguments),
        vpn_group=arguments.get("vpn_group"),
        l2tp=arguments.get("l2tp"),
        schedule=arguments.get("schedule"),
        alert=arguments.get("alert", False),
        alarm=policy_more.read_alarm(arguments),
        session_limit=arguments.get("sess_limit"),
        authentication=policy_auth.read(arguments),
        kept=policy_more.read(arguments),
    )


def _check_references(editor: Editor, policy: Policy) -> None:
    if GLOBAL_ZONE in policy.zones and policy.from_zone != policy.to_zone:
        raise ConfigError(f"zone {GLOBAL_ZONE} cannot be with another zone in a policy")
    policy_checks.check_layers(editor, policy)
    require_address(editor, policy.from_zone, policy.sources[0])
    require_address(editor, policy.to_zone, policy.destinations[0])
    require_service(editor, policy.services[0])
    policy_nat.check(editor, policy)
    policy_auth.check(editor, policy)
    policy_more.check(editor, policy)
    if policy.vpn is None:
        return
    vpn = require(editor.vpns, policy.vpn, "vpn")
    if vpn.bind_interface is not None:
        raise ConfigError(f"vpn {vpn.name} is bound to interface {vpn.bind_interface} and cannot be in a policy")
    vpn_transport.check_policy(policy, vpn)


def _place(editor: Editor, zones: ZonePair, number: int, index: Callable[[tuple[int, ...]], int]) -> None:
    order = editor.policy_order.get(zones, ())
    if number in editor.policies and number in order:
        order = tuple(other for other in order if other != number)
    at = index(order)
    editor.policy_order.put(zones, (*order[:at], number, *order[at:]))


def _unset_policy(editor: Editor, arguments: Arguments) -> None:
    policy = find(editor, arguments["id"])
    policy_pair.part(editor, policy)
    order = tuple(number for number in editor.policy_order[policy.zones] if number != policy.id)
    if order:
        editor.policy_order.put(policy.zones, order)
    else:
        editor.policy_order.remove(policy.zones)
    editor.policies.remove(policy.id)


def _policy_rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
    policy = config.policies[scope["id"]]
    row: dict[str, Any] = {
        "id": policy.id,
        "name": policy.name or None,
        "global": policy.from_zone == GLOBAL_ZONE,
        "from": policy.from_zone,
        "to": policy.to_zone,
        "source": policy.sources[0],
        "destination": policy.destinations[0],
        "service": policy.services[0],
        "nat_src": policy.source_nat or None,
        "dip_id": policy.dip_id,
        **policy_nat.destination_words(policy),
        "action": policy.action,
        "vpn": policy.vpn,
        "pair": policy.pair,
        "vpn_group": policy.vpn_group,
        "l2tp": policy.l2tp,
        **policy_auth.words_of(policy),
        **dict(policy.kept),
        "schedule": policy.schedule,
        "sess_limit": policy.session_limit,
        "log": policy.log,
        "alert": policy.alert or None,
        "count": policy.count,
        **policy_more.alarm_words(policy),
    }
    yield Row({name: value for name, value in row.items() if value is not None})


def policy_scopes(config: DeviceConfig) -> Iterator[Arguments]:
    """One scope a policy, in the order of search."""
    for order in config.policy_order.values():
        for number in order:
            policy = config.policies[number]
            yield {"id": number, "from": policy.from_zone, "to": policy.to_zone}


def _move(editor: Editor, arguments: Arguments) -> None:
    policy, other = find(editor, arguments["id"]), find(editor, arguments["other"])
    if policy.zones != other.zones or policy.id == other.id:
        raise ConfigError(f"policy id {policy.id} cannot move next to policy id {other.id} (not of the same zones)")
    shift = 1 if arguments["where"] == "after" else 0
    _place(editor, policy.zones, policy.id, lambda order: order.index(other.id) + shift)


# --- flags


def _flag(name: str, change: Callable[[Policy, bool], Policy], shown: Callable[[Policy], bool]) -> Setting:
    def put(editor: Editor, arguments: Arguments, *, on: bool) -> None:
        policy = change(find(editor, arguments["id"]), on)
        editor.policies.put(policy.id, policy)

    def rows(config: DeviceConfig, scope: Arguments) -> Iterable[Row]:
        return (Row(scope),) if shown(config.policies[scope["id"]]) else ()

    return Setting(
        name,
        lambda editor, arguments: put(editor, arguments, on=True),
        lambda editor, arguments: put(editor, arguments, on=False),
        rows,
    )


def _put_default_permit(editor: Editor, *, on: bool) -> None:
    editor.system = replace(editor.system, default_permit_all=on)


def _default_permit_rows(config: DeviceConfig, _scope: Arguments) -> Iterator[Row]:
    if config.system.default_permit_all:
        yield Row({})


def _set_name(editor: Editor, arguments: Arguments) -> None:
    policy = find(editor, arguments["id"])
    editor.policies.put(policy.id, replace(policy, name=arguments["name"]))


def _unset_name(editor: Editor, arguments: Arguments) -> None:
    _set_name(editor, {**arguments, "name": ""})


def _set_alarm(editor: Editor, arguments: Arguments) -> None:
    policy = find(editor, arguments["id"])
    editor.policies.put(policy.id, replace(policy, count=True, alarm=policy_more.read_alarm(arguments)))


def _unset_alarm(editor: Editor, arguments: Arguments) -> None:
    policy = find(editor, arguments["id"])
    editor.policies.put(policy.id, replace(policy, alarm=None))


def _set_session_limit(editor: Editor, arguments: Arguments) -> None:
    policy = find(editor, arguments["id"])
    editor.policies.put(policy.id, replace(policy, session_limit=arguments.get("sess_limit")))


def _set_schedule(editor: Editor, arguments: Arguments) -> None:
    require(editor.schedules, arguments["schedule"], "scheduler")
    policy = find(editor, arguments["id"])
    editor.policies.put(policy.id, replace(policy, schedule=arguments["schedule"]))


def _unset_schedule(editor: Editor, arguments: Arguments) -> None:
    policy = find(editor, arguments["id"])
    editor.policies.put(policy.id, replace(policy, schedule=None))


# --- several members


def _members(
    what: str,
    read: Callable[[Policy], tuple[str, ...]],
    change: Callable[[Policy, tuple[str, ...]], Policy],
    check: Callable[[Editor, Policy, str], None],
) -> Setting:
    """The members of a policy beyond the first, which is in the policy's own line."""

    def add(editor: Editor, arguments: Arguments) -> None:
        policy, member = find(editor, arguments["id"]), arguments["member"]
        check(editor, policy, member)
        members = read(policy)
        if "Any" in (*members, member) or "ANY" in (*members, member):
            raise ConfigError(f"{what} {member} cannot be added to {members[0]} (any stands alone)")
        if member not in members:
            editor.policies.put(policy.id, change(policy, (*members, member)))

    def remove(editor: Editor, arguments: Arguments) -> None:
        policy, member = find(editor, arguments["id"]), arguments["member"]
        members = tuple(name for name in read(policy) if name != member)
        if len(members) == len(read(policy)):
            raise NotFoundError(f"{what} {member} is not in policy id {policy.id}")
        if not members:
            raise ConfigError(f"{what} {member} is the only one of policy id {policy.id}")
        editor.policies.put(policy.id, change(policy, members))

    def rows(config: DeviceConfig, scope: Arguments) -> Iterator[Row]:
        for member in read(config.policies[scope["id"]])[1:]:
            yield Row({**scope, "member": member})

    return Setting(f"policy {what}", add, remove, rows)


def _check_address(editor: Editor, policy: Policy, zone: str, name: str) -> None:
    require_address(editor, zone, name)
    policy_dialup.check_member(editor, policy, zone, name)


def _check_service(editor: Editor, policy: Policy, name: str) -> None:
    require_service(editor, name)
    policy_dialup.check_member(editor, policy, None, name)


def _negate(name: str, change: Callable[[Policy, bool], Policy], shown: Callable[[Policy], bool]) -> Setting:
    return _flag(f"policy {name} negate", change, shown)


POLICY = Setting("policy", _set_policy, _unset_policy, _policy_rows, tail=" ")
POLICY_MOVE = Setting("policy move", _move)
POLICY_DISABLE = _flag(
    "policy disable", lambda policy, on: replace(policy, enabled=not on), lambda policy: not policy.enabled
)
POLICY_LOG = _flag(
    "policy log", lambda policy, on: replace(policy, log=on, alert=policy.alert and on), lambda _policy: False
)
POLICY_ALERT = _flag(
    "policy log alert",
    lambda policy, on: replace(policy, log=policy.log or on, alert=on),
    lambda _policy: False,
)
POLICY_LOG_INIT = _flag(
    "policy log session-init",
    lambda policy, on: replace(policy, log_init=on),
    lambda policy: policy.log_init,
)
POLICY_COUNT = _flag(
    "policy count",
    lambda policy, on: replace(policy, count=on, alarm=policy.alarm if on else None),
    lambda _policy: False,
)
POLICY_ALARM = Setting("policy count alarm", _set_alarm, _unset_alarm)
POLICY_SESSION_LIMIT = Setting("policy sess-limit", _set_session_limit, _set_session_limit)
POLICY_SCHEDULE = Setting("policy schedule", _set_schedule, _unset_schedule)
POLICY_NAME = Setting("policy name", _set_name, _unset_name)
DEFAULT_PERMIT_ALL = Setting(
    "policy default-permit-all",
    lambda editor, _arguments: _put_default_permit(editor, on=True),
    lambda editor, _arguments: _put_default_permit(editor, on=False),
    _default_permit_rows,
)
POLICY_SOURCE = _members(
    "source address",
    lambda policy: policy.sources,
    lambda policy, names: replace(policy, sources=names),
    lambda editor, policy, name: _check_address(editor, policy, policy.from_zone, name),
)
POLICY_DESTINATION = _members(
    "destination address",
    lambda policy: policy.destinations,
    lambda policy, names: replace(policy, destinations=names),
    lambda editor, policy, name: _check_address(editor, policy, policy.to_zone, name),
)
POLICY_SERVICE = _members(
    "service",
    lambda policy: policy.services,
    lambda policy, names: replace(policy, services=names),
    _check_service,
)
POLICY_SOURCE_NEGATE = _negate(
    "source",
    lambda policy, on: replace(policy, source_negate=on),
    lambda policy: policy.source_negate,
)
POLICY_DESTINATION_NEGATE = _negate(
    "destination",
    lambda policy, on: replace(policy, destination_negate=on),
    lambda policy: policy.destination_negate,
)
