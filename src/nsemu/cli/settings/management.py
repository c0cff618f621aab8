"""How the device is managed: SSH, Telnet, SNMP, syslog, NTP, NSM, licences. Syslog and NTP act; the rest is kept."""

from __future__ import annotations

from nsemu.cli.grammar import (
    Arguments,
    Node,
    NumberType,
    Row,
    Setting,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
    when_set,
    when_unset,
)
from nsemu.cli.grammar.types import HostType
from nsemu.cli.settings.kept import Shelf, kept_object, number, text, words
from nsemu.cli.types import INTERFACE, IP, kept_reference
from nsemu.config.editor import Editor

_HOST = argument("server", HostType(), "address or domain name")
_INTERFACE = argument("interface", INTERFACE, "interface name")
_PORT = number("port", 1, 65535, "port")
_SOURCE = optional(keyword("src-interface", "interface towards it", _INTERFACE))

SSH, TELNET = Shelf("ssh"), Shelf("telnet")
_SSH = keyword(
    "ssh",
    "Secure Shell",
    choice(
        SSH.line(
            "version",
            "version",
            words("version", {"v1": "version 1", "v2": "version 2"}),
            default=Row({"version": "v2"}),
        ),
        SSH.line("enable", "Secure Shell"),
        SSH.line("key-gen-time", "minutes between server keys", number("minutes", 0, 1440, "minutes")),
        SSH.line("port", "port", _PORT),
        keyword(
            "pub-key", "keys of administrators", SSH.line("auto-update", "update them", name="pub-key auto-update")
        ),
    ),
)
_TELNET = keyword(
    "telnet",
    "Telnet",
    keyword(
        "client", "Telnet from the device", TELNET.line("enable", "allow it", name="client enable", default=Row({}))
    ),
)

SNMP = Shelf("snmp")
COMMUNITY = kept_reference("snmp community")
_COMMUNITY_OF = ("snmp community", "community")
_COMMUNITY = SNMP.setting("snmp community", of=_COMMUNITY_OF)
_HOST_LINE = SNMP.setting("snmp host", ("host", "mask"), of=_COMMUNITY_OF)
_SNMP = keyword(
    "snmp",
    "SNMP agent",
    choice(
        keyword(
            "community",
            "a community",
            argument("community", COMMUNITY, "community name"),
            choice(
                when_set(
                    words("access", {"Read-Only": "read", "Read-Write": "read and write"}),
                    optional(flag("Trap-on", "send traps", "trap", "on")),
                    optional(flag("Trap-off", "send no traps", "trap", "off")),
                    optional(flag("traffic", "send traffic alarms")),
                    optional(
                        keyword(
                            "version", "version", words("version", {"v1": "SNMPv1", "v2c": "SNMPv2c", "any": "any"})
                        )
                    ),
                    _COMMUNITY,
                ),
                when_unset(kept_object("snmp community", "community")),
            ),
        ),
        keyword(
            "host",
            "a manager",
            argument("community", COMMUNITY, "community name"),
            argument("host", IP, "IP address"),
            optional(argument("mask", TextType(15, "[0-9.]+", "mask"), "mask")),
            when_set(
                _SOURCE, optional(keyword("trap", "version of traps", words("trap", {"v1": "SNMPv1", "v2": "SNMPv2c"})))
            ),
            _HOST_LINE,
        ),
        SNMP.line("contact", "who looks after the device", text("contact", "text", 255)),
        SNMP.line("location", "where the device is", text("location", "text", 255)),
        SNMP.line("name", "name of the device", text("name", "name", 255)),
        SNMP.line("auth-trap", "traps of wrong communities", flag("enable", "send them", "enable")),
        SNMP.line("vpn", "through VPNs"),
        SNMP.line("mib-swap", "swap MIBs"),
        keyword(
            "port",
            "ports",
            choice(
                SNMP.line("listen", "of the agent", _PORT, name="port listen", default=Row({"port": 161})),
                SNMP.line("trap", "of traps", _PORT, name="port trap", default=Row({"port": 162})),
            ),
        ),
    ),
)
SNMPV3 = Shelf("snmpv3")
_SNMPV3 = keyword(
    "snmpv3",
    "SNMPv3",
    choice(
        keyword(
            "local-engine",
            "engine of the device",
            SNMPV3.line("id", "engine ID", text("id", "engine ID"), name="local-engine id"),
        ),
        SNMPV3.line(
            "user",
            "user",
            keyword("auth", "authentication", words("auth", {"md5": "MD5", "sha": "SHA-1"})),
            keyword("auth-pass", "password", text("password", "password")),
            optional(
                keyword("priv", "encryption", words("priv", {"aes": "AES", "des": "DES"})),
                keyword("priv-pass", "password", text("priv_password", "password")),
            ),
            key=(text("user", "user name"),),
        ),
    ),
)

SYSLOG = Shelf("syslog", acting=True)
_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notification", "information", "debugging")
_FACILITIES = ("AUTH/SEC", *(f"local{index}" for index in range(8)))


def _set_server(editor: Editor, arguments: Arguments) -> None:
    for setting in SYSLOG.settings:
        named = arguments if setting.name == "syslog config facilities" else {"server": arguments["server"]}
        if setting.name in {"syslog config", "syslog config facilities"}:
            assert setting.set is not None
            setting.set(editor, named)


_SYSLOG = keyword(
    "syslog",
    "syslog",
    choice(
        SYSLOG.line("enable", "send messages"),
        SYSLOG.line("vpn", "through VPNs"),
        SYSLOG.line("src-interface", "interface towards the servers", _INTERFACE, uses={"interface": "interface"}),
        SYSLOG.line("backup", "keep messages", flag("enable", "keep them", "enable"), acting=False),
        keyword(
            "config",
            "a server",
            argument("server", HostType(), "address or domain name"),
            choice(
                SYSLOG.setting("syslog config", ("server",), quoted=("server",)),
                when_set(
                    # 5.0 names the facilities behind the server.
                    *(words(name, {word: word for word in _FACILITIES}) for name in ("security", "regular")),
                    Setting("syslog config with facilities", _set_server, None),
                ),
                *(
                    keyword(
                        word,
                        help_,
                        *nodes,
                        SYSLOG.setting(
                            f"syslog config {word}", ("server",), quoted=("server",), acting=word != "transport"
                        ),
                    )
                    for word, help_, nodes in (
                        (
                            "facilities",
                            "facilities",
                            (
                                when_set(
                                    words("security", {word: word for word in _FACILITIES}),
                                    words("regular", {word: word for word in _FACILITIES}),
                                ),
                            ),
                        ),
                        ("port", "port", (when_set(_PORT),)),
                        ("transport", "transport", (when_set(words("transport", {"tcp": "TCP", "udp": "UDP"})),)),
                    )
                ),
                keyword(
                    "log",
                    "what is sent",
                    words("log", {"all": "all", "event": "events", "traffic": "traffic", "idp": "intrusions"}),
                    SYSLOG.setting("syslog config log", ("server", "log"), quoted=("server",)),
                ),
            ),
        ),
    ),
)
NTP = Shelf("ntp", acting=True)


def _ntp_server(word: str, help: str) -> Node:
    prefix = f"server {word}".strip()
    nodes = choice(
        keyword(
            "src-interface",
            "interface towards it",
            when_set(_INTERFACE),
            NTP.setting(f"ntp {prefix} src-interface", quoted=("interface",)),
        ),
        keyword(
            "key-id",
            "key",
            when_set(number("id", 1, 65535, "key ID"), keyword("preshare-key", "key", text("key", "key"))),
            NTP.setting(f"ntp {prefix} key-id"),
        ),
        when_set(
            argument("server", HostType(), "address or domain name"), NTP.setting(f"ntp {prefix}", quoted=("server",))
        ),
        when_unset(NTP.settings[-1]),
    )
    return keyword(word, help, nodes) if word else nodes


_NTP = keyword(
    "ntp",
    "network time",
    choice(
        keyword(
            "server",
            "time server",
            choice(
                _ntp_server("backup1", "first backup"), _ntp_server("backup2", "second backup"), _ntp_server("", "")
            ),
        ),
        NTP.line("interval", "minutes between questions", number("minutes", 1, 1440, "minutes")),
        NTP.line("max-adjustment", "largest change", number("seconds", 0, 3600, "seconds")),
        NTP.line("auth", "authentication", words("mode", {"required": "always", "preferred": "if possible"})),
        NTP.line("no-ha-sync", "not in a cluster", acting=False),
        NTP.line("timezone", "hours east of UTC", argument("hours", NumberType(-12, 13), "hours"), acting=False),
        NTP.line("vpn", "through VPNs"),
    ),
)
CLOCK = Shelf("clock", acting=True)
CLOCK_NODES: tuple[Node, ...] = (CLOCK.line("ntp", "take the time from time servers"),)
NSM = Shelf("nsmgmt")
_REPORTS = {
    "alarm": ("traffic", "attack", "other", "di"),
    "log": ("config", "info", "self", "traffic"),
    "statistics": ("ethernet", "attack", "flow", "policy"),
}
_NSM = keyword(
    "nsmgmt",
    "management server",
    choice(
        NSM.line("enable", "talk to it"),
        NSM.line(
            "init",
            "first contact",
            optional(keyword("otp", "password", text("otp", "password", 128))),
            optional(keyword("id", "ID", text("id", "ID"))),
            optional(
                keyword(
                    "installer",
                    "installer",
                    keyword("name", "name", text("installer", "name")),
                    keyword("password", "password", text("password", "password")),
                )
            ),
        ),
        keyword(
            "server",
            "server",
            choice(
                *(
                    NSM.line(
                        word, help_, _HOST, optional(keyword("port", "port", _PORT)), _SOURCE, name=f"server {word}"
                    )
                    for word, help_ in (("primary", "the first"), ("secondary", "the second"))
                )
            ),
        ),
        NSM.line("hb-interval", "seconds between heartbeats", number("seconds", 0, 3600, "seconds")),
        keyword(
            "bulkcli",
            "bulk commands",
            NSM.line(
                "reboot-timeout",
                "seconds before a restart",
                number("seconds", 60, 86400, "seconds"),
                name="bulkcli reboot-timeout",
                default=Row({"seconds": 60}),
            ),
        ),
        keyword(
            "report",
            "reports",
            choice(
                *(
                    keyword(
                        kind,
                        kind,
                        choice(
                            *(
                                NSM.line(
                                    word, word, flag("enable", "send them", "enable"), name=f"report {kind} {word}"
                                )
                                for word in whats
                            )
                        ),
                    )
                    for kind, whats in _REPORTS.items()
                ),
                keyword(
                    "proto-dist",
                    "protocols",
                    choice(
                        NSM.line("enable", "send them", name="report proto-dist enable"),
                        NSM.line(
                            "user-service",
                            "own services",
                            text("service", "service"),
                            name="report proto-dist user-service",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
GLOBAL_PRO = Shelf("global-pro")
_GLOBAL = keyword(
    "global-pro",
    "management server of old",
    keyword(
        "policy-manager",
        "policy manager",
        choice(
            *(
                GLOBAL_PRO.line(
                    word,
                    help_,
                    choice(
                        keyword("outgoing-interface", "interface towards it", _INTERFACE),
                        keyword("host", "host", _HOST),
                    ),
                    name=f"policy-manager {word}",
                )
                for word, help_ in (("primary", "the first"), ("secondary", "the second"))
            )
        ),
    ),
)
CONFIG, LICENCE, KEY, SCS, SCP, ALIAS = (
    Shelf("config"),
    Shelf("license-key"),
    Shelf("key"),
    Shelf("scs"),
    Shelf("scp"),
    Shelf("alias"),
)
OTHERS: tuple[Node, ...] = (
    keyword(
        "config",
        "configuration",
        keyword(
            "lock",
            "lock",
            CONFIG.line(
                "timeout",
                "minutes",
                number("minutes", 1, 60, "minutes"),
                name="lock timeout",
                default=Row({"minutes": 5}),
                acting=True,
            ),
        ),
    ),
    keyword("license-key", "licences", LICENCE.line("auto-update", "fetch them", default=Row({}, unset=True))),
    keyword(
        "key",
        "keys",
        keyword(
            "protection",
            "protection",
            KEY.line("enable", "protect them", name="protection enable", default=Row({}, unset=True)),
        ),
    ),
    keyword("scs", "Secure Command Shell", SCS.line("enable", "allow it")),
    keyword("scp", "secure copy", SCP.line("enable", "allow it")),
    keyword(
        "alias",
        "own commands",
        argument("alias", TextType(31, quoted=False), "name"),
        when_set(text("command", "what it stands for", 128)),
        ALIAS.setting("alias", ("alias",)),
    ),
)
NODES: tuple[Node, ...] = (_SSH, _TELNET, _SNMP, _SNMPV3, _SYSLOG, _NTP, _NSM, _GLOBAL, *OTHERS)
