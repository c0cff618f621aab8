"""Contexts and settings: what a console and a configuration file have in common.

Owns the stack of contexts (`set vrouter trust-vr` … `exit`) and applies settings to an editor. It prints nothing and
runs no commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nsemu.cli.grammar.graph import Graph
from nsemu.cli.grammar.nodes import Arguments, Body, Enter, Node, Setting, as_set, as_unset, choice, keyword
from nsemu.cli.grammar.parse import Parsed, parse
from nsemu.cli.grammar.types import Reading
from nsemu.cli.grammar.words import Word
from nsemu.config.editor import Editor
from nsemu.config.kept import drop_orphans


@dataclass(frozen=True, slots=True)
class Shell:
    """A command tree: what `set` and `unset` know at the top, and the other commands, known in every context."""

    settings: tuple[Node, ...]
    commands: tuple[Node, ...]
    _graphs: dict[int, Graph] = field(default_factory=dict)

    def graph(self, body: Body | None = None) -> Graph:
        """The compiled tree of a context, or of the top level. Compiled once."""
        key = id(body)
        if key not in self._graphs:
            nodes = self.settings if body is None else body.nodes
            self._graphs[key] = Graph(
                choice(
                    keyword("set", "configure system parameters", as_set(*nodes)),
                    keyword("unset", "unconfigure system parameters", as_unset(*nodes)),
                    *self.commands,
                )
            )
        return self._graphs[key]


@dataclass(frozen=True, slots=True)
class Frame:
    """A context that was entered: its body and the arguments that every line in it starts with."""

    body: Body
    known: Arguments


class Interpreter:
    """Reads lines in the current context and applies what they set."""

    __slots__ = ("frames", "shell")

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.frames: list[Frame] = []

    @property
    def graph(self) -> Graph:
        """The tree of the current context."""
        return self.shell.graph(self.frames[-1].body if self.frames else None)

    @property
    def known(self) -> Arguments:
        """The arguments given by the current context."""
        return self.frames[-1].known if self.frames else {}

    @property
    def prompt_word(self) -> str:
        """What the prompt shows of the current context: `trust-vr`, `policy:3`; empty at the top."""
        return self.frames[-1].body.prompt(self.known) if self.frames else ""

    def read(self, words: Sequence[Word], config: Reading) -> Parsed:
        """Read a line in the current context. Raises CommandError."""
        return parse(self.graph.root, words, config, self.known)

    def apply(self, parsed: Parsed, editor: Editor) -> str | None:
        """Apply a setting, or enter a context; the text is for the console. Raises ConfigError and changes nothing."""
        leaf = parsed.leaf
        mark = editor.mark()
        try:
            if isinstance(leaf, Enter):
                self.frames.append(Frame(leaf.body, leaf.check(editor, parsed.arguments)))
                return None
            assert isinstance(leaf, Setting)
            handler = leaf.unset if parsed.keywords[0] == "unset" else leaf.set
            assert handler is not None
            answer = handler(editor, parsed.arguments)
            if handler is leaf.unset and editor.kept:
                drop_orphans(editor)
            return answer
        except BaseException:
            editor.rollback(mark)
            raise

    def leave(self) -> bool:
        """Leave the current context; False when there is none."""
        if not self.frames:
            return False
        self.frames.pop()
        return True
