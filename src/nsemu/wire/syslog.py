"""BSD syslog messages (RFC 3164): the priority and the text behind it. No date or host of the protocol's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nsemu.wire.errors import MalformedPacket

PORT: Final = 514
FACILITIES: Final = {"kern": 0, "user": 1, "auth": 4, **{f"local{number}": 16 + number for number in range(8)}}
SEVERITIES: Final = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
LONGEST: Final = 1024
"""Octets of a message (RFC 3164 §4.1)."""

_PRIORITY: Final = re.compile(rb"<(0|[1-9]\d{0,2})>")
_DEFAULT: Final = 13  # RFC 3164 §4.3.3: user, notice


@dataclass(frozen=True, slots=True)
class SyslogMessage:
    """One message; `facility` 0–23, `severity` 0 (emergency) to 7 (debug)."""

    facility: int
    severity: int
    text: str

    @classmethod
    def parse(cls, data: bytes) -> SyslogMessage:
        """Octets → message; without a priority it is user.notice. Raises MalformedPacket for one above 191."""
        match = _PRIORITY.match(data)
        priority = int(match.group(1)) if match is not None else _DEFAULT
        if priority > 191:
            raise MalformedPacket(f"syslog priority {priority}")
        text = data[match.end() :] if match is not None else data
        return cls(priority >> 3, priority & 7, text.rstrip(b"\0\r\n").decode("utf-8", "replace"))

    def build(self) -> bytes:
        """Message → octets, cut to what a message may have."""
        return f"<{self.facility << 3 | self.severity}>{self.text}".encode()[:LONGEST]
