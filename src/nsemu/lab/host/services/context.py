"""What a service may use of the host it runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nsemu.lab.host.store import HostStore
from nsemu.runtime.tcp.table import TcpTable
from nsemu.sim.scheduler import Duration, Timer


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """`tcp` is for further connections (FTP data, IDENT) and to look at existing ones; `after` sets a timer."""

    host: str
    store: HostStore
    tcp: TcpTable
    after: Callable[[Duration, Callable[[], None]], Timer]
    options: frozenset[str] = frozenset()
