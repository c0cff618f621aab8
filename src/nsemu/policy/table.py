"""All policies of a device at work: which list is searched when, and what happens when nothing matches.

The order is the list of the zone pair, the global list, then the default: intrazone traffic passes unless its zone
blocks it (B370, B371), all other traffic is denied unless the device permits all by default. Lists are compiled when
they are first searched, and kept over a commit that touched nothing they were made of.
"""

from __future__ import annotations

from nsemu.config.device import DeviceConfig
from nsemu.config.policy import GLOBAL_ZONE, Policy, PolicyAction, ZonePair
from nsemu.policy.book import Book, ResolveName, unresolved
from nsemu.policy.decision import Decision, PolicyRun, Reason, Traffic
from nsemu.policy.explain import EXPLAINED_POLICIES, Explainer, explain
from nsemu.policy.match import PolicyList
from nsemu.policy.services import ServiceTable, compile_services

_GLOBAL_PAIR: ZonePair = (GLOBAL_ZONE, GLOBAL_ZONE)

_INTRAZONE_PERMIT = Decision(PolicyAction.PERMIT, Reason.INTRAZONE_PERMIT)
_INTRAZONE_BLOCK = Decision(PolicyAction.DENY, Reason.INTRAZONE_BLOCK)
_DEFAULT_PERMIT = Decision(PolicyAction.PERMIT, Reason.DEFAULT_PERMIT)
_DEFAULT_DENY = Decision(PolicyAction.DENY, Reason.DEFAULT_DENY)


class PolicyTable:
    """The run-time policies of one configuration. `services` names traffic and knows the time-outs."""

    __slots__ = ("_bases", "_closed", "_config", "_lists", "_resolve", "_runs", "_searches", "_stale", "services")

    def __init__(
        self,
        config: DeviceConfig,
        resolve: ResolveName,
        previous: PolicyTable | None,
        closed: frozenset[str] = frozenset(),
    ) -> None:
        self._closed = closed
        self._config = config
        self._resolve = resolve
        self._bases: dict[int, int] = {}
        self._lists: dict[ZonePair, PolicyList] = {}
        self._searches: dict[ZonePair, tuple[PolicyList, ...]] = {}
        self._stale: dict[ZonePair, PolicyList] = {}
        self._runs: dict[int, PolicyRun] = {}
        self.services: ServiceTable = compile_services(
            config.services, previous.services if previous is not None else None
        )
        if previous is not None:
            kept = {**previous._stale, **previous._lists}
            self._stale = {pair: list_ for pair, list_ in kept.items() if config.policy_order.get(pair)}
            self._runs = self._carry_over(previous)

    def lookup(self, from_zone: str, to_zone: str, traffic: Traffic) -> Decision:
        """What is to happen to the first packet of a session (B153). The verdict TUNNEL permits into a VPN."""
        search = self._searches.get((from_zone, to_zone))
        if search is None:
            search = self._search((from_zone, to_zone))
        for list_ in search:
            found = list_.match(traffic)
            if found is not None:
                return Decision(found.run.policy.action, Reason.POLICY, found.run, found.service)
        return self._default(from_zone, to_zone)

    def explain(
        self, from_zone: str, to_zone: str, traffic: Traffic, limit: int = EXPLAINED_POLICIES
    ) -> tuple[tuple[Policy, str], ...]:
        """The policies in the order of search down to the one that matches, each with why it did or did not.

        When more than `limit` lost, those that failed in most respects are left out.
        """
        policies = [
            self._config.policies[number] for pair in _pairs(from_zone, to_zone) for number in self._order(pair)
        ]
        return explain(policies, Explainer(self._config, self._resolve, self._closed), traffic, limit)

    def run(self, number: int) -> PolicyRun | None:
        """The run-time policy with that ID, for counters; None when there is no such policy."""
        policy = self._config.policies.get(number)
        if policy is None:
            return None
        run = self._runs.get(number)
        if run is None:
            run = self._runs[number] = PolicyRun(policy, closed=self._is_closed(policy))
        return run

    def first_destination(self, policy: Policy) -> int:
        """The lowest address of a policy's destination: where a `nat dst` range begins to be counted."""
        base = self._bases.get(policy.id)
        if base is None:
            ranges = Book(self._config, self._resolve).addresses(policy.to_zone, policy.destinations)
            base = self._bases[policy.id] = ranges[0][0] if ranges else 0
        return base

    def _default(self, from_zone: str, to_zone: str) -> Decision:
        if from_zone == to_zone:
            zone = self._config.zones.get(from_zone)
            if zone is not None and not zone.block:
                return _INTRAZONE_PERMIT
            return _INTRAZONE_BLOCK
        return _DEFAULT_PERMIT if self._config.system.default_permit_all else _DEFAULT_DENY

    def _order(self, pair: ZonePair) -> tuple[int, ...]:
        policies = self._config.policies
        return tuple(number for number in self._config.policy_order.get(pair, ()) if number in policies)

    def _search(self, pair: ZonePair) -> tuple[PolicyList, ...]:
        """The lists to search for a pair, without empty ones."""
        search = tuple(list_ for list_ in map(self._list, _pairs(*pair)) if list_.runs)
        self._searches[pair] = search
        return search

    def _list(self, pair: ZonePair) -> PolicyList:
        list_ = self._lists.get(pair)
        if list_ is None:
            list_ = self._lists[pair] = self._compile(pair)
        return list_

    def _compile(self, pair: ZonePair) -> PolicyList:
        runs = tuple(run for run in map(self.run, self._config.policy_order.get(pair, ())) if run is not None)
        stale = self._stale.pop(pair, None)
        if (
            stale is None
            or runs[: len(stale.runs)] != stale.runs
            or not stale.book.still_holds(self._config, self._resolve)
        ):
            return PolicyList(runs, Book(self._config, self._resolve))
        stale.book.rebase(self._config, self._resolve)
        return stale if len(runs) == len(stale.runs) else PolicyList(runs, stale.book, extends=stale)

    def _carry_over(self, previous: PolicyTable) -> dict[int, PolicyRun]:
        """The runs of policies that still exist; a changed policy keeps its counters."""
        policies = self._config.policies
        if previous._config.policies is policies and previous._closed == self._closed:
            return previous._runs
        runs = {}
        for number, run in previous._runs.items():
            policy = policies.get(number)
            if policy is not None:
                closed = self._is_closed(policy)
                same = run.policy is policy and run.closed == closed
                runs[number] = run if same else PolicyRun(policy, run.counters, closed=closed)
        return runs

    def _is_closed(self, policy: Policy) -> bool:
        return policy.schedule in self._closed


def compile_policies(
    config: DeviceConfig,
    previous: PolicyTable | None = None,
    resolve: ResolveName = unresolved,
    closed: frozenset[str] = frozenset(),
) -> PolicyTable:
    """The policies of `config` at work; cheap, since lists are compiled when they are first searched.

    `previous` gives the counters and the lists that are still right; it must not be used afterwards. `resolve` gives
    the addresses of a domain name. `closed` are the schedules that are not open: their policies match nothing.
    """
    return PolicyTable(config, resolve, previous, closed)


def _pairs(from_zone: str, to_zone: str) -> tuple[ZonePair, ...]:
    """The lists for traffic from zone to zone, in the order of search."""
    pair = (from_zone, to_zone)
    return (pair,) if pair == _GLOBAL_PAIR else (pair, _GLOBAL_PAIR)
