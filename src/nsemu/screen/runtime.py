"""What SCREEN remembers of a device beside its zones: alarms, cookies, and which sources came the right way."""

from __future__ import annotations

import hashlib
from typing import Final

from nsemu.screen.alarms import AlarmLog
from nsemu.screen.syn_proxy import Flow, SynCookies
from nsemu.screen.zone import ZoneScreen
from nsemu.sim.scheduler import Instant
from nsemu.wire.address import Prefix

_KEPT_WAYS: Final = 8_192
KEY_LENGTH: Final = 32

_Way = tuple[str, str, int]
"""Ingress interface, zone, source."""


class Screening:
    """The run-time side of SCREEN. `key` is secret; the proxy's sequence numbers come from it.

    `ways_back` are answers about sources (True: forged) that hold while `generation` is the flow's; `books` are the
    address books of the layer 2 zones, as (prefix, zone), the longest prefix first.
    """

    __slots__ = ("_key", "alarms", "books", "cookies", "generation", "ways_back", "zones")

    def __init__(self, key: bytes = bytes(KEY_LENGTH)) -> None:
        self._key = key
        self.zones: dict[str, ZoneScreen] = {}
        self.alarms = AlarmLog()
        self.books: tuple[tuple[Prefix, str], ...] = ()
        self.cookies = SynCookies(key)
        self.generation = -1
        self.ways_back: dict[_Way, bool] = {}

    def keep_way(self, way: _Way, forged: bool) -> None:
        """Remember an answer; all are forgotten when there are too many."""
        if len(self.ways_back) >= _KEPT_WAYS:
            self.ways_back.clear()
        self.ways_back[way] = forged

    def forget_routes(self) -> None:
        """Routes or zones changed."""
        self.ways_back.clear()

    def belongs_elsewhere(self, zone: str, source: int) -> bool:
        """Whether the address books of layer 2 zones know a source, and not as one of `zone`."""
        found = [(prefix.length, name) for prefix, name in self.books if source in prefix]
        return bool(found) and zone not in {name for length, name in found if length == found[0][0]}

    def initial_sequence(self, flow: Flow, client_isn: int, now: Instant) -> int:
        """A number that nobody who does not see the answer can guess (RFC 6528)."""
        octets, tunnel = flow
        text = octets + b"".join(value.to_bytes(8, "big", signed=True) for value in (tunnel, client_isn, now))
        return int.from_bytes(hashlib.blake2s(text, key=self._key, digest_size=4).digest(), "big")
