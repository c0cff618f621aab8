"""What the L2TP engine is told, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from nsemu.sim.scheduler import SECOND, Duration

L2TP_PORT: Final = 1701


class Path(NamedTuple):
    """Where a peer is: both addresses and ports, and the number of the IPsec tunnel between them, 0 for none."""

    local: int
    remote: int
    local_port: int = L2TP_PORT
    remote_port: int = L2TP_PORT
    through: int = 0


class Datagram(NamedTuple):
    """A UDP payload to send."""

    data: bytes
    path: Path


class CallKey(NamedTuple):
    """A call: the IDs of tunnel and session that this end has given."""

    tunnel: int
    session: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What the configuration says of a control connection. `keepalive` in seconds of silence, 0 for no hellos.

    With a `secret` both ends prove that they know it (RFC 2661 §5.1.1), and the IDs of calls are hidden.
    """

    name: str
    secret: str = field(default="", repr=False)
    keepalive: int = 60


class Ending(Enum):
    """Why a control connection or a call ended; the value is for logs."""

    PEER = "the peer ended it"
    ADMIN = "it was cleared"
    SILENCE = "the peer does not answer"
    REFUSED = "the peer was refused"
    SECRET = "the tunnel secrets differ"
    PROTOCOL = "the peer broke the protocol"
    PPP = "PPP ended"
    TUNNEL = "its tunnel ended"


@dataclass(frozen=True, slots=True)
class TunnelUp:
    """A control connection stands; `host` is the peer's host name."""

    tunnel: int
    path: Path
    profile: str
    host: str


@dataclass(frozen=True, slots=True)
class TunnelDown:
    """A control connection has ended, or never came to be. Its calls have ended before."""

    tunnel: int
    path: Path
    profile: str
    ending: Ending


@dataclass(frozen=True, slots=True)
class CallUp:
    """Frames may pass."""

    key: CallKey
    path: Path
    profile: str


@dataclass(frozen=True, slots=True)
class CallDown:
    """No more frames pass."""

    key: CallKey
    ending: Ending


@dataclass(frozen=True, slots=True)
class Frame:
    """A PPP frame came. `path` is where it came from."""

    key: CallKey
    frame: bytes


Event = TunnelUp | TunnelDown | CallUp | CallDown | Frame


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How this end presents itself, and RFC 2661 §5.8: times double up to `longest`, `limit` repetitions."""

    host_name: str
    vendor: str = "nsemu"
    first: Duration = SECOND
    longest: Duration = 8 * SECOND
    limit: int = 5
    window: int = 4
    linger: Duration = 31 * SECOND
    most_tunnels: int = 1024
    most_calls: int = 64
