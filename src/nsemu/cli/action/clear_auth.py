"""`clear auth …`: users are logged out, and their sessions end."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, NumberType, argument, choice, keyword
from nsemu.cli.types import IP
from nsemu.config.errors import NotFoundError
from nsemu.device.views.authentication import clear_auth


def _clear(context: Context, arguments: Arguments) -> str:
    ended = clear_auth(context.device, arguments.get("id"), arguments.get("address"))
    if not ended and arguments:
        raise NotFoundError("nobody is logged in there")
    return ""


_CLEAR = Command(_clear, privileged=True)
CLEAR_AUTH = keyword(
    "auth",
    "log users out",
    choice(
        _CLEAR,
        keyword(
            "table",
            "users who are logged in",
            choice(
                _CLEAR,
                keyword("id", "one entry", argument("id", NumberType(1, 2**31 - 1), "entry", _CLEAR)),
                keyword("ip", "one address", argument("address", IP, "IP address", _CLEAR)),
            ),
        ),
    ),
)
