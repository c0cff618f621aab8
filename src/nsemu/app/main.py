"""The `nsemu` command: its sub-commands, and what becomes of errors.

Exit codes: 0 all well, 1 the answer is no (a check failed, a packet was dropped, a line was not accepted), 2 unusable
input, 3 warnings only, 130 interrupted. Bad input gives clear lines on the standard error, never a traceback.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

import nsemu
from nsemu.app import check, completion, doctor, graph, run, serve, trace, validate
from nsemu.app.problems import INTERRUPTED, UNUSABLE, Unusable

_GC_THRESHOLD: Final = 100_000
_SUBCOMMANDS: Final = (run, serve, validate, check, doctor, trace, graph, completion)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. Each sub-command's module adds its own arguments and the function to call."""
    parser = argparse.ArgumentParser(
        prog="nsemu",
        formatter_class=partial(argparse.HelpFormatter, max_help_position=14),
        description="Emulates ScreenOS security devices on a virtual network: no root, no images, no hardware.",
        epilog="nsemu COMMAND --help tells more. Shell completion: nsemu completion bash|zsh|fish.",
    )
    parser.add_argument("--version", action="version", version=f"nsemu {nsemu.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _SUBCOMMANDS:
        module.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (None: the process's own) and return its exit code."""
    # Starting makes many objects that stay; looking through them again and again is a tenth of the start.
    gc.set_threshold(_GC_THRESHOLD)
    try:
        options = build_parser().parse_args(arguments)
        code: int = options.execute(options)
        sys.stdout.flush()
    except Unusable as error:
        print(*error.lines, sep="\n", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence()
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"nsemu: {where}{error.strerror or error}", file=sys.stderr)
        return UNUSABLE
    return code


def _silence() -> None:
    """Nobody reads on: let the interpreter flush into nothing instead of complaining at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
