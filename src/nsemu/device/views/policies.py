"""Policies with their counters, as `get policy` shows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from nsemu.config.policy import GLOBAL_ZONE, Policy, ZonePair
from nsemu.device.device import Device
from nsemu.policy.book import Book
from nsemu.policy.shadow import Shadow, shadows


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One policy. `sessions`, `packets` and `octets` are of all sessions so far, both directions, the living included.
    `state` is the word for whether the lookup knows it: a closed schedule hides it.

    `log_entries` are those still in the traffic log; `tunnel_policies` counts the policies on the same VPN.
    """

    policy: Policy
    sessions: int
    packets: int
    octets: int
    log_entries: int
    tunnel_policies: int
    state: str


def policy_views(device: Device) -> tuple[PolicyView, ...]:
    """All policies: the lists of the zone pairs in the order of their making, each in its order of search."""
    config = device.config
    ordered = [
        config.policies[number]
        for order in config.policy_order.values()
        for number in order
        if number in config.policies
    ]
    return _views(device, ordered)


def hidden_policies(device: Device, zones: ZonePair | None = None) -> tuple[Shadow, ...]:
    """The policies that others hide, of one list or of all."""
    config = device.config_in_force
    lists = config.policy_order if zones is None else {zones: config.policy_order.get(zones, ())}
    book = Book(config, device.dns.lookup)
    return tuple(
        shadow for order in lists.values() for shadow in shadows([config.policies[number] for number in order], book)
    )


def policy_view(device: Device, number: int) -> PolicyView | None:
    """One policy, None when there is none with that ID."""
    policy = device.config.policies.get(number)
    return _views(device, [policy])[0] if policy is not None else None


def _state(policy: Policy, closed: bool) -> str:
    if not policy.enabled:
        return "disabled"
    return "hidden" if closed else "enabled"


def is_global(policy: Policy) -> bool:
    """Whether a policy is in the global list."""
    return policy.from_zone == GLOBAL_ZONE and policy.to_zone == GLOBAL_ZONE


def _views(device: Device, policies: list[Policy]) -> tuple[PolicyView, ...]:
    packets: Counter[int] = Counter()
    octets: Counter[int] = Counter()
    for session in device.state.sessions:
        if session.policy is not None:
            packets[session.policy.id] += session.forward.packets + session.reverse.packets
            octets[session.policy.id] += session.forward.octets + session.reverse.octets
    logged = Counter(entry.policy_id for entry in device.traffic_log.entries)
    users = Counter(policy.vpn for policy in device.config.policies.values() if policy.vpn is not None)
    views = []
    for policy in policies:
        run = device.state.policies.run(policy.id)
        counters = run.counters if run is not None else None
        views.append(
            PolicyView(
                policy,
                counters.hits if counters is not None else 0,
                packets[policy.id] + (counters.packets if counters is not None else 0),
                octets[policy.id] + (counters.octets if counters is not None else 0),
                logged[policy.id],
                users[policy.vpn] if policy.vpn is not None else 0,
                _state(policy, run is not None and run.closed),
            )
        )
    return tuple(views)
