"""TCP's states, its transitions that need no thought, and what it tells its user (RFC 9293 §3.3.2, §3.10).

Data only. The rules that look at sequence numbers are in `connection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from nsemu.sim.scheduler import SECOND, Duration


class Endpoint(NamedTuple):
    """An IPv4 address (int) and a port."""

    address: int
    port: int


class TcpState(Enum):
    """The states of RFC 9293 §3.3.2; LISTEN belongs to a listener, never to a connection."""

    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"
    CLOSED = "CLOSED"


class TcpEvent(Enum):
    """What a connection reports to its user."""

    CONNECTED = "connected"
    READABLE = "readable"
    PEER_CLOSED = "peer closed"
    CLOSED = "closed"


class TcpFailure(Enum):
    """Why a connection ended other than by both sides' FIN. The value is the text for the user."""

    REFUSED = "connection refused"
    RESET = "connection reset by peer"
    TIMED_OUT = "connection timed out"
    HOST_UNREACHABLE = "no route to host"
    NETWORK_UNREACHABLE = "network is unreachable"
    PROTOCOL_UNREACHABLE = "protocol not available"
    ABORTED = "connection aborted"


# RFC 9293 §3.10.4: the user closes. In SYN-RECEIVED the FIN waits for ESTABLISHED; the state moves with the FIN.
AFTER_OUR_FIN: Final = {
    TcpState.ESTABLISHED: TcpState.FIN_WAIT_1,
    TcpState.CLOSE_WAIT: TcpState.LAST_ACK,
}

# RFC 9293 §3.10.7.4, fifth: our FIN is acknowledged.
AFTER_FIN_ACKNOWLEDGED: Final = {
    TcpState.FIN_WAIT_1: TcpState.FIN_WAIT_2,
    TcpState.CLOSING: TcpState.TIME_WAIT,
    TcpState.LAST_ACK: TcpState.CLOSED,
}

# RFC 9293 §3.10.7.4, eighth: the peer's FIN is received (FIN-WAIT-1 only while our FIN is not acknowledged).
AFTER_PEER_FIN: Final = {
    TcpState.ESTABLISHED: TcpState.CLOSE_WAIT,
    TcpState.FIN_WAIT_1: TcpState.CLOSING,
    TcpState.FIN_WAIT_2: TcpState.TIME_WAIT,
}

RECEIVES_TEXT: Final = frozenset({TcpState.ESTABLISHED, TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2})
SENDS_TEXT: Final = frozenset(
    {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT, TcpState.FIN_WAIT_1, TcpState.CLOSING, TcpState.LAST_ACK}
)
ACCEPTS_SEND: Final = frozenset({TcpState.SYN_SENT, TcpState.SYN_RECEIVED, TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})
OPENING: Final = frozenset({TcpState.SYN_SENT, TcpState.SYN_RECEIVED})

# RFC 9293 §3.10.7.4, second: a RST here ends what had ended for the user already.
RESET_IS_NO_FAILURE: Final = frozenset({TcpState.CLOSING, TcpState.LAST_ACK, TcpState.TIME_WAIT})

# RFC 9293 §3.10.5: the user aborts; the others are deleted without a word.
ABORT_SENDS_RESET: Final = frozenset(
    {
        TcpState.SYN_RECEIVED,
        TcpState.ESTABLISHED,
        TcpState.FIN_WAIT_1,
        TcpState.FIN_WAIT_2,
        TcpState.CLOSE_WAIT,
    }
)


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """What an administrator of a host could tune.

    `mss` is what our interface can take; `window` the receive buffer in octets (at most 65535: no window scaling);
    `syn_attempts` SYNs are sent and `attempts` copies of a segment before the connection is given up; time in ns.
    """

    mss: int = 1460
    window: int = 65535
    initial_rto: Duration = SECOND
    minimum_rto: Duration = SECOND
    maximum_rto: Duration = 60 * SECOND
    syn_attempts: int = 6
    attempts: int = 9
    time_wait: Duration = 10 * SECOND
    timestamps: bool = True
