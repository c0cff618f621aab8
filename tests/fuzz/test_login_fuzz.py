"""Whatever a client says, a login dialogue answers, ends or lets go; it never lets in without the right words."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.auth import ftp, http, telnet
from nsemu.auth.dialogue import ATTEMPTS, Banners, Outcome
from nsemu.auth.webauth import WebAuthPage
from nsemu.config.authentication import AuthSettings, LoginProtocol
from nsemu.wire.http import REASONS, BadRequest, HttpRequest, form_fields, split_head

KINDS = {
    LoginProtocol.FTP: (ftp.FtpLogin, ftp.DEFAULT_BANNERS),
    LoginProtocol.HTTP: (http.HttpLogin, http.DEFAULT_BANNERS),
    LoginProtocol.TELNET: (telnet.TelnetLogin, telnet.DEFAULT_BANNERS),
}
WORDS = st.sampled_from(
    [
        *(b"USER ", b"PASS ", b"ann", b"\r\n", b"\r", b"\n", b"\0", b" ", b":", b"QUIT\r\n", b"\xff", b"\xff\xfd\x01"),
        *(
            b"\xff\xfe\x01",
            b"\xff\xfb\x03",
            b"\xff\xfa",
            b"\xff\xf0",
            b"GET / HTTP/1.1\r\n",
            b"Host: x\r\n",
            b"\r\n\r\n",
        ),
        *(b"POST /", b"Content-Length: 3\r\n", b"Authorization: Basic YW5uOng=\r\n", b"Connection: close\r\n"),
        *(
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Type: application/x-www-form-urlencoded\r\n",
            b"user=a&password=b",
        ),
    ]
)
STREAMS = st.lists(WORDS | st.binary(max_size=6), max_size=40)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(LoginProtocol)), STREAMS)
def test_nobody_gets_in_without_the_right_words(protocol: LoginProtocol, stream: list[bytes]) -> None:
    asked: list[tuple[str, str]] = []

    def never(name: str, password: str) -> bool:
        asked.append((name, password))
        return False

    kind, banners = KINDS[protocol]
    one = kind(never, Banners(AuthSettings(), protocol, banners))
    one.begin()
    for piece in stream:
        one.feed(piece)
    assert one.outcome is not Outcome.GRANTED
    assert not one.unread
    assert len(asked) == one.failures <= ATTEMPTS
    assert one.outcome is Outcome.ENDED or one.failures < ATTEMPTS


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(LoginProtocol)), STREAMS, STREAMS)
def test_what_a_dialogue_leaves_is_the_end_of_the_stream(
    protocol: LoginProtocol, before: list[bytes], after: list[bytes]
) -> None:
    """However the stream is cut; of HTTP its length is what counts, for the credentials are overwritten."""
    kind, banners = KINDS[protocol]
    one = kind(lambda _name, _password: True, Banners(AuthSettings(), protocol, banners))
    one.begin()
    whole = b"".join((*before, *after))
    for piece in (*before, *after):
        one.feed(piece)
    if protocol is LoginProtocol.HTTP:
        assert len(one.unread) <= len(whole)
    else:
        assert whole.endswith(bytes(one.unread))
    single = kind(lambda _name, _password: True, Banners(AuthSettings(), protocol, banners))
    single.begin()
    single.feed(whole)
    assert (single.outcome, single.unread) == (one.outcome, one.unread)


@settings(deadline=None, max_examples=150)
@given(STREAMS)
def test_the_webauth_page_answers_at_most_once(stream: list[bytes]) -> None:
    page = WebAuthPage(lambda _name, _password: False, "")
    for piece in stream:
        page.feed(piece)
    assert bytes(page.out).count(b"HTTP/1.1 ") == (page.outcome is Outcome.ENDED)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200) | STREAMS.map(b"".join))
def test_http_heads_and_forms_parse_or_say_why_not(data: bytes) -> None:
    form_fields(data)
    status = 0
    try:
        head = split_head(data)
        if head is not None:
            request = HttpRequest.parse(head[0])
            assert request.credentials is None or len(request.credentials) == 2
            assert request.body_length >= 0
    except BadRequest as error:
        status = error.status
    assert status == 0 or status in REASONS
