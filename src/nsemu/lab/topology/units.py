"""Quantities with units: delay, waiting time, rate, loss.

A unit is asked for wherever a bare number would leave doubt: containerlab counts loss in per cent, netem takes a bare
delay for microseconds. Every reader has the shape `(Element, Findings) -> value | None`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from nsemu.lab.topology.document import Element
from nsemu.lab.topology.errors import Findings
from nsemu.sim.scheduler import MICROSECOND, MILLISECOND, SECOND, Duration

_QUANTITY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*([A-Za-z%/]*)")

_TIME_UNITS: Final[Mapping[str, Duration]] = {
    "ns": 1, "us": MICROSECOND, "ms": MILLISECOND, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND,
}  # fmt: skip
_RATE_UNITS: Final[Mapping[str, int]] = {
    "bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9,
    "bps": 1, "kbps": 10**3, "mbps": 10**6, "gbps": 10**9,
}  # fmt: skip
_MAX_DELAY: Final = 3600 * SECOND
_MAX_WAIT: Final = 366 * 86400 * SECOND
_MAX_RATE: Final = 10**12
_DELAY_ALLOWED: Final = "a time with its unit (ns, us, ms, s), such as 10ms; at most an hour"
_WAIT_ALLOWED: Final = "virtual seconds, such as 30 or 0.5, or a time with its unit (ms, s, m, h), such as 8h"
_RATE_ALLOWED: Final = "bits per second with the unit (bit, kbit, mbit, gbit, or kbps, Mbps, Gbps), such as 10mbit"
_LOSS_ALLOWED: Final = "a fraction such as 0.1 (1.0 loses everything), or per cent such as 10%"


def _quantity(element: Element) -> tuple[Decimal, str] | None:
    match = _QUANTITY.fullmatch(element.text) if isinstance(element.value, (str, int, float)) else None
    return (Decimal(match[1]), match[2].lower()) if match else None


def delay(element: Element, findings: Findings) -> Duration | None:
    """`10ms`, `1.5s`, `200us` → nanoseconds. A bare number is refused, except 0."""
    return _time(element, findings, {"": 0}, (_MAX_DELAY, _DELAY_ALLOWED))


def wait(element: Element, findings: Findings) -> Duration | None:
    """`30` (seconds) or `8h` → nanoseconds."""
    return _time(element, findings, {"": SECOND}, (_MAX_WAIT, _WAIT_ALLOWED))


def _time(element: Element, findings: Findings, bare: Mapping[str, int], rule: tuple[int, str]) -> Duration | None:
    longest, allowed = rule
    match _quantity(element):
        case (amount, unit) if unit in _TIME_UNITS or (unit in bare and (bare[unit] or not amount)):
            nanoseconds = int(amount * {**_TIME_UNITS, **bare}[unit])
            if nanoseconds <= longest:
                return nanoseconds
    findings.error(element.path, element.shown, allowed=allowed)
    return None


def rate(element: Element, findings: Findings) -> int | None:
    """`100mbit`, `10Mbps`, `64kbit` → bits per second; `bps` is bits here, never tc's bytes."""
    match _quantity(element):
        case (amount, unit) if unit in _RATE_UNITS:
            bits = int(amount * _RATE_UNITS[unit])
            if 0 < bits <= _MAX_RATE:
                return bits
    findings.error(element.path, element.shown, allowed=_RATE_ALLOWED)
    return None


def loss(element: Element, findings: Findings) -> float | None:
    """`0.1` or `10%` → a fraction. A bare 1 is refused: it may be meant as one per cent."""
    match _quantity(element):
        case (amount, "%") if amount <= 100:
            return float(amount / 100)
        case (amount, "") if amount == 0 or (amount <= 1 and isinstance(element.value, float)):
            return float(amount)
    if isinstance(element.value, float) and math.isfinite(element.value) and 0 <= element.value <= 1:
        return element.value
    findings.error(element.path, element.shown, allowed=_LOSS_ALLOWED)
    return None
