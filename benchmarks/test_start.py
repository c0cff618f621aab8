"""How long a person waits for the prompt of the first lab: a whole process, from its start to the prompt."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

from figures import at_most

TOPOLOGY = Path(__file__).parent.parent / "topologies" / "hub_spoke.yaml"
PROMPT = b"hub_spoke>"
CURSOR_ASKED, CURSOR_TOLD = b"\x1b[6n", b"\x1b[1;1R"
GOAL = 1.0
_TURNS = 4


def seconds_to_prompt() -> float:
    """Processor seconds of one start on a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "nsemu", "run", str(TOPOLOGY), "--fresh"])
    seen = b""
    while PROMPT not in seen:
        seen += os.read(terminal, 65536)
        if CURSOR_ASKED in seen:
            os.write(terminal, CURSOR_TOLD)
            seen = seen.replace(CURSOR_ASKED, b"")
    os.write(terminal, b"exit\n")
    while _reads_on(terminal):
        pass
    usage = os.wait4(child, 0)[2]
    return usage.ru_utime + usage.ru_stime


def _reads_on(terminal: int) -> bool:
    try:
        return bool(os.read(terminal, 65536))
    except OSError:  # the other end is closed
        return False


def test_start_to_prompt() -> None:
    at_most("hub_spoke, start to prompt, seconds", min(seconds_to_prompt() for _ in range(_TURNS)), GOAL)
