"""The commands of a host: which there are, their syntax and help, and those that look at the host itself.

A line that is not understood raises CommandRefused at once; one that is understood and fails says so in its text.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nsemu.lab.arguments import CommandRefused, suggestion
from nsemu.lab.host import client_commands, log_commands, name_commands, packet_commands
from nsemu.lab.host.services.registry import SERVICES, ServiceError, ServiceSpec
from nsemu.lab.host.store import FileError
from nsemu.lab.stack_commands import STACK_COMMANDS
from nsemu.runtime.tcp.states import Endpoint
from nsemu.sim.wait import Progress
from nsemu.wire.address import format_ipv4

if TYPE_CHECKING:
    from nsemu.lab.host.host import Host

HostHandler = Callable[["Host", Sequence[str]], Progress]
_LISTED_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class HostCommand:
    """`syntax` is what follows the name; `help` one line."""

    handler: HostHandler
    syntax: str
    help: str


def run_host_command(host: Host, line: str) -> Progress:
    """Start the command of a line. Raises CommandRefused; an empty line does nothing."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise CommandRefused(f"{error}: {line}") from None
    if not words:
        return say("")
    name, *rest = words
    command = host.commands.get(name)
    if command is None:
        raise CommandRefused(f"unknown command {name!r}{suggestion(name, host.commands)}")
    return command.handler(host, rest)


def say(text: str) -> Progress:
    """A command that only prints."""
    if text:
        yield text


def _of_stack(name: str) -> HostHandler:
    return lambda host, words: STACK_COMMANDS[name](host.stack, words)


def _no_words(words: Sequence[str]) -> None:
    if words:
        raise CommandRefused(f"unexpected word {words[0]!r}")


def _help(host: Host, words: Sequence[str]) -> Progress:
    known = host.commands
    if words:
        command = known.get(words[0])
        if command is None:
            raise CommandRefused(f"unknown command {words[0]!r}{suggestion(words[0], known)}")
        return say(f"{words[0]} {command.syntax}".rstrip() + f"\n    {command.help}\n")
    rows = [(f"{name} {command.syntax}".rstrip(), command.help) for name, command in known.items()]
    return say("".join(f"{usage}\n    {text}\n" for usage, text in rows))


def _services(host: Host, words: Sequence[str]) -> Progress:
    _no_words(words)
    rows = [("Service", "Protocol", "Port", "State", "Options")]
    running = {service.spec.kind.name for service in host.services}
    for service in host.services:
        spec = service.spec
        rows.append((spec.kind.name, spec.protocols, str(spec.port), "running", " ".join(sorted(spec.options))))
    for kind in SERVICES.values():
        if kind.name not in running:
            rows.append((kind.name, ServiceSpec(kind, kind.port).protocols, str(kind.port), "stopped", ""))
    return say(_table(rows))


def _service(host: Host, words: Sequence[str]) -> Progress:
    if len(words) < 2 or words[0] not in {"start", "stop"}:
        raise CommandRefused("service start|stop NAME [port N] [OPTION]")
    verb, name, *rest = words
    # `port 8080` and `ident` become `:8080:ident`, as a topology writes them.
    text = ":".join([name, *(word for word in rest if word != "port")])
    try:
        spec = ServiceSpec.parse(text)
        if verb == "start":
            host.start_service(spec)
        else:
            host.stop_service(spec.kind, spec.port if "port" in rest else None)
    except ServiceError as error:
        raise CommandRefused(str(error)) from None
    return say(f"service {name} {'started on port ' + str(spec.port) if verb == 'start' else 'stopped'}\n")


def _connections(host: Host, words: Sequence[str]) -> Progress:
    _no_words(words)
    rows = [("Protocol", "Local", "Remote", "State")]
    rows.extend(("tcp", f"*:{listener.port}", "*", "LISTEN") for listener in host.tcp.listeners())
    for socket in host.tcp.sockets():
        rows.append(("tcp", _endpoint(socket.local), _endpoint(socket.remote), socket.connection.state.value))
    return say(_table(rows))


def _files(host: Host, words: Sequence[str]) -> Progress:
    files = host.store.files
    path = files.resolve("/", words[0] if words else "/")
    _no_words(words[1:])
    try:
        if files.is_directory(path):
            return say(
                _table([(name, "directory" if size is None else f"{size}") for name, size in files.entries(path)])
            )
        data = files.read(path)
    except FileError as error:
        return say(f"{error}\n")
    return say(client_commands.shown(data, _LISTED_SIZE))


def _mail(host: Host, words: Sequence[str]) -> Progress:
    _no_words(words[1:])
    user = words[0] if words else next(iter(host.store.users))
    messages = host.store.mail.get(user, [])
    parts = [f"{len(messages)} messages for {user}\n"]
    parts.extend(f"--- {index}\n{client_commands.shown(one, _LISTED_SIZE)}" for index, one in enumerate(messages, 1))
    return say("".join(parts))


def _user(host: Host, words: Sequence[str]) -> Progress:
    if not words:
        return say("".join(f"{name}\n" for name in host.store.users))
    if len(words) != 3 or words[1] != "password":
        raise CommandRefused("user [NAME password PASSWORD]")
    host.store.users[words[0]] = words[2]
    return say(f"user {words[0]} set\n")


def _endpoint(endpoint: Endpoint) -> str:
    return f"{format_ipv4(endpoint.address)}:{endpoint.port}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


_PING = "ADDRESS [count N] [interval S] [size N] [ttl N] [df] [source ADDRESS] [time-out S]"
_TRACEROUTE = "ADDRESS [icmp] [hops N] [probes N] [time-out S] [source ADDRESS] [-n]"

HOST_COMMANDS: Final[dict[str, HostCommand]] = {
    "ping": HostCommand(_of_stack("ping"), _PING, "Send echo requests and show the replies"),
    "traceroute": HostCommand(_of_stack("traceroute"), _TRACEROUTE, "Show the routers on the way to an address"),
    "trace-route": HostCommand(_of_stack("traceroute"), _TRACEROUTE, "The same as traceroute"),
    "arp": HostCommand(_of_stack("arp"), "", "Show the neighbours"),
    "address": HostCommand(_of_stack("interfaces"), "", "Show the interface and its addresses"),
    "ifconfig": HostCommand(_of_stack("interfaces"), "", "The same as address"),
    "interfaces": HostCommand(_of_stack("interfaces"), "", "The same as address"),
    "route": HostCommand(_of_stack("routes"), "", "Show the routes"),
    "routes": HostCommand(_of_stack("routes"), "", "The same as route"),
    **{
        name: HostCommand(handler, syntax, text)
        for name, (handler, syntax, text) in {**client_commands.COMMANDS, **packet_commands.COMMANDS}.items()
    },
    "services": HostCommand(_services, "", "Show the services"),
    "service": HostCommand(_service, "start|stop NAME [port N] [OPTION]", "Start or stop a service"),
    "connections": HostCommand(_connections, "", "Show the TCP connections and open ports"),
    "files": HostCommand(_files, "[PATH]", "List a directory of the host, or show a file"),
    "mail": HostCommand(_mail, "[USER]", "Show the mail a user has received"),
    **{name: HostCommand(*command) for name, command in {**name_commands.COMMANDS, **log_commands.COMMANDS}.items()},
    "user": HostCommand(_user, "[NAME password PASSWORD]", "List the users, or set one"),
    "help": HostCommand(_help, "[COMMAND]", "Show the commands"),
    "?": HostCommand(_help, "[COMMAND]", "The same as help"),
}
