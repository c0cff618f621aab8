"""`set pki …` and `set ssl …`: kept without effect (Vol. 5, chapter 2)."""

from __future__ import annotations

from nsemu.cli.grammar import Row, TextType, argument, choice, keyword, optional, when_set, when_unset
from nsemu.cli.grammar.types import HostType
from nsemu.cli.settings.kept import Shelf, ip, kept_clear, number, text, words
from nsemu.cli.types import INTERFACE

AUTHORITY = Shelf("pki authority", ("pki authority", "authority"))
_ID = argument("authority", TextType(10, "[0-9]+|default", "CA ID or default"), "CA ID, or default")
_URL = text("url", "URL", 255)
_HOST = argument("server", HostType(), "address or domain name")
_PATH = {"full": "up to the root", "partial": "up to a trusted CA"}
_CRL = (
    AUTHORITY.line("url", "where the CRL is", _URL, name="cert-status crl url", loose=True),
    AUTHORITY.line("server-name", "LDAP server", _HOST, name="cert-status crl server-name"),
    AUTHORITY.line(
        "refresh",
        "how often the CRL is fetched",
        words("refresh", {"daily": "daily", "default": "as it says", "monthly": "monthly", "weekly": "weekly"}),
        name="cert-status crl refresh",
    ),
)
_OCSP = (
    AUTHORITY.line("url", "where the responder is", _URL, name="cert-status ocsp url", loose=True),
    keyword(
        "cert-verify",
        "who signs the answers",
        AUTHORITY.line(
            "id", "ID of a CA certificate", number("id", 0, 2**32 - 1, "CA ID"), name="cert-status ocsp cert-verify id"
        ),
    ),
)
_STATUS = keyword(
    "cert-status",
    "how revocation is checked",
    choice(
        keyword("crl", "revocation lists", choice(*_CRL)),
        keyword("ocsp", "online status protocol", choice(*_OCSP)),
        AUTHORITY.line(
            "revocation-check",
            "the way to check",
            words("check", {"crl": "revocation lists", "ocsp": "online status protocol", "none": "no check"}),
            optional(keyword("best-effort", "accept when there is no answer", binds=("best_effort", True))),
            name="cert-status revocation-check",
        ),
        when_unset(kept_clear("pki authority cert-status", AUTHORITY, "pki authority cert-status")),
    ),
)
_SCEP = keyword(
    "scep",
    "enrolment",
    choice(
        AUTHORITY.line("ca-cgi", "URL of the CA", _URL, name="scep ca-cgi"),
        AUTHORITY.line("ra-cgi", "URL of the RA", _URL, name="scep ra-cgi"),
        AUTHORITY.line("ca-id", "name of the CA", text("id", "name", 128), name="scep ca-id"),
        AUTHORITY.line("challenge", "challenge password", text("challenge", "password", 64), name="scep challenge"),
        AUTHORITY.line(
            "mode",
            "confirmation",
            words("mode", {"auto": "without asking", "manual": "by the administrator"}),
            name="scep mode",
            quoted=("mode",),
        ),
        AUTHORITY.line(
            "polling-int",
            "minutes between questions, 0 for none",
            number("minutes", 0, 60, "minutes"),
            name="scep polling-int",
        ),
        AUTHORITY.line(
            "renew-start",
            "days before the end at which a certificate is renewed",
            number("days", 0, 10000, "days"),
            name="scep renew-start",
        ),
        AUTHORITY.line(
            "authentication", "authentication of the CA", text("state", "state"), name="scep authentication"
        ),
    ),
)
X509, PKI = Shelf("pki x509"), Shelf("pki")
_FIELDS: dict[str, tuple[str, int]] = {
    "country-name": ("country", 2),
    "domain-component": ("domain component", 128),
    "email": ("mailbox", 128),
    "ip": ("address", 15),
    "local-name": ("town", 128),
    "name": ("name", 128),
    "org-name": ("organisation", 128),
    "org-unit-name": ("unit", 128),
    "state-name": ("state", 128),
}
_PHONE = X509.setting("pki x509 dn phone")
_PHONE_NUMBER = text("value", "phone number", 32)
_DN = keyword(
    "dn",
    "subject of certificates",
    choice(
        *(
            X509.line(word, help_, ip("value") if word == "ip" else text("value", help_, longest), name=f"dn {word}")
            for word, (help_, longest) in _FIELDS.items()
        ),
        keyword("phone", "phone number", when_set(_PHONE_NUMBER), _PHONE),
    ),
)
NODES = (
    keyword(
        "pki",
        "certificates",
        choice(
            PKI.line(
                "src-interface",
                "interface towards authorities",
                argument("interface", INTERFACE, "interface name"),
                uses={"interface": "interface"},
                quoted=("interface",),
            ),
            keyword(
                "authority",
                "a CA",
                _ID,
                choice(
                    AUTHORITY.line("cert-path", "how far certificates are checked", words("path", _PATH)),
                    _STATUS,
                    _SCEP,
                ),
            ),
            keyword(
                "x509",
                "X.509 certificates",
                choice(
                    _DN,
                    # E005: the book writes it without `dn`.
                    keyword("phone", "phone number of the subject", when_set(_PHONE_NUMBER), _PHONE),
                    X509.line("cert-fqdn", "domain name in certificates", text("fqdn", "domain name", 255)),
                    X509.line(
                        "raw-cn",
                        "use the name as it is",
                        argument("state", TextType(8, "enable|disable", "enable or disable"), "enable or disable"),
                    ),
                    X509.line(
                        "friendly-name",
                        "a name for a certificate",
                        text("name", "name"),
                        key=(number("id", 0, 2**32 - 1, "ID"),),
                    ),
                    keyword(
                        "default",
                        "defaults of all CAs",
                        choice(
                            X509.line(
                                "cert-path",
                                "how far certificates are checked",
                                words("path", _PATH),
                                name="default cert-path",
                                default=Row({"path": "partial"}),
                            ),
                            X509.line(
                                "send-to",
                                "mailbox for requests",
                                text("mailbox", "mailbox", 128),
                                name="default send-to",
                            ),
                            X509.line(
                                "crl-refresh",
                                "how often CRLs are fetched",
                                words(
                                    "refresh",
                                    {
                                        "daily": "daily",
                                        "default": "as they say",
                                        "monthly": "monthly",
                                        "weekly": "weekly",
                                    },
                                ),
                                name="default crl-refresh",
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
)
SSL = Shelf("ssl")
SSL_NODES = (
    keyword(
        "ssl",
        "web management over SSL",
        choice(
            SSL.line("enable", "web management over SSL", default=Row({})),
            SSL.line(
                "cert",
                "certificate of the device",
                argument("cert", TextType(16, "[0-9]+|system", "certificate ID or system"), "certificate ID"),
            ),
            SSL.line(
                "encrypt",
                "algorithms",
                words("cipher", {"3des": "triple DES", "des": "DES", "rc4": "RC4", "rc4-40": "RC4, short"}),
                words("hash", {"md5": "MD5", "sha-1": "SHA-1"}),
            ),
            SSL.line("port", "port", number("port", 1024, 32767, "port")),
        ),
    ),
)
ITEMS = (*AUTHORITY.items, *X509.items, *PKI.items)
