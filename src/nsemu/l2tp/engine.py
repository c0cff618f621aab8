"""The L2TP engine: control connections and incoming calls, as LAC and as LNS (RFC 2661 §5, §7).

    LAC                              LNS
    SCCRQ                       -->
                                <--  SCCRP
    SCCCN                       -->
    ICRQ                        -->
                                <--  ICRP
    ICCN                        -->
    PPP frames                  <->

Sans-IO: datagrams and instants in, datagrams and events out. Which message is legal in which state is a table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hmac import compare_digest
from typing import Final, NamedTuple

from nsemu.l2tp.channel import Channel
from nsemu.l2tp.parameters import (
    CallDown,
    CallKey,
    CallUp,
    Datagram,
    Ending,
    EngineSettings,
    Event,
    Frame,
    Path,
    Profile,
    TunnelDown,
    TunnelUp,
)
from nsemu.l2tp.secrets import hide, response, reveal
from nsemu.l2tp.tunnel import Call, CallState, State, Tunnel
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Instant
from nsemu.wire.errors import MalformedPacket
from nsemu.wire.l2tp import Avp, AvpType, ControlMessage, DataMessage, MessageType, first, parse, word

_SYNC_AND_ASYNC: Final = (3).to_bytes(4, "big")
_ASYNC: Final = (2).to_bytes(4, "big")
_SPEED: Final = (10_000_000).to_bytes(4, "big")
_CHALLENGE_SIZE: Final = 16
_NOT_AUTHORIZED: Final = 4
_CLEARED, _GENERAL, _ADMINISTRATIVE, _LOST_CARRIER, _SHUTDOWN = 1, 2, 3, 1, 6
_KNOWN: Final = frozenset(MessageType)


class Request(NamedTuple):
    """What a peer that opens a control connection says of itself."""

    path: Path
    host: str


Authorize = Callable[[Request], Profile | None]
"""Which profile a new peer belongs to; None to refuse it."""


def _nobody(_request: Request) -> Profile | None:
    return None


class L2tpEngine:
    """All control connections of one device or client."""

    def __init__(self, stream: Stream, settings: EngineSettings, authorize: Authorize = _nobody) -> None:
        self.settings = settings
        self.authorize = authorize
        self.tunnels: dict[int, Tunnel] = {}
        self.malformed = 0
        self._stream = stream
        self._now: Instant = 0
        self._serial = 0
        self._events: deque[Event] = deque()
        self._outgoing: list[Datagram] = []
        self._by_request: dict[tuple[Path, int], Tunnel] = {}

    # -- the outside --------------------------------------------------------------------------------------------

    def connect(self, path: Path, profile: Profile, now: Instant) -> int:
        """As LAC open a control connection, and a call as soon as it stands; its number."""
        self._now = now
        tunnel = self._new_tunnel(path, profile, State.WAIT_REPLY)
        self._send(tunnel, MessageType.SCCRQ, self._introduction(tunnel))
        return tunnel.number

    def receive_datagram(self, data: bytes, path: Path, now: Instant) -> None:
        """Take a UDP payload."""
        self._now = now
        try:
            message = parse(data)
        except MalformedPacket:
            self.malformed += 1
            return
        if isinstance(message, DataMessage):
            self._receive_frame(message, path)
        else:
            self._receive_control(message, path)

    def send_frame(self, key: CallKey, frame: bytes) -> Datagram | None:
        """A PPP frame of a call as a datagram; None when there is no such call."""
        tunnel = self.tunnels.get(key.tunnel)
        call = tunnel.calls.get(key.session) if tunnel is not None else None
        if tunnel is None or call is None or call.state is not CallState.ESTABLISHED:
            return None
        return Datagram(DataMessage(tunnel.peer, call.peer_session, frame).build(), tunnel.path)

    def close(self, number: int, now: Instant, ending: Ending = Ending.ADMIN) -> None:
        """End a control connection with all its calls; the peer is told."""
        self._now = now
        tunnel = self.tunnels.get(number)
        if tunnel is not None and tunnel.state is not State.STOPPED:
            self._stop(tunnel, ending, _SHUTDOWN if ending is Ending.ADMIN else _CLEARED)

    def hang_up(self, key: CallKey, now: Instant, ending: Ending = Ending.ADMIN) -> None:
        """End a call; the peer is told."""
        self._now = now
        tunnel = self.tunnels.get(key.tunnel)
        call = tunnel.calls.get(key.session) if tunnel is not None else None
        if tunnel is not None and call is not None:
            avps = (
                Avp(AvpType.RESULT_CODE, word(_ADMINISTRATIVE)),
                Avp(AvpType.ASSIGNED_SESSION_ID, word(call.session)),
            )
            self._send(tunnel, MessageType.CDN, avps, call.peer_session)
            self._drop(tunnel, call, ending)

    def handle_timer(self, now: Instant) -> None:
        """Do what has come due."""
        self._now = now
        for tunnel in list(self.tunnels.values()):
            if not tunnel.channel.timeout(now):
                if tunnel.state is State.STOPPED:
                    self._forget(tunnel)
                else:
                    self._end(tunnel, Ending.SILENCE)
                    self._forget(tunnel)
            elif tunnel.linger is not None and now >= tunnel.linger:
                self._forget(tunnel)
            elif (hello := self._hello_at(tunnel)) is not None and now >= hello:
                tunnel.heard = now
                self._send(tunnel, MessageType.HELLO, ())

    def next_deadline(self) -> Instant | None:
        """When `handle_timer` wants to be called."""
        wanted = [
            at
            for tunnel in self.tunnels.values()
            for at in (tunnel.channel.deadline, tunnel.linger, self._hello_at(tunnel))
            if at is not None
        ]
        return min(wanted, default=None)

    def datagrams_to_send(self) -> list[Datagram]:
        """Take the datagrams that are to be sent."""
        found, self._outgoing = self._outgoing, []
        return found

    def next_event(self) -> Event | None:
        """Take the oldest event, None when there is no more."""
        return self._events.popleft() if self._events else None

    # -- messages -----------------------------------------------------------------------------------------------

    def _receive_frame(self, message: DataMessage, path: Path) -> None:
        tunnel = self.tunnels.get(message.tunnel)
        call = tunnel.calls.get(message.session) if tunnel is not None else None
        if tunnel is None or call is None or call.state is CallState.WAIT_REPLY or not _same(tunnel.path, path):
            return
        tunnel.path, tunnel.heard = path, self._now
        self._events.append(Frame(CallKey(tunnel.number, call.session), message.frame))

    def _receive_control(self, message: ControlMessage, path: Path) -> None:
        if not message.tunnel:
            self._receive_request(message, path)
            return
        tunnel = self.tunnels.get(message.tunnel)
        if tunnel is None or not _same(tunnel.path, path):
            return
        tunnel.path, tunnel.heard = path, self._now
        if tunnel.channel.accept(message, self._now):
            self._handle(tunnel, message)
            tunnel.channel.acknowledge()

    def _receive_request(self, message: ControlMessage, path: Path) -> None:
        """A first message, which has no tunnel ID yet, or a repetition of one."""
        peer = first(message.avps, AvpType.ASSIGNED_TUNNEL_ID) or b""
        kind = _kind(message.avps)
        if kind is not MessageType.SCCRQ or len(peer) != 2 or not any(peer):
            return
        key = path._replace(through=0), int.from_bytes(peer, "big")
        known = self._by_request.get(key)
        if known is not None:
            known.channel.accept(message, self._now)
            return
        self._answer_request(message, path, key)

    def _answer_request(self, message: ControlMessage, path: Path, key: tuple[Path, int]) -> None:
        host = (first(message.avps, AvpType.HOST_NAME) or b"").decode("utf-8", "replace")
        profile = self.authorize(Request(path, host))
        if profile is None or len(self.tunnels) >= self.settings.most_tunnels:
            return  # whoever may not call is not told that there is anything
        tunnel = self._new_tunnel(path, profile, State.WAIT_CONNECT)
        tunnel.host = host
        tunnel.channel.peer_tunnel = key[1]
        self._by_request[key] = tunnel
        tunnel.channel.accept(message, self._now)
        tunnel.asked = first(message.avps, AvpType.CHALLENGE) or b""
        self._note_window(tunnel, message.avps)
        if tunnel.asked and not profile.secret:
            self._stop(tunnel, Ending.SECRET, _NOT_AUTHORIZED)
            return
        self._send(tunnel, MessageType.SCCRP, self._introduction(tunnel) + self._proof(tunnel, MessageType.SCCRP))

    def _handle(self, tunnel: Tunnel, message: ControlMessage) -> None:
        avps = reveal(message.avps, tunnel.profile.secret)
        kind = _kind(message.avps)
        if avps is None or kind is None:
            mandatory = not message.avps or message.avps[0].mandatory
            if mandatory:  # RFC 2661 §4.1: an unknown mandatory message ends the tunnel
                self._stop(tunnel, Ending.SECRET if avps is None else Ending.PROTOCOL, _GENERAL)
            return
        handler = _TABLE.get((tunnel.state, kind))
        if handler is not None:
            handler(self, tunnel, message.session, avps)

    def _opened(self, tunnel: Tunnel, _session: int, avps: tuple[Avp, ...]) -> None:
        """SCCRP: the LNS answers (LAC)."""
        peer = first(avps, AvpType.ASSIGNED_TUNNEL_ID) or b""
        tunnel.channel.peer_tunnel = int.from_bytes(peer, "big")
        tunnel.host = (first(avps, AvpType.HOST_NAME) or b"").decode("utf-8", "replace")
        tunnel.asked = first(avps, AvpType.CHALLENGE) or b""
        self._note_window(tunnel, avps)
        if len(peer) != 2 or not self._is_proven(tunnel, MessageType.SCCRP, avps):
            self._stop(tunnel, Ending.SECRET if len(peer) == 2 else Ending.PROTOCOL, _NOT_AUTHORIZED)
            return
        self._send(tunnel, MessageType.SCCCN, self._proof(tunnel, MessageType.SCCCN))
        self._establish(tunnel)
        self._begin_call(tunnel)

    def _connected(self, tunnel: Tunnel, _session: int, avps: tuple[Avp, ...]) -> None:
        """SCCCN: the LAC has proved itself (LNS)."""
        if self._is_proven(tunnel, MessageType.SCCCN, avps):
            self._establish(tunnel)
        else:
            self._stop(tunnel, Ending.SECRET, _NOT_AUTHORIZED)

    def _establish(self, tunnel: Tunnel) -> None:
        tunnel.state, tunnel.began = State.ESTABLISHED, self._now
        self._events.append(TunnelUp(tunnel.number, tunnel.path, tunnel.profile.name, tunnel.host))

    def _stopped(self, tunnel: Tunnel, _session: int, _avps: tuple[Avp, ...]) -> None:
        """StopCCN: it is over; the acknowledgment may have to be repeated, so the number stays for a while."""
        self._end(tunnel, Ending.PEER)
        tunnel.linger = self._now + self.settings.linger

    def _alive(self, _tunnel: Tunnel, _session: int, _avps: tuple[Avp, ...]) -> None:
        """HELLO: the acknowledgment is the answer."""

    def _begin_call(self, tunnel: Tunnel) -> None:
        call = self._new_call(tunnel, CallState.WAIT_REPLY)
        self._serial += 1
        avps = (*self._session_id(tunnel, call), Avp(AvpType.CALL_SERIAL_NUMBER, self._serial.to_bytes(4, "big")))
        self._send(tunnel, MessageType.ICRQ, avps)

    def _called(self, tunnel: Tunnel, _session: int, avps: tuple[Avp, ...]) -> None:
        """ICRQ: a call comes in (LNS)."""
        peer = first(avps, AvpType.ASSIGNED_SESSION_ID) or b""
        if len(peer) != 2 or len(tunnel.calls) >= self.settings.most_calls:
            avps = (Avp(AvpType.RESULT_CODE, word(_GENERAL)), Avp(AvpType.ASSIGNED_SESSION_ID, word(0)))
            self._send(tunnel, MessageType.CDN, avps, int.from_bytes(peer, "big"))
            return
        call = self._new_call(tunnel, CallState.WAIT_CONNECT)
        call.peer_session = int.from_bytes(peer, "big")
        self._send(tunnel, MessageType.ICRP, self._session_id(tunnel, call), call.peer_session)

    def _answered(self, tunnel: Tunnel, session: int, avps: tuple[Avp, ...]) -> None:
        """ICRP: the LNS takes the call (LAC)."""
        call = tunnel.calls.get(session)
        peer = first(avps, AvpType.ASSIGNED_SESSION_ID) or b""
        if call is None or call.state is not CallState.WAIT_REPLY or len(peer) != 2:
            return
        call.peer_session = int.from_bytes(peer, "big")
        connect = Avp(AvpType.CONNECT_SPEED, _SPEED), Avp(AvpType.FRAMING_TYPE, _ASYNC)
        self._send(tunnel, MessageType.ICCN, connect, call.peer_session)
        self._use(tunnel, call)

    def _call_connected(self, tunnel: Tunnel, session: int, _avps: tuple[Avp, ...]) -> None:
        """ICCN: the call stands (LNS)."""
        call = tunnel.calls.get(session)
        if call is not None and call.state is CallState.WAIT_CONNECT:
            self._use(tunnel, call)

    def _use(self, tunnel: Tunnel, call: Call) -> None:
        call.state = CallState.ESTABLISHED
        self._events.append(CallUp(CallKey(tunnel.number, call.session), tunnel.path, tunnel.profile.name))

    def _disconnected(self, tunnel: Tunnel, session: int, _avps: tuple[Avp, ...]) -> None:
        """CDN: the call is over."""
        call = tunnel.calls.get(session)
        if call is not None:
            self._drop(tunnel, call, Ending.PEER)

    # -- parts --------------------------------------------------------------------------------------------------

    def _new_tunnel(self, path: Path, profile: Profile, state: State) -> Tunnel:
        number = self._free(self.tunnels)
        tunnel: Tunnel

        def put(message: ControlMessage) -> None:
            self._outgoing.append(Datagram(message.build(), tunnel.path))

        tunnel = Tunnel(number, path, profile, state, Channel(self.settings, put))
        tunnel.heard = self._now
        if profile.secret:
            tunnel.challenge = self._stream.octets(_CHALLENGE_SIZE)
        self.tunnels[number] = tunnel
        return tunnel

    def _new_call(self, tunnel: Tunnel, state: CallState) -> Call:
        call = Call(self._free(tunnel.calls), state)
        tunnel.calls[call.session] = call
        return call

    def _free(self, taken: dict[int, Tunnel] | dict[int, Call]) -> int:
        while (number := self._stream.integer(1, 0xFFFF)) in taken:
            pass
        return number

    def _send(self, tunnel: Tunnel, kind: MessageType, avps: tuple[Avp, ...], session: int = 0) -> None:
        tunnel.channel.transmit(session, (Avp(AvpType.MESSAGE_TYPE, word(kind)), *avps), self._now)

    def _introduction(self, tunnel: Tunnel) -> tuple[Avp, ...]:
        """What SCCRQ and SCCRP have in common."""
        challenge = (Avp(AvpType.CHALLENGE, tunnel.challenge),) if tunnel.challenge else ()
        return (
            Avp(AvpType.PROTOCOL_VERSION, b"\1\0"),
            Avp(AvpType.FRAMING_CAPABILITIES, _SYNC_AND_ASYNC),
            Avp(AvpType.HOST_NAME, self.settings.host_name.encode()[:64]),
            Avp(AvpType.VENDOR_NAME, self.settings.vendor.encode(), mandatory=False),
            Avp(AvpType.ASSIGNED_TUNNEL_ID, word(tunnel.number)),
            Avp(AvpType.RECEIVE_WINDOW_SIZE, word(self.settings.window)),
            *challenge,
        )

    def _session_id(self, tunnel: Tunnel, call: Call) -> tuple[Avp, ...]:
        """The ID of a call, hidden where there is a secret to hide it with."""
        assigned, secret = Avp(AvpType.ASSIGNED_SESSION_ID, word(call.session)), tunnel.profile.secret
        if not secret:
            return (assigned,)
        vector = self._stream.octets(_CHALLENGE_SIZE)
        return Avp(AvpType.RANDOM_VECTOR, vector), hide(assigned, secret, vector)

    def _proof(self, tunnel: Tunnel, kind: MessageType) -> tuple[Avp, ...]:
        if not tunnel.asked:
            return ()
        return (Avp(AvpType.CHALLENGE_RESPONSE, response(kind, tunnel.profile.secret, tunnel.asked)),)

    def _is_proven(self, tunnel: Tunnel, kind: MessageType, avps: tuple[Avp, ...]) -> bool:
        """Whether the peer knows the secret, and we can prove it to the peer if it asks (B288)."""
        if tunnel.asked and not tunnel.profile.secret:
            return False
        proof = first(avps, AvpType.CHALLENGE_RESPONSE) or b""
        expected = response(kind, tunnel.profile.secret, tunnel.challenge)
        return not tunnel.challenge or compare_digest(proof, expected)

    def _note_window(self, tunnel: Tunnel, avps: tuple[Avp, ...]) -> None:
        size = int.from_bytes(first(avps, AvpType.RECEIVE_WINDOW_SIZE) or word(4), "big")
        tunnel.channel.peer_window = max(1, size)

    def _hello_at(self, tunnel: Tunnel) -> Instant | None:
        wanted = tunnel.profile.keepalive and tunnel.state is State.ESTABLISHED and tunnel.channel.idle
        return tunnel.heard + tunnel.profile.keepalive * SECOND if wanted else None

    def _stop(self, tunnel: Tunnel, ending: Ending, result: int) -> None:
        """End a control connection, and tell the peer."""
        number = Avp(AvpType.ASSIGNED_TUNNEL_ID, word(tunnel.number))
        self._send(tunnel, MessageType.STOP_CCN, (number, Avp(AvpType.RESULT_CODE, word(result))))
        self._end(tunnel, ending)
        tunnel.linger = self._now + self.settings.linger

    def _end(self, tunnel: Tunnel, ending: Ending) -> None:
        if tunnel.state is State.STOPPED:
            return
        for call in list(tunnel.calls.values()):
            self._drop(tunnel, call, ending)
        tunnel.state = State.STOPPED
        self._events.append(TunnelDown(tunnel.number, tunnel.path, tunnel.profile.name, ending))

    def _drop(self, tunnel: Tunnel, call: Call, ending: Ending) -> None:
        del tunnel.calls[call.session]
        self._events.append(CallDown(CallKey(tunnel.number, call.session), ending))

    def _forget(self, tunnel: Tunnel) -> None:
        self.tunnels.pop(tunnel.number, None)
        for key in [key for key, known in self._by_request.items() if known is tunnel]:
            del self._by_request[key]


def _same(known: Path, path: Path) -> bool:
    """Whether a peer is the one it was: through the same tunnel, from the same address; its port may change."""
    return (known.local, known.remote, known.through) == (path.local, path.remote, path.through)


def _kind(avps: tuple[Avp, ...]) -> MessageType | None:
    """The message type, which is the first attribute (RFC 2661 §4.4.1)."""
    if not avps or avps[0].type != AvpType.MESSAGE_TYPE or len(avps[0].value) != 2:
        return None
    number = int.from_bytes(avps[0].value, "big")
    return MessageType(number) if number in _KNOWN else None


Handler = Callable[[L2tpEngine, Tunnel, int, tuple[Avp, ...]], None]
_TABLE: Final[dict[tuple[State, MessageType], Handler]] = {
    (State.WAIT_REPLY, MessageType.SCCRP): L2tpEngine._opened,
    (State.WAIT_REPLY, MessageType.STOP_CCN): L2tpEngine._stopped,
    (State.WAIT_CONNECT, MessageType.SCCCN): L2tpEngine._connected,
    (State.WAIT_CONNECT, MessageType.STOP_CCN): L2tpEngine._stopped,
    (State.ESTABLISHED, MessageType.STOP_CCN): L2tpEngine._stopped,
    (State.ESTABLISHED, MessageType.HELLO): L2tpEngine._alive,
    (State.ESTABLISHED, MessageType.ICRQ): L2tpEngine._called,
    (State.ESTABLISHED, MessageType.ICRP): L2tpEngine._answered,
    (State.ESTABLISHED, MessageType.ICCN): L2tpEngine._call_connected,
    (State.ESTABLISHED, MessageType.CDN): L2tpEngine._disconnected,
}
"""What is legal when; anything else is acknowledged and of no account."""
