"""Which sessions are read by an application layer gateway."""

from __future__ import annotations

from nsemu.flow.alg.ftp import SERVICES, FtpControl
from nsemu.flow.alg.segments import SegmentEditor
from nsemu.flow.session import Session
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState


def gateway_for(state: FlowState, setup: FlowSetup, session: Session) -> SegmentEditor | None:
    """The gateway of a new TCP session: by the service its policy matched, or that names its port at either end."""
    matched = setup.decision.service if setup.decision is not None else None
    mapped = setup.mapped_traffic
    named = (
        matched,
        state.services.identify(setup.traffic),
        state.services.identify(mapped) if mapped is not None else None,
    )
    if any(service is not None and service.name in SERVICES for service in named):
        return FtpControl(session)
    return None
