"""`get memory`, `get chassis`, `get license-key`, `get os task`, `get socket`, `get net-pak`, `get envar`.

screenos-cli §1.18; layouts that no capture shows are marked in docs/fidelity.md. Figures are those of the emulated
device: what its tables hold, what its platform can hold.
"""

from __future__ import annotations

from collections.abc import Iterator

from nsemu.cli.context import Context
from nsemu.cli.grammar import Arguments, Command, NumberType, argument, choice, keyword
from nsemu.cli.show.kept import is_kept
from nsemu.cli.show.layout import enabled, lines
from nsemu.config.errors import NotFoundError
from nsemu.config.platform import Capacity
from nsemu.device.views.resources import (
    SocketView,
    TaskView,
    held_packets,
    memory_view,
    ramp_view,
    socket_views,
    task_views,
)
from nsemu.device.views.system import clock_view, system_view
from nsemu.wire.address import format_ipv4


def _memory(context: Context, _arguments: Arguments) -> str:
    view = memory_view(context.device)
    return f"Memory: allocated {view.allocated}, left {view.left}, frag {view.fragments}\n"


def _memory_by_module(context: Context, _arguments: Arguments) -> str:
    view = memory_view(context.device)
    rows = (f"{name:<16}{count:>10}{octets:>14}" for name, count, octets in view.modules)
    return lines(f"{'Module':<16}{'Entries':>10}{'Bytes':>14}", "-" * 40, *rows)


def _chassis(context: Context, _arguments: Arguments) -> str:
    view = system_view(context.device)
    return lines(
        "Chassis Environment:",
        "  Power Supply: Good",
        "  Fan Status: Good",
        "  CPU Temperature: 104'F ( 40'C)",
        "Slot Information:",
        *_slots(context, view.serial),
        "Alarm Control Information:",
        *(
            f"  {what} audible alarm: disabled"
            for what in ("Power failure", "Fan failure", "Low battery", "Temperature")
        ),
        "     Normal alarm temperature is 132'F (56'C)",
        "     Severe alarm temperature is 150'F (66'C)",
    )


def _slots(context: Context, serial: str) -> Iterator[str]:
    """The slots that have ports, by the numbers in the names of the interfaces."""
    platform = context.device.config.platform
    heads = [name.partition("/")[0] for name in platform.interfaces if "/" in name]
    slots = {int(head.lstrip("abcdefghijklmnopqrstuvwxyz") or 0): heads.count(head) for head in heads}
    yield f"  {'Slot Name':<22}{'Status':<9}{'Asm-id':<10}{'Serial Number':<18}Version"
    yield f"  {'0 System Board':<22}{'Good':<9}{'0000':<10}{serial:<18}{platform.hardware}"
    for slot, count in slots.items():
        if slot:
            yield f"  {f'{slot} {count} port card':<22}{'Good':<9}{'0000':<10}{'N/A':<18}N/A"


def _licence(context: Context, _arguments: Arguments) -> str:
    config = context.device.config
    update = enabled(is_kept(config, "license-key auto-update")).capitalize()
    return lines(
        "Model:             Advanced",
        *(f"{name + ':':<19}{value}" for name, value in _limits(config.platform.capacity)),
        "NSRP:              Disable",
        "Drp:               Disable",
        "Deep Inspection:   Disable",
        "Deep Inspection Database Expire Date: Disable",
        "Signature pack:    N/A",
        "IDP:               Disable",
        "AV:                Disable(0)",
        "Anti-Spam:         Disable(0)",
        "Url Filtering:     Disable",
        "",
        f"License key auto update : {update}",
    )


def _limits(capacity: Capacity) -> Iterator[tuple[str, str]]:
    yield "Sessions", f"{capacity.sessions} sessions"
    yield "Capacity", "unlimited number of users"
    yield "VPN tunnels", f"{capacity.vpns} tunnels"
    yield "Vsys", f"{capacity.vsys} virtual systems" if capacity.vsys else "None"
    yield "Vrouters", f"{capacity.vrouters} virtual routers"
    yield "Zones", f"{capacity.zones} zones"
    yield "VLANs", f"{capacity.vlans} vlans"


def _tasks(context: Context, _arguments: Arguments) -> str:
    device = context.device
    ramp, uptime = ramp_view(device), clock_view(device).uptime
    idle = {minutes: 100 - ramp.load(ramp.since(minutes), 60 * minutes) for minutes in (1, 5, 15)}
    return lines(
        f"Uptime {uptime // 3600}:{uptime // 60 % 60:02d}:{uptime % 60:02d}, "
        + ", ".join(
            f"Last {minutes} minute{'s' if minutes > 1 else ''}: Idle {part}%" for minutes, part in idle.items()
        ),
        f"  {'ID':>3} {'Task Name':<16} {'State':<6} {'In Hand':>8} {'Next Timer':>11}",
        *(_task(place, view) for place, view in enumerate(task_views(device), 1)),
    )


def _task(place: int, view: TaskView) -> str:
    timer = "-" if view.next_timer is None else f"{view.next_timer}s"
    return f"  {place:>3} {view.name:<16} {'WAIT' if view.busy else 'IDLE':<6} {view.busy:>8} {timer:>11}"


def _sockets(context: Context, arguments: Arguments) -> str:
    views = socket_views(context.device)
    wanted = arguments.get("id")
    if wanted is not None and not 1 <= wanted <= len(views):
        raise NotFoundError(f"socket {wanted} does not exist")
    rows = (_socket(place, view) for place, view in enumerate(views, 1) if wanted in {None, place})
    return lines("Socket  Type   State        Remote IP         Port    Local IP         Port   ", *rows)


def _socket(place: int, view: SocketView) -> str:
    remote, local = format_ipv4(view.remote[0]), format_ipv4(view.local[0])
    return (
        f"{place:>6}  {view.protocol:<6} {view.state:<12} {remote:<15}{view.remote[1]:>7}    "
        f"{local:<15}{view.local[1]:>6}   "
    )


def _packets(context: Context, _arguments: Arguments) -> str:
    held = held_packets(context.device)
    return lines(
        f"packets that wait for ARP: {held.arp}",
        f"datagrams in reassembly: {held.datagrams}",
    )


def _environment(context: Context, _arguments: Arguments) -> str:
    """What the boot loader knows; the emulated one starts the image that `get system` names."""
    return f"default_image={system_view(context.device).image}\n"


MEMORY = keyword(
    "memory",
    "show memory info",
    choice(Command(_memory), keyword("module", "by what takes it", Command(_memory_by_module))),
)
CHASSIS = keyword("chassis", "show chassis information", Command(_chassis))
LICENCE = keyword("license-key", "get license key info", Command(_licence))
OS = keyword("os", "show task information", keyword("task", "show tasks", Command(_tasks)))
SOCKET = keyword(
    "socket",
    "show socket",
    choice(
        Command(_sockets),
        keyword("id", "one socket", argument("id", NumberType(1, 65535), "socket ID", Command(_sockets))),
    ),
)
NET_PAK = keyword("net-pak", "show packet buffers", keyword("stats", "show how many are held", Command(_packets)))
ENVAR = keyword("envar", "show environment variables", Command(_environment))
NODES = (MEMORY, CHASSIS, LICENCE, OS, SOCKET, NET_PAK, ENVAR)
