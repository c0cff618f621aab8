"""From a typed line to words with columns, and from a name to how it is written (Vol. 5, "Naming Conventions").

B004 to B006, B009, B011: quotes hold names with blanks, outer blanks go, inner runs of blanks become one, every
character from 0x20 to 0xff but the quote is allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nsemu.cli.grammar.errors import CommandError

LONGEST_LINE: Final = 1023
"""Characters a console takes on one line."""

_BLANKS = " \t"
_RUN_OF_BLANKS = re.compile(" {2,}")
_FORBIDDEN = re.compile(r"[^\t\x20-\xff]|\x7f")


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its text without quotes, where it starts, how many columns it takes, and whether it was quoted."""

    text: str
    column: int
    width: int
    quoted: bool = False

    @property
    def end(self) -> int:
        """The column after the word."""
        return self.column + self.width


def split_words(line: str) -> list[Word]:
    """The words of a line. Raises CommandError for a bad character, a long line or quotes that do not match."""
    if len(line) > LONGEST_LINE:
        raise CommandError(
            f"line too long ({len(line)} characters, at most {LONGEST_LINE})", LONGEST_LINE, 0, last=True
        )
    bad = _FORBIDDEN.search(line)
    if bad is not None:
        raise CommandError(f"invalid character 0x{ord(bad.group()):02x}", bad.start(), 1, last=bad.end() == len(line))
    words: list[Word] = []
    at, end = 0, len(line)
    while at < end:
        if line[at] in _BLANKS:
            at += 1
            continue
        word = _quoted(line, at) if line[at] == '"' else _plain(line, at)
        words.append(word)
        at = word.end
    return words


def _plain(line: str, start: int) -> Word:
    at = start
    while at < len(line) and line[at] not in _BLANKS:
        if line[at] == '"':
            raise CommandError("unexpected quote inside a word", at, 1, last=False)
        at += 1
    return Word(line[start:at], start, at - start)


def _quoted(line: str, start: int) -> Word:
    close = line.find('"', start + 1)
    if close < 0:
        raise CommandError("missing closing quote", start, len(line) - start)
    if close + 1 < len(line) and line[close + 1] not in _BLANKS:
        raise CommandError("blank expected after the closing quote", close + 1, 1, last=close + 2 == len(line))
    return Word(tidy(line[start + 1 : close]), start, close + 1 - start, quoted=True)


def tidy(name: str) -> str:
    """A name without outer blanks and with single inner ones (B005, B006)."""
    return _RUN_OF_BLANKS.sub(" ", name.replace("\t", " ").strip(" "))


def is_writable(name: str) -> bool:
    """Whether a name survives being written between quotes and read back."""
    return not _FORBIDDEN.search(name) and '"' not in name and "\t" not in name and tidy(name) == name


def quote(name: str) -> str:
    """A name between quotes, as configurations print it."""
    return f'"{name}"'


def quote_if_needed(name: str) -> str:
    """A name between quotes when it needs them."""
    return name if name and not any(character in name for character in ' \t"|?') else quote(name)
