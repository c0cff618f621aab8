"""The two ways a typed line can be wrong, before anything is done with it."""

from __future__ import annotations


class InvalidWordError(ValueError):
    """A word that the type of its argument refuses; the message says what would be right."""


class CommandError(ValueError):
    """A line that is no command. `column` is where the offending word starts, `length` how long it is.

    `last` tells whether nothing follows the word, which the length of the printed marker depends on.
    """

    def __init__(self, message: str, column: int, length: int, *, last: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.length = length
        self.last = last

    def marker(self, indent: int) -> str:
        """The line that a console prints under the command; `indent` is the length of the prompt.

        screenos-cli §4.3: the dashes are the length of the word + 2 when it is the last one; with more text after
        it the two known captures (6 for 3, 9 for 5) are met by half as much again.
        """
        dashes = self.length + 2 if self.last else 3 * (self.length + 1) // 2
        return f"{' ' * (indent + self.column)}^{'-' * dashes}{self.message}"
