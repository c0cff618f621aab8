"""`get admin …`: administrators, who is logged in, from where they may, how they are let in (screenos-cli §4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, argument, choice, keyword
from nsemu.cli.settings.admin import ADMIN_NAME_TYPE
from nsemu.cli.show.kept import is_kept, is_unset, kept_value
from nsemu.cli.show.layout import enabled, lines
from nsemu.config.device import DeviceConfig
from nsemu.config.errors import NotFoundError
from nsemu.device.views.system import local_date
from nsemu.wire.address import format_ipv4

_PRIVILEGES = {"all": "Read-Write", "read-only": "Read-Only"}


def _overview(context: Context, arguments: Arguments) -> str:
    return lines(*_access(context.device.config), "", *_users(context.device.config)) + _hosts(context, arguments)


def _access(config: DeviceConfig) -> Iterator[str]:
    access = config.system.access
    yield f"HTTP Port: {kept_value(config, 'admin port', 'port', 80)}"
    yield f"TELNET Port: {access.telnet_port}"
    yield f"SSH Port: {access.ssh_port}"
    yield f"HTTP redirect: {enabled(is_kept(config, 'admin http redirect'))}"
    yield f"Config file format: {'DOS' if access.dos_files else 'UNIX'}"
    yield f"Login attempts: {access.attempts}"
    lock = access.lock_minutes
    yield f"Lock on failure: {f'{lock} minutes' if lock else 'disabled'}"
    yield f"Password minimum length: {access.password_minimum}"
    yield f"Hardware reset: {enabled(not is_unset(config, 'admin hw-reset'))}"
    yield f"Device ID: {kept_value(config, 'admin device-id', 'id', '')}".rstrip()


def _administrators(context: Context, arguments: Arguments) -> str:
    config, wanted = context.device.config, arguments.get("name")
    names = {config.system.admin_name, *config.admins}
    if wanted is not None and wanted not in names:
        raise NotFoundError(f"administrator {wanted} does not exist")
    return lines(*_users(config, wanted))


def _users(config: DeviceConfig, wanted: str | None = None) -> Iterator[str]:
    yield f"{'Name':<31} Privilege"
    yield f"{'-' * 31} ---------------"
    everybody = [(config.system.admin_name, "Root")]
    everybody += [(user.name, _PRIVILEGES[user.privilege]) for user in config.admins.values()]
    yield from (f"{name:<31} {privilege}" for name, privilege in everybody if wanted in {None, name})


def _sessions(context: Context, _arguments: Arguments) -> str:
    device = context.device
    rows = [
        f"{number:>3}  {session.name:<20}{session.privilege:<11}{local_date(device, session.since):%Y-%m-%d %H:%M:%S}  "
        f"{session.service.lower():<8}{session.address}:{session.port}"
        for number, session in device.admin_sessions.items()
    ]
    return lines(f"{'No.':>3}  {'Name':<20}{'Privilege':<11}{'Login Time':<21}{'Type':<8}Remote IP:Port", *rows)


def _hosts(context: Context, _arguments: Arguments) -> str:
    hosts = context.device.config.system.manager_ips
    rows = (f"{format_ipv4(prefix.address):<16}{format_ipv4(prefix.mask)}" for prefix in hosts)
    return lines(f"Manager IP enforced: {bool(hosts)}", f"Manager IPs: {len(hosts)}", *rows)


def _authentication(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    server = kept_value(config, "admin auth server", "server", "Local")
    return lines(
        f"Admin user authentication server: {server}",
        f"Idle timeout: {config.system.console_timeout} minutes (console), "
        f"{kept_value(config, 'admin auth web timeout', 'minutes', 10)} minutes (web), "
        f"{kept_value(config, 'admin auth dial-in timeout', 'minutes', 3)} minutes (dial-in)",
        f"Remote privilege: {kept_value(config, 'admin privilege', 'privilege', 'read-write')}",
    )


def _banners(context: Context, _arguments: Arguments) -> str:
    access = context.device.config.system.access
    texts = (("Console", access.console_banner), ("Telnet", access.login_banner), ("Secondary", access.second_banner))
    return lines(*(f"{place} login banner: {text or 'not configured'}" for place, text in texts))


def _keys(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    return lines(
        f"SSH password authentication: {enabled(config.system.access.ssh_passwords)}",
        "Keys of administrators: none, public keys are not emulated",
    )


ADMIN = keyword(
    "admin",
    "show admin information",
    choice(
        Command(_overview),
        keyword(
            "user",
            "show admin user list",
            choice(
                Command(_administrators),
                keyword("login", "show who is logged in", Command(_sessions)),
                argument("name", ADMIN_NAME_TYPE, "administrator name", Command(_administrators)),
            ),
        ),
        keyword("current-user", "show who is logged in", Command(_sessions)),
        keyword("manager-ip", "show the hosts that may manage", Command(_hosts)),
        keyword(
            "auth",
            "show how administrators are let in",
            choice(
                Command(_authentication),
                keyword("settings", "show the settings", Command(_authentication)),
                keyword("banner", "show the texts at the login", Command(_banners)),
            ),
        ),
        keyword(
            "ssh",
            "show Secure Shell of administrators",
            choice(Command(_keys), keyword("all", "of all", Command(_keys))),
        ),
    ),
)
