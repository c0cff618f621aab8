"""The one error of the crypto façade."""

from __future__ import annotations


class CryptoError(ValueError):
    """A key, IV, text or public value that the algorithm cannot take; the message says which and why."""
