"""Ending the SAs of tunnels that carry nothing for the time of `set vpn … idletime MINUTES`.

A new SA is no traffic: a tunnel that IKE renews but nobody uses ends as well. The next packet negotiates anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nsemu.device.tunnels import TunnelPlan
from nsemu.ike.events import Event, Phase2Completed
from nsemu.ipsec.database import SaDatabase
from nsemu.ipsec.sa import InboundSa, OutboundSa
from nsemu.sim.scheduler import SECOND, Instant, Scheduler, Timer

_MINUTE = 60 * SECOND


class IdleWatch:
    """One timer a tunnel that has an idle time and SAs. `end` takes the SAs of a tunnel out and tells the peer."""

    def __init__(
        self,
        scheduler: Scheduler,
        database: SaDatabase,
        plans: Callable[[], Mapping[int, TunnelPlan]],
        end: Callable[[int], None],
    ) -> None:
        self._scheduler = scheduler
        self._database = database
        self._plans = plans
        self._end = end
        self._timers: dict[int, Timer] = {}
        self._used: dict[int, Instant] = {}

    def heard(self, event: Event) -> None:
        """IKE has made SAs: watch them. Listens to the engine's events."""
        if isinstance(event, Phase2Completed):
            self._note(event.tunnel_id)
            self._watch(event.tunnel_id)

    def refresh(self) -> None:
        """The configuration has changed."""
        for identifier, tunnel in self._database.tunnels.items():
            if tunnel.active or identifier in self._timers:
                self._watch(identifier)

    def stop(self) -> None:
        """Forget everything (the device restarts)."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._used.clear()

    def _note(self, identifier: int) -> Instant:
        """When the tunnel was last used, as far as its living SAs and what was noted before know."""
        tunnel = self._database.tunnels.get(identifier)
        known = self._used.setdefault(identifier, self._scheduler.now)
        sas: list[InboundSa | OutboundSa] = [*tunnel.inbound_sas, *tunnel.outbound_sas] if tunnel is not None else []
        self._used[identifier] = max([known, *(sa.last_used for sa in sas if sa.packets)])
        return self._used[identifier]

    def _watch(self, identifier: int) -> None:
        timer = self._timers.pop(identifier, None)
        if timer is not None:
            timer.cancel()
        plan, tunnel = self._plans().get(identifier), self._database.tunnels.get(identifier)
        if plan is None or tunnel is None or not tunnel.active or not plan.idle_time:
            self._used.pop(identifier, None)
            return
        due = self._note(identifier) + plan.idle_time * _MINUTE
        if due <= self._scheduler.now:
            self._used.pop(identifier, None)
            self._end(identifier)
            return
        self._timers[identifier] = self._scheduler.at(due, self._watch, identifier)
