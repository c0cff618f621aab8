"""How administrators are let in (`set admin …`): attempts, locks, banners, ports, passwords, files."""

from __future__ import annotations

from dataclasses import dataclass

TELNET_PORT, SSH_PORT = 23, 22


@dataclass(frozen=True, slots=True)
class AdminAccess:
    """`attempts` are the bad logins after which a line is closed; `lock_minutes` how long the name, or the host, is
    locked then (0 for not at all). `password_minimum` is the fewest characters of a password.

    `dos_files` is whether configuration files that leave the device have CR LF. The banners come before the login of
    the console and of Telnet and SSH; the second one must be agreed to. `root_console_only` keeps the root
    administrator to the console; `ssh_passwords` lets passwords in by SSH.
    """

    attempts: int = 3
    lock_minutes: int = 0
    password_minimum: int = 1
    dos_files: bool = True
    console_banner: str = ""
    login_banner: str = ""
    second_banner: str = ""
    telnet_port: int = TELNET_PORT
    ssh_port: int = SSH_PORT
    root_console_only: bool = False
    ssh_passwords: bool = True


FACTORY_ACCESS = AdminAccess()
"""What a factory device starts with."""
