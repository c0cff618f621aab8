"""What policy lookup takes and gives: the traffic in question, run-time policies, decisions."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import NamedTuple

from nsemu.config.policy import Policy, PolicyAction
from nsemu.config.service import Service


class Traffic(NamedTuple):
    """The five numbers a policy looks at.

    For ICMP the last two are the type and the code of the message; for protocols without ports they are 0. `callers`
    are the policies for which it comes from a dialup client, `callees` those for which it goes to one.
    """

    source: int
    destination: int
    protocol: int
    source_port_or_type: int = 0
    destination_port_or_code: int = 0
    callers: tuple[int, ...] = ()
    callees: tuple[int, ...] = ()


class PolicyCounters:
    """What one policy has let through or stopped. The flow counts; the numbers outlive changes of the policy.

    `held` are the living sessions by source, of policies that limit them.
    """

    __slots__ = ("held", "hits", "octets", "packets")

    def __init__(self) -> None:
        self.hits = 0
        self.octets = 0
        self.packets = 0
        self.held: Counter[int] = Counter()


class PolicyRun:
    """A policy at work: the record as configured, and its counters.

    The object is the same as long as the record is; a changed record gets a new one with the same `counters`, and so
    does one whose schedule opens or closes. `closed` says that its schedule keeps it out of the lookup.
    """

    __slots__ = ("closed", "counters", "id", "policy")

    def __init__(self, policy: Policy, counters: PolicyCounters | None = None, *, closed: bool = False) -> None:
        self.id = policy.id
        self.closed = closed
        self.policy = policy
        self.counters = counters if counters is not None else PolicyCounters()

    @property
    def active(self) -> bool:
        """Whether the lookup knows it: enabled, and its schedule, if it has one, open."""
        return self.policy.enabled and not self.closed


class Match(NamedTuple):
    """The policy that matched, and which of its services did."""

    run: PolicyRun
    service: Service


class Reason(Enum):
    """On what ground a decision was made; the value is for traces."""

    POLICY = "policy"
    DEFAULT_DENY = "default deny"
    DEFAULT_PERMIT = "default permit-all"
    INTRAZONE_PERMIT = "intrazone traffic, blocking off"
    INTRAZONE_BLOCK = "intrazone blocking"


class Decision(NamedTuple):
    """The outcome of a policy lookup. `policy` and `service` are None when no policy matched."""

    verdict: PolicyAction
    reason: Reason
    policy: PolicyRun | None = None
    service: Service | None = None

    @property
    def subject(self) -> tuple[str, int] | None:
        """("policy", id) for traces."""
        return ("policy", self.policy.id) if self.policy is not None else None
