"""`set firewall …` and `set attack …`: what is logged of packets to the device, the attack database; without effect."""

from __future__ import annotations

from nsemu.cli.grammar import Node, Row, choice, keyword
from nsemu.cli.settings.kept import Shelf, text, words

FIREWALL, ATTACK = Shelf("firewall"), Shelf("attack")
_SELF = {"icmp": "ICMP", "ike": "IKE", "multicast": "multicast", "snmp": "SNMP", "telnet": "Telnet", "ssh": "SSH"}
NODES: tuple[Node, ...] = (
    keyword(
        "firewall",
        "firewall",
        choice(
            keyword(
                "log-self",
                "log packets to the device",
                choice(
                    FIREWALL.setting("firewall log-self", default=Row({})),
                    *(
                        FIREWALL.line(word, help_, name=f"log-self {word}", default=Row({}))
                        for word, help_ in _SELF.items()
                    ),
                ),
            ),
            keyword(
                "exclude",
                "do not log",
                keyword(
                    "log-self",
                    "packets to the device",
                    choice(
                        FIREWALL.setting("firewall exclude log-self"),
                        *(FIREWALL.line(word, help_, name=f"exclude log-self {word}") for word, help_ in _SELF.items()),
                    ),
                ),
            ),
        ),
    ),
    keyword(
        "attack",
        "attack database",
        keyword(
            "db",
            "database",
            choice(
                ATTACK.line("server", "server", text("server", "URL", 255), name="db server"),
                ATTACK.line(
                    "mode",
                    "how it is updated",
                    words("mode", {"notification": "tell only", "update": "by itself"}),
                    name="db mode",
                ),
                ATTACK.line("sigpack", "signature pack", text("pack", "name"), name="db sigpack"),
            ),
        ),
    ),
)
