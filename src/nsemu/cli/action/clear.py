"""`clear …`: sessions, SAs, learned addresses, logs, counters and the debug buffer."""

from __future__ import annotations

from nsemu.cli.action.clear_auth import CLEAR_AUTH
from nsemu.cli.action.clear_counter import COUNTER
from nsemu.cli.context import Context
from nsemu.cli.grammar import (
    Arguments,
    ArgumentType,
    Command,
    InvalidWordError,
    Scope,
    Word,
    argument,
    choice,
    flag,
    keyword,
    optional,
    sequence,
)
from nsemu.cli.session_filter import SESSION_ID, session_filter, session_filters
from nsemu.cli.settings.admin import ADMIN_NAME_TYPE
from nsemu.cli.show.l2tp import CLEAR_L2TP
from nsemu.cli.show.mac_learn import CLEAR_MAC_LEARN
from nsemu.cli.types import INTERFACE, IP, POLICY_ID
from nsemu.config.errors import NotFoundError
from nsemu.device.device import Device
from nsemu.device.sessions import clear_sessions

_SA_BIT = 0x40000000


class SaIdType(ArgumentType[int]):
    """The number of a tunnel as `get sa` and sessions print it: hexadecimal, with or without the tunnel bit."""

    hint = "<hex number>"

    def parse(self, word: Word, _scope: Scope) -> int:
        """Hexadecimal digits, `0x` in front or not."""
        try:
            value = int(word.text, 16) if "_" not in word.text else -1
        except ValueError:
            value = -1
        if not 0 <= value <= 0xFFFFFFFF:
            raise InvalidWordError(f"invalid SA id {word.text} (hexadecimal number expected)")
        return value & ~_SA_BIT

    def show(self, value: int) -> str:
        """Eight hexadecimal digits."""
        return f"{value:08x}"


SA_ID = SaIdType()


def _clear_session(context: Context, arguments: Arguments) -> str:
    cleared = clear_sessions(context.device, session_filter(arguments))
    return f"Total cleared sessions :{cleared}, Total deny sessions :0\n"


def _clear_arp(context: Context, arguments: Arguments) -> str:
    context.device.state.neighbors.clear(arguments.get("interface"), arguments.get("address"))
    return ""


def _clear_sa(context: Context, arguments: Arguments) -> str:
    device = context.device
    for identifier in _tunnels(device, arguments.get("id")):
        device.clear_tunnel(identifier)
    return ""


def _clear_statistics(context: Context, arguments: Arguments) -> str:
    tunnels = context.device.database.tunnels
    for identifier in _tunnels(context.device, arguments.get("id")):
        tunnels[identifier].clear_statistics()
    return ""


def _tunnels(device: Device, identifier: int | None) -> list[int]:
    if identifier is None:
        return list(device.database.tunnels)
    if identifier not in device.database.tunnels:
        raise NotFoundError(f"SA {SA_ID.show(identifier)} does not exist")
    return [identifier]


def _clear_ike(context: Context, arguments: Arguments) -> str:
    """Phase 2 first, so that its deletes still find a Phase 1 SA."""
    device = context.device
    for tunnel in list(device.database):
        device.clear_tunnel(tunnel.identifier)
    return _clear_cookie(context, arguments)


def _clear_cookie(context: Context, arguments: Arguments) -> str:
    ike, now = context.device.ike, context.device.scheduler.now
    peer = arguments.get("peer")
    views = [view for view in ike.engine.phase1s(now) if peer in {None, view.peer.address}]
    for view in views:
        ike.engine.delete_phase1(now, view.initiator_cookie + view.responder_cookie)
    ike.pump()
    return ""


def _clear_dns(context: Context, _arguments: Arguments) -> str:
    context.device.dns.clear()
    return ""


def _clear_dhcp(context: Context, arguments: Arguments) -> str:
    server = context.device.services.dhcp.servers.servers.get(arguments["interface"])
    if server is None:
        raise NotFoundError(f"interface {arguments['interface']} is no DHCP server")
    server.pool.clear(arguments.get("address"))
    return ""


def _clear_event(context: Context, _arguments: Arguments) -> str:
    context.device.event_log.clear()
    return ""


def _clear_traffic(context: Context, arguments: Arguments) -> str:
    context.device.traffic_log.clear(arguments.get("policy"))
    return ""


def _clear_self(context: Context, _arguments: Arguments) -> str:
    context.device.self_log.clear()
    return ""


def _clear_alarms(context: Context, arguments: Arguments) -> str:
    context.device.records.clear_alarms(arguments.get("policy"))
    return ""


def _clear_alarm_events(context: Context, _arguments: Arguments) -> str:
    context.device.event_log.clear_alarms()
    return ""


def _clear_buffer(context: Context, _arguments: Arguments) -> str:
    context.device.debug.clear()
    return ""


def _clear_admin(context: Context, arguments: Arguments) -> str:
    """End sessions; the one that says so goes on."""
    name, own = arguments.get("name"), context.console.who
    sessions = context.device.admin_sessions
    if name is not None and all(session.name != name for session in sessions.values()):
        raise NotFoundError(f"administrator {name} is not logged in")
    sessions.end(
        lambda session: name in {None, session.name} and not own.endswith(f" {session.address}:{session.port}")
    )
    return ""


CLEAR = keyword(
    "clear",
    "clear dynamic system info",
    choice(
        keyword(
            "admin",
            "end sessions of administrators",
            choice(
                keyword("all", "of all but this one", Command(_clear_admin, privileged=True)),
                keyword(
                    "name",
                    "of one",
                    argument("name", ADMIN_NAME_TYPE, "administrator name", Command(_clear_admin, privileged=True)),
                ),
            ),
        ),
        keyword(
            "alarm",
            "clear alarms",
            choice(
                keyword("event", "events that are alarms", Command(_clear_alarm_events, privileged=True)),
                keyword(
                    "traffic",
                    "alarms of traffic",
                    optional(keyword("policy", "of one policy", argument("policy", POLICY_ID, "policy id"))),
                    Command(_clear_alarms, privileged=True),
                ),
            ),
        ),
        keyword(
            "arp",
            "clear ARP entries",
            optional(
                choice(
                    flag("all", "all entries"),
                    keyword("interface", "of one interface", argument("interface", INTERFACE, "interface name")),
                    argument("address", IP, "IP address"),
                )
            ),
            Command(_clear_arp, privileged=True),
        ),
        CLEAR_AUTH,
        COUNTER,
        keyword("dbuf", "clear debug buffer", Command(_clear_buffer, privileged=True)),
        keyword(
            "dhcp",
            "clear DHCP info",
            keyword(
                "server",
                "forget leases",
                argument("interface", INTERFACE, "interface name"),
                keyword("ip", "addresses", choice(flag("all", "all of them"), argument("address", IP, "IP address"))),
                Command(_clear_dhcp, privileged=True),
            ),
        ),
        keyword("dns", "forget DNS answers", Command(_clear_dns, privileged=True)),
        keyword("event", "clear event log", Command(_clear_event, privileged=True)),
        keyword(
            "ike",
            "end all IKE SAs",
            flag("all", "phase 1 and phase 2, of all peers"),
            Command(_clear_ike, privileged=True),
        ),
        keyword(
            "ike-cookie",
            "clear IKE cookies",
            choice(argument("peer", IP, "peer IP address"), flag("all", "all IKE cookies")),
            Command(_clear_cookie, privileged=True),
        ),
        keyword(
            "log",
            "clear log",
            choice(
                keyword("self", "clear self log", Command(_clear_self, privileged=True)),
                keyword(
                    "traffic",
                    "clear traffic log",
                    optional(keyword("policy", "of one policy", argument("policy", POLICY_ID, "policy id"))),
                    Command(_clear_traffic, privileged=True),
                ),
            ),
        ),
        CLEAR_L2TP,
        CLEAR_MAC_LEARN,
        keyword(
            "sa",
            "clear security associations",
            optional(argument("id", SA_ID, "SA id")),
            Command(_clear_sa, privileged=True),
        ),
        keyword(
            "sa-statistics",
            "clear statistics of security associations",
            optional(keyword("id", "of one SA", argument("id", SA_ID, "SA id"))),
            Command(_clear_statistics, privileged=True),
        ),
        keyword(
            "session",
            "clear session table",
            choice(
                keyword("all", "all sessions", Command(_clear_session, privileged=True)),
                keyword(
                    "id",
                    "one session",
                    argument("id", SESSION_ID, "session id"),
                    Command(_clear_session, privileged=True),
                ),
                sequence(session_filters("clear sessions"), Command(_clear_session, privileged=True)),
            ),
        ),
    ),
)
