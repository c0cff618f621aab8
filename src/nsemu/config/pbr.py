"""Policy-based routing as configured in a virtual router.

Extended access lists say what a packet looks like, match groups join them, action groups say where it goes, policies
pair the two. A policy works where it is bound: at an interface, a zone, or a virtual router.
"""

from __future__ import annotations

from dataclasses import dataclass

from nsemu.wire.address import Prefix

Ports = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ExtendedEntry:
    """One entry of an extended access list; None means any. `protocol` and `tos` (the whole octet) are numbers."""

    list_id: int
    sequence: int
    source: Prefix | None = None
    destination: Prefix | None = None
    source_ports: Ports | None = None
    destination_ports: Ports | None = None
    protocol: int | None = None
    tos: int | None = None


@dataclass(frozen=True, slots=True)
class MatchEntry:
    """An extended access list in a match group."""

    group: str
    sequence: int
    list_id: int


@dataclass(frozen=True, slots=True)
class ActionEntry:
    """A way out in an action group: an interface, a next hop, or both."""

    group: str
    sequence: int
    interface: str | None = None
    next_hop: int | None = None


@dataclass(frozen=True, slots=True)
class PbrRule:
    """What matches `match_group` goes where `action_group` says."""

    policy: str
    sequence: int
    match_group: str
    action_group: str


@dataclass(frozen=True, slots=True)
class PolicyBasedRouting:
    """All of it in one virtual router. `bound` is the policy of the virtual router itself."""

    lists: tuple[ExtendedEntry, ...] = ()
    match_groups: tuple[str, ...] = ()
    match_entries: tuple[MatchEntry, ...] = ()
    action_groups: tuple[str, ...] = ()
    action_entries: tuple[ActionEntry, ...] = ()
    policies: tuple[str, ...] = ()
    rules: tuple[PbrRule, ...] = ()
    bound: str | None = None


NO_PBR = PolicyBasedRouting()
