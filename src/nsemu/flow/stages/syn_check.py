"""TCP SYN checking: a session begins with SYN (Vol. 5, "TCP SYN-Flag Checking"; B361).

`tcp-syn-bit-check` looks at the SYN alone; `tcp-syn-check` also lets a session wait for its handshake.
"""

from __future__ import annotations

from nsemu.flow.packet import TCP
from nsemu.flow.session import ACK, RST, SYN
from nsemu.flow.setup import FlowSetup
from nsemu.flow.state import FlowState
from nsemu.flow.steps import SynCheck
from nsemu.runtime.drop import DropReason


def syn_check(state: FlowState, setup: FlowSetup) -> DropReason | None:
    """Refuse a first segment that is not a bare SYN, unless the check is off or the session is known."""
    if setup.protocol != TCP or setup.renews is not None:
        return None
    flow = state.config.flow
    in_tunnel = setup.tunnel_in is not None
    wanted = flow.tcp_syn_check_in_tunnel if in_tunnel else flow.tcp_syn_check or flow.tcp_syn_bit_check
    passed = setup.tcp_flags & (SYN | ACK | RST) == SYN
    if setup.trace is not None:
        setup.add(SynCheck(passed, skipped=not wanted))
    if passed or not wanted:
        return None
    setup.detail = f"flags {setup.tcp_flags:#04x}"
    by_bit = "tcp-syn-check" if flow.tcp_syn_check else "tcp-syn-bit-check"
    setup.subject = ("flow", "tcp-syn-check-in-tunnel" if in_tunnel else by_bit)
    return DropReason.NOT_SYN
