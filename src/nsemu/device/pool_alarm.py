"""The alarm of a DIP pool that is nearly used up (`set dip alarm-raise N alarm-clear M`)."""

from __future__ import annotations

from typing import Final

from nsemu.config.nat import NatSettings
from nsemu.flow.state import FlowState
from nsemu.nat.pools import SourcePool
from nsemu.runtime.event_log import Level

RAISED: Final = 441
CLEARED: Final = 442
"""The types of the two events: the numbers of the SNMP traps for them."""


class PoolAlarm:
    """Raises when a pool's use reaches one threshold, clears when it falls to the other."""

    def __init__(self, state: FlowState, settings: NatSettings) -> None:
        self._state = state
        self._settings = settings

    def look(self, pool: SourcePool) -> None:
        """The use of a pool has changed."""
        alarmed = self._state.alarmed_pools
        use, number = pool.use, pool.record.id
        high, low = self._settings.alarm_raise, self._settings.alarm_clear
        if number not in alarmed and use >= high:
            alarmed.add(number)
            text = f"DIP pool {number} utilization {use}% has reached the raise threshold {high}%."
            self._state.upcalls.log(RAISED, Level.CRITICAL, text)
        elif number in alarmed and use <= low:
            alarmed.discard(number)
            text = f"DIP pool {number} utilization {use}% is down to the clear threshold {low}%."
            self._state.upcalls.log(CLEARED, Level.CRITICAL, text)
