"""The commands that talk to services: read the words, run a client, say what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nsemu.lab.arguments import CommandRefused, Option, address, number, parse_arguments, seconds
from nsemu.lab.host.clients.base import Client, Dialogue
from nsemu.lab.host.clients.ftp import FtpClient, FtpTask
from nsemu.lab.host.clients.http import HttpClient, HttpTask
from nsemu.lab.host.clients.mail import Pop3Client, SmtpClient
from nsemu.lab.host.clients.text import ConnectClient, EchoClient, IdentClient, TelnetClient
from nsemu.lab.host.services import echo, ftp, http, ident, pop3, smtp, telnet
from nsemu.lab.host.store import DEFAULT_PASSWORD, DEFAULT_USER, FileError, pattern_octets
from nsemu.runtime.tcp.channel import Channel
from nsemu.runtime.tcp.states import Endpoint, TcpFailure
from nsemu.runtime.tcp.table import PortInUse
from nsemu.sim.scheduler import MILLISECOND, SECOND, Duration, Instant
from nsemu.sim.wait import Progress, Wait
from nsemu.wire.address import format_ipv4

if TYPE_CHECKING:
    from nsemu.lab.host.host import Host

Handler = Callable[["Host", Sequence[str]], Progress]

DEFAULT_WAIT: Final[Duration] = 30 * SECOND
"""How long a client waits for its connection."""

_IDLE_FACTOR: Final = 4
"""Once connected, nothing may move for so many times the wait: retransmissions back off."""

_QUIET: Final[Duration] = SECOND
_SHOWN: Final = 4096
_PORT: Final = {"port": Option("port", number(1, 65535)), "time-out": Option("wait", seconds)}
_URL: Final = re.compile(r"(?:http://)?([^/:?#\s]+)(?::([0-9]{1,5}))?((?:/|\?)\S*)?")

ClientType = TypeVar("ClientType", bound=Client)
_Driving = Generator["str | Wait", None, ClientType]


def shown(data: bytes, limit: int = _SHOWN) -> str:
    """Octets for a person: text up to `limit` octets, else what they are."""
    text = data[:limit].decode("latin-1").replace("\r\n", "\n")
    if len(data) > limit or any(not (char.isprintable() or char in "\n\t") for char in text):
        return f"[{len(data)} octets, not shown]\n"
    return text if text.endswith("\n") or not text else f"{text}\n"


def _drive(host: Host, remote: Endpoint, make: Callable[[Channel], ClientType], wait: Duration) -> _Driving[ClientType]:
    """Connect and let time pass until the client is done, or until nothing moves any more."""
    made: list[ClientType] = []

    def keep(channel: Channel) -> ClientType:
        made.append(make(channel))
        return made[0]

    socket = host.tcp.connect(remote, keep)
    client = made[0]
    state = client.state
    while not state.done:
        before = client.progress()
        yield Wait(host.scheduler.now + (wait * _IDLE_FACTOR if state.connected else wait), lambda: state.done)
        if not state.done and client.progress() == before:
            socket.abort()
            state.failure = TcpFailure.TIMED_OUT
    return client


def _outcome(client: Client, remote: Endpoint) -> str:
    """The line that says why a client failed, or nothing."""
    where = f"{format_ipv4(remote.address)} port {remote.port}"
    failure = client.state.failure
    if not client.state.connected:
        return f"connect to {where}: {(failure or TcpFailure.ABORTED).value}\n"
    if isinstance(client, Dialogue) and client.error:
        return f"{where}: {client.error}\n"
    if failure is not None:
        return f"connection to {where}: {client.waits_for()}{failure.value}\n"
    return ""


def _rate(size: int, started: Instant, now: Instant) -> str:
    elapsed = now - started
    return f"{size} octets in {elapsed // SECOND}.{elapsed % SECOND // MILLISECOND:03} s"


def _options(words: Sequence[str], known: Mapping[str, Option], positional: Sequence[str]) -> tuple[list[str], Any]:
    return parse_arguments(words, known, positional)


def _text(text: str) -> str:
    if not text or any(char in text for char in "\r\n"):
        raise ValueError("an empty word or a line end")
    return text


def _login(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not (name and colon and password):
        raise ValueError(f"{text!r} is not NAME:PASSWORD")
    return name, password


# HTTP


def _http(host: Host, words: Sequence[str]) -> Progress:
    if not words or words[0] not in {"get", "head", "post"}:
        raise CommandRefused("http get|head|post URL")
    options = {"time-out": _PORT["time-out"], "user": Option("user", _text), "password": Option("password", _text)}
    if words[0] == "post":
        options["form"] = Option("form", _text)
    plain, values = _options(words[1:], options, ["the URL"])
    if ("user" in values) != ("password" in values):
        raise CommandRefused("user NAME and password WORD go together")
    found = _URL.fullmatch(plain[0])
    if found is None:
        raise CommandRefused(f"{plain[0]!r} is no URL; write http://ADDRESS[:PORT][/PATH] or ADDRESS[:PORT][/PATH]")
    remote = Endpoint(address(found[1]), _port(found[2], http.PORT))
    target = found[3] or "/"
    authority = found[1] if remote.port == http.PORT else f"{found[1]}:{remote.port}"
    target = target if target.startswith("/") else f"/{target}"
    credentials = (values["user"], values["password"]) if "user" in values else None
    task = HttpTask(words[0].upper(), authority, target, credentials, values.get("form", ""))
    return _http_run(host, remote, task, values.get("wait", DEFAULT_WAIT))


def _port(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not 1 <= int(text) <= 65535:
        raise CommandRefused(f"{text!r} is no port")
    return int(text)


def _http_run(host: Host, remote: Endpoint, task: HttpTask, wait: Duration) -> Progress:
    started = host.scheduler.now
    client = yield from _drive(host, remote, lambda channel: HttpClient(channel, task), wait)
    if client.head:
        yield "".join(f"{line}\n" for line in client.head) + "\n" + shown(client.body)
    if not client.complete:
        yield _outcome(client, remote) or f"{format_ipv4(remote.address)} port {remote.port}: incomplete answer\n"
    else:
        yield f"{_rate(len(client.body), started, host.scheduler.now)}\n"


# FTP

_FTP_OPTIONS: Final = {
    **_PORT,
    "user": Option("user", _text),
    "password": Option("password", _text),
    "active": Option("active"),
    "passive": Option("passive"),
    "firewall": Option("firewall", _login),
}
_FTP_VERBS: Final = {"get": "RETR", "put": "STOR", "ls": "LIST", "nlst": "NLST"}


def _ftp(host: Host, words: Sequence[str]) -> Progress:
    if not words or words[0] not in _FTP_VERBS:
        raise CommandRefused("ftp get|put|ls ADDRESS [FILE]")
    verb = _FTP_VERBS[words[0]]
    options: dict[str, Option] = dict(_FTP_OPTIONS)
    positional = ["the address"]
    rest = list(words[1:])
    if verb in {"RETR", "STOR"} or (len(rest) > 1 and rest[1] not in options):
        positional.append("the file")
    if verb == "STOR":
        options["size"] = Option("size", number(0, 64 << 20))
    plain, values = _options(rest, options, positional)
    if values.get("active") and values.get("passive"):
        raise CommandRefused("active or passive, not both")
    path = plain[1] if len(plain) > 1 else ""
    task = FtpTask(
        verb,
        path.rsplit("/", 1)[-1] if verb == "STOR" else path,
        _upload(host, path, values) if verb == "STOR" else b"",
        values.get("user", DEFAULT_USER),
        values.get("password", DEFAULT_PASSWORD),
        bool(values.get("active")),
        values.get("firewall"),
    )
    remote = Endpoint(address(plain[0]), values.get("port", ftp.PORT))
    return _ftp_run(host, remote, task, values.get("wait", DEFAULT_WAIT))


def _upload(host: Host, path: str, values: dict[str, Any]) -> bytes:
    if "size" in values:
        return pattern_octets(values["size"])
    try:
        return host.store.files.read(host.store.files.resolve("/", path))
    except FileError as error:
        raise CommandRefused(f"{error} on {host.name}; give its size to make one up") from None


def _ftp_run(host: Host, remote: Endpoint, task: FtpTask, wait: Duration) -> Progress:
    started = host.scheduler.now
    client = yield from _drive(host, remote, lambda channel: FtpClient(channel, host.tcp, task), wait)
    yield "".join(f"{line}\n" for line in client.transcript)
    if not client.complete:
        yield _outcome(client, remote) or f"{format_ipv4(remote.address)} port {remote.port}: the server hung up\n"
        return
    data = bytes(client.data)
    if task.verb == "STOR":
        yield f"sent {task.path}: {_rate(len(task.upload), started, host.scheduler.now)}\n"
    elif task.verb == "RETR":
        name = task.path.rsplit("/", 1)[-1]
        host.store.files.write(f"/received/{name}", data)
        yield shown(data)
        yield f"received {name}: {_rate(len(data), started, host.scheduler.now)}\n"
    else:
        yield shown(data, 1 << 20)


# Telnet


def _telnet(host: Host, words: Sequence[str]) -> Progress:
    rest = list(words)
    if not rest:
        raise CommandRefused("the address is missing")
    target = address(rest.pop(0))
    port = telnet.PORT
    if rest and rest[0].isdigit():
        port = _port(rest.pop(0), port)
    lines: list[str] = []
    wait = DEFAULT_WAIT
    while rest:
        word = rest.pop(0)
        if word not in {"send", "time-out"} or not rest:
            raise CommandRefused(f"telnet ADDRESS [PORT] [send LINE]… [time-out SECONDS]: {word!r} is not expected")
        if word == "send":
            lines.append(rest.pop(0))
        else:
            wait = _seconds(rest.pop(0))
    return _telnet_run(host, Endpoint(target, port), lines, wait)


def _seconds(text: str) -> Duration:
    try:
        return seconds(text)
    except ValueError as error:
        raise CommandRefused(str(error)) from None


def _telnet_run(host: Host, remote: Endpoint, lines: Sequence[str], wait: Duration) -> Progress:
    made: list[TelnetClient] = []

    def make(channel: Channel) -> TelnetClient:
        made.append(TelnetClient(channel))
        return made[0]

    socket = host.tcp.connect(remote, make)
    client, state = made[0], made[0].state
    yield Wait(host.scheduler.now + wait, lambda: state.connected or state.done)
    if not state.connected:
        socket.abort()
        state.failure = state.failure if state.failure is not TcpFailure.ABORTED else TcpFailure.TIMED_OUT
        yield _outcome(client, remote)
        return
    yield f"Connected to {format_ipv4(remote.address)} port {remote.port}.\n"
    for line in lines:
        yield from _until_prompt(host, client, wait)
        yield client.take()
        if state.done:
            break
        client.send_line(line)
    yield from _until_prompt(host, client, wait)
    yield client.take()
    if state.done and state.failure is None:
        yield "\nConnection closed by the other side.\n"
    elif state.done:
        yield f"\n{_outcome(client, remote)}"
    else:
        client.channel.close()
        yield Wait(host.scheduler.now + _QUIET, lambda: state.done)
        if not state.done:
            socket.abort()
        yield "\nConnection closed.\n"


def _until_prompt(host: Host, client: TelnetClient, wait: Duration) -> Progress:
    """Until a prompt stands, the peer has been quiet for a while after it spoke, or the wait is over."""
    end = host.scheduler.now + wait
    while not client.state.done and host.scheduler.now < end:
        before = client.state.activity
        yield Wait(
            min(end, host.scheduler.now + _QUIET),
            lambda seen=before: client.state.done or client.state.activity != seen or client.at_prompt,  # type: ignore[misc]
        )
        if client.at_prompt:
            return


# Mail


def _smtp(host: Host, words: Sequence[str]) -> Progress:
    if not words or words[0] != "send":
        raise CommandRefused("smtp send ADDRESS from SENDER to RECIPIENT [subject TEXT] [text TEXT]")
    options = {
        **_PORT,
        "from": Option("sender", _mailbox),
        "to": Option("recipient", _mailbox),
        "subject": Option("subject", _text),
        "text": Option("text", str),
    }
    plain, values = _options(words[1:], options, ["the address"])
    for field, word in (("sender", "from"), ("recipient", "to")):
        if field not in values:
            raise CommandRefused(f"{word} is missing")
    message = [
        f"From: <{values['sender']}>",
        f"To: <{values['recipient']}>",
        f"Subject: {values.get('subject', 'test')}",
        "",
        *values.get("text", f"A message from {host.name}.").splitlines(),
    ]
    remote = Endpoint(address(plain[0]), values.get("port", smtp.PORT))
    return _dialogue_run(
        host,
        remote,
        lambda channel: SmtpClient(channel, host.name, values["sender"], [values["recipient"]], message),
        values.get("wait", DEFAULT_WAIT),
    )


def _mailbox(text: str) -> str:
    if not re.fullmatch(r"[^\s<>]+", text):
        raise ValueError(f"{text!r} is no mail address")
    return text


def _dialogue_run(host: Host, remote: Endpoint, make: Callable[[Channel], Dialogue], wait: Duration) -> Progress:
    client = yield from _drive(host, remote, make, wait)
    yield "".join(f"{line}\n" for line in client.transcript)
    if not client.complete:
        yield _outcome(client, remote) or f"{format_ipv4(remote.address)} port {remote.port}: the server hung up\n"


def _pop3(host: Host, words: Sequence[str]) -> Progress:
    options = {
        **_PORT,
        "user": Option("user", _text),
        "password": Option("password", _text),
        "list": Option("list"),
        "stat": Option("stat"),
        "retr": Option("retr", number(1, 1_000_000)),
        "dele": Option("dele", number(1, 1_000_000)),
    }
    plain, values = _options(words, options, ["the address"])
    chosen = [word for word in ("list", "stat", "retr", "dele") if word in values]
    if len(chosen) > 1:
        raise CommandRefused(f"{chosen[0]} or {chosen[1]}, not both")
    word = chosen[0] if chosen else "list"
    command = word.upper() if word in {"list", "stat"} else f"{word.upper()} {values[word]}"
    user, password = values.get("user", DEFAULT_USER), values.get("password", DEFAULT_PASSWORD)
    remote = Endpoint(address(plain[0]), values.get("port", pop3.PORT))
    wait = values.get("wait", DEFAULT_WAIT)
    return _dialogue_run(host, remote, lambda channel: Pop3Client(channel, user, password, command), wait)


# Ident, echo, a bare connection


def _ident(host: Host, words: Sequence[str]) -> Progress:
    names = ["the address", "the port of the server", "the port of the client"]
    plain, values = _options(words, {"time-out": _PORT["time-out"]}, names)
    ports = [_number(text) for text in plain[1:]]
    remote = Endpoint(address(plain[0]), ident.PORT)
    return _ident_run(host, remote, (ports[0], ports[1]), values.get("wait", DEFAULT_WAIT))


def _number(text: str) -> int:
    try:
        return number(1, 65535)(text)
    except ValueError as error:
        raise CommandRefused(str(error)) from None


def _ident_run(host: Host, remote: Endpoint, ports: tuple[int, int], wait: Duration) -> Progress:
    client = yield from _drive(host, remote, lambda channel: IdentClient(channel, *ports), wait)
    yield f"{client.answer}\n" if client.answer else _outcome(client, remote) or "no answer\n"


def _echo(host: Host, words: Sequence[str]) -> Progress:
    plain, values = _options(words, _PORT, ["the address", "the text"])
    remote = Endpoint(address(plain[0]), values.get("port", echo.PORT))
    return _echo_run(host, remote, plain[1].encode(), values.get("wait", DEFAULT_WAIT))


def _echo_run(host: Host, remote: Endpoint, text: bytes, wait: Duration) -> Progress:
    started = host.scheduler.now
    client = yield from _drive(host, remote, lambda channel: EchoClient(channel, text + b"\r\n"), wait)
    if client.answer == text + b"\r\n":
        yield f"{client.answer.decode('utf-8', 'replace').rstrip()}\n"
        yield f"{_rate(len(client.answer), started, host.scheduler.now)}\n"
    else:
        yield _outcome(client, remote) or f"the answer differs: {shown(client.answer)}"


def connect_run(host: Host, remote: Endpoint, wait: Duration, source_port: int) -> Progress:
    """Open a connection and say what came of it; then close it."""
    made: list[ConnectClient] = []

    def make(channel: Channel) -> ConnectClient:
        made.append(ConnectClient(channel))
        return made[0]

    where = f"{format_ipv4(remote.address)} port {remote.port}"
    try:
        socket = host.tcp.connect(remote, make, source_port=source_port)
    except PortInUse as error:
        yield f"connect to {where}: {error}\n"
        return
    state = made[0].state
    yield Wait(host.scheduler.now + wait, lambda: state.connected or state.done)
    if state.connected:
        yield f"connect to {where}: connected from port {socket.local.port}\n"
        yield Wait(host.scheduler.now + wait, lambda: state.done)
        return
    failure = state.failure or TcpFailure.TIMED_OUT
    socket.abort()
    yield f"connect to {where}: {failure.value}\n"


_HTTP_TAIL = "[user NAME password WORD] [form TEXT] [time-out S]"
_FTP_TAIL = "[firewall NAME:PASSWORD] [user NAME] [password WORD] [active|passive] [port N] [time-out S]"

COMMANDS: Final[dict[str, tuple[Handler, str, str]]] = {
    "http": (
        _http,
        "get|head|post [http://]ADDRESS[:PORT][/PATH] [user NAME password WORD] [form TEXT] [time-out S]",
        "Fetch a page",
    ),
    "ftp": (_ftp, f"get|put|ls ADDRESS [FILE] [size N] {_FTP_TAIL}", "Transfer a file or list a directory"),
    "telnet": (_telnet, "ADDRESS [PORT] [send LINE]… [time-out S]", "Log in at a host: lines are typed at its prompts"),
    "smtp": (_smtp, "send ADDRESS from A to B [subject TEXT] [text TEXT] [port N] [time-out S]", "Send a mail"),
    "pop3": (_pop3, "ADDRESS [user NAME] [password WORD] [list|stat|retr N|dele N] [port N]", "Look at a mailbox"),
    "ident": (_ident, "ADDRESS SERVER-PORT CLIENT-PORT", "Ask who owns a connection"),
    "echo": (_echo, "ADDRESS TEXT [port N]", "Have a text sent back over TCP"),
}
