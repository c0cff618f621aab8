"""Run-time state of a control connection and its calls (RFC 2661 §7)."""

from __future__ import annotations

from enum import Enum

from nsemu.l2tp.channel import Channel
from nsemu.l2tp.parameters import Path, Profile
from nsemu.sim.scheduler import Instant


class State(Enum):
    """Of a control connection (RFC 2661 §7.2.1)."""

    WAIT_REPLY = "wait-ctl-reply"
    WAIT_CONNECT = "wait-ctl-conn"
    ESTABLISHED = "established"
    STOPPED = "stopped"


class CallState(Enum):
    """Of an incoming call (RFC 2661 §7.4)."""

    WAIT_REPLY = "wait-reply"
    WAIT_CONNECT = "wait-connect"
    ESTABLISHED = "established"


class Call:
    """One call; `peer_session` is the ID that the peer has given it."""

    __slots__ = ("peer_session", "session", "state")

    def __init__(self, session: int, state: CallState) -> None:
        self.session = session
        self.state = state
        self.peer_session = 0


class Tunnel:
    """One control connection. `challenge` is what we asked, `asked` what the peer did."""

    def __init__(self, number: int, path: Path, profile: Profile, state: State, channel: Channel) -> None:
        self.number = number
        self.path = path
        self.profile = profile
        self.state = state
        self.channel = channel
        self.host = ""
        self.challenge = b""
        self.asked = b""
        self.calls: dict[int, Call] = {}
        self.heard: Instant = 0
        self.began: Instant = 0
        self.linger: Instant | None = None

    @property
    def peer(self) -> int:
        """The tunnel ID that the peer has given."""
        return self.channel.peer_tunnel
