"""Following the TCP connection of a session: its handshake, its window, its end (`set flow tcp-…`)."""

from __future__ import annotations

from nsemu.flow.ending import drop
from nsemu.flow.packet import Packet
from nsemu.flow.session import RST, Session, TcpState, Wing
from nsemu.flow.state import FlowState
from nsemu.flow.tcp_window import TcpWindow
from nsemu.runtime.drop import DropReason
from nsemu.sim.scheduler import SECOND

_SEQUENCE = ("flow", "no-tcp-seq-check")
_RESET = ("flow", "check tcp-rst-sequence")


def begin_tcp(state: FlowState, session: Session, tunnelled: bool) -> None:
    """Begin to follow a connection; `tunnelled` when its first segment came out of a tunnel.

    While SYNs are checked, a session lives `initial-timeout` until the client has acknowledged its server.
    """
    flow = state.config.flow
    waits = flow.tcp_syn_check_in_tunnel if tunnelled else flow.tcp_syn_check
    initial = flow.initial_timeout * SECOND if waits else session.service_timeout
    checks = flow.tcp_seq_check or flow.tcp_rst_sequence
    session.tcp = TcpState(established=not waits, initial=initial, window=TcpWindow() if checks else None)
    session.timeout = initial


def track(state: FlowState, packet: Packet, wing: Wing, octets: bytes | bytearray) -> bool:
    """Follow a segment, as its server sees it; False when it was dropped."""
    session = wing.session
    tcp = session.tcp
    if tcp is None:
        return True
    at = packet.header_length
    flags = octets[at + 13]
    if tcp.window is not None:
        flow = state.config.flow
        if flags & RST and flow.tcp_rst_sequence and not tcp.window.expects_reset(octets, at, wing.forward):
            drop(packet, "session", DropReason.TCP_OUT_OF_SEQUENCE, "RST with an unexpected number", _RESET)
            return False
        why = tcp.window.refuses(octets, at, wing.forward)
        if why and flow.tcp_seq_check:
            drop(packet, "session", DropReason.TCP_OUT_OF_SEQUENCE, why, _SEQUENCE)
            return False
    session.observe_tcp(flags, wing.forward)
    if flags & RST and state.config.flow.tcp_rst_invalid_session:
        state.scheduler.after(0, _end, state, session)
    return True


def _end(state: FlowState, session: Session) -> None:
    """A reset has passed: its session is over at once."""
    if state.sessions.sessions.get(session.id) is session:
        state.sessions.remove(session, "Close - TCP RST")
