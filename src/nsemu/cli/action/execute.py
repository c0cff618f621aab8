"""`exec …`: things the device does when told."""

from __future__ import annotations

from nsemu.cli import unbuilt
from nsemu.cli.action import ntp, policy_verify, preshare_gen, rollback
from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.types import INTERFACE
from nsemu.config.errors import NotFoundError


def _refresh(context: Context, _arguments: Arguments) -> str:
    context.device.dns.refresh()
    return ""


def _renew(context: Context, arguments: Arguments) -> str:
    context.device.dhcp.renew(_client(context, arguments))
    return ""


def _release(context: Context, arguments: Arguments) -> str:
    context.device.release_lease(_client(context, arguments))
    return ""


def _client(context: Context, arguments: Arguments) -> str:
    name: str = arguments["interface"]
    if name not in context.device.dhcp.clients:
        raise NotFoundError(f"interface {name} is no DHCP client")
    return name


_LEASE = (
    ("renew", "ask for the address again", _renew),
    ("release", "give the address back", _release),
)

EXEC = keyword(
    "exec",
    "exec system commands",
    choice(
        keyword("dns", "DNS", keyword("refresh", "resolve all names again", Command(_refresh))),
        keyword(
            "dhcp",
            "DHCP",
            keyword(
                "client",
                "an interface as a DHCP client",
                argument(
                    "interface",
                    INTERFACE,
                    "interface name",
                    choice(*(keyword(word, text, Command(run)) for word, text, run in _LEASE)),
                ),
            ),
        ),
        policy_verify.EXEC_POLICY,
        ntp.EXEC_NTP,
        rollback.EXEC_CONFIG,
        preshare_gen.EXEC_IKE,
        *unbuilt.EXEC,
    ),
)
