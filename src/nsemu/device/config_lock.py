"""`exec config lock`: the configuration of a moment, which comes back when nobody types for too long.

The device restarts with it, as after `abort`; `end` makes the changes stay (Administration, "Locking the Configuration
File").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nsemu.config.device import DeviceConfig
from nsemu.sim.scheduler import SECOND, Instant, Scheduler, Timer


@dataclass(slots=True)
class ConfigLock:
    """`config` was running when the lock began; `modified` is whether it was unsaved then. `minutes` of silence end it.

    `restore` is called when time is up, `power_off` when the device restarts for another reason.
    """

    scheduler: Scheduler
    config: DeviceConfig
    modified: bool
    minutes: int
    restore: Callable[[], None]
    power_off: Callable[[], None]
    _timer: Timer | None = field(default=None)

    def touch(self) -> None:
        """Somebody typed a command: begin to wait anew."""
        self.release()
        self._timer = self.scheduler.after(self.minutes * 60 * SECOND, self.restore)

    def release(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def remaining(self, now: Instant) -> int:
        """Whole seconds until the configuration comes back."""
        return 0 if self._timer is None else max(0, self._timer.at - now) // SECOND
