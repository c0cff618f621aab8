"""`exec ntp update`: asks the time servers now, and the user when the clock would move far."""

from __future__ import annotations

from datetime import timedelta

from nsemu.cli.context import Context
from nsemu.cli.dialogue import Dialogue, Question
from nsemu.cli.grammar import Arguments, Command, keyword
from nsemu.config.errors import ConfigError
from nsemu.sim.scheduler import SECOND
from nsemu.sim.wait import Wait


def _update(context: Context, _arguments: Arguments) -> Dialogue:
    client = context.device.services.ntp
    if not client.settings.servers:
        raise ConfigError("no NTP server is configured (set ntp server A first)")
    outcome = client.ask()
    longest = len(client.settings.servers) * 2 * 3 * SECOND
    yield Wait(context.device.scheduler.now + longest + SECOND, lambda: client.round is not outcome)
    if outcome.offset is None:
        yield f"The clock was not updated: {outcome.failure or 'no answer'}.\n"
        return
    limit, seconds = client.settings.adjustment, outcome.offset / timedelta(seconds=1)
    if limit and abs(seconds) > limit:
        question = f"The clock is off by {seconds:.3f} seconds, more than {limit}. Update it? y/[n] "
        if (yield Question(question, "n")) != "y":
            yield "The clock was not updated.\n"
            return
    client.apply(outcome)
    yield f"The clock was updated by {seconds:.3f} seconds.\n"


EXEC_NTP = keyword(
    "ntp", "network time", keyword("update", "ask the time servers now", Command(_update, privileged=True))
)
