"""Choosing sessions by what they are about, for `get session` and `clear session`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsemu.flow.session import Session

if TYPE_CHECKING:
    from nsemu.device.device import Device


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """All that is given must fit; addresses and ports are those of the forward wing as it came in."""

    id: int | None = None
    source: int | None = None
    destination: int | None = None
    source_port: int | None = None
    destination_port: int | None = None
    protocol: int | None = None
    policy: int | None = None

    def matches(self, session: Session) -> bool:
        """Whether a session is meant."""
        source, destination, source_port, destination_port = session.forward.flow
        return (
            self.id in {None, session.id}
            and self.source in {None, source}
            and self.destination in {None, destination}
            and self.source_port in {None, source_port}
            and self.destination_port in {None, destination_port}
            and self.protocol in {None, session.protocol}
            and (self.policy is None or (session.policy is not None and session.policy.id == self.policy))
        )


def clear_sessions(device: Device, wanted: SessionFilter) -> int:
    """`clear session`: end the sessions meant, and say how many there were."""
    sessions = device.state.sessions
    chosen = sessions.select(wanted.matches)
    for session in chosen:
        sessions.remove(session, "Close - OTHER")
    return len(chosen)
