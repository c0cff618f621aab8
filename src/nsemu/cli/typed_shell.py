"""What a keyboard needs of a shell, and how TAB makes a word longer; shared by every way to type at one."""

from __future__ import annotations

from typing import Protocol

from nsemu.cli.dialogue import Dialogue


class TypedShell(Protocol):
    """What a terminal needs of a shell."""

    closed: bool
    """Whether the user has left."""

    @property
    def prompt(self) -> str:
        """What stands before the line."""

    def execute(self, line: str) -> Dialogue:
        """Run a line."""

    def help(self, text: str) -> str:
        """What `?` prints after `text`."""

    def complete(self, text: str) -> list[str]:
        """What the last word of `text` can become."""


def last_word(text: str) -> str:
    """The word that the cursor is at the end of; with its opening quote when it has one."""
    if text.count('"') % 2:
        return text[text.rindex('"') :]
    return text[max(text.rfind(" "), text.rfind("\t")) + 1 :]


def common_start(words: list[str]) -> str:
    """What all words start with, as the first of them writes it."""
    if not words:
        return ""
    columns = zip(*(word.lower() for word in words), strict=False)
    length = next((index for index, letters in enumerate(columns) if len(set(letters)) > 1), min(map(len, words)))
    return words[0][:length]


def completion(text: str, found: list[str]) -> str | None:
    """The text with its last word made longer by TAB; None when the words found leave it as it is."""
    word = last_word(text)
    longer = common_start(found)
    if len(found) == 1 and not longer.endswith("/"):
        longer += " "
    if not found or len(longer) <= len(word):
        return None
    return text[: len(text) - len(word)] + longer


def word_columns(words: list[str], width: int) -> str:
    """Words side by side, as many as fit in `width`."""
    column = max(map(len, words)) + 2
    across = max(1, width // column)
    rows = (words[start : start + across] for start in range(0, len(words), across))
    return "".join("".join(f"{word:<{column}}" for word in row).rstrip() + "\n" for row in rows)
