"""What a host's services keep: users, files, mail. In memory; gone when the lab ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from nsemu.lab.host.services.dhcp import DhcpPool
from nsemu.lab.host.services.dns import DnsZone
from nsemu.lab.host.services.ntp import TimeSource
from nsemu.lab.host.services.syslog import KEPT, KeptMessage

DEFAULT_USER: Final = "guest"
DEFAULT_PASSWORD: Final = "guest"
ANONYMOUS: Final = frozenset({"anonymous", "ftp"})
MEBIBYTE: Final = 1 << 20


class FileError(ValueError):
    """No such file or directory, or it is not of the kind asked for; the message is for the user."""


@cache
def pattern_octets(size: int) -> bytes:
    """`size` octets of printable text in lines of 64, the same each time."""
    alphabet = bytes(range(0x30, 0x6F))
    line = alphabet + b"\n"
    return (line * (size // len(line) + 1))[:size]


class FileTree:
    """Files by absolute path (`/pub/readme.txt`). A directory exists while made or while something is in it."""

    __slots__ = ("_directories", "_files")

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._directories: set[str] = {"/"}

    @staticmethod
    def resolve(current: str, path: str) -> str:
        """`path` as seen from the directory `current`, absolute; `..` stops at the root."""
        parts: list[str] = []
        for part in (path if path.startswith("/") else f"{current}/{path}").split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in {"", "."}:
                parts.append(part)
        return "/" + "/".join(parts)

    def is_directory(self, path: str) -> bool:
        """Whether it exists and is a directory."""
        return path in self._directories

    def make_directory(self, path: str) -> None:
        """Create it with all above it. Raises FileError when a file is in the way."""
        above = ""
        for part in path.strip("/").split("/"):
            above = f"{above}/{part}"
            if above in self._files:
                raise FileError(f"{above}: not a directory")
            if part:
                self._directories.add(above)

    def read(self, path: str) -> bytes:
        """A file's octets. Raises FileError."""
        if path not in self._files:
            raise FileError(f"{path}: no such file")
        return self._files[path]

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file, with the directories above it. Raises FileError."""
        if path in self._directories:
            raise FileError(f"{path}: is a directory")
        self.make_directory(path.rsplit("/", 1)[0])
        self._files[path] = data

    def delete(self, path: str) -> None:
        """Remove a file. Raises FileError."""
        self.read(path)
        del self._files[path]

    def entries(self, directory: str) -> Iterator[tuple[str, int | None]]:
        """Name and size (None: a directory) of what is in a directory, by name. Raises FileError."""
        if directory not in self._directories:
            raise FileError(f"{directory}: no such directory")
        inside = directory.rstrip("/") + "/"
        found: dict[str, int | None] = {}
        for path in self._directories - {"/"}:
            if path.startswith(inside) and "/" not in path[len(inside) :]:
                found[path[len(inside) :]] = None
        for path, data in self._files.items():
            if path.startswith(inside) and "/" not in path[len(inside) :]:
                found[path[len(inside) :]] = len(data)
        yield from sorted(found.items())


@dataclass(slots=True)
class HostStore:
    """`users` maps a name to its password; `mail` maps a user to the messages, oldest first.

    `zone` is what the DNS service answers, `pool` what the DHCP service hands out, `clock` what the NTP service tells;
    `syslog` are the messages that came, oldest first.
    """

    files: FileTree = field(default_factory=FileTree)
    users: dict[str, str] = field(default_factory=lambda: {DEFAULT_USER: DEFAULT_PASSWORD})
    mail: dict[str, list[bytes]] = field(default_factory=dict)
    zone: DnsZone = field(default_factory=DnsZone)
    pool: DhcpPool | None = None
    clock: TimeSource = field(default_factory=TimeSource)
    syslog: deque[KeptMessage] = field(default_factory=lambda: deque(maxlen=KEPT))

    def admits(self, user: str, password: str) -> bool:
        """Whether the password is the user's."""
        return self.users.get(user) == password

    def deliver(self, address: str, message: bytes) -> None:
        """Put a message into the mailbox of an address.

        The part before the @ names the user; what is for nobody goes to the first user.
        """
        self.mail.setdefault(self.mailbox_of(address), []).append(message)

    def mailbox_of(self, address: str) -> str:
        """The user who gets the mail of an address."""
        name = address.partition("@")[0].lower()
        return name if name in self.users else next(iter(self.users))

    @classmethod
    def for_host(cls, name: str) -> HostStore:
        """The store of a new host: a text that names it, and a file of 1 MiB."""
        store = cls()
        store.files.write("/readme.txt", f"This is {name}.\n".encode())
        store.files.write("/pub/1m.bin", pattern_octets(MEBIBYTE))
        return store
