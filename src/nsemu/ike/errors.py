"""When the peer breaks a rule: the exchange is refused, the peer notified, the event logged."""

from __future__ import annotations

from nsemu.ike.events import Refusal
from nsemu.wire.isakmp_payloads import NotifyType


class PeerError(ValueError):
    """The peer's message is well formed but not acceptable.

    `notify` goes to the peer; `refusal` with `details` into the event log. Bytes that are nonsense are a
    `MalformedPacket` instead.
    """

    def __init__(self, notify: NotifyType, refusal: Refusal, *details: object) -> None:
        super().__init__(f"{notify.name}: {refusal.name} {details}" if details else f"{notify.name}: {refusal.name}")
        self.notify = notify
        self.refusal = refusal
        self.details = details
