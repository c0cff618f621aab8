"""`get ssh`, `get scs`, `get snmp`, `get snmpv3`, `get nsmgmt`, `get telnet` and the like: how the device is managed.

screenos-cli §1.18, §7.1; no capture shows these layouts (docs/fidelity.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.management import ALIAS, COMMUNITY, GLOBAL_PRO, NSM, SNMPV3
from nsemu.cli.show.kept import is_kept, is_unset, kept_rows, kept_value, written
from nsemu.cli.show.layout import enabled, lines
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.config.kept import names_of_kind
from nsemu.wire.address import format_ipv4


def _ssh(context: Context, _arguments: Arguments) -> str:
    config, device = context.device.config, context.device
    sessions = [session for session in device.admin_sessions.values() if session.service == "SSH"]
    version = kept_value(config, "ssh version", "version", "v2")
    return lines(
        f"SSH {version.upper()} is active",
        f"SSH is {enabled(is_kept(config, 'ssh enable') or is_kept(config, 'scs enable'))}",
        f"SSH is {'not ' if is_unset(config, 'ssh enable') else ''}ready for connections",
        "Maximum sessions: 24",
        f"Active sessions: {len(sessions)}",
        *(f"  {session.name} from {session.address}:{session.port}" for session in sessions),
    )


def _snmp(context: Context, _arguments: Arguments) -> str:
    return lines(*_agent(context.device.config), *_communities(context.device.config))


def _agent(config: DeviceConfig) -> Iterator[str]:
    yield f"System Contact: {kept_value(config, 'snmp contact', 'contact', '')}"
    yield f"System Location: {kept_value(config, 'snmp location', 'location', '')}"
    yield f"System Name: {kept_value(config, 'snmp name', 'name', config.system.hostname)}"
    yield f"Listen Port: {kept_value(config, 'snmp port listen', 'port', 161)}"
    yield f"Trap Port: {kept_value(config, 'snmp port trap', 'port', 162)}"
    yield f"Authentication Fail Trap: {enabled(is_kept(config, 'snmp auth-trap')).capitalize()}"
    yield "The agent itself is not emulated: nothing answers and no traps are sent"


def _communities(config: DeviceConfig, wanted: str | None = None) -> Iterator[str]:
    for name in names_of_kind(config, "snmp community"):
        if wanted not in {None, name}:
            continue
        owner = ("snmp community", name)
        access = kept_value(config, "snmp community", "access", "Read-Only", owner)
        trap = kept_value(config, "snmp community", "trap", "off", owner)
        version = kept_value(config, "snmp community", "version", "any", owner)
        yield ""
        yield f"Community: {name}, {access}, trap {trap}, version {version}"
        for key, _ in kept_rows(config, "snmp host"):
            if key.owner == owner:
                host, mask = key.identity
                yield f"  host {format_ipv4(host)}{f' {mask}' if mask else ''}"


def _community(context: Context, arguments: Arguments) -> str:
    name = arguments["community"]
    if name not in names_of_kind(context.device.config, "snmp community"):
        raise NotFoundError(f"snmp community {name} does not exist")
    return lines(*list(_communities(context.device.config, name))[1:])


def _telnet(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    port = config.system.access.telnet_port
    client = enabled(not is_unset(config, "telnet client enable"))
    sessions = sum(session.service == "Telnet" for session in context.device.admin_sessions.values())
    return lines(f"Telnet port: {port}", f"Telnet client: {client}", f"Active sessions: {sessions}")


SSH = keyword("ssh", "get SSH information", Command(_ssh))
SCS = keyword("scs", "get SSH information", Command(_ssh), hidden=True)
SNMP = keyword(
    "snmp",
    "show SNMP information",
    choice(
        Command(_snmp),
        keyword("settings", "show settings", Command(_snmp)),
        keyword(
            "community",
            "show a community",
            argument("community", COMMUNITY, "community name", Command(_community)),
        ),
    ),
)
TELNET = keyword("telnet", "show telnet settings", Command(_telnet))
NODES = (
    SSH,
    SCS,
    SNMP,
    TELNET,
    keyword("snmpv3", "show SNMPv3 information", written("SNMPv3", *SNMPV3.items)),
    keyword("nsmgmt", "show NSM settings", written("The agent of the management server", *NSM.items)),
    keyword("global-pro", "show global-pro settings", written("The global-pro agent", *GLOBAL_PRO.items)),
    keyword("alias", "get alias definitions", written("Aliases: typing one", *ALIAS.items)),
)
