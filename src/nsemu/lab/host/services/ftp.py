"""An FTP server (RFC 959; EPRT and EPSV: RFC 2428; SIZE and FEAT: RFC 3659, RFC 2389). Files are the host's.

The control connection: commands and replies. What happens on data connections is in `ftp_data`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from nsemu.lab.host.services.context import ServiceContext
from nsemu.lab.host.services.ftp_data import DataPort, Transfer
from nsemu.lab.host.store import ANONYMOUS, FileError
from nsemu.runtime.tcp.channel import Channel, LineConversation
from nsemu.runtime.tcp.states import Endpoint, TcpFailure
from nsemu.wire.address import AddressError, parse_ipv4

PORT: Final = 21
_HOST_PORT: Final = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})", re.ASCII)


def parse_host_port(text: str) -> Endpoint | None:
    """`10,1,1,5,4,1` (anywhere in `text`) → endpoint; None when there is none."""
    found = _HOST_PORT.search(text)
    numbers = [int(part) for part in found.groups()] if found else []
    if len(numbers) != 6 or max(numbers) > 255:
        return None
    return Endpoint(int.from_bytes(bytes(numbers[:4]), "big"), numbers[4] << 8 | numbers[5])


def format_host_port(endpoint: Endpoint) -> str:
    """Endpoint → `10,1,1,5,4,1`."""
    return ",".join(str(octet) for octet in (*endpoint.address.to_bytes(4, "big"), *endpoint.port.to_bytes(2, "big")))


def to_ascii(data: bytes) -> bytes:
    """Lines end with CR LF on the way (RFC 959 §3.1.1.1)."""
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class FtpService(LineConversation):
    """One control connection."""

    def __init__(self, channel: Channel, context: ServiceContext) -> None:
        super().__init__(channel)
        self._context = context
        self._user = ""
        self._logged_in = False
        self._binary = False
        self._directory = "/"
        self._data = DataPort(context.tcp, channel, self.reply)

    def connected(self) -> None:
        """Greet."""
        self.reply(220, f"{self._context.host} FTP server ready.")

    def closed(self, failure: TcpFailure | None) -> None:
        """The control connection is gone: so is what hangs on it."""
        del failure
        self._data.abort()

    def reply(self, code: int, text: str) -> None:
        """One line of reply."""
        self.say(f"{code} {text}")

    def line(self, text: str) -> None:
        """A command."""
        # An ABOR comes with telnet's IP and Synch before it (RFC 959 §4.1.3).
        word, _, argument = text.lstrip("\xff\xf4\xf2").partition(" ")
        verb = word.upper()
        handler = _COMMANDS.get(verb)
        if handler is None:
            self.reply(502 if verb in _KNOWN else 500, f"{word[:16]!r}: command not implemented.")
        elif not self._logged_in and verb not in _BEFORE_LOGIN:
            self.reply(530, "Please login with USER and PASS.")
        else:
            try:
                handler(self, argument.strip())
            except FileError as error:
                self.reply(550, f"{error}.")

    # Login

    def _do_user(self, argument: str) -> None:
        self._user, self._logged_in = argument, False
        if not argument:
            self.reply(501, "USER needs a name.")
        elif argument.lower() in ANONYMOUS:
            self.reply(331, "Guest login ok, send your e-mail address as password.")
        else:
            self.reply(331, f"Password required for {argument}.")

    def _do_pass(self, argument: str) -> None:
        if not self._user:
            self.reply(503, "Login with USER first.")
        elif self._user.lower() in ANONYMOUS or self._context.store.admits(self._user, argument):
            self._logged_in = True
            self.reply(230, f"User {self._user} logged in.")
        else:
            self._user = ""
            self.reply(530, "Login incorrect.")

    def _do_quit(self, _argument: str) -> None:
        self.reply(221, "Goodbye.")
        self.channel.close()

    # Parameters

    def _do_type(self, argument: str) -> None:
        kind = argument.upper()
        if kind in {"A", "A N", "I", "L 8"}:
            self._binary = kind in {"I", "L 8"}
            self.reply(200, f"Type set to {kind[0]}.")
        else:
            self.reply(504, f"Type {argument!r} is not implemented.")

    def _do_mode(self, argument: str) -> None:
        self.reply(*((200, "Mode is stream.") if argument.upper() == "S" else (504, "Only stream mode.")))

    def _do_stru(self, argument: str) -> None:
        self.reply(*((200, "Structure is file.") if argument.upper() == "F" else (504, "Only file structure.")))

    def _do_port(self, argument: str) -> None:
        endpoint = parse_host_port(argument) if _HOST_PORT.fullmatch(argument) else None
        self._take_port("PORT", endpoint)

    def _do_eprt(self, argument: str) -> None:
        parts = argument.split(argument[:1] or "|")
        if len(parts) != 5 or not re.fullmatch(r"[0-9]{1,5}", parts[3]):
            self._take_port("EPRT", None)
            return
        if parts[1] != "1":
            self.reply(522, "Network protocol not supported, use (1).")
            return
        try:
            self._take_port("EPRT", Endpoint(parse_ipv4(parts[2]), int(parts[3])))
        except AddressError:
            self._take_port("EPRT", None)

    def _take_port(self, verb: str, endpoint: Endpoint | None) -> None:
        if endpoint is None or endpoint.port > 65535:
            self.reply(501, f"{verb} needs an address and a port.")
        elif endpoint.address != self.channel.remote.address or endpoint.port < 1024:
            # RFC 2577 §3: no connection to anyone but the client, nor to a service of it.
            self.reply(500, f"Illegal {verb} command.")
        else:
            self._data.use_active(endpoint)
            self.reply(200, f"{verb} command successful.")

    def _do_pasv(self, _argument: str) -> None:
        endpoint = self._data.use_passive()
        self.reply(227, f"Entering Passive Mode ({format_host_port(endpoint)}).")

    def _do_epsv(self, argument: str) -> None:
        if argument not in {"", "1"}:
            self.reply(522, "Network protocol not supported, use (1).")
            return
        self.reply(229, f"Entering Extended Passive Mode (|||{self._data.use_passive().port}|).")

    # Information

    def _do_feat(self, _argument: str) -> None:
        self.channel.send(b"211-Features:\r\n EPRT\r\n EPSV\r\n PASV\r\n SIZE\r\n211 End\r\n")

    def _do_size(self, argument: str) -> None:
        data = self._context.store.files.read(self._path(argument))
        if self._binary:
            self.reply(213, str(len(data)))
        else:
            self.reply(550, "SIZE is not allowed in ASCII mode.")

    def _do_cwd(self, argument: str) -> None:
        path = self._path(argument)
        if not self._context.store.files.is_directory(path):
            raise FileError(f"{path}: no such directory")
        self._directory = path
        self.reply(250, f'Directory is "{path}".')

    def _path(self, argument: str) -> str:
        return self._context.store.files.resolve(self._directory, argument)

    # Transfers

    def _do_list(self, argument: str) -> None:
        self._send_rows([_row(name, size) for name, size in self._entries(argument)])

    def _do_nlst(self, argument: str) -> None:
        self._send_rows([name for name, _ in self._entries(argument)])

    def _entries(self, argument: str) -> list[tuple[str, int | None]]:
        names = [word for word in argument.split() if not word.startswith("-")]
        path = self._path(" ".join(names))
        files = self._context.store.files
        if files.is_directory(path):
            return list(files.entries(path))
        return [(path.rsplit("/", 1)[1], len(files.read(path)))]

    def _send_rows(self, rows: list[str]) -> None:
        data = "".join(f"{row}\r\n" for row in rows).encode("latin-1", "replace")
        self._data.start(Transfer("file list", payload=data))

    def _do_retr(self, argument: str) -> None:
        path = self._path(argument)
        data = self._context.store.files.read(path)
        mode = "BINARY" if self._binary else "ASCII"
        payload = data if self._binary else to_ascii(data)
        self._data.start(Transfer(f"{path} ({len(data)} bytes), {mode} mode", payload=payload))

    def _do_stor(self, argument: str) -> None:
        path = self._path(argument)
        files = self._context.store.files
        if self._user.lower() in ANONYMOUS:
            raise FileError(f"{path}: permission denied")
        if not argument or files.is_directory(path):
            raise FileError(f"{path}: is a directory")
        binary = self._binary

        def store(data: bytes) -> None:
            files.write(path, data if binary else data.replace(b"\r\n", b"\n"))

        self._data.start(Transfer(f"{path}, {'BINARY' if binary else 'ASCII'} mode", store=store))

    def _do_dele(self, argument: str) -> None:
        path = self._path(argument)
        if self._user.lower() in ANONYMOUS:
            raise FileError(f"{path}: permission denied")
        self._context.store.files.delete(path)
        self.reply(250, "Deleted.")

    def _do_mkd(self, argument: str) -> None:
        path = self._path(argument)
        if self._user.lower() in ANONYMOUS:
            raise FileError(f"{path}: permission denied")
        self._context.store.files.make_directory(path)
        self.reply(257, f'"{path}" created.')

    def _do_abor(self, _argument: str) -> None:
        self._data.abort()
        self.reply(226, "No transfer is under way.")

    def _current_directory(self) -> str:
        return self._directory


def _row(name: str, size: int | None) -> str:
    """One line of a listing, as `ls -l` prints it."""
    mode = "drwxr-xr-x" if size is None else "-rw-r--r--"
    return f"{mode}   1 ftp      ftp      {size or 0:>10} Jan  1 00:00 {name}"


_Handler = Callable[[FtpService, str], None]
_COMMANDS: Final[dict[str, _Handler]] = {
    "ABOR": FtpService._do_abor,
    "CDUP": lambda service, _: service._do_cwd(".."),
    "CWD": FtpService._do_cwd,
    "DELE": FtpService._do_dele,
    "EPRT": FtpService._do_eprt,
    "EPSV": FtpService._do_epsv,
    "FEAT": FtpService._do_feat,
    "LIST": FtpService._do_list,
    "MKD": FtpService._do_mkd,
    "MODE": FtpService._do_mode,
    "NLST": FtpService._do_nlst,
    "NOOP": lambda service, _: service.reply(200, "OK."),
    "PASS": FtpService._do_pass,
    "PASV": FtpService._do_pasv,
    "PORT": FtpService._do_port,
    "PWD": lambda service, _: service.reply(257, f'"{service._current_directory()}" is the directory.'),
    "QUIT": FtpService._do_quit,
    "RETR": FtpService._do_retr,
    "SIZE": FtpService._do_size,
    "STOR": FtpService._do_stor,
    "STRU": FtpService._do_stru,
    "SYST": lambda service, _: service.reply(215, "UNIX Type: L8"),
    "TYPE": FtpService._do_type,
    "USER": FtpService._do_user,
}
_BEFORE_LOGIN: Final = frozenset({"USER", "PASS", "QUIT", "FEAT", "NOOP", "SYST"})
_KNOWN: Final = frozenset(
    {"ACCT", "ALLO", "APPE", "HELP", "REIN", "REST", "RMD", "RNFR", "RNTO", "SITE", "SMNT", "STAT", "STOU"}
)
