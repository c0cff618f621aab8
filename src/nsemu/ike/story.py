"""What two engines do, told to people who follow a packet: messages, choices, and why something was refused.

The event log says less: which proposals were offered, and who sent what. A `Teller` numbers the messages of each
exchange, so one of them serves all engines that take part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from nsemu.config.ike import Phase1Proposal, Phase2Proposal
from nsemu.ike import events
from nsemu.ike.any_proposal import any_phase1, any_phase2
from nsemu.ike.context import KEEPALIVE, NON_ESP_MARKER
from nsemu.ike.debug import payload_name
from nsemu.ike.events import Event, Failure, Refusal
from nsemu.ike.parameters import NAT_PORT, Datagram, TunnelParameters
from nsemu.ike.proposals import Phase1Key, Phase2Key, phase1_key, phase2_key
from nsemu.wire.address import format_ipv4
from nsemu.wire.isakmp import FLAG_ENCRYPTED, ExchangeType, PayloadType, parse_header

_EXCHANGES: Final = {
    ExchangeType.MAIN: "main mode",
    ExchangeType.AGGRESSIVE: "aggressive mode",
    ExchangeType.INFORMATIONAL: "informational exchange",
    ExchangeType.TRANSACTION: "transaction exchange",
    ExchangeType.QUICK: "quick mode",
}


class Teller:
    """Gives the words for what engines say; it knows which messages there were."""

    def __init__(self) -> None:
        self._messages: dict[tuple[bytes, int, int], list[bytes]] = {}

    def tell(self, what: Event | Datagram) -> list[str]:
        """The lines for an event or a datagram; none for what is not worth one, or stands in the event log."""
        if isinstance(what, Datagram):
            return [] if what.data == KEEPALIVE else [self._message(what)]
        compose = _TEXTS.get(type(what))
        return compose(what) if compose is not None else []

    def _message(self, datagram: Datagram) -> str:
        data = datagram.data[len(NON_ESP_MARKER) :] if datagram.source.port == NAT_PORT else datagram.data
        header = parse_header(data)
        seen = self._messages.setdefault((header.initiator_cookie, header.exchange, header.message_id), [])
        verb = "sends"
        if data in seen:
            verb = "repeats"
        else:
            seen.append(data)
        number = "" if header.exchange == ExchangeType.INFORMATIONAL else f" message {seen.index(data) + 1}"
        kind = _EXCHANGES[ExchangeType(header.exchange)]
        what = " ".join(payload_name(payload) for payload in datagram.payloads if payload != PayloadType.VENDOR_ID)
        sealed = ", encrypted" if header.flags & FLAG_ENCRYPTED else ""
        peer = f"{format_ipv4(datagram.destination.address)}:{datagram.destination.port}"
        return f"IKE {verb} {kind}{number} to {peer}: {what}{sealed}"


def phase1_words(key: Phase1Key | None) -> str:
    """`3des/sha-1/group 2`; what a device of this kind does not have is called so."""
    proposal = any_phase1(key._replace(method=1)) if key is not None else None
    if key is None or proposal is None:
        return "something unknown"
    method = "" if any_phase1(key) is not None else f"/authentication method {key.method}"
    return f"{proposal.encryption.value}/{proposal.hash.value}/group {proposal.group.value}{method}"


def phase2_words(key: Phase2Key | None) -> str:
    """`esp 3des/sha-1/no pfs`, `ah md5/pfs group 2`."""
    proposal = any_phase2(key) if key is not None else None
    if proposal is None:
        return "something unknown"
    protocol = proposal.protocol.name.lower()
    cipher = f"{proposal.encryption.value}/" if protocol == "esp" else ""
    pfs = f"pfs group {proposal.pfs.value}" if proposal.pfs is not None else "no pfs"
    return f"{protocol} {cipher}{proposal.integrity.value}/{pfs}"


def _agreed1(proposal: Phase1Proposal) -> str:
    return f"{proposal.name} ({phase1_words(phase1_key(proposal))})"


def _agreed2(proposal: Phase2Proposal) -> str:
    return f"{proposal.name} ({phase2_words(phase2_key(proposal))})"


def _phase1_up(event: events.Phase1Completed) -> list[str]:
    return [f"IKE phase 1 is up as {event.role.value}: proposal {_agreed1(event.proposal)}, {event.lifetime} s"]


def _phase2_up(event: events.Phase2Completed) -> list[str]:
    spis = f"SPI {event.inbound.spi:08x} in, {event.outbound.spi:08x} out"
    return [f"IKE phase 2 is up as {event.role.value}: proposal {_agreed2(event.proposal)}, {spis}"]


def _phase1_refused(event: events.Phase1Refused) -> list[str]:
    return _proposals(event.details, phase1_words) if event.refusal is Refusal.NO_PROPOSAL else []


def _phase2_failed(event: events.Phase2Failed) -> list[str]:
    if event.refusal is Refusal.NO_PROPOSAL:
        return _proposals(event.details, phase2_words)
    if event.refusal is Refusal.PROXY_ID and len(event.details) == 2:
        return _proxy_ids(event.details[1])
    by_peer = event.reason is Failure.REFUSED_BY_PEER
    return [f"IKE phase 2 msg ID {event.message_id:08x}: the peer refused it"] if by_peer else []


def _proposals(details: tuple[Any, ...], words: Callable[[Any], str]) -> list[str]:
    if not details:
        return []
    offered, acceptable = ("; ".join(dict.fromkeys(map(words, keys))) for keys in details)
    return [f"IKE was offered {offered}", f"IKE would have taken {acceptable}"]


def _proxy_ids(known: Any) -> list[str]:
    tunnels: Iterable[TunnelParameters] = known
    return [f"IKE would have taken for VPN {one.vpn}: {_proxy_id(one)}" for one in tunnels]


def _proxy_id(tunnel: TunnelParameters) -> str:
    service = f" protocol {tunnel.protocol} port {tunnel.port}" if tunnel.protocol or tunnel.port else ""
    return f"local ID {tunnel.local} remote ID {tunnel.remote}{service}"


_TEXTS: Final[dict[type[Event], Callable[[Any], list[str]]]] = {
    events.Phase1Completed: _phase1_up,
    events.Phase1Refused: _phase1_refused,
    events.Phase2Completed: _phase2_up,
    events.Phase2Failed: _phase2_failed,
}
