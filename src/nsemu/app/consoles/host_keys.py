"""The host keys of a lab's SSH ports: made once, kept in the state folder, the same for all its devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncssh

_MAKERS: Final[dict[str, Callable[[], asyncssh.SSHKey]]] = {
    "ssh_host_ed25519_key": lambda: asyncssh.generate_private_key("ssh-ed25519"),
    "ssh_host_rsa_key": lambda: asyncssh.generate_private_key("ssh-rsa", key_size=2048),
}


def host_keys(folder: Path | None) -> list[asyncssh.SSHKey]:
    """An Ed25519 and an RSA key; without a folder they last as long as the process.

    A file that holds no key is replaced: clients will then ask whether they still know the host.
    """
    return [_key(folder / name if folder is not None else None, make) for name, make in _MAKERS.items()]


def _key(file: Path | None, make: Callable[[], asyncssh.SSHKey]) -> asyncssh.SSHKey:
    if file is None:
        return make()
    try:
        return asyncssh.read_private_key(file)
    except (OSError, asyncssh.KeyImportError):
        key = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    key.write_private_key(file)
    return key
