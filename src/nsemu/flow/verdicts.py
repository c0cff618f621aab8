"""What a packet's fate is called when IPsec refuses to protect it."""

from __future__ import annotations

from nsemu.ipsec.sa import IpsecFailure
from nsemu.runtime.drop import DropReason

SEAL_FAILURES = {
    IpsecFailure.EXHAUSTED: DropReason.SEQUENCE_EXHAUSTED,
    IpsecFailure.EXPIRED: DropReason.SA_INACTIVE,
    IpsecFailure.TOO_LONG: DropReason.FRAGMENTATION_NEEDED,
}
