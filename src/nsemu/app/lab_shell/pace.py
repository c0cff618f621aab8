"""How time passes while the lab shell is on a terminal."""

from __future__ import annotations

from nsemu.app.lab_shell.session import Jump, Session
from nsemu.cli.terminal import PacedTime
from nsemu.sim.pacing import never
from nsemu.sim.wait import Wait


class LabPace(PacedTime):
    """At the session's rate, save for jumps, which go as fast as they can in slices that leave the keyboard alive.

    A lab that is joined to the machine's networks cannot jump: there it takes its time.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session.lab.scheduler, session.pacer)
        self._session = session

    def towards(self, wait: Wait) -> float | None:
        """Let time pass until the wait is over, for a moment; None when it is."""
        if not isinstance(wait, Jump) or self._session.pacer.tied:
            return super().towards(wait)
        return None if self._session.pacer.hurry(wait.until, wait.ready or never) else 0.0
