"""The lines of `debug ike`, in the words of the device (the time stamp in front is the device's business).

Callers test `context.debug` first, so that nothing is worked out while nobody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from nsemu.wire.address import format_ipv4
from nsemu.wire.isakmp import Header

if TYPE_CHECKING:
    from nsemu.ike.exchange import Exchange, Phase1Sa
    from nsemu.ike.parameters import Endpoint

Write = Callable[[str], None]

_PAYLOADS: Final = {
    1: "SA", 4: "KE", 5: "ID", 6: "CERT", 7: "CERT_REQ", 8: "HASH", 9: "SIG", 10: "NONCE", 11: "NOTIF", 12: "DELETE",
    13: "VID", 14: "ATTR", 20: "NATD", 21: "NATOA", 130: "NATD", 131: "NATOA",
}  # fmt: skip
_EXCHANGES: Final = {2: "MM", 4: "AG", 5: "INFO", 6: "XACT", 32: "QM"}


def line(write: Write, peer: int, text: str) -> None:
    """One line about a peer."""
    write(f"IKE<{format_ipv4(peer)}> {text}")


def payload_name(kind: int) -> str:
    """`SA`, `VID`, or the number of a payload that has no name here."""
    return _PAYLOADS.get(kind, str(kind))


def payload_list(kinds: Iterable[int]) -> str:
    """`[SA] [VID]`."""
    return " ".join(f"[{payload_name(kind)}]" for kind in kinds)


def arrived(write: Write, header: Header, source: Endpoint) -> None:
    """A datagram with a sound header came in."""
    peer = source.address
    line(write, peer, f"ike packet, len {header.length + 28}, action 0")
    line(write, peer, f"Catcher: received {header.length} bytes from socket.")
    line(write, peer, f"Catcher: get {header.length} bytes. src port {source.port}")
    first = _PAYLOADS.get(header.next_payload, str(header.next_payload))
    kind = _EXCHANGES.get(header.exchange, str(header.exchange))
    line(
        write,
        peer,
        f"ISAKMP msg: len {header.length}, nxp {header.next_payload}[{first}], "
        f"exch {header.exchange}[{kind}], flag {header.flags:02x}",
    )


def accepted(write: Write, peer: int, exchange: Exchange, kinds: Iterable[int], kind: int) -> None:
    """A message was cut into payloads in a state of its exchange."""
    kinds = list(kinds)
    line(write, peer, f"Recv : {payload_list(kinds)}")
    line(write, peer, f"{_EXCHANGES.get(kind, kind)} in state {exchange.state.value.partition(' ')[0]}.")
    for payload in dict.fromkeys(kinds):
        line(write, peer, f"Process {payload_list((payload,))}:")


def answering(write: Write, phase1: Phase1Sa, kinds: Iterable[int], encrypted: bool) -> None:
    """A message of Phase 1 or Phase 2 is being built."""
    kinds = list(kinds)
    peer = phase1.peer.address
    line(write, peer, "Construct ISAKMP header.")
    for kind in kinds:
        line(write, peer, f"Construct {payload_list((kind,))}")
    line(write, peer, f"Xmit{'*' if encrypted else ''} : {payload_list(kinds)}")
    role = phase1.role.value.capitalize()
    line(write, peer, f"{role} sending IPv4 IP {format_ipv4(peer)}/port {phase1.peer.port}")
