"""Exit codes, and the error that stands for input that cannot be used. Imports nothing of the emulator: it is loaded
for `nsemu --help`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_NO: Final = 1
UNUSABLE: Final = 2
WARNINGS: Final = 3
INTERRUPTED: Final = 130

Subparsers = Any
"""What `add_subparsers` returns: argparse keeps its type to itself."""

Execute = Callable[[argparse.Namespace], int]


class Unusable(Exception):
    """Input that cannot be used; `lines` say why."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@contextmanager
def usable() -> Iterator[None]:
    """Turn what the emulator says of bad input into Unusable."""
    from nsemu.lab.arguments import CommandRefused
    from nsemu.lab.capture import CaptureError
    from nsemu.lab.network import LabError
    from nsemu.lab.topology.errors import TopologyError
    from nsemu.sim.scheduler import LivelockError

    try:
        yield
    except TopologyError as error:
        raise Unusable(str(problem) for problem in error.problems) from error
    except (LabError, CommandRefused, CaptureError) as error:
        raise Unusable([f"nsemu: {error}"]) from error
    except LivelockError as error:
        raise Unusable([f"nsemu: {error} (a loop of switches or routes?)"]) from error


def seed(text: str) -> int:
    """An argparse type: the seed of a lab."""
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**63 - 1}")
    return int(text)


def port(text: str) -> int:
    """An argparse type: a port number."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65535")
    return int(text)


def base_port(text: str) -> int:
    """An argparse type: the first of a row of ports, 0 for any."""
    return 0 if text == "0" else port(text)


def rate(text: str) -> float:
    """An argparse type: virtual seconds a wall second."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate from 0 to 1000000 (1 is real time)")
    return value
