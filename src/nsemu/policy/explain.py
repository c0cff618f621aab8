"""Why policies match a packet or not, in words for traces and for people. Slow and thorough; never on the data path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from nsemu.config.address import ANY, DIALUP_VPN
from nsemu.config.policy import Policy
from nsemu.config.service import ICMP, TCP, UDP
from nsemu.policy.book import Book, Names, ResolveName
from nsemu.policy.decision import PolicyRun, Traffic
from nsemu.policy.match import PolicyCells
from nsemu.wire.address import format_ipv4

EXPLAINED_POLICIES: Final = 20
"""How many lost policies an explanation lists."""
_NAMES_SHOWN: Final = 3

_PORT_PROTOCOLS: Final = {TCP: "tcp", UDP: "udp"}


class _Outcome(NamedTuple):
    """How one policy fared: which dimensions failed, or the name of the service by which it matched."""

    policy: Policy
    in_use: bool
    source: bool
    destination: bool
    service: str | None

    @property
    def matches(self) -> bool:
        return self.in_use and self.source and self.destination and self.service is not None

    @property
    def failures(self) -> int:
        return (not self.in_use) + (not self.source) + (not self.destination) + (self.service is None)


class Explainer:
    """Judges policies of one configuration one at a time and words the result."""

    __slots__ = ("_book", "_closed", "_names")

    def __init__(self, names: Names, resolve: ResolveName, closed: frozenset[str] = frozenset()) -> None:
        self._closed = closed
        self._names = names
        self._book = Book(names, resolve)

    def judge(self, policy: Policy, traffic: Traffic) -> _Outcome:
        """How the policy fares in each dimension."""
        cells = PolicyCells(PolicyRun(policy), self._book)
        service = cells.service_for(traffic)
        return _Outcome(
            policy,
            policy.enabled and policy.schedule not in self._closed,
            cells.takes_source(traffic),
            cells.takes_destination(traffic),
            service.name if service is not None else None,
        )

    def word(self, outcome: _Outcome, traffic: Traffic) -> str:
        """The outcome as a sentence."""
        policy = outcome.policy
        if outcome.matches:
            return f"matches by service {outcome.service}"
        if not policy.enabled:
            return "disabled"
        if not outcome.in_use:
            return f"scheduler {policy.schedule} is closed"
        faults = []
        if not outcome.source:
            cell = self._addresses(policy.from_zone, policy.sources)
            faults.append(_address_fault("source", traffic.source, cell, policy.source_negate))
        if not outcome.destination:
            cell = self._addresses(policy.to_zone, policy.destinations)
            faults.append(_address_fault("destination", traffic.destination, cell, policy.destination_negate))
        if outcome.service is None:
            faults.append(f"service {describe_service(traffic)} is not {_some(policy.services)}")
        return "; ".join(faults)

    def _addresses(self, zone: str, members: Sequence[str]) -> str:
        return _some([self._address(zone, name) for name in members])

    def _address(self, zone: str, name: str) -> str:
        address = self._names.addresses.get((zone, name))
        if address is not None:
            return f"{name} ({address.prefix or address.fqdn})"
        group = self._names.address_groups.get((zone, name))
        return f"{name} (group of {_some(group.members)})" if group is not None and group.members else name


def explain(
    policies: Iterable[Policy], explainer: Explainer, traffic: Traffic, limit: int
) -> tuple[tuple[Policy, str], ...]:
    """The policies down to the first that matches, with reasons; of the lost ones the `limit` that came closest."""
    outcomes: list[_Outcome] = []
    for policy in policies:
        outcomes.append(explainer.judge(policy, traffic))
        if outcomes[-1].matches:
            break
    winner = [outcomes.pop()] if outcomes and outcomes[-1].matches else []
    closest = sorted(range(len(outcomes)), key=lambda at: (outcomes[at].failures, at))[:limit]
    shown = [outcomes[at] for at in sorted(closest)] + winner
    return tuple((outcome.policy, explainer.word(outcome, traffic)) for outcome in shown)


def describe_service(traffic: Traffic) -> str:
    """`tcp/21`, `icmp type 8 code 0`, `protocol 47`."""
    if traffic.protocol in _PORT_PROTOCOLS:
        return f"{_PORT_PROTOCOLS[traffic.protocol]}/{traffic.destination_port_or_code}"
    if traffic.protocol == ICMP:
        return f"icmp type {traffic.source_port_or_type} code {traffic.destination_port_or_code}"
    return f"protocol {traffic.protocol}"


def _address_fault(what: str, address: int, cell: str, negated: bool) -> str:
    if cell == DIALUP_VPN:
        return f"{what} {format_ipv4(address)} is no dialup client of its VPN that is connected"
    if negated and cell == ANY:
        return f"{what} excludes Any"
    if negated:
        return f"{what} {format_ipv4(address)} is in {cell}, which the policy excludes"
    return f"{what} {format_ipv4(address)} is not in {cell}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    left = len(names) - _NAMES_SHOWN
    return f"{shown} and {left} more" if left > 0 else shown
