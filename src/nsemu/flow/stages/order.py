"""The order of the first-packet stages: the book's "Packet Flow: Site-to-Site VPN", steps 5 to 9.

A stage takes the flow's tables and the decisions so far, adds its own, and returns None or why the packet ends here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.flow.setup import FlowSetup
from nsemu.flow.stages.authentication import authentication
from nsemu.flow.stages.bridge import route
from nsemu.flow.stages.destination_nat import destination_nat
from nsemu.flow.stages.mapping import mapping
from nsemu.flow.stages.policy import policy
from nsemu.flow.stages.source_nat import source_nat
from nsemu.flow.stages.syn_check import syn_check
from nsemu.flow.stages.tunnel import tunnel
from nsemu.flow.state import FlowState
from nsemu.runtime.drop import DropReason

Stage = Callable[[FlowState, FlowSetup], DropReason | None]

FIRST_PACKET_STAGES: Final[tuple[Stage, ...]] = (
    syn_check,
    mapping,
    route,
    policy,
    authentication,
    destination_nat,
    source_nat,
    tunnel,
)

ADMISSION_STAGES: Final = FIRST_PACKET_STAGES[: FIRST_PACKET_STAGES.index(authentication) + 1]
"""What decides whether a flow may begin; none of these stages takes anything (the TCP proxy asks them alone)."""
