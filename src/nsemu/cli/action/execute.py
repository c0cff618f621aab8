"""`exec …`: things the device does when told."""

from __future__ import annotations

from nsemu.cli import unbuilt
from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, choice, keyword


def _refresh(context: Context, _arguments: Arguments) -> str:
    context.device.dns.refresh()
    return ""


EXEC = keyword(
    "exec",
    "execute system commands",
    choice(keyword("dns", "DNS", keyword("refresh", "resolve all names again", Command(_refresh))), *unbuilt.EXEC),
)
