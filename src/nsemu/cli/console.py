"""The `device->` console: reads a line, runs it, and says what it has to say. It knows no terminal and no clock.

A driver (terminal, batch run, lab shell) takes the dialogue that `execute` returns and plays it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue, Question
from nsemu.cli.grammar.errors import CommandError
from nsemu.cli.grammar.graph import Position
from nsemu.cli.grammar.help import complete, help_rows, help_text
from nsemu.cli.grammar.nodes import Command, Leave, Setting
from nsemu.cli.grammar.parse import Parsed
from nsemu.cli.grammar.words import Word, split_words
from nsemu.cli.interpreter import Interpreter, Shell
from nsemu.cli.journal import log_changes
from nsemu.cli.output import (
    FILTER_ROOT,
    REDIRECT_ROOT,
    LineFilter,
    Redirection,
    collected,
    filtered,
    paged,
    split_at_pipe,
    split_at_redirection,
)
from nsemu.cli.transfer import store
from nsemu.config.editor import Editor
from nsemu.config.errors import ConfigError
from nsemu.wire.address import format_ipv4

if TYPE_CHECKING:
    from nsemu.device.device import Device

SAVE_QUESTION = Question("Configuration modified, save? [y]/n ", "y")
READ_ONLY = "read-only"
_BAR = ("|", "match output")
_ARROW = (">", "redirect output")


class Console:
    """One administrator's session on one device.

    `interactive` turns the pager on. `refused` tells whether the last line was not accepted; `closed` whether the
    administrator has left.
    """

    def __init__(self, device: Device, shell: Shell, *, interactive: bool = False, privilege: str = "all") -> None:
        self.device = device
        self.interactive = interactive
        self.privilege = privilege
        self.history: list[str] = []
        self.refused = False
        self.closed = False
        self._interpreter = Interpreter(shell)

    @property
    def who(self) -> str:
        """Who types here, by what, as the event log says it."""
        return f"by {self.device.config.system.admin_name} via console"

    @property
    def prompt(self) -> str:
        """`HOST-> `, `HOST(trust-vr)-> ` (screenos-cli §4.1)."""
        word = self._interpreter.prompt_word
        return f"{self.device.config.system.hostname}{f'({word})' if word else ''}-> "

    def execute(self, line: str) -> Dialogue:
        """Run one line; the outcome is in `refused` when the dialogue has ended."""
        dialogue = self._execute(line)
        if not self.interactive:
            return dialogue
        return paged(dialogue, lambda: self.device.config.system.console_page)

    def _execute(self, line: str) -> Dialogue:
        self.refused = False
        line = line.rstrip("\r\n")
        if line.strip(" \t"):
            self.history.append(line)
            if self.device.config_lock is not None:
                self.device.config_lock.touch()
        if asks_for_help(line):
            yield self.help(line.rstrip(" \t")[:-1])
            return
        indent = len(self.prompt)
        try:
            words, target = self._redirection(split_words(line))
            words, after_bar, bar = split_at_pipe(words)
            if not words and after_bar is None:
                return
            parsed = self._interpreter.read(words, self.device.config)
            line_filter = self._line_filter(parsed, after_bar, bar)
        except CommandError as error:
            self.refused = True
            yield error.marker(indent) + "\n"
            return
        dialogue = self._run(parsed)
        dialogue = dialogue if line_filter is None else filtered(dialogue, line_filter)
        yield from dialogue if target is None else self._redirected(dialogue, target)

    def _redirection(self, words: list[Word]) -> tuple[list[Word], Redirection | None]:
        """The words before `>` of a get command, and where its output goes; the mark means nothing elsewhere."""
        if not self._is_get(words):
            return words, None
        before, after, column = split_at_redirection(words)
        return before, None if after is None else Redirection.read(after, self.device.config, column)

    def _redirected(self, dialogue: Dialogue, target: Redirection) -> Dialogue:
        text = yield from collected(dialogue)
        if self.refused:
            yield text
            return
        yield f"redirect to {format_ipv4(target.server)},{target.file}\n"
        try:
            yield from store(self.device, target.server, target.file, text)
        except ConfigError as error:
            self.refused = True
            yield f"{error}\n"

    def _line_filter(self, parsed: Parsed, words: list[Word] | None, bar: int) -> LineFilter | None:
        if words is None:
            return None
        if parsed.keywords[0] != "get":
            raise CommandError("only get commands take an output filter", bar, 1, last=False)
        return LineFilter.read(words, self.device.config, bar)

    def _run(self, parsed: Parsed) -> Dialogue:
        leaf = parsed.leaf
        if isinstance(leaf, Leave):
            yield from self._leave()
            return
        if self.privilege == READ_ONLY and (not isinstance(leaf, Command) or leaf.privileged):
            self.refused = True
            yield f"Read-only administrators cannot {' '.join(parsed.keywords[:2])}\n"
            return
        try:
            if isinstance(leaf, Command):
                result = leaf.run(Context(self.device, self), parsed.arguments)
                yield from (result,) if isinstance(result, str) else result
            else:
                yield from self._set(parsed)
        except ConfigError as error:
            self.refused = True
            yield f"{error}\n"

    def _set(self, parsed: Parsed) -> Dialogue:
        before = self.device.config
        editor = Editor(before)
        answer = self._interpreter.apply(parsed, editor)
        if editor.changed:
            self.device.commit(editor.finish())
            if self.interactive:
                log_changes(self.device, before, self.who)
        # screenos-cli §4.5: any set or unset counts, even one that changes nothing.
        if isinstance(parsed.leaf, Setting):
            self.device.modified = True
        if answer:
            yield f"{answer}\n"

    def _leave(self) -> Dialogue:
        if self._interpreter.leave():
            return
        may_save = self.privilege != READ_ONLY
        if may_save and self.device.modified and (yield SAVE_QUESTION) == "y":
            yield from self._execute("save")
        self.closed = True

    def help(self, text: str) -> str:
        """What `?` shows after `text`: what may come next, or the marker under what is wrong so far."""
        try:
            words, partial, root = self._unfinished(text)
            own = root is self._interpreter.graph.root
            rows = help_rows(root, words, partial, self.device.config, self._interpreter.known if own else {})
            if not rows:
                column = len(text) - len(partial)
                raise CommandError(f"unknown keyword {partial}", column, len(partial))
        except CommandError as error:
            return error.marker(len(self.prompt)) + "\n"
        if own and rows[0][0] == "<return>" and self._is_get(words):
            rows += [_BAR, _ARROW]
        return help_text(rows)

    def complete(self, text: str) -> list[str]:
        """What the last word of `text` can become; nothing when what comes before it is wrong."""
        try:
            words, partial, root = self._unfinished(text)
            own = root is self._interpreter.graph.root
            return complete(root, words, partial, self.device.config, self._interpreter.known if own else {})
        except CommandError:
            return []

    def _unfinished(self, text: str) -> tuple[list[Word], str, Position]:
        """The finished words of a line being typed since its start, `|` or `>`, the unfinished one, and their tree."""
        if text.count('"') % 2:
            start = text.rindex('"')
            words, partial = split_words(text[:start]), text[start:]
        else:
            words, partial = split_words(text), ""
            if words and not text.endswith((" ", "\t")):
                last = words.pop()
                partial = text[last.column : last.end]
        target = split_at_redirection(words)[1] if self._is_get(words) else None
        if target is not None:
            return target, partial, REDIRECT_ROOT
        before, after, _ = split_at_pipe(words)
        return (before, partial, self._interpreter.graph.root) if after is None else (after, partial, FILTER_ROOT)

    def _is_get(self, words: list[Word]) -> bool:
        first = words[0].text.lower() if words else ""
        return bool(first) and "get".startswith(first)


def asks_for_help(line: str) -> bool:
    """Whether a whole line is a request for help: it ends in `?` outside quotes."""
    return line.rstrip(" \t").endswith("?") and line.count('"') % 2 == 0
