"""What happened to one packet: typed steps, gathered hop by hop while the packet travels.

A packet that nobody traces carries None and pays a pointer test. Steps hold the values as they were at that moment;
turning them into text is the business of renderers on higher floors (debug buffer, JSON, packet walk).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nsemu.sim.scheduler import Instant


@dataclass(frozen=True, slots=True)
class Step:
    """Base of all steps. `subject` names the configuration object that decided, if one did.

    A subject is a tuple whose first item is the kind: ("policy", 3), ("route", vrouter, prefix, ...), ("vpn", name).
    """


@dataclass(frozen=True, slots=True)
class Note(Step):
    """A step of a node that is no ScreenOS device (host, router, switch, link): words only."""

    text: str


@dataclass(frozen=True, slots=True)
class Delivered(Step):
    """The packet reached the node it was for."""

    text: str


@dataclass(frozen=True, slots=True)
class Lost(Step):
    """The packet ended at a node or link that is no ScreenOS device."""

    reason: str


@dataclass(slots=True)
class Hop:
    """One node's (or link's) handling of the packet."""

    node: str
    at: Instant
    interface: str
    returning: bool
    summary: str = ""
    zone: str = ""
    vrouter: str = ""
    path: str = ""
    steps: list[Step] = field(default_factory=list)


class PacketTrace:
    """The story of one packet and of its answer. Travels with the packet across links and through tunnels.

    One that does not travel ends at the node that began it (a device's `debug flow basic`).
    """

    __slots__ = ("hops", "returning", "travels")

    def __init__(self, travels: bool = True) -> None:
        self.hops: list[Hop] = []
        self.returning = False
        self.travels = travels

    def enter(self, node: str, at: Instant, interface: str, summary: str = "") -> Hop:
        """Begin a hop; steps added from now on belong to it."""
        hop = Hop(node, at, interface, self.returning, summary)
        self.hops.append(hop)
        return hop

    def add(self, step: Step) -> None:
        """Add a step to the hop the packet is at."""
        if self.hops:
            self.hops[-1].steps.append(step)

    def turn_around(self) -> None:
        """The packet was answered: what follows is the way back."""
        self.returning = True
