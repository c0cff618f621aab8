"""Commands of a host that keeps syslog messages or tells the time: `syslog` and `ntp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from nsemu.lab.arguments import CommandRefused
from nsemu.sim.wait import Progress

if TYPE_CHECKING:
    from nsemu.lab.host.host import Host

_NTP_SYNTAX: Final = "[offset SECONDS | stratum N | key ID TEXT]"


def _say(text: str) -> Progress:
    if text:
        yield text


def _syslog(host: Host, words: Sequence[str]) -> Progress:
    verb, *rest = words or ("show",)
    if verb == "clear" and not rest:
        host.store.syslog.clear()
        return _say("")
    if verb != "show":
        raise CommandRefused("syslog [show [TEXT] | clear]")
    wanted = " ".join(rest)
    return _say("".join(f"{line}\n" for line in map(str, host.store.syslog) if wanted in line))


def _ntp(host: Host, words: Sequence[str]) -> Progress:
    clock = host.store.clock
    if not words:
        keys = " ".join(map(str, sorted(clock.keys))) or "-"
        now = clock.date(host.scheduler.now)
        return _say(
            f"{now:%Y-%m-%d %H:%M:%S.%f} UTC, offset {clock.offset:g} s, stratum {clock.stratum}, keys {keys}, "
            f"asked {clock.asked} times\n"
        )
    verb, *rest = words
    try:
        if verb == "offset" and len(rest) == 1:
            clock.offset = _seconds(rest[0])
        elif verb == "stratum" and len(rest) == 1 and 0 <= int(rest[0]) <= 15:
            clock.stratum = int(rest[0])
        elif verb == "key" and len(rest) == 2 and 1 <= int(rest[0]) <= 65535:
            clock.keys[int(rest[0])] = rest[1].encode()
        else:
            raise CommandRefused(f"ntp {_NTP_SYNTAX}")
    except ValueError as error:
        raise CommandRefused(str(error) if isinstance(error, CommandRefused) else f"ntp {_NTP_SYNTAX}") from None
    return _say("")


def _seconds(text: str) -> float:
    value = float(text)
    if not -1e9 < value < 1e9:  # also what is no number
        raise ValueError(text)
    return value


COMMANDS: Final[dict[str, tuple[Callable[[Host, Sequence[str]], Progress], str, str]]] = {
    "syslog": (_syslog, "[show [TEXT] | clear]", "Show the syslog messages that came, or forget them"),
    "ntp": (_ntp, _NTP_SYNTAX, "Show what the NTP service tells, or change it"),
}
