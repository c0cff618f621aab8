"""What an interface watches, and when it goes down for it (`set interface X monitor …`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEFAULT_THRESHOLD: Final = 255
DEFAULT_WEIGHT: Final = 255
TRACK_THRESHOLD: Final = 1
TARGET_INTERVAL: Final = 1
TARGET_THRESHOLD: Final = 3
TARGET_WEIGHT: Final = 1
MOST_TARGETS: Final = 4


@dataclass(frozen=True, slots=True)
class TrackTarget:
    """A tracked address: probed every `interval` seconds, failed after `threshold` probes in a row without answer.

    Probes are pings, or ARP requests with `arp`.
    """

    address: int
    interval: int = TARGET_INTERVAL
    threshold: int = TARGET_THRESHOLD
    weight: int = TARGET_WEIGHT
    arp: bool = False


@dataclass(frozen=True, slots=True)
class InterfaceMonitor:
    """What an interface watches. It goes down logically when the weights of what failed reach `threshold`.

    `interfaces` and `zones` are (name, weight). Tracking counts `track_weight` when the weights of the failed targets
    reach `track_threshold`; with `dynamic`, the gateway of the interface's default route is a target as well, whoever
    gave it.
    """

    threshold: int = DEFAULT_THRESHOLD
    interfaces: tuple[tuple[str, int], ...] = ()
    zones: tuple[tuple[str, int], ...] = ()
    track: bool = False
    track_threshold: int = TRACK_THRESHOLD
    track_weight: int = DEFAULT_WEIGHT
    targets: tuple[TrackTarget, ...] = ()
    dynamic: bool = False

    @property
    def tracks(self) -> bool:
        """Whether addresses are probed."""
        return self.track or self.dynamic


NOT_MONITORED: Final = InterfaceMonitor()
