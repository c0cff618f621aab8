"""Event-log lines of IKE: from event to type number, level and text, in the words of ScreenOS 6.x.

The words are those that real devices and published message lists show; where none is known, a text of the same make
stands in and says so. Events that a device does not log have no line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from nsemu.config.algorithms import ExchangeMode
from nsemu.ike import events
from nsemu.ike.events import Event, Failure, Refusal, Role
from nsemu.ike.proposals import MODE_NAMES
from nsemu.wire.address import Prefix, format_ipv4
from nsemu.wire.isakmp_payloads import NotifyType

IKE_TYPE: Final = 536
"""The message type of all IKE events, printed with five digits."""

LEVEL: Final = "information"

_MODES: Final = {ExchangeMode.MAIN: "Main", ExchangeMode.AGGRESSIVE: "Aggressive"}

# The first is from a real log; the others have no source.
_REJECTIONS: Final = {
    Refusal.DYNAMIC_PEER: "an initial Phase 1 packet arrived from an unrecognized peer gateway",
    Refusal.UNRECOGNIZED_PEER: "an initial Phase 1 packet arrived from an unrecognized peer gateway",
    Refusal.MODE: "an initial Phase 1 packet arrived in another mode than the gateway is configured for",
    Refusal.HALF_OPEN_LIMIT: "there are too many uncompleted Phase 1 negotiations",
    Refusal.SHARE_LIMIT: "the share limit of its IKE user has been reached",
}

_FAILURES: Final = {
    Failure.RETRANSMISSION_LIMIT: "Retransmission limit has been reached.",
    Failure.TIME_LIMIT: "Aborted negotiations because the time limit has elapsed.",
}

# Words without a source, but for "Rejected proposals from peer".
_PHASE1_REFUSALS: Final = {
    Refusal.NO_PROPOSAL: "Rejected proposals from peer. Negotiations failed.",
    Refusal.AUTHENTICATION: "Received an incorrect hash. The preshared keys might not match.",
    Refusal.UNREADABLE: "Received a packet that could not be decrypted. The preshared keys might not match.",
    Refusal.KEY_EXCHANGE: "Received an invalid key exchange payload.",
    Refusal.NONCE: "Received an invalid nonce payload.",
    Refusal.DOI: "Received an unsupported DOI or situation.",
    Refusal.PAYLOADS: "Received a packet with unexpected payloads.",
    Refusal.SHARE_LIMIT: "The share limit of the IKE user has been reached.",
}
_PHASE2_REFUSALS: Final = {
    Refusal.TUNNEL_LIMIT: "There is no room for another VPN tunnel.",
    Refusal.NO_PROPOSAL: "Rejected proposals from peer. Negotiations failed.",
    Refusal.KEY_EXCHANGE: "Received an invalid key exchange payload.",
    Refusal.NONCE: "Received an invalid nonce payload.",
    Refusal.DOI: "Received an unsupported DOI or situation.",
    Refusal.PAYLOADS: "Received a packet with unexpected payloads.",
}


class LogLine(NamedTuple):
    """What the device logs."""

    type: int
    level: str
    text: str


def log_lines(event: Event, interface: str = "") -> list[LogLine]:
    """The lines for an event; `interface` is where the peer's packets come in."""
    compose = _TEXTS.get(type(event))
    texts = compose(event, interface) if compose is not None else []
    return [LogLine(IKE_TYPE, LEVEL, text) for text in texts]


def _phase1(event: Event, text: str) -> list[str]:
    return [f"IKE {format_ipv4(event.peer)} Phase 1: {text}"]


def _phase2(event: Event, text: str, message_id: int | None = None) -> list[str]:
    named = "" if message_id is None else f" msg ID {message_id:08x}"
    return [f"IKE {format_ipv4(event.peer)} Phase 2{named}: {text}"]


def _plain(event: Event, *texts: str) -> list[str]:
    return [f"IKE {format_ipv4(event.peer)}: {text}" for text in texts]


def _initiated(event: events.Phase1Initiated, _interface: str) -> list[str]:
    return _phase1(event, f"Initiated {_MODES[event.mode]} mode negotiations.")


def _responded(event: events.Phase1Responded, _interface: str) -> list[str]:
    return _phase1(event, f"Responder starts {event.mode.value.upper()} mode negotiations.")


def _completed(event: events.Phase1Completed, _interface: str) -> list[str]:
    mode = _MODES[event.mode]
    return _phase1(event, f"Completed {mode} mode negotiations with a {event.lifetime}-second lifetime.")


def _failed(event: events.Phase1Failed, _interface: str) -> list[str]:
    return _phase1(event, _FAILURES[event.reason])


def _refused(event: events.Phase1Refused, _interface: str) -> list[str]:
    if event.refusal is Refusal.IDENTITY:
        received, expected = event.details
        return _plain(event, f"Received incorrect ID payload: {received} instead of {expected}.")
    text = _PHASE1_REFUSALS[event.refusal]
    if event.role is Role.RESPONDER and event.mode is ExchangeMode.AGGRESSIVE and event.refusal in _KEY_MISMATCH:
        return _phase1(event, text) + _phase1(event, "Aggressive mode negotiations have failed.")
    return _phase1(event, text)


_KEY_MISMATCH: Final = (Refusal.AUTHENTICATION, Refusal.UNREADABLE)


def _phase2_queued(event: events.Phase2Queued, _interface: str) -> list[str]:
    return _plain(event, "Added Phase 2 session tasks to the task list.")


def _phase2_initiated(event: events.Phase2Initiated, _interface: str) -> list[str]:
    return _phase2(event, "Initiated negotiations.")


def _phase2_responded(event: events.Phase2Responded, _interface: str) -> list[str]:
    return _phase2(event, "Responded to the peer's first message.", event.message_id)


def _phase2_completed(event: events.Phase2Completed, _interface: str) -> list[str]:
    return _phase2(
        event,
        f"Completed negotiations with SPI {event.inbound.spi:08x}, tunnel ID {event.tunnel_id}, "
        f"and lifetime {event.lifetime} seconds/{event.lifesize} KB.",
        event.message_id,
    )


def _phase2_failed(event: events.Phase2Failed, _interface: str) -> list[str]:
    if event.refusal is Refusal.PROXY_ID and event.details:
        received = event.details[0]
        assert isinstance(received, events.ReceivedProxyId)
        local = _proxy(received.local, received.local_protocol, received.local_port)
        remote = _proxy(received.remote, received.remote_protocol, received.remote_port)
        return _phase2(event, f"No policy exists for the proxy ID received: local ID ({local}) remote ID ({remote}).")
    if event.refusal is Refusal.PROXY_ID:
        return _phase2(event, "No policy exists for the proxy ID received.")
    if event.refusal is Refusal.PFS_GROUP:
        received_group, expected_group = event.details
        return _phase2(event, f"Received DH group {received_group} instead of expected group {expected_group} for PFS.")
    if event.refusal is Refusal.ENCAPSULATION:
        offered, wanted = (MODE_NAMES.get(int(str(mode)), f"mode {mode}") for mode in event.details)
        return _phase2(event, f"Received a proposal for {offered} instead of {wanted}. Negotiations failed.")
    if event.refusal is not None:
        return _phase2(event, _PHASE2_REFUSALS[event.refusal])
    text = _FAILURES.get(event.reason)
    return _phase2(event, text) if text else []


def _proxy(prefix: Prefix, protocol: int, port: int) -> str:
    return f"<{format_ipv4(prefix.address)}>/<{format_ipv4(prefix.mask)}>, {protocol}, {port}"


def _notified(event: events.NotifyReceived, _interface: str) -> list[str]:
    name = NotifyType(event.type).name.replace("_", "-") if event.type in _KNOWN else "unknown"
    return _plain(event, f"Received a notification message for DOI {event.doi} {event.type} {name}.")


_KNOWN: Final = frozenset(NotifyType)


def _sa_removed(event: events.SaRemoved, _interface: str) -> list[str]:
    if event.reason is not events.Removal.UNKNOWN_TO_PEER:
        return []
    return _plain(event, "Received a bad SPI.", "Removed Phase 2 SAs after receiving a notification message.")


def _initial_contact(event: events.InitialContactReceived, _interface: str) -> list[str]:
    texts = [f"Received initial contact notification and removed Phase {phase} SAs." for phase in (1, 2)]
    return _plain(event, *texts)


def _initial_contact_sent(event: events.InitialContactSent, _interface: str) -> list[str]:
    return _plain(event, "Sent initial contact notification message.")


def _bad_spi_notified(event: events.BadSpiNotified, _interface: str) -> list[str]:
    return _plain(event, "Responded to a packet with a bad SPI after rebooting.")


def _rejected(event: events.PacketRejected, interface: str) -> list[str]:
    source = f"{format_ipv4(event.source.address)}:{event.source.port}"
    destination = f"{format_ipv4(event.destination.address)}:{event.destination.port}"
    also = _phase1(event, _DYNAMIC_PEER) if event.refusal is Refusal.DYNAMIC_PEER else []
    return [
        *also,
        f"Rejected an IKE packet on {interface} from {source} to {destination} with cookies "
        f"{event.initiator_cookie.hex()} and {event.responder_cookie.hex()} because {_REJECTIONS[event.refusal]}.",
    ]


_DYNAMIC_PEER: Final = (
    "Cannot use a preshared key because the peer's gateway has a dynamic IP address and negotiations are in Main mode."
)


def _nat_unsupported(event: events.NatUnsupported, _interface: str) -> list[str]:
    return _phase1(event, "Vendor ID payload indicates that the peer does not support NAT-T.")


def _nat_detected(event: events.NatDetected, _interface: str) -> list[str]:
    sides = [side for side, there in (("local", event.local), ("remote", event.remote)) if there]
    role = event.role.value
    return [_phase1(event, f"IKE {role} has detected NAT in front of the {side} device.")[0] for side in sides]


def _peer_moved(event: events.PeerMoved, _interface: str) -> list[str]:
    end = f"{format_ipv4(event.remote.address)}:{event.remote.port}"
    return _plain(event, f"The peer behind NAT now sends from {end}.")


def _peer_dead(event: events.PeerDead, _interface: str) -> list[str]:
    if event.by is events.Watch.HEARTBEAT:
        return _plain(event, f"Heartbeats have been lost {event.missed} times.")
    # Words without a source.
    return _plain(event, f"DPD has found the peer dead: {event.missed} requests without an answer.")


def _heartbeats_disabled(event: events.HeartbeatsDisabled, _interface: str) -> list[str]:
    return _plain(event, "Heartbeats have been disabled because the peer is not sending them.")


def _login_passed(event: events.LoginPassed, _interface: str) -> list[str]:
    address = format_ipv4(event.address) if event.address else "0.0.0.0"
    who = f"gateway {event.gateway}, username {event.name}"
    return _plain(event, f"XAuth login was passed for {who}, retry: 0, Client IP Addr {address}.")


def _login_refused(event: events.LoginRefused, _interface: str) -> list[str]:
    return _plain(event, f"XAuth login was refused for gateway {event.gateway}, username {event.name}, retry: 0.")


def _login_aborted(event: events.LoginAborted, _interface: str) -> list[str]:
    who = f"gateway {event.gateway}, username {event.name}"
    return _plain(event, f"XAuth login was aborted for {who}, retry: 0, timeout: 1.")


def _login_missing(event: events.LoginMissing, _interface: str) -> list[str]:
    # Words without a source.
    return _phase2(event, "Rejected a packet because the XAuth login has not been completed.")


def _proxy_id_ignored(event: events.ProxyIdIgnored, _interface: str) -> list[str]:
    why = "id-mode is set to IP or policy-checking is disabled"
    return _phase2(event, f"Received a message but did not check a policy because {why}.")


_TEXTS: Final[dict[type[Event], Callable[[Any, str], list[str]]]] = {
    events.Phase1Initiated: _initiated,
    events.Phase1Responded: _responded,
    events.Phase1Completed: _completed,
    events.Phase1Failed: _failed,
    events.Phase1Refused: _refused,
    events.Phase2Queued: _phase2_queued,
    events.Phase2Initiated: _phase2_initiated,
    events.Phase2Responded: _phase2_responded,
    events.Phase2Completed: _phase2_completed,
    events.Phase2Failed: _phase2_failed,
    events.NotifyReceived: _notified,
    events.ProxyIdIgnored: _proxy_id_ignored,
    events.SaRemoved: _sa_removed,
    events.InitialContactReceived: _initial_contact,
    events.InitialContactSent: _initial_contact_sent,
    events.BadSpiNotified: _bad_spi_notified,
    events.PacketRejected: _rejected,
    events.NatUnsupported: _nat_unsupported,
    events.NatDetected: _nat_detected,
    events.PeerMoved: _peer_moved,
    events.PeerDead: _peer_dead,
    events.HeartbeatsDisabled: _heartbeats_disabled,
    events.LoginPassed: _login_passed,
    events.LoginRefused: _login_refused,
    events.LoginAborted: _login_aborted,
    events.LoginMissing: _login_missing,
}
