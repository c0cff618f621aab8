"""Choosing sessions by what they are about, for `get session` and `clear session`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nsemu.flow.packet import UDP
from nsemu.flow.session import Session
from nsemu.wire.address import ZERO_MAC

if TYPE_CHECKING:
    from nsemu.device.device import Device

_IKE_PORTS: Final = frozenset({500, 4500})
ROOT_VSD: Final = 0
"""The virtual security device of every session: there is no other."""


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions are meant: all that is not None must match. Ranges include both ends; `tunnel` asks for any one.

    Addresses are (address, mask) and, like the ports, those of the client's side as its packets come in. `ike_nat` asks
    for IKE that passes with a translated source.
    """

    id: int | None = None
    source: tuple[int, int] | None = None
    destination: tuple[int, int] | None = None
    source_mac: bytes | None = None
    destination_mac: bytes | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    protocols: tuple[int, int] | None = None
    policy_id: int | None = None
    vsd: int | None = None
    tunnel: bool = False
    ike_nat: bool = False
    service: str | None = None

    def matches(self, session: Session) -> bool:
        """Whether a session is wanted."""
        source, destination, source_port, destination_port = session.forward.flow
        return (
            self.id in {None, session.id}
            and _covers(self.source, source)
            and _covers(self.destination, destination)
            and _within(self.source_ports, source_port)
            and _within(self.destination_ports, destination_port)
            and _within(self.protocols, session.protocol)
            and (self.policy_id is None or (session.policy is not None and session.policy.id == self.policy_id))
            and self.vsd in {None, ROOT_VSD}
            and self.service in {None, session.service}
            and self._is_special(session)
            and self.source_mac in {None, link_address(session, of_client=True)}
            and self.destination_mac in {None, link_address(session, of_client=False)}
        )

    def _is_special(self, session: Session) -> bool:
        tunnelled = session.forward.tunnel_out is not None or session.forward.tunnel_in is not None
        ike = session.protocol == UDP and session.forward.flow[3] in _IKE_PORTS and session.lease is not None
        return (tunnelled or not self.tunnel) and (ike or not self.ike_nat)


def link_address(session: Session, *, of_client: bool) -> bytes:
    """The MAC address of the neighbor on one side, zeros while unknown or behind a tunnel."""
    arriving, leaving = (session.forward, session.reverse) if of_client else (session.reverse, session.forward)
    if arriving.tunnel_in is not None:
        return ZERO_MAC
    known = leaving.neighbor.mac if leaving.neighbor is not None else ZERO_MAC
    return known if known != ZERO_MAC or not of_client else session.link_source or ZERO_MAC


def clear_sessions(device: Device, wanted: SessionFilter) -> int:
    """`clear session`: end the sessions meant, and say how many there were."""
    sessions = device.state.sessions
    chosen = sessions.select(wanted.matches)
    for session in chosen:
        sessions.remove(session, "Close - OTHER")
    return len(chosen)


def _covers(network: tuple[int, int] | None, address: int) -> bool:
    return network is None or not (network[0] ^ address) & network[1]


def _within(bounds: tuple[int, int] | None, value: int) -> bool:
    return bounds is None or bounds[0] <= value <= bounds[1]
