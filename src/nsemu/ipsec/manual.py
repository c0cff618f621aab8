"""Keys made from passwords for manual key SAs (Vol. 5, "Manual Key"; B025, B213).

The device's own function is not documented. This one is deterministic, so that equal passwords give equal keys at both
ends, and separates the two purposes: block i of a key is HMAC-SHA-1(password, purpose ‖ i), i a single octet from 1.
"""

from __future__ import annotations

from nsemu.config.algorithms import Integrity
from nsemu.runtime.crypto.integrity import HmacState

ENCRYPTION_PURPOSE = b"encryption"
INTEGRITY_PURPOSE = b"authentication"


def key_from_password(password: str, purpose: bytes, size: int) -> bytes:
    """`size` octets of key. Parity bits of DES keys are not set: no DES implementation looks at them."""
    state = HmacState(Integrity.SHA1, password.encode())
    key = b""
    block = 0
    while len(key) < size:
        block += 1
        key += state.digest(purpose + bytes((block,)))
    return key[:size]
