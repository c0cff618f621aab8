"""Administrator passwords as a configuration holds them: the 30-character ScreenOS hash.

MD5 over `USER:Administration Tools:PASSWORD`, six bits a character, with the letters n r c s t n at fixed places; the
factory line of screenos-cli §4.2 is its test vector.
"""

from __future__ import annotations

import hashlib
import re

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MARKS = ((0, "n"), (6, "r"), (12, "c"), (17, "s"), (23, "t"), (29, "n"))
_HASH = re.compile(r"n[\w+/]{5}r[\w+/]{5}c[\w+/]{4}s[\w+/]{5}t[\w+/]{5}n", re.ASCII)


def password_hash(user: str, password: str) -> str:
    """The hash of a password; the user's name is its salt."""
    digest = hashlib.md5(f"{user}:Administration Tools:{password}".encode(), usedforsecurity=False).digest()
    text = ""
    for index in range(0, 16, 2):
        word = digest[index] << 8 | digest[index + 1]
        text += _ALPHABET[word >> 12 & 15] + _ALPHABET[word >> 6 & 63] + _ALPHABET[word & 63]
    for place, mark in _MARKS:
        text = text[:place] + mark + text[place:]
    return text


def is_password_hash(text: str) -> bool:
    """Whether a text has the form of a hash; a password given so is taken as already hashed."""
    return _HASH.fullmatch(text) is not None
