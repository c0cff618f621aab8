"""The login dialogues by themselves: what they say, when they let go, and what they leave for the server."""

from __future__ import annotations

from base64 import b64encode

import pytest

from nsemu.auth import ftp, http, telnet
from nsemu.auth.dialogue import Banners, Dialogue, Outcome
from nsemu.auth.webauth import WebAuthPage
from nsemu.config.authentication import AuthSettings, BannerMoment, LoginProtocol

KINDS = {
    LoginProtocol.FTP: (ftp.FtpLogin, ftp.DEFAULT_BANNERS),
    LoginProtocol.HTTP: (http.HttpLogin, http.DEFAULT_BANNERS),
    LoginProtocol.TELNET: (telnet.TelnetLogin, telnet.DEFAULT_BANNERS),
}
TOKEN = b64encode(b"ann:s3cret")
REQUEST = b"GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + TOKEN + b"\r\n\r\n"


def right(name: str, password: str) -> bool:
    return (name, password) == ("ann", "s3cret")


def dialogue(protocol: LoginProtocol, settings: AuthSettings | None = None) -> Dialogue:
    kind, banners = KINDS[protocol]
    made = kind(right, Banners(settings or AuthSettings(), protocol, banners))
    made.begin()
    return made


def said(one: Dialogue | WebAuthPage) -> bytes:
    text = bytes(one.out)
    one.out.clear()
    return text


def granted(one: Dialogue) -> bool:
    return one.outcome is Outcome.GRANTED


GOOD = {
    LoginProtocol.FTP: b"USER ann\r\nPASS s3cret\r\n",
    LoginProtocol.HTTP: REQUEST,
    LoginProtocol.TELNET: b"ann\r\ns3cret\r\n",
}


@pytest.mark.parametrize("protocol", LoginProtocol)
def test_cut_anywhere_it_is_the_same_login(protocol: LoginProtocol) -> None:
    """And what follows the login is for the server, to the octet."""
    stream = GOOD[protocol] + b"AFTER\r\n\x00\xff\xff"
    whole = dialogue(protocol)
    whole.feed(stream)
    assert whole.outcome is Outcome.GRANTED
    assert bytes(whole.unread).endswith(b"AFTER\r\n\x00\xff\xff")
    for cut in range(len(stream) + 1):
        parts = dialogue(protocol)
        parts.feed(stream[:cut])
        parts.feed(stream[cut:])
        assert (parts.outcome, parts.unread, parts.out) == (Outcome.GRANTED, whole.unread, whole.out), cut


@pytest.mark.parametrize("protocol", LoginProtocol)
def test_truncated_it_is_no_login(protocol: LoginProtocol) -> None:
    stream = GOOD[protocol]
    for length in range(len(stream)):
        short = dialogue(protocol)
        short.feed(stream[:length])
        assert short.outcome is Outcome.TALKING, length


def test_ftp_replies_one_by_one() -> None:
    one = dialogue(LoginProtocol.FTP)
    assert said(one) == b"220 Firewall user authentication\r\n"
    replies = {
        b"PASS early": b"503",
        b"LIST": b"530",
        b"auth TLS": b"502",
        b"user ann": b"331",
        b"PASS no": b"530",
        b"PASS s3cret": b"503",
        b"USER ann\r\nPASS s3cret ": b"331 Password required\r\n530",
    }
    for command, code in replies.items():
        one.feed(command + b"\r\n")
        assert said(one).startswith(code), command
    one.feed(b"QUIT\n")
    assert said(one).startswith(b"221")
    assert one.outcome is Outcome.ENDED


@pytest.mark.parametrize(
    ("protocol", "wrong"),
    [
        (LoginProtocol.FTP, b"USER ann\r\nPASS x\r\n"),
        (LoginProtocol.TELNET, b"ann\r\nx\r\n"),
        (LoginProtocol.HTTP, REQUEST.replace(TOKEN, b64encode(b"ann:x"))),
    ],
)
def test_three_wrong_passwords_end_it(protocol: LoginProtocol, wrong: bytes) -> None:
    one = dialogue(protocol)
    for left in (2, 1, 0):
        assert one.outcome is Outcome.TALKING
        one.feed(wrong)
        assert one.failures == 3 - left
    assert one.outcome is Outcome.ENDED
    said(one)
    one.feed(GOOD[protocol])
    assert not one.out
    assert one.outcome is Outcome.ENDED


@pytest.mark.parametrize("protocol", LoginProtocol)
def test_a_line_without_end_ends_it(protocol: LoginProtocol) -> None:
    one = dialogue(protocol)
    for _ in range(64):
        one.feed(b"x" * 512)
    assert one.outcome is Outcome.ENDED


def test_telnet_takes_its_option_back_before_the_server_speaks() -> None:
    one = dialogue(LoginProtocol.TELNET)
    one.feed(b"an\x7fnn\r\0")
    assert said(one).endswith(b"\xff\xfb\x01Password: ")
    one.feed(b"\xff\xfd\x01s3cret\r\n")
    assert b"\xff\xfc\x01" in said(one)
    assert not granted(one)
    one.feed(b"\xff\xfe")
    assert not granted(one)
    one.feed(b"\x01ls\r\n")
    assert granted(one)
    assert one.unread == b"ls\r\n"


def test_telnet_keeps_what_is_typed_too_early() -> None:
    one = dialogue(LoginProtocol.TELNET)
    one.feed(b"ann\r\n\xff\xfd\x01s3cret\r\nls\r\n\xff\xfe\x01")
    assert one.outcome is Outcome.GRANTED
    assert one.unread == b"ls\r\n\xff\xfe\x01"


def test_http_refuses_request_after_request_on_one_connection() -> None:
    one = dialogue(LoginProtocol.HTTP)
    one.feed(
        b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloHEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + REQUEST
    )
    text = said(one)
    assert text.count(b"HTTP/1.1 401") == 2
    assert text.endswith(b"\r\n\r\n")  # no body for HEAD
    assert one.outcome is Outcome.GRANTED
    assert one.unread.startswith(b"GET /a HTTP/1.1\r\n")


def test_http_keeps_the_length_of_what_goes_on_and_takes_the_credentials_out() -> None:
    one = dialogue(LoginProtocol.HTTP)
    one.feed(REQUEST + b"more")
    assert len(one.unread) == len(REQUEST) + 4
    assert TOKEN not in one.unread
    assert b"uthorization" not in one.unread
    assert one.unread.endswith(b"\r\n\r\nmore")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/2.0\r\n\r\n", b"505"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"401"),
        (b"GET / HTTP/1.0\r\n\r\n", b"401"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !!!\r\nConnection: close\r\n\r\n", b"401"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Digest a\r\nConnection: close\r\n\r\n", b"401"),
    ],
)
def test_http_ends_what_it_cannot_follow(request_line: bytes, status: bytes) -> None:
    one = dialogue(LoginProtocol.HTTP)
    one.feed(request_line)
    assert said(one).startswith(b"HTTP/1.1 " + status)
    assert one.outcome is Outcome.ENDED


def test_banners_cannot_break_out_of_their_place() -> None:
    """A realm is quoted, a page is escaped."""
    banners = (((LoginProtocol.HTTP, BannerMoment.LOGIN), 'say "x" <b>\\'),)
    one = dialogue(LoginProtocol.HTTP, AuthSettings(banners=banners))
    one.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    text = said(one)
    assert b'realm="say \\"x\\" <b>\\\\"' in text
    assert b"say &quot;x&quot; &lt;b&gt;" in text


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (REQUEST, b"200"),
        (REQUEST.replace(TOKEN, b64encode(b"ann:x")), b"401"),
        (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", b"413"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_webauth_answers_each_request(octets: bytes, status: bytes) -> None:
    page = WebAuthPage(right, "")
    for at in range(len(octets)):
        page.feed(octets[at : at + 1])
    assert said(page).startswith(b"HTTP/1.1 " + status)
    assert page.outcome is Outcome.ENDED


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"user=ann&password=s3cret", b"200"),
        (b"password=s%33cret&user=%61nn", b"200"),
        (b"user=ann&password=", b"403"),
        (b"", b"403"),
        (b"user=ann;password=s3cret", b"403"),
    ],
)
def test_webauth_takes_a_form(form: bytes, status: bytes) -> None:
    page = WebAuthPage(right, "welcome <ann>")
    kind = b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
    page.feed(b"POST / HTTP/1.1\r\nHost: x\r\n" + kind + b"Content-Length: %d\r\n\r\n" % len(form) + form)
    text = said(page)
    assert text.startswith(b"HTTP/1.1 " + status)
    assert (b"welcome &lt;ann&gt;" in text) is (status == b"200")
