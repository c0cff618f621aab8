"""`nsemu completion`: completion scripts for shells, written from the command line's own declaration."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nsemu.app.problems import Subparsers

_DESCRIPTION: Final = """\
Print a completion script.

  bash:  nsemu completion bash > ~/.local/share/bash-completion/completions/nsemu
  zsh:   nsemu completion zsh > ~/.zfunc/_nsemu     (with ~/.zfunc in $fpath)
  fish:  nsemu completion fish > ~/.config/fish/completions/nsemu.fish"""


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "completion",
        help="print a completion script for your shell",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", metavar="SHELL", choices=tuple(_WRITERS), help=f"one of {', '.join(_WRITERS)}")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    from nsemu.app.main import build_parser

    print(_WRITERS[options.shell](list(sub_commands(build_parser()))), end="")
    return 0


@dataclass(frozen=True, slots=True)
class Flag:
    """An option: its spellings, help, and what its value is completed with (`kind` empty: it takes none)."""

    names: tuple[str, ...]
    help: str
    kind: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubCommand:
    """A sub-command as completion sees it. `words` are what its positional arguments can be, if that is fixed."""

    name: str
    help: str
    flags: tuple[Flag, ...]
    words: tuple[str, ...]
    files: bool


def sub_commands(parser: argparse.ArgumentParser) -> Iterator[SubCommand]:
    """The sub-commands of a parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                yield _sub_command(name, helps.get(name, ""), sub)


def _sub_command(name: str, text: str, parser: argparse.ArgumentParser) -> SubCommand:
    options = [action for action in parser._actions if action.option_strings]
    positional = [action for action in parser._actions if not action.option_strings]
    words = tuple(str(choice) for action in positional for choice in action.choices or ())
    files = any(action.type is Path for action in positional)
    return SubCommand(name, text, tuple(_flag(action) for action in options), words, files)


def _flag(action: argparse.Action) -> Flag:
    choices = tuple(str(choice) for choice in action.choices or ())
    kind = "" if action.nargs == 0 else "choice" if choices else "file" if action.type is Path else "text"
    return Flag(tuple(action.option_strings), (action.help or "").replace("%%", "%"), kind, choices)


def _bash(commands: list[SubCommand]) -> str:
    cases = "".join(_bash_case(command) for command in commands)
    names = " ".join(command.name for command in commands)
    return f"""\
# bash completion of nsemu
_nsemu() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}"
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "{names} --help --version" -- "$cur"))
        return
    fi
    case "${{COMP_WORDS[1]}}" in
{cases}    esac
}}
complete -o filenames -F _nsemu nsemu
"""


def _bash_case(command: SubCommand) -> str:
    values = "".join(
        f"                {'|'.join(flag.names)}) {_bash_value(flag)}; return;;\n"
        for flag in command.flags
        if flag.kind
    )
    flags = " ".join(name for flag in command.flags for name in flag.names)
    rest = f'COMPREPLY=($(compgen -W "{" ".join(command.words)}" -- "$cur"))' if command.words else ":"
    if command.files:
        rest = 'COMPREPLY=($(compgen -f -- "$cur"))'
    previous = f'            case "$prev" in\n{values}            esac\n' if values else ""
    return f"""\
        {command.name})
{previous}            if [[ "$cur" == -* ]]; then
                COMPREPLY=($(compgen -W "{flags}" -- "$cur"))
            else
                {rest}
            fi;;
"""


def _bash_value(flag: Flag) -> str:
    if flag.kind == "file":
        return 'COMPREPLY=($(compgen -f -- "$cur"))'
    return f'COMPREPLY=($(compgen -W "{" ".join(flag.choices)}" -- "$cur"))' if flag.choices else ":"


def _zsh(commands: list[SubCommand]) -> str:
    names = "\n".join(f"        {_quoted(f'{command.name}:{command.help}')}" for command in commands)
    cases = "".join(_zsh_case(command) for command in commands)
    return f"""\
#compdef nsemu
_nsemu() {{
    local -a commands
    commands=(
{names}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}    esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _nsemu "$@"; else compdef _nsemu nsemu; fi
"""


def _zsh_case(command: SubCommand) -> str:
    specs = [_zsh_flag(name, flag) for flag in command.flags for name in flag.names]
    if command.words:
        specs.append(_quoted(f"1:word:({' '.join(command.words)})"))
    elif command.files:
        specs.append(_quoted("*:file:_files"))
    lines = " \\\n                ".join(specs)
    return f"        {command.name})\n            _arguments \\\n                {lines};;\n"


def _zsh_flag(name: str, flag: Flag) -> str:
    text = flag.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    value = {"": "", "text": ":value:", "file": ":file:_files", "choice": f":value:({' '.join(flag.choices)})"}
    return _quoted(f"*{name}[{text}]{value[flag.kind]}")


def _fish(commands: list[SubCommand]) -> str:
    lines = ["# fish completion of nsemu", "complete -c nsemu -f"]
    top = "__fish_use_subcommand"
    lines.append(f"complete -c nsemu -n {top} -l version -d 'show the version'")
    for command in commands:
        lines.append(f"complete -c nsemu -n {top} -a {command.name} -d {_quoted(command.help)}")
        seen = _quoted(f"__fish_seen_subcommand_from {command.name}")
        if command.words:
            lines.append(f"complete -c nsemu -n {seen} -a {_quoted(' '.join(command.words))}")
        if command.files:
            lines.append(f"complete -c nsemu -n {seen} -F")
        lines += [_fish_flag(seen, flag) for flag in command.flags]
    return "\n".join(lines) + "\n"


def _fish_flag(seen: str, flag: Flag) -> str:
    names = "".join(f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in flag.names)
    values = {"": "", "text": " -x", "file": " -r -F", "choice": f" -x -a {_quoted(' '.join(flag.choices))}"}
    return f"complete -c nsemu -n {seen}{names}{values[flag.kind]} -d {_quoted(flag.help)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_WRITERS: Final[dict[str, Callable[[list[SubCommand]], str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
