"""`nsemu run`: a lab with a shell for a person, or with lines to run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nsemu.app.problems import ANSWER_NO, Subparsers, Unusable, rate, seed, usable
from nsemu.app.serve import add_listening
from nsemu.app.starting import STATE_FOLDER, pacer_of, start_lab, state_folder

if TYPE_CHECKING:
    from nsemu.app.lab_shell.session import Session
    from nsemu.app.lab_shell.shell import LabShell

_DESCRIPTION: Final = f"""\
Start the lab of a topology file. On a terminal you get the lab shell, in which
help tells what there is. With -c, or with lines piped to the standard input,
the lines run in order, in virtual time as fast as it can; what they print goes
to the standard output, and a line that is not accepted is named on the standard
error. Empty lines and lines that begin with # are skipped. `console NODE` sends
the following lines to that console until `exit`. A question is answered by the
next line if that is y or n, and else with its default.

With --listen each device also gets a telnet and an SSH port, which the node
table shows; they work as those of `nsemu serve`, at the rate of the lab shell.

What a device saves is kept in the state folder and used at the next run: that
of --state, or {STATE_FOLDER} beside the topology file.

Exit code: 0 if all lines were accepted, 1 if not (a `validate` with a failed
check counts as not accepted), 2 if the topology cannot be used."""


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "run",
        help="start a lab: a shell for you, or lines to run",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topology", metavar="TOPOLOGY", type=Path, help="the topology file (YAML)")
    parser.add_argument(
        "-c", dest="lines", metavar="LINE", action="append", help="run this line of the lab shell (repeatable)"
    )
    parser.add_argument("--console", metavar="NODE", help="begin at the console of a node")
    parser.add_argument("--seed", metavar="N", type=seed, help="the seed of all chance, instead of the file's")
    parser.add_argument(
        "--rate",
        metavar="X",
        type=rate,
        default=1.0,
        help="virtual seconds a second at the terminal; 0 stands still (default 1)",
    )
    parser.add_argument("--state", metavar="DIR", type=Path, help="where devices keep what they save")
    parser.add_argument("--fresh", action="store_true", help="ignore what was saved: start-up configurations only")
    add_listening(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    interactive = options.lines is None and sys.stdin.isatty() and sys.stdout.isatty()
    if interactive:
        return _at_terminal(options)
    if options.listen is not None:
        raise Unusable(["nsemu: run --listen needs a terminal and no -c; without one use nsemu serve"])
    session = _session(options, interactive=False)
    return _in_batch(options, session)


def _session(options: argparse.Namespace, *, interactive: bool) -> Session:
    lab = start_lab(
        options.topology, options.seed, state=state_folder(options.state, options.topology), fresh=options.fresh
    )
    from nsemu.app.lab_shell.session import Session

    return Session(lab, pacer_of(lab, options.rate), interactive)


def _shell(options: argparse.Namespace, session: Session) -> LabShell:
    from nsemu.app.lab_shell.shell import LabShell

    shell = LabShell(session)
    if options.console is not None:
        with usable():
            shell.enter(options.console)
    return shell


def _in_batch(options: argparse.Namespace, session: Session) -> int:
    from nsemu.app.lab_shell.batch import BatchRun

    shell = _shell(options, session)
    lines = iter(options.lines) if options.lines is not None else sys.stdin
    with usable():
        try:
            accepted = BatchRun(shell, lines, sys.stdout, sys.stderr).run()
        finally:
            texts = session.close()
    sys.stdout.write("".join(texts))
    return 0 if accepted else ANSWER_NO


def _at_terminal(options: argparse.Namespace) -> int:
    from nsemu.sim.pacing import wall_clock

    began = wall_clock()
    print(f"Starting {options.topology} ...", end="", flush=True)
    try:
        session = _session(options, interactive=True)
    finally:
        print("\r\x1b[K", end="", flush=True)
    import asyncio

    try:
        with usable():
            asyncio.run(_converse(session, options, began))
    finally:
        with usable():
            print("".join(session.close()), end="")
    return 0


async def _converse(session: Session, options: argparse.Namespace, began: int) -> None:
    """The lab shell at the terminal, and the devices' ports if there shall be any."""
    if options.listen is None:
        await _shell_at_terminal(session, options, began)
        return
    import asyncio

    from nsemu.app.consoles.hub import Hub
    from nsemu.app.consoles.ports import listening

    hub = Hub(session.lab, session.pacer)
    keys = state_folder(options.state, options.topology) / session.lab.name
    async with listening(hub, options.listen, options.base_port, keys) as ports:
        session.consoles = {name: str(port) for name, port in ports.items()}
        ticking = asyncio.create_task(hub.keep_time(always=False))
        try:
            await _shell_at_terminal(session, options, began)
        finally:
            hub.end()
            await ticking


async def _shell_at_terminal(session: Session, options: argparse.Namespace, began: int) -> None:
    from nsemu.app.lab_shell.pace import LabPace
    from nsemu.app.lab_shell.session import Refused
    from nsemu.app.lab_shell.view_commands import headline, node_table
    from nsemu.cli.terminal import Terminal
    from nsemu.sim.pacing import wall_clock

    shell = _shell(options, session)
    print(headline(session) + "\n" + node_table(session))
    print(f"Ready after {(wall_clock() - began) / 1e9:.2f} s. Try: help", flush=True)
    session.pacer.anchor()
    await Terminal(shell, LabPace(session), refusals=(Refused,)).run_async()
