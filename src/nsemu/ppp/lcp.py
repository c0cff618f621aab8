"""The options of LCP (RFC 1661 §6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nsemu.ppp.automaton import Judgement
from nsemu.ppp.parameters import Scheme
from nsemu.sim.entropy import Stream
from nsemu.wire.ppp import Code, Option

MRU: Final = 1
ACCM: Final = 2
AUTHENTICATION: Final = 3
MAGIC: Final = 5
PROTOCOL_COMPRESSION: Final = 7
ADDRESS_COMPRESSION: Final = 8

DEFAULT_MRU: Final = 1500
_LEAST_MRU: Final = 576
_SIZES: Final = {MRU: 2, ACCM: 4, MAGIC: 4, PROTOCOL_COMPRESSION: 0, ADDRESS_COMPRESSION: 0}
SCHEMES: Final = {Scheme.CHAP: b"\xc2\x23\x05", Scheme.PAP: b"\xc0\x23"}
"""RFC 1994 §3 (MD5), RFC 1334 §2.1."""


class LcpOptions:
    """One end's options. `asks` are the schemes by which it wants the peer to prove itself, `accepts` those it obeys.

    `asked` is what both agreed to: how the peer proves itself, and `obeyed` how we do.
    """

    def __init__(
        self, asks: Sequence[Scheme], accepts: Sequence[Scheme], stream: Stream, mru: int = DEFAULT_MRU
    ) -> None:
        self._asks = list(asks)
        self._accepts = tuple(accepts)
        self._stream = stream
        self.magic = stream.integer(1, 0xFFFFFFFF)
        self._sent = {MAGIC} | ({AUTHENTICATION} if asks else set())
        self._mru = mru
        self.obeyed: Scheme | None = None
        self.peer_mru = DEFAULT_MRU
        self.unwilling = False
        """Whether the peer will not prove itself in any way that we ask for."""

    @property
    def asked(self) -> Scheme | None:
        """How the peer has to prove itself."""
        return self._asks[0] if self._asks else None

    def wanted(self) -> list[Option]:
        """Our options: the MRU if it is not the usual one, authentication if this end asks for it, a magic number."""
        found = [Option(MRU, self._mru.to_bytes(2, "big"))] if self._mru != DEFAULT_MRU else []
        found += [Option(AUTHENTICATION, SCHEMES[self._asks[0]])] if self._asks else []
        return found + ([Option(MAGIC, self.magic.to_bytes(4, "big"))] if MAGIC in self._sent else [])

    def judge(self, options: tuple[Option, ...]) -> Judgement:
        """Reject what is not known, correct what will not do, else take it."""
        unknown = tuple(option for option in options if not self._is_known(option))
        if unknown:
            return Judgement(Code.CONFIGURE_REJECT, unknown)
        wrong = tuple(better for option in options if (better := self._better(option)) is not None)
        if wrong:
            return Judgement(Code.CONFIGURE_NAK, wrong)
        self.obeyed, self.peer_mru = None, DEFAULT_MRU
        for option in options:
            if option.type == AUTHENTICATION:
                self.obeyed = next(scheme for scheme in self._accepts if SCHEMES[scheme] == option.value)
            elif option.type == MRU:
                self.peer_mru = int.from_bytes(option.value, "big")
        return Judgement(Code.CONFIGURE_ACK, options)

    def _is_known(self, option: Option) -> bool:
        if option.type == AUTHENTICATION:
            return bool(self._accepts) and len(option.value) >= 2
        return _SIZES.get(option.type) == len(option.value)

    def _better(self, option: Option) -> Option | None:
        value = option.value
        if option.type == AUTHENTICATION and value not in (SCHEMES[scheme] for scheme in self._accepts):
            return Option(AUTHENTICATION, SCHEMES[self._accepts[0]])
        if option.type == MRU and int.from_bytes(value, "big") < _LEAST_MRU:
            return Option(MRU, DEFAULT_MRU.to_bytes(2, "big"))
        if option.type == MAGIC and int.from_bytes(value, "big") == self.magic:  # RFC 1661 §6.4: our own, looped back
            return Option(MAGIC, self._stream.octets(4))
        return None

    def refused(self, code: Code, options: tuple[Option, ...]) -> None:
        """Another scheme that the peer proposes is used if we have it too (B278); authentication is never given up."""
        for option in options:
            if option.type == AUTHENTICATION and self._asks:
                others = [scheme for scheme in self._asks[1:] if SCHEMES[scheme] == option.value]
                self.unwilling = not others
                self._asks = others or self._asks
            elif option.type == MRU:
                self._mru = DEFAULT_MRU  # what everybody takes (RFC 1661 §6.1)
            elif option.type == MAGIC and code is Code.CONFIGURE_REJECT:
                self._sent.discard(MAGIC)
            elif option.type == MAGIC:
                self.magic = self._stream.integer(1, 0xFFFFFFFF)
