"""Key files with which tshark and Wireshark decrypt a capture: rows as text, nothing is written here.

Row formats are those of the user tables `esp_sa` and `ikev1_decryption_table` (files of these names in a profile, or
`-o uat:NAME:ROW` on the command line). Algorithm names are Wireshark's own and must match to the letter.
"""

from __future__ import annotations

from typing import Final

from nsemu.config.algorithms import Encryption, Integrity, IpsecProtocol
from nsemu.ipsec.sa import SaParameters
from nsemu.wire.address import format_ipv4

ESP_TABLE: Final = "esp_sa"
IKE_TABLE: Final = "ikev1_decryption_table"

ESP_OPTIONS: Final = ("esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE")
"""Preferences that have the rows used: decrypt, and check the ICV. For `-o`."""

_ENCRYPTION_NAMES: Final = {
    Encryption.NULL: "NULL",
    Encryption.DES: "DES-CBC [RFC2405]",
    Encryption.TRIPLE_DES: "TripleDES-CBC [RFC2451]",
    Encryption.AES128: "AES-CBC [RFC3602]",
    Encryption.AES192: "AES-CBC [RFC3602]",
    Encryption.AES256: "AES-CBC [RFC3602]",
}
_INTEGRITY_NAMES: Final = {
    Integrity.NULL: "NULL",
    Integrity.MD5: "HMAC-MD5-96 [RFC2403]",
    Integrity.SHA1: "HMAC-SHA-1-96 [RFC2404]",
    Integrity.SHA2_256: "HMAC-SHA-256-128 [RFC4868]",
}


def _hexadecimal(key: bytes) -> str:
    return f"0x{key.hex()}" if key else ""


def esp_row(parameters: SaParameters, *, outbound: bool) -> str | None:
    """The `esp_sa` row for one SA; `outbound` tells whether it sends local → peer or receives. None for AH."""
    if parameters.protocol is not IpsecProtocol.ESP:
        return None
    ends = (parameters.local, parameters.peer) if outbound else (parameters.peer, parameters.local)
    source, destination = map(format_ipv4, ends)
    if parameters.udp is not None:
        source = destination = "*"  # NAT changes them on the way
    fields = (
        "IPv4",
        source,
        destination,
        f"0x{parameters.spi:08x}",
        _ENCRYPTION_NAMES[parameters.encryption],
        _hexadecimal(parameters.encryption_key),
        _INTEGRITY_NAMES[parameters.integrity],
        _hexadecimal(parameters.integrity_key),
    )
    return ",".join(f'"{field}"' for field in fields)


def ike_row(initiator_cookie: bytes, encryption_key: bytes) -> str:
    """The `ikev1_decryption_table` row of one Phase 1 SA: cookie of the initiator (8 octets) and encryption key."""
    return f"{initiator_cookie.hex()},{encryption_key.hex()}"
