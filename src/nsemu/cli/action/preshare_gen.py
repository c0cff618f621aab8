"""`exec ike preshare-gen GATEWAY ID`: the preshared key of a member of a group (Vol. 5, "Setting a Group IKE ID with
Preshared Keys"; B262, E071)."""

from __future__ import annotations

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, TextType, argument, keyword
from nsemu.cli.settings.checks import require
from nsemu.cli.types import GATEWAY
from nsemu.config.errors import ConfigError
from nsemu.device.views.dialup import member_key


def _generate(context: Context, arguments: Arguments) -> str:
    gateway = require(context.device.config.gateways, arguments["gateway"], "gateway")
    if not gateway.seed_preshare:
        raise ConfigError(f"gateway {gateway.name} has no seed (seed-preshare SEED expected)")
    return f"{member_key(gateway, arguments['user'])}\n"


EXEC_IKE = keyword(
    "ike",
    "IKE",
    keyword(
        "preshare-gen",
        "the preshared key of a user of a group",
        argument("gateway", GATEWAY, "gateway name"),
        argument("user", TextType(255), "IKE ID of the user", Command(_generate)),
    ),
)
