"""pcapng capture files, written block by block (draft-ietf-opsawg-pcapng). Little endian, times in nanoseconds."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

LINKTYPE_ETHERNET: Final = 1

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_PACKET: Final = 6
_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_UNKNOWN_LENGTH: Final = -1

_OPT_COMMENT: Final = 1
_SHB_USERAPPL: Final = 4
_IF_NAME: Final = 2
_IF_DESCRIPTION: Final = 3
_IF_TSRESOL: Final = 9
_EPB_FLAGS: Final = 2

_NANOSECONDS: Final = bytes([9])
_INBOUND: Final = 1
_OUTBOUND: Final = 2


def section_header(*, application: str = "nsemu", comments: Sequence[str] = ()) -> bytes:
    """The block that a file begins with."""
    fixed = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, _UNKNOWN_LENGTH)
    options = [*_comments(comments), (_SHB_USERAPPL, application.encode())]
    return _block(_SECTION, fixed + _options(options))


def interface_block(name: str, *, description: str = "", snap_length: int = 0, comments: Sequence[str] = ()) -> bytes:
    """Declares an Ethernet interface; the first of a file has identifier 0. A snap length of 0 is no limit."""
    options = [*_comments(comments), (_IF_NAME, name.encode())]
    if description:
        options.append((_IF_DESCRIPTION, description.encode()))
    options.append((_IF_TSRESOL, _NANOSECONDS))
    return _block(_INTERFACE, struct.pack("<HHI", LINKTYPE_ETHERNET, 0, snap_length) + _options(options))


def packet_block(
    interface_id: int, time_ns: int, frame: bytes, *, outbound: bool | None = None, comments: Sequence[str] = ()
) -> bytes:
    """One frame. `outbound` tells whether the interface sent or received it, None leaves that open."""
    size = len(frame)
    fixed = struct.pack("<IIIII", interface_id, time_ns >> 32, time_ns & 0xFFFFFFFF, size, size)
    options = _comments(comments)
    if outbound is not None:
        options.append((_EPB_FLAGS, struct.pack("<I", _OUTBOUND if outbound else _INBOUND)))
    return _block(_PACKET, fixed + frame + bytes(-size % 4) + _options(options))


def _comments(comments: Sequence[str]) -> list[tuple[int, bytes]]:
    return [(_OPT_COMMENT, comment.encode()) for comment in comments]


def _options(options: Sequence[tuple[int, bytes]]) -> bytes:
    """The options area; empty when there are none, else closed by end-of-options."""
    if not options:
        return b""
    parts = [struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options]
    return b"".join(parts) + bytes(4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
