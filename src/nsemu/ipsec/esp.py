"""ESP in tunnel and transport mode (RFC 4303; RFC 2406 in ScreenOS's time; Vol. 5, "Encapsulating Security Payload").

The data path: every packet of every VPN passes here, so what can be prepared when the SA is made is prepared, and the
methods below are written flat on purpose. Measured side by side in `benchmarks/test_esp.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from nsemu.config.algorithms import Encryption, Integrity
from nsemu.ipsec.encapsulation import DF, TTL, renewed_checksum, with_protocol
from nsemu.ipsec.sa import (
    MAXIMUM_SEQUENCE,
    DfBit,
    InboundSa,
    IpsecFailure,
    Octets,
    OutboundSa,
    SaMode,
    SaParameters,
)
from nsemu.runtime.crypto.ciphers import CbcDecryptor, CbcEncryptor, Update, unpredictable_blocks
from nsemu.runtime.crypto.integrity import HashState, HmacState, same
from nsemu.sim.entropy import Stream
from nsemu.sim.scheduler import Instant

_ESP: Final = 50
_TTL_AND_PROTOCOL: Final = TTL << 8 | _ESP
_IPV4_IN_IPSEC: Final = 4  # next header of tunnel mode
_HEADERS: Final = 28  # outer IPv4 and ESP

# version and ToS, total length, identification, flags, TTL and protocol, checksum, addresses and SPI, sequence number
_pack_headers: Final = Struct("!HHHHHH12sI").pack
_pack_esp: Final = Struct("!II").pack
_unpack_sequence: Final = Struct("!I").unpack_from
_join: Final = b"".join

# Padding 1, 2, 3 …, its length, the next header (RFC 4303 §2.4), by padding length.
_TAILS: Final = tuple(bytes(range(1, size + 1)) + bytes((size, _IPV4_IN_IPSEC)) for size in range(256))


def _alignment(encryption: Encryption) -> int:
    """Octets to which text and trailer are padded: the cipher's block, and never less than 4 (RFC 4303 §2.4)."""
    return max(encryption.block_size, 4)


# The tail for a packet by its size modulo the alignment.
_TAILS_BY_RESIDUE: Final = {
    alignment: tuple(_TAILS[-(size + 2) % alignment] for size in range(alignment)) for alignment in (4, 8, 16)
}


class EspOutbound(OutboundSa):
    """Seals packets. `stream` gives the key for the IVs and the first identification, nothing later."""

    __slots__ = (
        "_addresses_and_spi",
        "_alignment_mask",
        "_copy_df",
        "_copy_inner",
        "_copy_outer",
        "_fixed_sum",
        "_flags",
        "_hmac",
        "_icv_size",
        "_identification",
        "_longest",
        "_next_block",
        "_overhead",
        "_room",
        "_tails",
        "_tos",
        "_transport",
        "_update",
    )

    def __init__(self, parameters: SaParameters, stream: Stream, now: Instant = 0) -> None:
        super().__init__(parameters, now)
        alignment = _alignment(parameters.encryption)
        self._alignment_mask = alignment - 1
        self._tails = _TAILS_BY_RESIDUE[alignment]
        self._transport = parameters.mode is SaMode.TRANSPORT
        self._icv_size = parameters.integrity.icv_size
        self._overhead = _HEADERS + self._icv_size
        iv_size = 0 if parameters.encryption is Encryption.NULL else alignment
        self._longest = (0xFFFF - self._overhead - iv_size) // alignment * alignment - 2
        self._room = 0xFFFF
        self._prepare_outer_header(parameters, stream)
        self._prepare_algorithms(parameters, stream)

    def _prepare_outer_header(self, parameters: SaParameters, stream: Stream) -> None:
        addresses = parameters.local.to_bytes(4, "big") + parameters.peer.to_bytes(4, "big")
        self._addresses_and_spi = addresses + parameters.spi.to_bytes(4, "big")
        self._prepare_flags()
        # The sequence number, offset, serves as the identification: unique for 65536 packets (RFC 791 §3.2).
        self._identification = stream.integer(0, 0xFFFF)

    def _prepare_flags(self) -> None:
        self._tos = self.parameters.tos
        self._copy_df = self.parameters.df is DfBit.COPY
        self._flags = DF if self.parameters.df is DfBit.SET else 0
        # 2**16 = 1 (mod 0xffff), so the eight octets of addresses count as one number.
        addresses = int.from_bytes(self._addresses_and_spi[:8], "big")
        self._fixed_sum = 0x4500 + self._flags + _TTL_AND_PROTOCOL + addresses % 0xFFFF

    def set_marks(self, df: DfBit, dscp: int | None) -> None:
        """Write the DF bit and the ToS octet otherwise from the next packet on."""
        super().set_marks(df, dscp)
        self._prepare_flags()

    def _prepare_algorithms(self, parameters: SaParameters, stream: Stream) -> None:
        self._update: Update | None = None
        if parameters.encryption is not Encryption.NULL:
            self._update = CbcEncryptor(parameters.encryption, parameters.encryption_key).update
            self._next_block = unpredictable_blocks(stream, parameters.encryption.block_size).__next__
        self._hmac: HmacState | None = None
        self._copy_inner: Callable[[], HashState] | None = None
        if parameters.integrity is not Integrity.NULL:
            self._hmac = HmacState(parameters.integrity, parameters.integrity_key)
            self._copy_inner, self._copy_outer = self._hmac.copy_inner, self._hmac.copy_outer

    def longest_inner(self, mtu: int) -> int:
        """The longest packet whose protected form has at most `mtu` octets (in transport mode with a plain header)."""
        iv_size = 0 if self._update is None else self._alignment_mask + 1
        room = mtu - self._overhead - iv_size
        return room - (room & self._alignment_mask) - 2 + 20 * self._transport

    def seal(self, packet: Octets) -> bytes | IpsecFailure:
        """An inner IPv4 packet → the whole outer packet: local → peer, ToS copied (RFC 2401 §5.1.2.1), TTL 64.

        In transport mode the packet's own header stays in front (B020).
        """
        if self._transport:
            return self._seal_transport(packet)
        sequence = self.sequence + 1
        size = len(packet)
        if self.octets >= self.hard_octets or sequence > MAXIMUM_SEQUENCE or size > self._longest:
            return self._refusal(size, self._longest)
        self.sequence = sequence
        self.octets += size

        tail = self._tails[size & self._alignment_mask]
        if self._update is not None:
            # One context serves the SA's life: the enciphered random block is the IV (see CbcEncryptor).
            body = self._update(_join((self._next_block(), packet, tail)))
        else:
            body = _join((packet, tail))

        tos = self._tos[packet[1]]
        total = len(body) + self._overhead
        identification = (sequence + self._identification) & 0xFFFF
        flags = packet[6] << 8 & DF if self._copy_df else self._flags
        # -x % 0xffff is the complement of the folded sum, and 0 rather than 0xffff as x is never 0 (RFC 1071).
        headers = _pack_headers(
            0x4500 | tos,
            total,
            identification,
            flags,
            _TTL_AND_PROTOCOL,
            -(self._fixed_sum + tos + total + identification + (flags if self._copy_df else 0)) % 0xFFFF,
            self._addresses_and_spi,
            sequence,
        )
        if self._copy_inner is None:
            return headers + body
        # HmacState.digest, written out.
        inner = self._copy_inner()
        inner.update(headers[20:])
        inner.update(body)
        outer = self._copy_outer()
        outer.update(inner.digest())
        return _join((headers, body, outer.digest()[: self._icv_size]))

    def _seal_transport(self, packet: Octets) -> bytes | IpsecFailure:
        size = (packet[0] & 15) * 4
        pad = -(len(packet) - size + 2) & self._alignment_mask
        text = _join((packet[size:], _TAILS[pad][:-1], packet[9:10]))
        iv_size = 0 if self._update is None else self._alignment_mask + 1
        total = size + 8 + iv_size + len(text) + self._icv_size
        if self.octets >= self.hard_octets or self.sequence >= MAXIMUM_SEQUENCE or total > self._room:
            return self._refusal(total, self._room)
        self.sequence += 1
        self.octets += len(packet)
        body = text if self._update is None else self._update(self._next_block() + text)
        esp = _pack_esp(self.spi, self.sequence) + body
        icv = self._hmac.digest(esp)[: self._icv_size] if self._hmac is not None else b""
        return _join((with_protocol(packet[:size], total, _ESP), esp, icv))


class EspInbound(InboundSa):
    """Opens packets. The order is the book's: length, replay window, authentication, decryption (B160 to B162)."""

    __slots__ = (
        "_alignment_mask",
        "_copy_inner",
        "_copy_outer",
        "_icv_size",
        "_iv_size",
        "_shortest",
        "_transport",
        "_update",
    )

    def __init__(self, parameters: SaParameters, now: Instant = 0) -> None:
        super().__init__(parameters, now)
        alignment = _alignment(parameters.encryption)
        self._alignment_mask = alignment - 1
        self._transport = parameters.mode is SaMode.TRANSPORT
        self._icv_size = parameters.integrity.icv_size
        self._iv_size = 0 if parameters.encryption is Encryption.NULL else alignment
        # The least a peer can send: an IV and, with its trailer, a 20-octet packet (or nothing, in transport mode).
        least = 2 if self._transport else 20 + 2
        self._shortest = self._iv_size - -least // alignment * alignment
        self._update: Update | None = None
        if parameters.encryption is not Encryption.NULL:
            self._update = CbcDecryptor(parameters.encryption, parameters.encryption_key).update
        self._copy_inner: Callable[[], HashState] | None = None
        if parameters.integrity is not Integrity.NULL:
            state = HmacState(parameters.integrity, parameters.integrity_key)
            self._copy_inner, self._copy_outer = state.copy_inner, state.copy_outer

    def open(self, datagram: Octets, offset: int = 20) -> bytes | IpsecFailure:
        """An outer IPv4 packet with its ESP header at `offset` → the inner packet, or why there is none.

        In transport mode the inner packet is the outer header, as if it had never been changed, and the payload; in UDP
        its checksum is that of the addresses which NAT has made (RFC 3948 §3.1.2).
        """
        if self.octets >= self.hard_octets:
            return self._fail(IpsecFailure.EXPIRED)
        start = offset + 8
        end = len(datagram) - self._icv_size
        # Whole blocks only: a fraction would stay in the cipher's context and shift all later packets.
        if end - start < self._shortest or (end - start) & self._alignment_mask:
            return self._fail(IpsecFailure.MALFORMED)

        (sequence,) = _unpack_sequence(datagram, offset + 4)
        window = self.window
        if window is not None and sequence != window.next and not window.allows(sequence):
            return self._fail(IpsecFailure.REPLAY)

        if self._copy_inner is not None:
            inner = self._copy_inner()
            inner.update(datagram[offset:end])
            outer = self._copy_outer()
            outer.update(inner.digest())
            if not same(outer.digest()[: self._icv_size], datagram[end:]):
                return self._fail(IpsecFailure.AUTHENTICATION)

        # The first block is the deciphered IV, which means nothing.
        text = self._update(datagram[start:end]) if self._update is not None else bytes(datagram[start:end])
        if self._transport:
            restored = _restored(datagram, offset, text, self._iv_size)
            if restored is None:
                return self._fail(IpsecFailure.PADDING)
            in_udp = self.parameters.udp is not None
            packet = renewed_checksum(restored, self.parameters.originals) if in_udp else restored
        else:
            tail = _TAILS[text[-2]]
            stop = len(text) - len(tail)
            if not text.endswith(tail) or stop < self._iv_size + 20:
                return self._fail(IpsecFailure.PADDING if text[-1] == _IPV4_IN_IPSEC else IpsecFailure.NEXT_HEADER)
            packet = text[self._iv_size : stop]

        if window is not None:
            if sequence == window.next:
                window.next = sequence + 1
            else:
                window.accept(sequence)
        self.packets += 1
        self.octets += len(packet)
        return packet


def _restored(datagram: Octets, offset: int, text: bytes, iv_size: int) -> bytes | None:
    """The packet of transport mode: the datagram's own header before the deciphered payload; None for bad padding."""
    tail = _TAILS[text[-2]][:-1]
    stop = len(text) - 1 - len(tail)
    size = (datagram[0] & 15) * 4
    if not 20 <= size <= offset or not text.endswith(tail, 0, -1) or stop < iv_size:
        return None
    return with_protocol(datagram[:size], size + stop - iv_size, text[-1]) + text[iv_size:stop]
