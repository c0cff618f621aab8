"""What a command of the lab shell is, and how its words are read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nsemu.app.lab_shell.session import Refused, Session
from nsemu.cli.dialogue import Dialogue

Handler = Callable[[Session, Sequence[str]], "Dialogue | str"]
"""Takes the words after the name. Raises Refused, or another ValueError of the lab whose message is for the person."""

Completion = Callable[[Session, Sequence[str]], Iterable[str]]
"""What may stand after these words."""


def nothing(_session: Session, _words: Sequence[str]) -> Iterable[str]:
    """No completion."""
    return ()


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """One command. `forms` are its syntaxes without the name, `short` is all of them in a few words.

    `help` is one line; `detail` is shown by `help NAME` as well.
    """

    name: str
    forms: tuple[str, ...]
    help: str
    run: Handler
    complete: Completion = nothing
    detail: str = ""
    short: str = ""

    @property
    def usage(self) -> str:
        """All syntaxes, one a line."""
        return "".join(f"{self.name} {form}".rstrip() + "\n" for form in self.forms)


def read_words(text: str) -> list[str]:
    """Words as in a shell: quotes keep blanks. Raises Refused."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Refused(f"{str(error).lower()}: {text}") from None


def expect(words: Sequence[str], low: int, high: int, usage: str) -> None:
    """Check the number of words. Raises Refused, with the right syntax."""
    if not low <= len(words) <= high:
        raise Refused(f"usage: {usage}")
