"""Commands about cables and what is on them: link, capture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nsemu.app.lab_shell.command import ShellCommand, expect
from nsemu.app.lab_shell.session import Refused, Session, endpoints, known_endpoint
from nsemu.app.lab_shell.tables import columns, count
from nsemu.lab.link import Link
from nsemu.lab.quantities import read_delay, read_loss, read_rate
from nsemu.lab.topology.model import Endpoint, LinkSpec

_UNLIMITED = frozenset({"none", "unlimited"})
_LINK_USAGE = "link [up|down NODE:IF | set NODE:IF PROPERTY VALUE ...]"
_CAPTURE_USAGE = "capture [start FILE [NODE:IF ...] | stop [FILE]]"


def _mtu(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 68 <= int(text) <= 9216:
        raise ValueError(f"found {text!r}; allowed: a whole number from 68 to 9216, or none")
    return int(text)


def _or_unlimited(read: Callable[[str], int]) -> Callable[[str], int | None]:
    return lambda text: None if text.lower() in _UNLIMITED else read(text)


_PROPERTIES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "delay": ("delay_ns", read_delay),
    "jitter": ("jitter_ns", read_delay),
    "loss": ("loss", read_loss),
    "rate": ("rate_bps", _or_unlimited(read_rate)),
    "mtu": ("mtu", _or_unlimited(_mtu)),
}


def _link(session: Session, words: Sequence[str]) -> str:
    if not words:
        return _link_table(session)
    verb, *rest = words
    if verb in ("up", "down"):
        expect(rest, 1, 1, f"link {verb} NODE:IF")
        link = _link_at(session, rest[0])
        link.set(down=verb == "down")
    elif verb == "set":
        expect(rest, 3, 11, "link set NODE:IF PROPERTY VALUE ...")
        link = _link_at(session, rest[0])
        link.set(**_changes(rest[1:]))
    else:
        raise Refused(f"usage: {_LINK_USAGE}")
    return f"{link.label}: {_words(link)}\n"


def _link_at(session: Session, endpoint: str) -> Link:
    return session.lab.link(known_endpoint(session.lab, endpoint)).link


def _changes(words: Sequence[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for index in range(0, len(words), 2):
        name = words[index]
        if name not in _PROPERTIES:
            raise Refused(f"unknown property {name!r}; there are {', '.join(_PROPERTIES)}")
        if index + 1 == len(words):
            raise Refused(f"{name} needs a value")
        attribute, read = _PROPERTIES[name]
        try:
            changes[attribute] = read(words[index + 1])
        except ValueError as error:
            raise Refused(f"{name}: {error}") from None
    return changes


def _words(link: Link) -> str:
    from nsemu.lab.graph import describe_properties  # late: networkx takes its time to load

    now = link.properties
    one, other = (Endpoint(port.node, port.interface) for port in link.ends)
    spec = LinkSpec((one, other), now.delay_ns, now.jitter_ns, now.loss, now.rate_bps, now.mtu)
    return ", ".join(word for word in ("down" if now.down else "up", describe_properties(spec)) if word)


def _link_table(session: Session) -> str:
    rows = [("LINK", "STATE", "FRAMES", "LOST")]
    for link in session.lab.network.links:
        counters = [link.counters(port) for port in link.ends]
        sent = " / ".join(str(one.sent) for one in counters)
        lost = sum(one.lost + one.too_large + one.queue_full + one.carrier_lost for one in counters)
        rows.append((link.label, _words(link), sent, str(lost)))
    return columns(rows)


def _complete_link(session: Session, words: Sequence[str]) -> Sequence[str]:
    if not words:
        return ("down", "set", "up")
    if len(words) == 1 and words[0] in ("up", "down", "set"):
        return list(endpoints(session.lab))
    if words[0] == "set" and len(words) % 2 == 0:
        return [name for name in _PROPERTIES if name not in words]
    return ()


def _capture(session: Session, words: Sequence[str]) -> str:
    if not words:
        return _capture_table(session)
    verb, *rest = words
    if verb == "start":
        expect(rest, 1, 10_000, "capture start FILE [NODE:IF ...]")
        return _start_capture(session, Path(rest[0]), rest[1:])
    if verb == "stop":
        expect(rest, 0, 1, "capture stop [FILE]")
        return _stop_capture(session, [Path(word) for word in rest])
    raise Refused(f"usage: {_CAPTURE_USAGE}")


def _start_capture(session: Session, path: Path, ends: Sequence[str]) -> str:
    if path in session.captures:
        raise Refused(f"the capture to {path} is running already")
    links = [known_endpoint(session.lab, end) for end in ends] or None
    capture = session.lab.capture(path, links)
    capture.start()
    session.captures[path] = capture
    return f"capturing {count(len(capture.interfaces) // 2, 'link')} to {path}\n"


def _stop_capture(session: Session, paths: Sequence[Path]) -> str:
    for path in paths:
        if path not in session.captures:
            running = ", ".join(map(str, session.captures))
            raise Refused(f"no capture to {path} is running" + (f"; there are {running}" if running else ""))
    if not session.captures:
        raise Refused("no capture is running")
    return "".join(session.stop_capture(path) for path in paths or list(session.captures))


def _capture_table(session: Session) -> str:
    if not session.captures:
        return "no capture is running\n"
    rows = [("FILE", "FRAMES", "INTERFACES")]
    rows += [
        (str(path), str(capture.frames), ", ".join(capture.interfaces)) for path, capture in session.captures.items()
    ]
    return columns(rows)


def _complete_capture(session: Session, words: Sequence[str]) -> Sequence[str]:
    if not words:
        return ("start", "stop")
    if words[0] == "stop" and len(words) == 1:
        return [str(path) for path in session.captures]
    return list(endpoints(session.lab)) if words[0] == "start" and len(words) >= 2 else ()


COMMANDS = (
    ShellCommand(
        "link",
        ("", "up NODE:IF", "down NODE:IF", "set NODE:IF delay 10ms jitter 2ms loss 5% rate 10mbit mtu 1400"),
        "show links, plug and unplug them, change their properties",
        _link,
        _complete_link,
        "NODE:IF is either end. `rate none` and `mtu none` lift the limit.",
        short="[up|down|set NODE:IF ...]",
    ),
    ShellCommand(
        "capture",
        ("", "start FILE [NODE:IF ...]", "stop [FILE]"),
        "record frames to a pcapng file, with the keys to decrypt them",
        _capture,
        _complete_capture,
        "All links when none is named. The keys are written beside the file when the capture stops.",
        short="[start FILE|stop]",
    ),
)
