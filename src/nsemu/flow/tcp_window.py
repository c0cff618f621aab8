"""The check of TCP sequence numbers (`unset flow no-tcp-seq-check`): a segment must lie in the window of its receiver.

Each end is followed as a receiver would follow it: how far it has sent, how far it may send, and the largest window it
has announced, scaled as both agreed in their SYNs (RFC 7323 §2). The bounds are those of "Real Stateful TCP Packet
Filtering in IP Filter" (G. van Rooij, 2000). All numbers are those that the server sees, so a connection whose text an
ALG edits, or which the TCP proxy joined, is followed like any other. What began before the device saw it passes.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from nsemu.flow.session import ACK, FIN, RST, SYN

_HEADER: Final = Struct("!IIBBH")
"""Sequence, acknowledgment, data offset, flags, window: what follows the ports."""
_NUMBERS: Final = Struct("!IIBxH")
"""The same without the flags."""
_MASK: Final = 0xFFFFFFFF
_HALF: Final = 0x80000000
_OLDEST_ACK: Final = 66_000
"""How far an acknowledgment may lag behind: a window without scaling, and some."""
_LARGEST_SHIFT: Final = 14  # RFC 7323 §2.3


class _End:
    """One end: `sent` is the number after the last it sent, `limit` the one after the last it may send.

    `window` is the largest it announced, scaled, `announced` its latest as it stood in the segment; `last` is the
    number of its latest segment, `acknowledged` the latest it acknowledged.
    """

    __slots__ = ("acknowledged", "announced", "last", "limit", "scale", "sent", "window")

    def __init__(self, sent: int, limit: int, window: int, scale: int) -> None:
        self.sent = sent & _MASK
        self.limit = limit & _MASK
        self.window = window
        self.scale = scale
        self.last = self.sent
        self.acknowledged = 0
        self.announced = -1


class TcpWindow:
    """The sequence numbers of one connection. `_forth` and `_back` are (sender, receiver) of each direction."""

    __slots__ = ("_back", "_forth", "_request")

    def __init__(self) -> None:
        self._request: tuple[int, int, int | None] | None = None
        self._forth: tuple[_End, _End] | None = None
        self._back: tuple[_End, _End] | None = None

    @property
    def scales(self) -> tuple[int, int]:
        """By how many bits the client's and the server's windows are shifted: both 0 unless both agreed."""
        return (self._forth[0].scale, self._forth[1].scale) if self._forth is not None else (0, 0)

    def refuses(self, packet: bytes | bytearray, at: int, forward: bool) -> str:
        """Why a segment, whose header is at `at`, may not pass; "" when it may. What passes is remembered."""
        sequence, acknowledgment, offset, flags, window = _HEADER.unpack_from(packet, at + 4)
        end = sequence + len(packet) - at - (offset >> 4 << 2)
        if flags & (SYN | FIN):
            end += 1
            if flags & SYN and self._shakes_hands(packet, at, forward):
                return ""
        ends = self._forth if forward else self._back
        if ends is None:
            return ""
        sender, receiver = ends
        # Signed distances modulo 2**32; each must not be negative.
        if ((sender.limit - sequence + _HALF) & _MASK) - _HALF < 0:
            return f"sequence {sequence} is beyond the window, which ends at {sender.limit & _MASK}"
        if ((end - sender.sent + receiver.window + _HALF) & _MASK) - _HALF < 0:
            return f"sequence {sequence} is before the window, which begins at {sender.sent - receiver.window & _MASK}"
        if flags & ACK:
            lag = ((receiver.sent - acknowledgment + _HALF) & _MASK) - _HALF
            if lag < 0:
                return f"acknowledges {acknowledgment}, sent is {receiver.sent & _MASK}"
            if lag > max(_OLDEST_ACK, sender.window):
                return f"acknowledges {acknowledgment}, long ago"
            sender.announced = window
            window <<= sender.scale
            sender.window = max(sender.window, window)
            limit = acknowledgment + window
            if ((limit - receiver.limit + _HALF) & _MASK) - _HALF > 0:
                receiver.limit = limit & _MASK
            sender.acknowledged = acknowledgment
        sender.last = sequence
        if ((end - sender.sent + _HALF) & _MASK) - _HALF > 0:
            sender.sent = end & _MASK
        return ""

    def expects(self, packet: bytes | bytearray, at: int, forward: bool) -> bool:
        """Whether a segment with ACK, but no SYN, FIN or RST, is the next or the latest again; it is remembered then.

        Most are (V. Jacobson's header prediction). `refuses` judges the others, and those whose numbers are about to
        wrap.
        """
        ends = self._forth if forward else self._back
        if ends is None:
            return False
        sender, receiver = ends
        sequence, acknowledgment, offset, window = _NUMBERS.unpack_from(packet, at + 4)
        end = sequence + len(packet) - at - (offset >> 4 << 2)
        if (sequence != sender.sent != end) or not end <= sender.limit <= _MASK:
            return False
        if acknowledgment != sender.acknowledged or window != sender.announced:
            limit = acknowledgment + (window << sender.scale)
            in_order = sender.acknowledged <= acknowledgment <= receiver.sent
            if not in_order or limit > _MASK or not -_HALF < limit - receiver.limit < _HALF:
                return False
            sender.window = max(sender.window, window << sender.scale)
            receiver.limit = max(receiver.limit, limit)
            sender.acknowledged, sender.announced = acknowledgment, window
        sender.last = sequence
        sender.sent = end
        return True

    def expects_reset(self, packet: bytes | bytearray, at: int, forward: bool) -> bool:
        """Whether a RST has the number that its sender would now use, or used last (`check tcp-rst-sequence`)."""
        ends = self._forth if forward else self._back
        if ends is None:
            return True
        sender, receiver = ends
        sequence = int.from_bytes(packet[at + 4 : at + 8], "big")
        return sequence in {sender.last & _MASK, sender.sent & _MASK, receiver.acknowledged & _MASK}

    def challenge(self, forward: bool) -> tuple[int, int, int] | None:
        """(sequence, acknowledgment, window) with which the other end would answer a segment from one end."""
        ends = self._forth if forward else self._back
        if ends is None:
            return None
        sender, receiver = ends
        return receiver.sent & _MASK, sender.sent & _MASK, receiver.window >> receiver.scale & 0xFFFF

    def _shakes_hands(self, packet: bytes | bytearray, at: int, forward: bool) -> bool:
        """Take a SYN; False for one that must be in the window like any other segment.

        A request passes always, for a client may begin anew with the same ports; only the answer to it counts.
        """
        sequence, acknowledgment, offset, flags, window = _HEADER.unpack_from(packet, at + 4)
        size = len(packet) - at - (offset >> 4 << 2) + 1
        scale = _window_scale(packet, at)
        if not flags & ACK:
            if forward:
                self._request = (sequence + size, window, scale)
            return True
        if self._request is None or forward or flags & RST:
            return self._forth is None
        sent, offered, theirs = self._request
        if acknowledgment != sent & _MASK:
            return self._forth is None
        scaled = theirs is not None and scale is not None
        client = _End(sent, acknowledgment + window, offered, theirs or 0 if scaled else 0)
        server = _End(sequence + size, sequence + 1 + offered, window, scale or 0 if scaled else 0)
        client.acknowledged, server.acknowledged = sequence + 1 & _MASK, acknowledgment
        self._forth, self._back = (client, server), (server, client)
        self._request = None
        return True


def _window_scale(packet: bytes | bytearray, at: int) -> int | None:
    """The shift of the window scale option (RFC 7323 §2.2), None without."""
    end = min(len(packet), at + (packet[at + 12] >> 4 << 2))
    position = at + 20
    while position < end:
        kind = packet[position]
        if kind == 0:
            return None
        if kind == 1:
            position += 1
            continue
        if position + 2 > end or packet[position + 1] < 2:
            return None
        if kind == 3 and packet[position + 1] == 3 and position + 3 <= end:
            return min(packet[position + 2], _LARGEST_SHIFT)
        position += packet[position + 1]
    return None
