"""What the kernel leaves undone in frames that a packet socket reads (packet(7), PACKET_AUXDATA).

A program on this machine that sends over a veth pair leaves its checksum to a card that is not there, and a VLAN tag is
kept beside the frame. Here both are put where a wire would have them.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from nsemu.wire.checksum import checksum

AUXDATA_SIZE: Final = 20
_AUXDATA: Final = Struct("=IIIHHHH")
_CHECKSUM_NOT_READY: Final = 1 << 3
_VLAN_VALID: Final = 1 << 4
_VLAN_TPID_VALID: Final = 1 << 6
_TPID: Final = 0x8100

_HEADER: Final = 14
_TYPE_IPV4: Final = b"\x08\x00"
_PLACES: Final = {6: 16, 17: 6}
"""Where TCP and UDP have their checksum."""


def finished(frame: bytes, auxdata: bytes) -> bytes:
    """The frame as it would be on a wire. `auxdata` is the control message; a short one says nothing."""
    if len(auxdata) < AUXDATA_SIZE:
        return frame
    status, _, _, _, _, tag, tpid = _AUXDATA.unpack(auxdata[:AUXDATA_SIZE])
    if status & _CHECKSUM_NOT_READY:
        frame = with_checksum(frame)
    if status & _VLAN_VALID:
        kind = tpid if status & _VLAN_TPID_VALID else _TPID
        frame = frame[:12] + kind.to_bytes(2) + tag.to_bytes(2) + frame[12:]
    return frame


def with_checksum(frame: bytes) -> bytes:
    """The frame with the checksum of its TCP or UDP segment; any other, and a fragment, as it is."""
    header = frame[_HEADER:]
    if frame[12:14] != _TYPE_IPV4 or len(header) < 20:
        return frame
    start, end = (header[0] & 15) * 4, int.from_bytes(header[2:4])
    place = _PLACES.get(header[9])
    is_fragment = int.from_bytes(header[6:8]) & 0x3FFF
    if place is None or is_fragment or not start + place + 2 <= end <= len(header):
        return frame
    segment = bytearray(header[start:end])
    segment[place : place + 2] = b"\0\0"
    pseudo = header[12:20] + bytes((0, header[9])) + len(segment).to_bytes(2)
    value = checksum(pseudo + bytes(segment)) or 0xFFFF
    segment[place : place + 2] = value.to_bytes(2)
    return frame[: _HEADER + start] + bytes(segment) + header[end:]
