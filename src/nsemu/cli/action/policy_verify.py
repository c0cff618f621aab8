"""`exec policy verify`: policies that others hide (the wording is that of a captured session, KB13233)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.show.layout import lines
from nsemu.cli.types import ZONE
from nsemu.config.policy import GLOBAL_ZONE
from nsemu.device.views.policies import hidden_policies


def _verify(context: Context, arguments: Arguments) -> str:
    zones = None
    if "from" in arguments:
        for end in ("from", "to"):
            require(context.device.config.zones, arguments[end], "zone")
        zones = (arguments["from"], arguments["to"])
    elif "global" in arguments:
        zones = (GLOBAL_ZONE, GLOBAL_ZONE)
    found = hidden_policies(context.device, zones)
    if not found:
        return "Rulebase verified successfully\n"
    hidden = (f"Rule {shadow.hidden.id} is shadowed by rule {shadow.by.id}" for shadow in found)
    return lines(*hidden, "Rulebase verification done: shadowed rules were found")


EXEC_POLICY = keyword(
    "policy",
    "policies",
    keyword(
        "verify",
        "find policies that others hide",
        choice(
            Command(_verify),
            keyword("global", "those of all zones", Command(_verify), binds=("global", True)),
            keyword(
                "from",
                "those from a zone",
                argument("from", ZONE, "source zone"),
                keyword("to", "to a zone", argument("to", ZONE, "destination zone", Command(_verify))),
            ),
        ),
    ),
)
