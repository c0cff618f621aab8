"""Commands of the book whose function is not built yet: known, with help, and refused with one clear line.

Whoever builds one takes it out of here. `docs/fidelity.md` lists them, a test compares.
"""

from __future__ import annotations

from typing import Final

from nsemu.cli.context import Context
from nsemu.cli.grammar import (
    Arguments,
    Command,
    Node,
    NumberType,
    TextType,
    argument,
    choice,
    flag,
    keyword,
    optional,
)
from nsemu.cli.types import IP
from nsemu.config.errors import ConfigError


class NotBuiltError(ConfigError):
    """A command that is known but does nothing yet."""


_NAMES: list[str] = []


def not_built(name: str) -> Command:
    """The leaf of a command that is refused: `NAME is not built yet`."""
    _NAMES.append(name)

    def refuse(_context: Context, _arguments: Arguments) -> str:
        raise NotBuiltError(f"{name} is not built yet")

    return Command(refuse, privileged=not name.startswith("get "))


_ID = NumberType(0, 2**32 - 1)
_FILE = TextType(64)
_AUTHORITY = argument("authority", TextType(10, "[0-9]+|default", "CA ID or default"), "CA ID, or default")
_BITS = argument("bits", NumberType(512, 4096), "length of the key")


def _key(method: str) -> Node:
    return keyword(
        method,
        f"{method.upper()} keys",
        keyword(
            "new-key",
            "make a key pair",
            _BITS,
            optional(flag("and-cert", "and a certificate")),
            not_built(f"exec pki {method} new-key"),
        ),
    )


EXEC_PKI = keyword(
    "pki",
    "certificates",
    choice(
        _key("rsa"),
        _key("dsa"),
        keyword(
            "x509",
            "X.509 certificates",
            choice(
                keyword(
                    "scep",
                    "enrol a certificate",
                    choice(
                        argument("id", _ID, "ID of a key pair", not_built("exec pki x509 scep")),
                        keyword(
                            "cert", "a certificate", argument("id", _ID, "ID", not_built("exec pki x509 scep cert"))
                        ),
                        keyword("key", "a key pair", argument("id", _ID, "ID", not_built("exec pki x509 scep key"))),
                        keyword(
                            "renew",
                            "renew a certificate",
                            argument("id", _ID, "ID", not_built("exec pki x509 scep renew")),
                        ),
                    ),
                ),
                keyword(
                    "self-signed-cert",
                    "sign a certificate oneself",
                    keyword(
                        "key-pair",
                        "with a key pair",
                        argument("id", _ID, "ID", not_built("exec pki x509 self-signed-cert")),
                    ),
                ),
                keyword(
                    "tftp",
                    "load from a TFTP server",
                    argument("server", IP, "address of the server"),
                    choice(
                        keyword(
                            "cert-name",
                            "a certificate",
                            argument("file", _FILE, "file name", not_built("exec pki x509 tftp cert-name")),
                        ),
                        keyword(
                            "crl-name",
                            "a revocation list",
                            argument("file", _FILE, "file name", not_built("exec pki x509 tftp crl-name")),
                        ),
                    ),
                ),
                keyword("pkcs10", "make a request", not_built("exec pki x509 pkcs10")),
            ),
        ),
    ),
)
EXEC: Final[tuple[Node, ...]] = (EXEC_PKI,)
"""After `exec`."""
DELETE = keyword(
    "delete",
    "delete persistent info in flash",
    keyword(
        "pki",
        "certificates",
        keyword(
            "object-id",
            "a key, a certificate or a revocation list",
            choice(
                keyword(
                    "system",
                    "the certificate that the device made for itself",
                    not_built("delete pki object-id system"),
                ),
                argument("id", TextType(16, "-?[0-9]+", "object ID"), "object ID", not_built("delete pki object-id")),
            ),
        ),
    ),
)
_LISTS = {
    "ca-cert": "CA certificates",
    "cert": "certificates",
    "crl": "revocation lists",
    "key-pair": "key pairs",
    "local-cert": "own certificates",
    "pending-cert": "requests",
}
GET_PKI = keyword(
    "pki",
    "show PKI information",
    choice(
        keyword(
            "authority",
            "a CA",
            _AUTHORITY,
            choice(
                keyword("cert-status", "how revocation is checked", not_built("get pki authority cert-status")),
                keyword("cert-path", "how far certificates are checked", not_built("get pki authority cert-path")),
                keyword("scep", "enrolment", not_built("get pki authority scep")),
            ),
        ),
        keyword("ldap", "LDAP", not_built("get pki ldap")),
        keyword(
            "x509",
            "X.509 certificates",
            choice(
                keyword(
                    "cert",
                    "one certificate",
                    choice(
                        keyword(
                            "system", "the one that the device made for itself", not_built("get pki x509 cert system")
                        ),
                        argument("id", _ID, "ID", not_built("get pki x509 cert")),
                    ),
                ),
                keyword("dn", "subject of requests", not_built("get pki x509 dn")),
                keyword("pkcs", "the last request", not_built("get pki x509 pkcs")),
                keyword(
                    "list",
                    "lists",
                    choice(
                        *(
                            keyword(word, help_, not_built(f"get pki x509 list {word}"))
                            for word, help_ in _LISTS.items()
                        )
                    ),
                ),
            ),
        ),
    ),
)
GET_SSL = keyword("ssl", "get SSL information", not_built("get ssl"))
GET_IKE_CA = keyword("ca", "CA certificates", not_built("get ike ca"))
GET: Final[tuple[Node, ...]] = (GET_PKI, GET_SSL)
"""After `get`."""
NOT_BUILT: Final = tuple(_NAMES)
"""What is refused, as the console calls it."""
