"""AH in tunnel and transport mode (RFC 4302; RFC 2402 in ScreenOS's time; Vol. 5, "Authentication Header").

AH authenticates the packet and those fields of the outer header that do not change on the way. Plainly written, with
nothing prepared but the HMAC state: few tunnels use it.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from nsemu.ipsec.encapsulation import outer_header, with_protocol
from nsemu.ipsec.sa import (
    MAXIMUM_SEQUENCE,
    InboundSa,
    IpsecFailure,
    Octets,
    OutboundSa,
    SaMode,
    SaParameters,
)
from nsemu.runtime.crypto.integrity import HmacState, same
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Instant

_AH: Final = 51
_IPV4: Final = 4
_FIXED: Final = 12  # octets of AH before the ICV

# next header, payload length, reserved, SPI, sequence number
_pack: Final = Struct("!BBHII").pack
_unpack: Final = Struct("!BBHII").unpack_from

# Options that stay as they are and are authenticated: end, no-op, security, extended security, commercial security,
# router alert, sender directed multi-destination delivery. All others count as zeros (RFC 4302 Appendix A1).
_IMMUTABLE_OPTIONS: Final = frozenset({0, 1, 130, 133, 134, 148, 149})


def _authenticated_header(header: Octets) -> bytes | None:
    """`header` with what may change on the way as zeros (RFC 4302 §3.3.3.1); None if its options are nonsense."""
    fixed = bytearray(header)
    fixed[1] = 0  # ToS
    fixed[6:9] = b"\0\0\0"  # flags, fragment offset, TTL
    fixed[10:12] = b"\0\0"
    position = 20
    while position < len(fixed) and fixed[position]:
        kind = fixed[position]
        size = 1 if kind == 1 else fixed[position + 1] if position + 1 < len(fixed) else 0
        if size < 1 + (kind != 1) or position + size > len(fixed):
            return None
        if kind not in _IMMUTABLE_OPTIONS:
            fixed[position : position + size] = bytes(size)
        position += size
    return bytes(fixed)


class AhOutbound(OutboundSa):
    """Seals packets. `stream` gives the first identification."""

    __slots__ = ("_hmac", "_icv_size", "_identification")

    def __init__(self, parameters: SaParameters, stream: Stream, now: Instant = 0) -> None:
        super().__init__(parameters, now)
        self._hmac = HmacState(parameters.integrity, parameters.integrity_key)
        self._icv_size = parameters.integrity.icv_size
        self._identification = stream.integer(0, 0xFFFF)

    def longest_inner(self, mtu: int) -> int:
        """The longest packet whose protected form has at most `mtu` octets."""
        return mtu - _FIXED - self._icv_size - 20 * (self.parameters.mode is SaMode.TUNNEL)

    def seal(self, packet: Octets) -> bytes | IpsecFailure:
        """A valid IPv4 packet → the whole authenticated packet, or why there is none."""
        sequence = self.sequence + 1
        overhead = _FIXED + self._icv_size
        tunnel = self.parameters.mode is SaMode.TUNNEL
        total = len(packet) + overhead + 20 * tunnel
        if self.hard_expired or sequence > MAXIMUM_SEQUENCE or total > 0xFFFF:
            return self._refusal(total, 0xFFFF)
        if tunnel:
            header = outer_header(self.parameters, packet, total, (sequence + self._identification) & 0xFFFF)
            next_header, payload = _IPV4, packet
        else:
            size = (packet[0] & 15) * 4
            header = with_protocol(packet[:size], total, _AH)
            next_header, payload = packet[9], packet[size:]
        fixed = _authenticated_header(header)
        if fixed is None:
            self.other_failures += 1
            return IpsecFailure.MALFORMED
        self.sequence = sequence
        self.octets += len(packet)
        ah = _pack(next_header, overhead // 4 - 2, 0, self.spi, sequence)
        icv = self._hmac.digest(b"".join((fixed, ah, bytes(self._icv_size), payload)))[: self._icv_size]
        return b"".join((header, ah, icv, payload))


class AhInbound(InboundSa):
    """Opens packets, in the order of ESP: length, replay window, authentication."""

    __slots__ = ("_hmac", "_icv_size")

    def __init__(self, parameters: SaParameters, now: Instant = 0) -> None:
        super().__init__(parameters, now)
        self._hmac = HmacState(parameters.integrity, parameters.integrity_key)
        self._icv_size = parameters.integrity.icv_size

    def open(self, datagram: Octets, offset: int = 20) -> bytes | IpsecFailure:
        """An IPv4 packet with its AH at `offset`, which is where its header ends → the packet inside."""
        if self.hard_expired:
            return self._fail(IpsecFailure.EXPIRED)
        end = offset + _FIXED + self._icv_size
        if offset < 20 or len(datagram) < end:
            return self._fail(IpsecFailure.MALFORMED)
        next_header, length, _, _, sequence = _unpack(datagram, offset)
        fixed = _authenticated_header(datagram[:offset])
        if fixed is None or (length + 2) * 4 != end - offset:
            return self._fail(IpsecFailure.MALFORMED)
        if self.window is not None and not self.window.allows(sequence):
            return self._fail(IpsecFailure.REPLAY)

        icv_start = offset + _FIXED
        payload = bytes(datagram[end:])
        icv = self._hmac.digest(b"".join((fixed, datagram[offset:icv_start], bytes(self._icv_size), payload)))
        if not same(icv[: self._icv_size], datagram[icv_start:end]):
            return self._fail(IpsecFailure.AUTHENTICATION)

        packet = payload
        if self.parameters.mode is SaMode.TRANSPORT:
            packet = with_protocol(datagram[:offset], offset + len(payload), next_header) + payload
        elif next_header != _IPV4 or len(payload) < 20:
            return self._fail(IpsecFailure.NEXT_HEADER)
        if self.window is not None:
            self.window.accept(sequence)
        self.packets += 1
        self.octets += len(packet)
        return packet
