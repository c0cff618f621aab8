"""`nsemu serve`: a lab whose devices are reached by telnet and SSH, without a shell of its own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nsemu.app.problems import Subparsers, base_port, rate, seed, usable
from nsemu.app.starting import STATE_FOLDER, pacer_of, start_lab, state_folder

if TYPE_CHECKING:
    from nsemu.app.consoles.hub import Hub
    from nsemu.app.lab_shell.session import Session

_DESCRIPTION: Final = f"""\
Start the lab of a topology file and open a telnet and an SSH port for each of
its devices. Virtual time runs at the rate. ctrl-C (or SIGTERM) ends it.

Log in as on a device: netscreen/netscreen, or the administrators of its
configuration. A session ends when nobody types for as long as `set console
timeout` says; that is wall time, whatever the rate. What a device saves, and the
SSH host keys of the lab, are kept in the state folder: that of --state, or
{STATE_FOLDER} beside the topology file."""


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Declare the options that `run` and `serve` share."""
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        nargs="?",
        const="127.0.0.1",
        help="where to open the ports: an address of this machine (default 127.0.0.1)",
    )
    parser.add_argument(
        "--base-port",
        metavar="N",
        type=base_port,
        default=2300,
        help="the first device's telnet port; its SSH port is the next, and so on; 0: any free ones (default 2300)",
    )


def add_to(commands: Subparsers) -> None:
    """Declare the sub-command."""
    parser = commands.add_parser(
        "serve",
        help="start a lab whose devices are reached by telnet and SSH",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topology", metavar="TOPOLOGY", type=Path, help="the topology file (YAML)")
    add_listening(parser)
    parser.add_argument("--seed", metavar="N", type=seed, help="the seed of all chance, instead of the file's")
    parser.add_argument("--rate", metavar="X", type=rate, default=1.0, help="virtual seconds a second (default 1)")
    parser.add_argument("--state", metavar="DIR", type=Path, help="where devices keep what they save")
    parser.add_argument("--fresh", action="store_true", help="ignore what was saved: start-up configurations only")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    import asyncio

    from nsemu.app.lab_shell.session import Session

    state = state_folder(options.state, options.topology)
    lab = start_lab(options.topology, options.seed, state=state, fresh=options.fresh)
    session = Session(lab, pacer_of(lab, options.rate))
    with usable():
        asyncio.run(_serve(session, options, state / lab.name))
    return 0


async def _serve(session: Session, options: argparse.Namespace, keys: Path) -> None:
    from nsemu.app.consoles.hub import Hub
    from nsemu.app.consoles.ports import listening
    from nsemu.app.lab_shell.view_commands import headline, node_table

    hub = Hub(session.lab, session.pacer)
    async with listening(hub, options.listen or "127.0.0.1", options.base_port, keys) as ports:
        session.consoles = {name: str(port) for name, port in ports.items()}
        print(headline(session) + "\n" + node_table(session) + "Serving; ctrl-C ends it.", flush=True)
        session.pacer.anchor()
        await _until_told(hub)


async def _until_told(hub: Hub) -> None:
    """Let time pass until a signal comes."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hub.end)
    try:
        await hub.keep_time(always=True)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
