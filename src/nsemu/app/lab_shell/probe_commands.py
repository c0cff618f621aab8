"""Commands that try something out: trace, validate; and save."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from nsemu.api.validation import Checking, CheckResult, Outcome, check, selected
from nsemu.app.lab_shell.command import ShellCommand, expect
from nsemu.app.lab_shell.session import Jump, Refused, Session, address_of, known_node
from nsemu.app.lab_shell.what_if import what_if
from nsemu.app.report import check_lines, summary
from nsemu.cli.dialogue import Dialogue, Item
from nsemu.sim.wait import Wait

_PROTOCOLS = ("icmp", "tcp", "udp")
_WHAT_IF = "what-if"
_TRACE_USAGE = "trace SOURCE DESTINATION [icmp|tcp|udp] [PORT] [what-if]"


class ChecksFailed(Refused):
    """A `validate` with a check that failed: the line counts as not accepted, so that a batch run ends with 1."""


def _trace(session: Session, words: Sequence[str]) -> str:
    trial = len(words) > 2 and words[-1] == _WHAT_IF
    words = words[:-1] if trial else words
    expect(words, 2, 4, _TRACE_USAGE)
    lab = session.lab
    source = known_node(lab, words[0])
    destination = address_of(lab, words[1])
    proto = words[2].lower() if len(words) > 2 else "icmp"
    if proto not in _PROTOCOLS:
        raise Refused(f"unknown protocol {words[2]!r}; there are {', '.join(_PROTOCOLS)}")
    if proto == "icmp" and len(words) > 3:
        raise Refused("icmp has no ports")
    port = read_port(words[3]) if len(words) > 3 else None

    def run() -> str:
        return lab.trace(source, destination, proto=proto, dport=port).text()

    return what_if(session, run) if trial else run()


def read_port(text: str) -> int:
    """A port number. Raises Refused."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise Refused(f"{text!r} is no port from 1 to 65535")
    return int(text)


def _complete_trace(session: Session, words: Sequence[str]) -> Sequence[str]:
    if len(words) < 2:
        return tuple(session.lab)
    return (*_PROTOCOLS, _WHAT_IF) if len(words) == 2 else (_WHAT_IF,)


def _validate(session: Session, words: Sequence[str]) -> Dialogue:
    expect(words, 0, 1, "validate [NAME]")
    checks = selected(session.lab, words[0] if words else None)
    if not checks:
        raise Refused("the topology has no validate blocks")
    return _run_checks([check(session.lab, spec) for spec in checks])


def _run_checks(checkings: Sequence[Checking]) -> Dialogue:
    results: list[CheckResult] = []
    for checking in checkings:
        result = yield from _hurried(checking)
        results.append(result)
        yield check_lines(result)
    yield summary(results)
    failed = [result.name for result in results if result.outcome is Outcome.FAIL]
    if failed:
        raise ChecksFailed(f"failed: {', '.join(failed)}")


def _hurried(checking: Checking) -> Generator[Item, str | None, CheckResult]:
    """The check with its waits as jumps: nobody wants to sit through them. Returns the result."""
    while True:
        try:
            wait: Wait = next(checking)
        except StopIteration as end:
            result: CheckResult = end.value
            return result
        yield Jump(wait.until, wait.ready)


def _complete_validate(session: Session, words: Sequence[str]) -> Sequence[str]:
    return () if words else tuple(spec.name for spec in session.lab.topology.validations)


def _save(session: Session, words: Sequence[str]) -> Dialogue:
    expect(words, 0, 0, "save")
    return save_all(session)


def save_all(session: Session) -> Dialogue:
    """Have every device save its configuration."""
    for name in session.lab.network.devices():
        console = session.lab[name].console
        yield f"{name}: "
        yield from console.execute("save")
        if console.refused:
            raise Refused(f"{name} did not save")


COMMANDS = (
    ShellCommand(
        "trace",
        ("SOURCE DESTINATION [icmp|tcp|udp] [PORT] [what-if]",),
        "send one packet from a host and show its walk",
        _trace,
        _complete_trace,
        "DESTINATION is an address, a node, or NODE:IF. The packet is a real one: what it sets off (sessions, IKE) "
        "stays; with what-if nothing does.",
        short="SOURCE DESTINATION [PROTO [PORT]]",
    ),
    ShellCommand(
        "validate",
        ("", "NAME"),
        "run the checks of the topology, or one of them",
        _validate,
        _complete_validate,
        short="[NAME]",
    ),
    ShellCommand("save", ("",), "save the configurations of all devices", _save),
)
