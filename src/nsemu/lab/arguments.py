"""The words after a command of a host or router: one positional word or more, then options in keyword or dash form.

A command that cannot be understood raises CommandRefused before anything has happened.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nsemu.sim.scheduler import SECOND, Duration
from nsemu.wire.address import AddressError, parse_ipv4


class CommandRefused(ValueError):
    """A command of a host, router or switch that is not understood; the message says which word and why."""


@dataclass(frozen=True, slots=True)
class Option:
    """`field` names the value. `convert` reads the word that follows (ValueError refuses it); a flag has none."""

    field: str
    convert: Callable[[str], Any] | None = None


def parse_arguments(
    words: Sequence[str], options: Mapping[str, Option], positional: Sequence[str]
) -> tuple[list[str], dict[str, Any]]:
    """Words → the positional ones and option values by field. `positional` names those that must be there."""
    rest = list(words)
    plain: list[str] = []
    values: dict[str, Any] = {}
    while rest:
        word = rest.pop(0)
        option = options.get(word)
        if option is not None:
            values[option.field] = _value(word, option, rest)
        elif len(plain) < len(positional):
            plain.append(word)
        else:
            raise CommandRefused(f"unknown option {word!r}{suggestion(word, options)}")
    if len(plain) < len(positional):
        raise CommandRefused(f"{positional[len(plain)]} is missing")
    return plain, values


def _value(word: str, option: Option, rest: list[str]) -> Any:
    if option.convert is None:
        return True
    if not rest:
        raise CommandRefused(f"option {word} needs a value")
    text = rest.pop(0)
    try:
        return option.convert(text)
    except ValueError as error:
        raise CommandRefused(f"option {word}: {error}") from None


def suggestion(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """`"; did you mean 'count'?"`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def address(text: str) -> int:
    """An IPv4 address. Raises CommandRefused."""
    try:
        return parse_ipv4(text)
    except AddressError as error:
        raise CommandRefused(str(error)) from None


def number(low: int, high: int) -> Callable[[str], int]:
    """A converter for whole numbers, both ends included."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is no number from {low} to {high}")
        return int(text)

    return convert


def seconds(text: str) -> Duration:
    """A converter for a length of time in seconds, 0.001 to 86400, to nanoseconds."""
    whole, _, decimals = text.partition(".")
    digits = whole + decimals
    if not (digits.isascii() and digits.isdigit()) or len(decimals) > 9:
        raise ValueError(f"{text!r} is no number of seconds")
    duration = int(whole or "0") * SECOND + int(decimals.ljust(9, "0"))
    if not SECOND // 1000 <= duration <= 86400 * SECOND:
        raise ValueError(f"{text!r} is not from 0.001 to 86400 seconds")
    return duration
