"""What a person sets up in a VPN client: whom to call, as whom, and for which traffic (Vol. 5, chapter 5, "Client").

Data in numbers and records; the words of a topology file are read in `lab.topology.dialup`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nsemu.config.algorithms import ExchangeMode
from nsemu.config.ike import Identity, Phase1Proposal, Phase2Proposal
from nsemu.wire.address import Prefix, format_ipv4


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One connection of a client.

    `gateway` is the security device; `remote` are the networks behind it, reached with the IP `protocol` and `port`, 0
    for any. `inner` is the client's virtual inner address; without one it uses its own address, and with `assigned` it
    takes the one that the gateway gives it after the login. With `transport` it protects the client's own L2TP with the
    gateway, and nothing else. `user` and `password` are for XAuth, "" for none.
    """

    gateway: int
    remote: tuple[Prefix, ...]
    identity: Identity
    key: str = field(repr=False)
    phase1: tuple[Phase1Proposal, ...]
    phase2: tuple[Phase2Proposal, ...]
    mode: ExchangeMode = ExchangeMode.AGGRESSIVE
    protocol: int = 0
    port: int = 0
    inner: int | None = None
    assigned: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    transport: bool = False

    def wants(self, packet: bytes) -> bool:
        """Whether an inner IPv4 packet to one of the remote networks is part of the connection."""
        if self.protocol and packet[9] != self.protocol:
            return False
        start = (packet[0] & 0x0F) * 4
        if not self.port or packet[6] & 0x1F or packet[7]:
            return True  # no port to look at in a later fragment
        ports = packet[start : start + 2], packet[start + 2 : start + 4]
        return self.port.to_bytes(2, "big") in ports

    @property
    def text(self) -> str:
        """`10.1.1.5/32 through 1.1.1.1, tcp 80`."""
        service = f", {_PROTOCOLS.get(self.protocol, self.protocol)} {self.port}" if self.protocol else ""
        return f"{', '.join(map(str, self.remote))} through {format_ipv4(self.gateway)}{service}"


_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
