"""The services a host can run, by name, and how one is written: `http`, `http:8080`, `smtp:ident`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nsemu.lab.arguments import suggestion
from nsemu.lab.host.services import dhcp, dns, echo, ftp, http, ident, ntp, pop3, smtp, syslog, telnet, tftp
from nsemu.lab.host.services.context import ServiceContext
from nsemu.runtime.tcp.channel import Channel, Conversation


class ServiceError(ValueError):
    """A text that names no service, or a port or option that it cannot have."""


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """One kind. `make` begins a TCP connection, None for a service over UDP alone. `udp` tells that it also takes
    datagrams on its port; `options` are the words it understands.
    """

    name: str
    port: int
    make: Callable[[Channel, ServiceContext], Conversation] | None
    udp: bool = False
    options: frozenset[str] = frozenset()


SERVICES: Final = {
    kind.name: kind
    for kind in (
        ServiceKind("http", http.PORT, http.HttpService),
        ServiceKind("ftp", ftp.PORT, ftp.FtpService),
        ServiceKind("telnet", telnet.PORT, telnet.TelnetService),
        ServiceKind("smtp", smtp.PORT, smtp.SmtpService, options=frozenset({smtp.IDENT_OPTION})),
        ServiceKind("pop3", pop3.PORT, pop3.Pop3Service),
        ServiceKind("ident", ident.PORT, ident.IdentService),
        ServiceKind("echo", echo.PORT, echo.EchoService, udp=True),
        ServiceKind("dns", dns.PORT, None, udp=True),
        ServiceKind("dhcp", dhcp.PORT, None, udp=True),
        ServiceKind("tftp", tftp.PORT, None, udp=True),
        ServiceKind("ntp", ntp.PORT, None, udp=True),
        ServiceKind("syslog", syslog.PORT, None, udp=True),
    )
}


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service as asked for."""

    kind: ServiceKind
    port: int
    options: frozenset[str] = frozenset()

    @property
    def protocols(self) -> str:
        """`tcp`, `udp` or `tcp, udp`."""
        return ", ".join(("tcp",) * (self.kind.make is not None) + ("udp",) * self.kind.udp)

    @classmethod
    def parse(cls, text: str) -> ServiceSpec:
        """`NAME[:PORT][:OPTION]…`. Raises ServiceError."""
        name, *rest = text.split(":")
        kind = SERVICES.get(name)
        if kind is None:
            raise ServiceError(f"unknown service {name!r}{suggestion(name, SERVICES)}")
        port, options = kind.port, set[str]()
        for word in rest:
            if word.isascii() and word.isdigit() and 1 <= int(word) <= 65535:
                port = int(word)
            elif word in kind.options:
                options.add(word)
            else:
                raise ServiceError(f"service {name} has no port or option {word!r}")
        return cls(kind, port, frozenset(options))
