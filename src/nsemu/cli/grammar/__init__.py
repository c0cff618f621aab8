"""The grammar kernel of the shell: declare a command once; parsing, help, completion and printing follow from it.

`nodes` are what a declaration is made of, `types` the arguments, `graph` the compiled form, `parse`, `help` and
`printer` the three readers of it. Nothing here knows a particular command, a terminal or a clock.
"""

from nsemu.cli.grammar.errors import CommandError, InvalidWordError
from nsemu.cli.grammar.graph import GrammarError, Graph
from nsemu.cli.grammar.help import complete, help_rows, help_text
from nsemu.cli.grammar.nodes import (
    Arguments,
    Body,
    Command,
    Enter,
    Leaf,
    Leave,
    Mode,
    Node,
    Row,
    Setting,
    any_order,
    argument,
    as_set,
    as_unset,
    choice,
    flag,
    keyword,
    optional,
    repeat,
    sequence,
    when_set,
    when_unset,
)
from nsemu.cli.grammar.parse import Parsed, parse
from nsemu.cli.grammar.printer import command_line
from nsemu.cli.grammar.types import (
    AddressType,
    ArgumentType,
    HostType,
    NameType,
    NumberType,
    PrefixType,
    RangeType,
    Reading,
    ReferenceType,
    Scope,
    TextType,
)
from nsemu.cli.grammar.words import Word, quote, split_words

__all__ = [
    "AddressType",
    "ArgumentType",
    "Arguments",
    "Body",
    "Command",
    "CommandError",
    "Enter",
    "GrammarError",
    "Graph",
    "HostType",
    "InvalidWordError",
    "Leaf",
    "Leave",
    "Mode",
    "NameType",
    "Node",
    "NumberType",
    "Parsed",
    "PrefixType",
    "RangeType",
    "Reading",
    "ReferenceType",
    "Row",
    "Scope",
    "Setting",
    "TextType",
    "Word",
    "any_order",
    "argument",
    "as_set",
    "as_unset",
    "choice",
    "command_line",
    "complete",
    "flag",
    "help_rows",
    "help_text",
    "keyword",
    "optional",
    "parse",
    "quote",
    "repeat",
    "sequence",
    "split_words",
    "when_set",
    "when_unset",
]
