"""What a console command yields while it runs: text, waits, and questions to the person at the console.

A driver (batch run, terminal) prints the text, lets time pass, and answers the questions with `send`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from nsemu.sim.scheduler import Scheduler
from nsemu.sim.wait import Wait, satisfy


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt that one key answers. `keys` are the keys it knows, in lower case; any other means `default`."""

    text: str
    default: str
    keys: str = "yn"

    def answer(self, key: str) -> str:
        """What a pressed key means."""
        key = key.lower()
        return key if key and key in self.keys else self.default


MORE = Question("--- more ---", " ", " \r\nq")
"""The pager's question: a blank for a page, return for a line, `q` to stop."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A prompt that a line answers; a `secret` one is not echoed."""

    text: str
    secret: bool = False


Item = str | Wait | Question

Dialogue = Generator[Item, str | None, None]
"""A running command. `send` the answer after a question, None after anything else."""


def say(text: str) -> Dialogue:
    """A dialogue that prints one text."""
    yield text


def run_dialogue(
    dialogue: Dialogue, scheduler: Scheduler, answer: Callable[[Question], str] = lambda question: question.default
) -> str:
    """Drive a command to its end in virtual time, as batch runs do, and return all it printed.

    Questions and the answers given to them are part of the text.
    """
    pieces: list[str] = []
    reply: str | None = None
    while True:
        try:
            item = dialogue.send(reply)
        except StopIteration:
            return "".join(pieces)
        reply = None
        if isinstance(item, Wait):
            satisfy(item, scheduler)
        elif isinstance(item, Question):
            reply = answer(item)
            pieces.append(f"{item.text}{reply}\n")
        else:
            pieces.append(item)
