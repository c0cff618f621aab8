"""Argument types: each owns how its values are read, written, completed and hinted at.

Law, tested for every type: `parse(show(value)) == value`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from nsemu.cli.grammar.errors import InvalidWordError
from nsemu.cli.grammar.nodes import Arguments
from nsemu.cli.grammar.words import Word, quote, quote_if_needed
from nsemu.config.device import DeviceConfig
from nsemu.config.editor import Editor
from nsemu.wire.address import AddressError, Prefix, format_ipv4, parse_ipv4

V = TypeVar("V")

Reading = DeviceConfig | Editor
"""A configuration to read from, finished or under edit."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an argument can look at while it is read: the configuration, and the arguments before it."""

    config: Reading
    arguments: Arguments


class ArgumentType(ABC, Generic[V]):
    """How one kind of value is read and written. `hint` is what help prints for it."""

    __slots__ = ()
    hint: str

    @abstractmethod
    def parse(self, word: Word, scope: Scope) -> V:
        """The value of a word. Raises InvalidWordError."""

    @abstractmethod
    def show(self, value: V) -> str:
        """The word, quoted where configurations quote it, that reads back as the value."""

    def complete(self, _scope: Scope) -> Iterable[str]:
        """The values that exist; none unless the type knows better."""
        return ()


@dataclass(frozen=True, slots=True)
class NumberType(ArgumentType[int]):
    """A decimal number from `low` to `high`."""

    low: int
    high: int
    hint: str = "<number>"

    def parse(self, word: Word, _scope: Scope) -> int:
        """Decimal digits within the bounds, with a sign where they allow one."""
        text = word.text
        digits = text[1:] if text.startswith("-") and self.low < 0 else text
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
            raise InvalidWordError(f"invalid number {text} (<{self.low}-{self.high}> expected)")
        value = int(text)
        if not self.low <= value <= self.high:
            raise InvalidWordError(f"value {text} out of range (<{self.low}-{self.high}> expected)")
        return value

    def show(self, value: int) -> str:
        """Decimal digits."""
        return str(value)


@dataclass(frozen=True, slots=True)
class RangeType(ArgumentType[tuple[int, int]]):
    """`LOW-HIGH`, or one number for both."""

    low: int
    high: int
    hint: str = "<number-number>"

    def parse(self, word: Word, scope: Scope) -> tuple[int, int]:
        """Two numbers within the bounds, the first not above the second."""
        first, dash, second = word.text.partition("-")
        numbers = NumberType(self.low, self.high)
        low = numbers.parse(Word(first, word.column, len(first)), scope)
        high = numbers.parse(Word(second, word.column, len(second)), scope) if dash else low
        if low > high:
            raise InvalidWordError(f"invalid range {word.text} ({low} is above {high})")
        return low, high

    def show(self, value: tuple[int, int]) -> str:
        """`LOW-HIGH`."""
        return f"{value[0]}-{value[1]}"


@dataclass(frozen=True, slots=True)
class AddressType(ArgumentType[int]):
    """An IPv4 address."""

    hint: str = "<a.b.c.d>"

    def parse(self, word: Word, _scope: Scope) -> int:
        """A dotted quad."""
        try:
            return parse_ipv4(word.text)
        except AddressError:
            raise InvalidWordError(f"invalid IP address {word.text} (<a.b.c.d> expected)") from None

    def show(self, value: int) -> str:
        """A dotted quad."""
        return format_ipv4(value)


@dataclass(frozen=True, slots=True)
class PrefixType(ArgumentType[Prefix]):
    """An address with its mask. With `host_bits` the host part is kept, otherwise it is cleared."""

    host_bits: bool = False
    hint: str = "<a.b.c.d/n>"

    def parse(self, word: Word, _scope: Scope) -> Prefix:
        """`A.B.C.D/LENGTH` or `A.B.C.D/MASK`."""
        try:
            prefix = Prefix.parse(word.text)
        except AddressError:
            raise InvalidWordError(f"invalid address {word.text} (<a.b.c.d/n> expected)") from None
        return prefix if self.host_bits else prefix.network

    def show(self, value: Prefix) -> str:
        """`A.B.C.D/LENGTH`."""
        return str(value)


_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")


def is_domain_name(text: str) -> bool:
    """Whether a text can be a domain name: dotted labels, and no failed attempt at an address."""
    if len(text) > 255 or _DIGITS_AND_DOTS.fullmatch(text):
        return False
    return all(len(label) <= 63 and _LABEL.fullmatch(label) for label in text.split("."))


@dataclass(frozen=True, slots=True)
class HostType(ArgumentType[str]):
    """An IPv4 address or a domain name, as text."""

    hint: str = "<a.b.c.d> or <domain>"

    def parse(self, word: Word, _scope: Scope) -> str:
        """A dotted quad or a domain name."""
        if word.text.replace(".", "").isdigit():
            try:
                parse_ipv4(word.text)
            except AddressError:
                raise InvalidWordError(f"invalid IP address {word.text} (<a.b.c.d> expected)") from None
        elif not is_domain_name(word.text):
            raise InvalidWordError(f"invalid host {word.text} (<a.b.c.d> or domain name expected)")
        return word.text

    def show(self, value: str) -> str:
        """The text."""
        return value


@dataclass(frozen=True, slots=True)
class TextType(ArgumentType[str]):
    """A text of up to `longest` characters; `pattern` limits its characters and says so as `what`.

    Printed as typed, quoted only when it must be, or always with `quoted`.
    """

    longest: int
    pattern: str = ""
    what: str = ""
    quoted: bool = False
    empty: bool = False
    hint: str = "<string>"

    def parse(self, word: Word, _scope: Scope) -> str:
        """The text of the word."""
        text = word.text
        if not text and not self.empty:
            raise InvalidWordError('empty name ""')
        if len(text) > self.longest:
            raise InvalidWordError(f"name {text} too long (at most {self.longest} characters)")
        if self.pattern and not re.fullmatch(self.pattern, text, re.ASCII):
            raise InvalidWordError(f"invalid name {text} ({self.what} expected)")
        return text

    def show(self, value: str) -> str:
        """The text, quoted as said."""
        return quote(value) if self.quoted else quote_if_needed(value)


@dataclass(frozen=True, slots=True)
class NameType(ArgumentType[str]):
    """The name of an object that a command makes or changes; case-sensitive (B007), printed between quotes.

    `existing` gives the names that completion offers.
    """

    longest: int = 31
    existing: Callable[[Scope], Iterable[str]] | None = None
    hint: str = "<string>"

    def parse(self, word: Word, _scope: Scope) -> str:
        """The name, unless it is empty or too long."""
        text = word.text
        if not text:
            raise InvalidWordError('empty name ""')
        if len(text) > self.longest:
            raise InvalidWordError(f"name {text} too long (at most {self.longest} characters)")
        return text

    def show(self, value: str) -> str:
        """The name between quotes."""
        return quote(value)

    def complete(self, scope: Scope) -> Iterable[str]:
        """The existing names."""
        return () if self.existing is None else self.existing(scope)


@dataclass(frozen=True, slots=True)
class ReferenceType(ArgumentType[str]):
    """The name of an object that exists. `resolve` finds the one that a text means, where case does not matter.

    A name that means nothing is kept as typed: the command then says what is missing. `names` are offered by TAB.
    """

    resolve: Callable[[Scope, str], str | None]
    names: Callable[[Scope], Iterable[str]]
    longest: int = 31
    hint: str = "<string>"

    def parse(self, word: Word, scope: Scope) -> str:
        """The name as the configuration writes it."""
        text = word.text
        if not text:
            raise InvalidWordError('empty name ""')
        if len(text) > self.longest:
            raise InvalidWordError(f"name {text} too long (at most {self.longest} characters)")
        return self.resolve(scope, text) or text

    def show(self, value: str) -> str:
        """The name between quotes."""
        return quote(value)

    def complete(self, scope: Scope) -> Iterable[str]:
        """The existing names."""
        return self.names(scope)
