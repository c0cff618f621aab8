"""Trying something out on a lab that stays as it is: in a copy of the whole process."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from nsemu.app.lab_shell.session import Refused, Session
from nsemu.lab.network import LabError

_FAILED = 70
_REFUSED = 71


def what_if(session: Session, trial: Callable[[], str]) -> str:
    """What `trial` would print. It runs in a child process, so nothing that it does to the lab lasts.

    Raises Refused where the trial does, and when the system makes no child process.
    """
    if not hasattr(os, "fork"):
        raise Refused("what-if needs a system that can fork")
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _in_child(session, trial, writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor, not a path
        text = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == _REFUSED:
        raise Refused(text)
    if code:
        raise RuntimeError(f"what-if failed:\n{text}")
    return text


def _in_child(session: Session, trial: Callable[[], str], writing: int) -> None:
    """Run the trial, write its text, and end the process without any clean-up of the parent's things."""
    code = _FAILED
    text = ""
    try:
        for link in session.lab.network.links:
            for tap in link.taps:  # the capture files belong to the parent
                link.remove_tap(tap)
        text = trial()
        code = 0
    except LabError as error:
        code, text = _REFUSED, str(error)
    except BaseException:
        text = traceback.format_exc()
    finally:
        with open(writing, "w", encoding="utf-8") as pipe:
            pipe.write(text)
        os._exit(code)
