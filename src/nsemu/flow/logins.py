"""Logging in at the firewall: connections that the device conducts in the name of a server, and the WebAuth page.

Owns the attempts that are under way and their TCP; who is logged in is in `FlowState.auth`. A client whose first
segment meets a policy that wants a user gets its connection from the device, which asks for name and password and then
lets the connection go on to the server. Everything is bounded, in number and in time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nsemu.auth import ftp, http, telnet
from nsemu.auth.dialogue import Banners, Check, Dialogue, Outcome
from nsemu.auth.table import AuthEntry, Login, Origin
from nsemu.auth.users import Refusal, judge, standing
from nsemu.auth.webauth import WebAuthPage
from nsemu.config.authentication import LoginProtocol, PolicyAuthentication
from nsemu.flow.login_handover import LoginHandshake
from nsemu.flow.packet import TCP, Packet
from nsemu.flow.setup import FlowSetup
from nsemu.flow.stages.authentication import origin_of
from nsemu.flow.state import FlowState
from nsemu.flow.tcp_network import LocalNetwork
from nsemu.runtime.event_log import Level
from nsemu.runtime.tcp.channel import Channel, Conversation
from nsemu.runtime.tcp.states import Endpoint, TcpFailure, TcpSettings, TcpState
from nsemu.runtime.tcp.table import TcpSocket, TcpTable
from nsemu.screen.syn_proxy import Accepted
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import SECOND, Duration, Timer
from nsemu.wire.address import format_ipv4
from nsemu.wire.ipv4 import Ipv4Packet

MOST_ATTEMPTS: Final = 256
MOST_OF_ONE_ADDRESS: Final = 16
MOST_UNREAD: Final = 1 << 16
"""Octets that a client may send for a server to which there is no way yet."""

PATIENCE: Final[Duration] = 60 * SECOND
"""How long a client may take to log in."""

_SETTINGS: Final = TcpSettings(mss=1350, window=16384, timestamps=False)
"""What any server and any tunnel behind the device can go on with: no option that the server might not know."""

_MINUTE: Final = 60 * SECOND
_OPENINGS: Final = 5
"""How often the way to the server is tried: a VPN may have to be negotiated first."""

OpenFlow = Callable[[FlowState, Packet, LoginHandshake], bool]
"""Takes the client's SYN, made again, through the stages; whether its session began."""

Key = tuple[Endpoint, Endpoint]

DEFAULT_BANNERS: Final = {
    LoginProtocol.FTP: ftp.DEFAULT_BANNERS,
    LoginProtocol.HTTP: http.DEFAULT_BANNERS,
    LoginProtocol.TELNET: telnet.DEFAULT_BANNERS,
}
_DIALOGUES: Final[dict[LoginProtocol, Callable[[Check, Banners], Dialogue]]] = {
    LoginProtocol.FTP: ftp.FtpLogin,
    LoginProtocol.HTTP: http.HttpLogin,
    LoginProtocol.TELNET: telnet.TelnetLogin,
}


class Attempt:
    """One connection in which a user may log in. `protocol` is None for the WebAuth page; `last` its newest segment.

    `over` when both ends have closed: only what was lost on the way is still said again.
    """

    __slots__ = (
        "dialogue",
        "last",
        "name",
        "openings",
        "origin",
        "over",
        "policy",
        "protocol",
        "socket",
        "timer",
        "wanted",
    )

    def __init__(self, packet: Packet, origin: Origin, wanted: PolicyAuthentication) -> None:
        self.last = packet
        self.origin = origin
        self.wanted = wanted
        self.policy: tuple[int, str] = (0, "")
        self.protocol: LoginProtocol | None = None
        self.dialogue: Dialogue | WebAuthPage
        self.socket: TcpSocket | None = None
        self.timer: Timer | None = None
        self.name = ""
        self.openings = 0
        self.over = False


class LoginConversation(Conversation):
    """The application of such a connection: carries octets between TCP and the dialogue."""

    def __init__(self, channel: Channel, attempt: Attempt, ended: Callable[[], None]) -> None:
        super().__init__(channel)
        self._attempt = attempt
        self._ended = ended

    def connected(self) -> None:
        """The client's handshake is done."""
        if isinstance(self._attempt.dialogue, Dialogue):
            self._attempt.dialogue.begin()
        self._flush()

    def received(self, data: bytes) -> None:
        """The client said something."""
        dialogue = self._attempt.dialogue
        dialogue.feed(data)
        if isinstance(dialogue, Dialogue) and len(dialogue.unread) > MOST_UNREAD:
            self.channel.abort()
            return
        self._flush()

    def closed(self, failure: TcpFailure | None) -> None:
        """The connection is over."""
        del failure
        self._ended()

    def _flush(self) -> None:
        dialogue = self._attempt.dialogue
        if dialogue.out:
            octets = bytes(dialogue.out)
            dialogue.out.clear()
            self.channel.send(octets)
        if dialogue.outcome is Outcome.ENDED:
            self.channel.close()


class Logins:
    """All attempts of one device, from power-on to power-off. `open_flow` leads a client on to its server."""

    def __init__(self, state: FlowState, stream: Stream, open_flow: OpenFlow) -> None:
        self._state = state
        self._open_flow = open_flow
        self._network = LocalNetwork(state)
        self._tcp = TcpTable(self._network, stream, _SETTINGS)
        self._attempts: dict[Key, Attempt] = {}
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._attempts)

    def attempts(self) -> list[Attempt]:
        """Those under way, oldest first."""
        return [attempt for attempt in self._attempts.values() if not attempt.over]

    # Beginning

    def begin(self, packet: Packet, setup: FlowSetup) -> bool:
        """A client's SYN met a policy that wants a user; False when nobody can be asked now."""
        found = setup.decision.policy if setup.decision is not None else None
        if found is None or found.policy.authentication is None or setup.prompt is None:
            return False
        origin = origin_of(self._state, packet.source, setup.from_zone, packet.tunnel)
        attempt = Attempt(packet, origin, found.policy.authentication)
        attempt.policy, attempt.protocol = (found.id, setup.to_zone), setup.prompt
        banners = Banners(self._state.config.auth, setup.prompt, DEFAULT_BANNERS[setup.prompt])
        attempt.dialogue = _DIALOGUES[setup.prompt](self._check(attempt), banners)
        return self._take(packet, attempt)

    def begin_webauth(self, packet: Packet, zone: str) -> bool:
        """A SYN for the WebAuth address; False when nobody can be served now."""
        attempt = Attempt(
            packet, origin_of(self._state, packet.source, zone, packet.tunnel), PolicyAuthentication(webauth=True)
        )
        attempt.dialogue = WebAuthPage(self._check(attempt), self._state.config.auth.webauth_success)
        return self._take(packet, attempt)

    def _take(self, packet: Packet, attempt: Attempt) -> bool:
        key = _key(packet)
        of_address = sum(remote.address == packet.source for _, remote in self._attempts)
        if len(self._attempts) >= MOST_ATTEMPTS or of_address >= MOST_OF_ONE_ADDRESS:
            return False
        self._forget(key)
        if not self._tcp.listens(packet.destination_port):
            self._tcp.listen(packet.destination_port, self._accept, backlog=MOST_ATTEMPTS)
        self._attempts[key] = attempt
        attempt.timer = self._state.scheduler.after(PATIENCE, self._time_is_up, key)
        self._receive(key, attempt, packet)
        return True

    def _accept(self, channel: Channel) -> Conversation:
        key = (channel.local, channel.remote)
        attempt = self._attempts.get(key)
        if attempt is None or not isinstance(channel, TcpSocket):  # its time was up during the handshake
            return _Refused(channel)
        attempt.socket = channel
        return LoginConversation(channel, attempt, lambda: self._ended(key, attempt))

    # Going on

    def knows(self, packet: Packet) -> bool:
        """Whether a packet belongs to a login that is under way."""
        return packet.protocol == TCP and _key(packet) in self._attempts

    def takes(self, packet: Packet) -> bool:
        """Take a segment of such a connection; False when it is none, or comes from elsewhere."""
        if packet.protocol != TCP:
            return False
        key = _key(packet)
        attempt = self._attempts.get(key)
        if attempt is None:
            return False
        first = attempt.last
        if packet.tunnel is not first.tunnel or packet.ingress.zone != first.ingress.zone:
            return False
        self._receive(key, attempt, packet)
        return True

    def _receive(self, key: Key, attempt: Attempt, packet: Packet) -> None:
        attempt.last = packet
        self._network.learn(packet)
        whole = Ipv4Packet.parse(packet.data)
        self._tcp.receive(whole, whole.payload, packet.ingress, packet.trace)
        packet.trace = None  # it has gone back with the answer
        if self._attempts.get(key) is attempt and not attempt.openings:
            self._go_on(key, attempt)

    def _go_on(self, key: Key, attempt: Attempt) -> None:
        """Let the connection go on to the server, once the client has all that was said to it."""
        socket, dialogue = attempt.socket, attempt.dialogue
        if socket is None or dialogue.outcome is not Outcome.GRANTED:
            return
        connection = socket.connection
        if connection.state is not TcpState.ESTABLISHED:
            socket.close()
        elif not connection.unsent:
            self._open(key, attempt)

    def _open(self, key: Key, attempt: Attempt) -> None:
        """Ask the server in the client's name; again a little later when there is no way to it yet."""
        socket, dialogue, protocol = attempt.socket, attempt.dialogue, attempt.protocol
        if self._attempts.get(key) is not attempt or socket is None or protocol is None:
            return
        if not isinstance(dialogue, Dialogue) or socket.connection.state is not TcpState.ESTABLISHED:
            socket.close()
            return
        unread = bytes(dialogue.unread)
        ours, theirs = socket.connection.next_numbers
        accepted = Accepted(theirs - len(unread) - 1 & 0xFFFFFFFF, ours - 1 & 0xFFFFFFFF, socket.connection.mss)
        handshake = LoginHandshake(self._state, attempt.last, accepted, unread, protocol)
        attempt.openings += 1
        if self._open_flow(self._state, handshake.request, handshake):
            self._tcp.give_away(socket)
            self._forget(key, attempt)
        elif attempt.openings >= _OPENINGS:
            socket.abort()
        else:
            self._state.scheduler.after(SECOND, self._open, key, attempt)

    # Ending

    def _ended(self, key: Key, attempt: Attempt) -> None:
        """A connection has closed: it is forgotten, after the quiet time if it has one (RFC 9293 §3.6.1)."""
        socket = attempt.socket
        if socket is None or socket.connection.state is not TcpState.TIME_WAIT or attempt.over:
            self._forget(key, attempt)
            return
        attempt.over = True
        if attempt.timer is not None:
            attempt.timer.cancel()
        attempt.timer = self._state.scheduler.after(_SETTINGS.time_wait, self._forget, key, attempt)

    def _time_is_up(self, key: Key) -> None:
        attempt = self._attempts.pop(key, None)
        if attempt is None:
            return
        if attempt.name and attempt.dialogue.outcome is Outcome.TALKING:
            where = format_ipv4(attempt.origin.address)
            text = f"User {attempt.name} at {where} Local authentication attempt has timed out"
            self._state.upcalls.log(520, Level.WARNING, text)
        if attempt.socket is not None:
            attempt.socket.abort()

    def _forget(self, key: Key, attempt: Attempt | None = None) -> None:
        known = self._attempts.get(key)
        if known is None or (attempt is not None and known is not attempt):
            return
        del self._attempts[key]
        if known.timer is not None:
            known.timer.cancel()

    def stop(self) -> None:
        """Power off."""
        for attempt in self._attempts.values():
            if attempt.timer is not None:
                attempt.timer.cancel()
        self._attempts.clear()
        self._tcp.stop()
        if self._timer is not None:
            self._timer.cancel()

    # Users

    def _check(self, attempt: Attempt) -> Check:
        def check(name: str, password: str) -> bool:
            attempt.name = _printable(name)
            return self._log_in(attempt, name, password)

        return check

    def _log_in(self, attempt: Attempt, name: str, password: str) -> bool:
        """Judge name and password; enter the user in the table, and the log."""
        state, wanted = self._state, attempt.wanted
        server = state.config.auth.server_of(wanted)
        refusal = judge(state.config, wanted, server, (name, password))
        if refusal is not None:
            self._log_refusal(attempt, refusal)
            return False
        used = "W" if wanted.webauth else "A" if wanted.server is not None else "D"
        login = Login(name, self._group_of(wanted, name), server, used, attempt.policy[1])
        if state.auth.add(attempt.origin, login, state.scheduler.now) is None:
            where = format_ipv4(attempt.origin.address)
            state.upcalls.log(526, Level.WARNING, f"The user limit has been exceeded and {where} cannot be added")
            return False
        self.arm()
        who = f"{'WebAuth ' if wanted.webauth else ''}user {attempt.name}"
        state.upcalls.log(519, Level.NOTIFICATION, f"Local authentication for {who} was successful")
        return True

    def _log_refusal(self, attempt: Attempt, refusal: Refusal) -> None:
        who = f"{'WebAuth ' if attempt.wanted.webauth else ''}user {attempt.name}"
        text = f"Local authentication for {who} was denied"
        if refusal in {Refusal.LONG_NAME, Refusal.LONG_PASSWORD}:
            text = f"Authentication for user {attempt.name} was denied ({refusal.value})"
        elif refusal is Refusal.SERVER:
            text = f"Error in authentication for {who}"
        self._state.upcalls.log(518, Level.WARNING, text)

    def _group_of(self, wanted: PolicyAuthentication, name: str) -> str:
        if wanted.group is not None:
            return wanted.group
        groups = self._state.config.user_groups.values()
        return next((group.name for group in groups if name in group.members), "")

    # Time-outs

    def configure(self) -> None:
        """Follow the configuration: other time-outs; who is no user any more is out."""
        state = self._state
        settings, table = state.config.auth, state.auth
        table.idle, table.forced = settings.idle_minutes * _MINUTE, settings.forced_minutes * _MINUTE
        for entry in list(table):
            if standing(state.config, PolicyAuthentication(), entry.login.user) is not None:
                self.log_out(entry)
        self.arm()

    def log_out(self, entry: AuthEntry) -> None:
        """A login is over, and with it the sessions that live by it."""
        state = self._state
        state.auth.remove(entry)
        for session in [session for session in state.sessions if session.login is entry]:
            state.sessions.remove(session, "Close - OTHER")

    def arm(self) -> None:
        """Wake up when the next login runs out."""
        deadline = self._state.auth.next_deadline()
        if self._timer is not None and self._timer.active:
            if self._timer.at == deadline:
                return
            self._timer.cancel()
        self._timer = self._state.scheduler.at(deadline, self._expire) if deadline is not None else None

    def _expire(self) -> None:
        now = self._state.scheduler.now
        for entry in [entry for entry in self._state.auth if self._state.auth.over(entry, now)]:
            self.log_out(entry)
        self.arm()


class _Refused(Conversation):
    """A connection that came too late."""

    def connected(self) -> None:
        """End it."""
        self.channel.abort()


def _key(packet: Packet) -> Key:
    return (
        Endpoint(packet.destination, packet.destination_port),
        Endpoint(packet.source, packet.source_port),
    )


def _printable(name: str) -> str:
    """A name from the network, fit for a log."""
    return "".join(char if char.isprintable() else "?" for char in name[:64]) or "?"
