"""What a tunnel secret is for: proofs of knowing it, and hidden values (RFC 2661 §4.3, §5.1.1)."""

from __future__ import annotations

from nsemu.config.algorithms import Integrity
from nsemu.runtime.crypto.integrity import digest
from nsemu.wire.l2tp import Avp, AvpType


def response(message_type: int, secret: str, challenge: bytes) -> bytes:
    """The Challenge Response that goes in a message of this type."""
    return digest(Integrity.MD5, bytes((message_type,)) + secret.encode() + challenge)


def hide(avp: Avp, secret: str, vector: bytes, padding: bytes = b"") -> Avp:
    """The attribute with its value hidden; `vector` is that of the Random Vector in front of it."""
    plain = len(avp.value).to_bytes(2, "big") + avp.value + padding
    return avp._replace(value=_cipher(plain, avp.type, secret, vector, reveal=False), hidden=True)


def reveal(avps: tuple[Avp, ...], secret: str) -> tuple[Avp, ...] | None:
    """All attributes in clear; None when one was not hidden with this secret."""
    vector, found = b"", []
    for avp in avps:
        if avp.type == AvpType.RANDOM_VECTOR and not avp.vendor:
            vector = avp.value
        if avp.hidden:
            plain = _cipher(avp.value, avp.type, secret, vector, reveal=True)
            size = int.from_bytes(plain[:2], "big")
            if not secret or not vector or len(plain) < 2 or size > len(plain) - 2:
                return None
            avp = avp._replace(value=plain[2 : 2 + size], hidden=False)  # noqa: PLW2901
        found.append(avp)
    return tuple(found)


def _cipher(text: bytes, kind: int, secret: str, vector: bytes, *, reveal: bool) -> bytes:
    key = digest(Integrity.MD5, kind.to_bytes(2, "big") + secret.encode() + vector)
    out = b""
    for start in range(0, len(text), 16):
        block = text[start : start + 16]
        changed = bytes(one ^ other for one, other in zip(block, key, strict=False))
        out += changed
        key = digest(Integrity.MD5, secret.encode() + (block if reveal else changed))
    return out
