"""What a policy's `nat src` and `nat dst` may say."""

from __future__ import annotations

from nsemu.cli.grammar import Arguments
from nsemu.cli.settings.nat import policy_destinations, target_span
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError, NotFoundError
from nsemu.config.mapped import resolve_mapped
from nsemu.config.nat import FIRST_DIP_ID, DestinationNat, DipPool, pools_of
from nsemu.config.policy import GLOBAL_ZONE, Policy, PolicyAction
from nsemu.config.zone import ZoneKind
from nsemu.wire.address import format_ipv4

EGRESS_DIP = 2
_REFUSALS = {PolicyAction.DENY, PolicyAction.REJECT}


def read_destination(arguments: Arguments) -> DestinationNat | None:
    """What `nat dst ip …` asks for; None without it."""
    if "nat_low" not in arguments:
        return None
    return DestinationNat(arguments["nat_low"], arguments.get("nat_high"), arguments.get("nat_port"))


def destination_words(policy: Policy) -> dict[str, int | None]:
    """The arguments that `read_destination` reads."""
    wanted = policy.destination_nat
    if wanted is None:
        return {}
    return {"nat_low": wanted.low, "nat_high": wanted.high, "nat_port": wanted.port}


def check(editor: Editor, policy: Policy) -> None:
    """Raises ConfigError when a policy's translation cannot be."""
    if (policy.source_nat or policy.destination_nat is not None) and policy.action in _REFUSALS:
        raise ConfigError(f"a policy that says {policy.action.value} cannot translate addresses")
    if policy.source_nat and policy.dip_id is not None:
        _check_pool(editor, policy, policy.dip_id)
    if policy.destination_nat is not None:
        _check_destination(editor, policy, policy.destination_nat)


def _check_pool(editor: Editor, policy: Policy, number: int) -> None:
    if number == EGRESS_DIP:
        return
    pools = pools_of(editor.dips, editor.dip_groups, number)
    if number < FIRST_DIP_ID or not pools:
        empty = number in editor.dip_groups
        raise NotFoundError(f"dip group {number} has no member" if empty else f"dip {number} does not exist")
    zones = [editor.zones[editor.interfaces[pool.interface].zone] for pool in pools]
    if not any(policy.to_zone in {zone.name, GLOBAL_ZONE} or zone.kind is ZoneKind.TUNNEL for zone in zones):
        where = f"interface {pools[0].interface} in zone {zones[0].name}"
        raise ConfigError(f"dip {number} is of {where}, and the policy leads to zone {policy.to_zone}")


def _check_destination(editor: Editor, policy: Policy, wanted: DestinationNat) -> None:
    if wanted.high is not None and wanted.high < wanted.low:
        ends = f"{format_ipv4(wanted.low)} {format_ipv4(wanted.high)}"
        raise ConfigError(f"invalid range {ends} (the lower address first)")
    if wanted.low == 0 or (wanted.high or wanted.low) >> 28 >= 0xE:
        raise ConfigError(f"invalid IP address {format_ipv4(wanted.low)} (unicast addresses expected)")
    if any(resolve_mapped(editor, name) is not None for name in policy.destinations):
        raise ConfigError(f"destination {policy.destinations[0]} is translated already and cannot have nat dst")
    if wanted.high is not None and not any(policy_destinations(editor, policy.to_zone, policy.destinations)):
        raise ConfigError("nat dst to a range needs a destination that is a network (an address book entry expected)")
    for span in (*policy_destinations(editor, policy.to_zone, policy.destinations), target_span(wanted)):
        pool = _pool_around(editor, span)
        if pool is not None:
            raise ConfigError(f"nat dst address {format_ipv4(span[0])} is in dip {pool.id}")


def _pool_around(editor: Editor, span: tuple[int, int]) -> DipPool | None:
    """The pool that holds all of a span (B220)."""
    return next((pool for pool in editor.dips.values() if pool.low <= span[0] and span[1] <= pool.high), None)
