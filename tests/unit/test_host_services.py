"""The services of a host by their octets: HTTP, FTP, telnet, SMTP, POP3, ident, echo."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsemu.lab.host.services.registry import SERVICES, ServiceError, ServiceSpec
from nsemu.lab.host.store import FileError, FileTree
from support.host_lab import Session

# HTTP


def status(answer: bytes) -> str:
    return answer.split(b"\r\n")[0].decode()


@pytest.mark.parametrize(
    ("request_head", "wanted"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 200 OK"),
        (b"\r\nGET /index.html HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET /readme.txt HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET /%72eadme.txt HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET /../readme.txt HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"GET /pub HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"GET /big?size=x HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"GET /big?size=999999999 HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"GET /\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 501 Not Implemented"),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501 Not Implemented"),
        (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"),
        (b"GET /" + b"a" * 17000, "HTTP/1.1 431 Request Header Fields Too Large"),
    ],
)
def test_http_status(request_head: bytes, wanted: str) -> None:
    assert status(Session("http").say(request_head)) == wanted


def test_http_page_names_the_host_and_the_client() -> None:
    answer = Session("http").say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"<h1>server</h1>" in body
    assert b"You are 10.1.1.5, port 40000." in body
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


def test_http_head_has_the_fields_of_get_and_no_body() -> None:
    get = Session("http").say(b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
    head = Session("http").say(b"HEAD /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
    assert get == head + b"10.1.1.5\n"


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [("1.1", "", True), ("1.1", "close", False), ("1.0", "", False), ("1.0", "Keep-Alive", True)],
)
def test_http_keep_alive(version: str, connection: str, stays: bool) -> None:
    """RFC 9112 §9.3."""
    session = Session("http")
    field = f"Connection: {connection}\r\n" if connection else ""
    session.say(f"GET / HTTP/{version}\r\nHost: x\r\n{field}\r\n".encode())
    assert session.channel.is_closed is not stays


def test_http_pipelined_requests_and_bodies_in_any_pieces() -> None:
    requests = (
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\nGET /fake HTTP/1.1\r\nHost: x\r\n\r\n"[:-4]
        + b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    whole = Session("http").say(requests)
    assert whole.count(b"HTTP/1.1 405") == whole.count(b"HTTP/1.1 200") == whole.count(b"HTTP/1.1 404") == 1
    session = Session("http")
    assert b"".join(session.say(requests[index : index + 1]) for index in range(len(requests))) == whole
    assert session.channel.is_closed


# FTP


def ftp_in() -> Session:
    session = Session("ftp")
    assert session.greeting() == b"220 server FTP server ready.\r\n"
    session.say(b"USER guest\r\nPASS guest\r\n")
    return session


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        (b"SYST\r\n", b"215 UNIX Type: L8\r\n"),
        (b"PWD\r\n", b'257 "/" is the directory.\r\n'),
        (b"CWD pub\r\nPWD\r\n", b'250 Directory is "/pub".\r\n257 "/pub" is the directory.\r\n'),
        (b"cwd pub\r\nCDUP\r\n", b'250 Directory is "/pub".\r\n250 Directory is "/".\r\n'),
        (b"CWD nowhere\r\n", b"550 /nowhere: no such directory.\r\n"),
        (b"TYPE I\r\nSIZE readme.txt\r\n", b"200 Type set to I.\r\n213 16\r\n"),
        (b"SIZE readme.txt\r\n", b"550 SIZE is not allowed in ASCII mode.\r\n"),
        (b"TYPE E\r\n", b"504 Type 'E' is not implemented.\r\n"),
        (
            b"MODE S\r\nMODE B\r\nSTRU F\r\n",
            b"200 Mode is stream.\r\n504 Only stream mode.\r\n200 Structure is file.\r\n",
        ),
        (b"RETR readme.txt\r\n", b"425 Use PORT or PASV first.\r\n"),
        (b"RETR nothing\r\n", b"550 /nothing: no such file.\r\n"),
        (b"PORT 10,1,1,5,100,1\r\n", b"200 PORT command successful.\r\n"),
        (b"EPRT |1|10.1.1.5|25601|\r\n", b"200 EPRT command successful.\r\n"),
        (b"EPRT |2|::1|25601|\r\n", b"522 Network protocol not supported, use (1).\r\n"),
        (b"EPRT |1|10.1.1|25601|\r\n", b"501 EPRT needs an address and a port.\r\n"),
        (b"PORT 10,1,1,6,100,1\r\n", b"500 Illegal PORT command.\r\n"),
        (b"PORT 10,1,1,5,0,25\r\n", b"500 Illegal PORT command.\r\n"),
        (b"PORT 10,1,1,256,100,1\r\n", b"501 PORT needs an address and a port.\r\n"),
        (b"PORT 1,2\r\n", b"501 PORT needs an address and a port.\r\n"),
        (b"SMNT x\r\nXYZZY\r\n", b"502 'SMNT': command not implemented.\r\n500 'XYZZY': command not implemented.\r\n"),
        (b"DELE readme.txt\r\nDELE readme.txt\r\n", b"250 Deleted.\r\n550 /readme.txt: no such file.\r\n"),
        (b"MKD a/b\r\nCWD a/b\r\n", b'257 "/a/b" created.\r\n250 Directory is "/a/b".\r\n'),
        (b"STOR pub\r\n", b"550 /pub: is a directory.\r\n"),
        (b"ABOR\r\nNOOP\r\n", b"226 No transfer is under way.\r\n200 OK.\r\n"),
    ],
)
def test_ftp_reply(commands: bytes, reply: bytes) -> None:
    session = ftp_in()
    session.channel.take()
    assert session.say(commands) == reply


def test_ftp_passive_tells_its_own_address_and_an_open_port() -> None:
    session = ftp_in()
    session.channel.take()
    reply = session.say(b"PASV\r\n").decode()
    numbers = [int(word) for word in reply[reply.index("(") + 1 : reply.index(")")].split(",")]
    assert numbers[:4] == [10, 1, 1, 9]
    port = numbers[4] << 8 | numbers[5]
    assert port in {listener.port for listener in session.lab.server.tcp.listeners()}
    again = session.say(b"EPSV\r\n").decode()
    assert {listener.port for listener in session.lab.server.tcp.listeners()} == {int(again.split("|")[3])}
    session.conversation.closed(None)
    assert session.lab.server.tcp.listeners() == []


def test_ftp_wants_a_login() -> None:
    session = Session("ftp")
    session.greeting()
    assert session.say(b"LIST\r\n") == b"530 Please login with USER and PASS.\r\n"
    assert session.say(b"PASS guest\r\n") == b"503 Login with USER first.\r\n"
    assert session.say(b"USER guest\r\nPASS wrong\r\n").endswith(b"530 Login incorrect.\r\n")
    assert session.say(b"USER anonymous\r\nPASS me@x\r\n").endswith(b"230 User anonymous logged in.\r\n")
    assert session.say(b"STOR x\r\n") == b"550 /x: permission denied.\r\n"
    assert session.say(b"QUIT\r\n") == b"221 Goodbye.\r\n"
    assert session.channel.is_closed


# Telnet


def test_telnet_login_and_shell() -> None:
    session = Session("telnet")
    assert session.greeting() == b"\xff\xfb\x01\xff\xfb\x03\xff\xfd\x03server\r\n\r\nlogin: "
    assert session.say(b"guest\r\n") == b"Password: "
    assert session.say(b"guest\r\n") == b"\r\nWelcome to server.\r\nguest@server$ "
    assert session.say(b"whoami\r\x00") == b"guest\r\nguest@server$ "
    assert session.say(b"who\n") == b"guest from 10.1.1.5 port 40000\r\nguest@server$ "
    assert session.say(b"dance\r\n") == b"dance: command not found\r\nguest@server$ "
    assert session.say(b"exit\r\n") == b"logout\r\n"
    assert session.channel.is_closed


def test_telnet_echoes_when_agreed_but_never_the_password() -> None:
    session = Session("telnet")
    session.greeting()
    assert session.say(b"\xff\xfd\x01") == b""
    assert session.say(b"gx\x7fuest\r\n") == b"gx\x08 \x08uest\r\nPassword: "
    assert session.say(b"guest\r\n").startswith(b"\r\n\r\nWelcome")


def test_telnet_refuses_options_it_does_not_know_and_does_not_loop() -> None:
    """RFC 1143: an answer to an answer is none."""
    session = Session("telnet")
    session.greeting()
    assert session.say(b"\xff\xfd\x18\xff\xfb\x1f") == b"\xff\xfc\x18\xff\xfe\x1f"
    assert session.say(b"\xff\xfe\x18\xff\xfc\x1f") == b""
    assert session.say(b"\xff\xfb\x03\xff\xfb\x03\xff\xfb\x03").count(b"\xff\xfd\x03") <= 1
    assert session.say(b"\xff\xfa\x18\x00abc\xff\xf0\xff\xf1") == b""


def test_telnet_hangs_up_after_three_wrong_logins() -> None:
    session = Session("telnet")
    for _ in range(3):
        answer = session.say(b"guest\r\nwrong\r\n")
    assert answer.endswith(b"Login incorrect\r\n")
    assert session.channel.is_closed


# Mail


MAIL = b"EHLO pc\r\nMAIL FROM:<phil@example.com>\r\nRCPT TO:<guest@example.com>\r\nDATA\r\n"


def test_smtp_delivers_to_the_mailbox_that_pop3_reads() -> None:
    session = Session("smtp")
    assert session.greeting() == b"220 server ESMTP ready\r\n"
    answer = session.say(MAIL + b"Subject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n").decode().split("\r\n")
    assert [line[:3] for line in answer] == ["250", "250", "250", "250", "354", "250", "221", ""]
    pop = Session("pop3", lab=session.lab)
    assert pop.greeting() == b"+OK server POP3 server ready\r\n"
    assert pop.say(b"USER guest\r\nPASS guest\r\n").endswith(b"+OK 1 messages (100 octets)\r\n")
    message = pop.say(b"RETR 1\r\n")
    assert message.endswith(b"\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\n")
    assert b"Received: from pc ([10.1.1.5]) by server\r\n" in message
    assert pop.say(b"TOP 1 1\r\n").endswith(b"Subject: x\r\n\r\n..dot\r\n.\r\n")
    assert pop.say(b"STAT\r\nLIST 1\r\nLIST\r\n") == b"+OK 1 100\r\n+OK 1 100\r\n+OK 1 messages\r\n1 100\r\n.\r\n"
    assert pop.say(b"DELE 1\r\nSTAT\r\nRSET\r\nDELE 1\r\nDELE 1\r\n").endswith(b"-ERR no such message\r\n")
    assert pop.say(b"QUIT\r\n") == b"+OK server signs off\r\n"
    assert session.lab.server.store.mail == {"guest": []}


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        (b"MAIL FROM:<a@b>\r\n", b"503 5.5.1 HELO or EHLO first"),
        (b"HELO\r\n", b"501 5.5.4 a name is needed"),
        (b"HELO x\r\nRCPT TO:<a@b>\r\n", b"503 5.5.1 MAIL first"),
        (b"HELO x\r\nMAIL FROM:<>\r\nDATA\r\n", b"503 5.5.1 RCPT first"),
        (b"HELO x\r\nMAIL FROM:a@b\r\n", b"501 5.5.4 MAIL FROM:<address>"),
        (b"HELO x\r\nMAIL FROM:<a@b> SIZE=10\r\n", b"250 2.1.0 sender ok"),
        (b"HELO x\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n", b"503 5.5.1 the sender is given already"),
        (b"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<>\r\n", b"501 5.5.4 RCPT TO:<address>"),
        (b"HELO x\r\nMAIL FROM:<a@b>\r\nRSET\r\nRCPT TO:<a@b>\r\n", b"503 5.5.1 MAIL first"),
        (b"VRFY x\r\n", b"252 2.5.2 cannot verify, but will take the message"),
        (b"TURN\r\n", b"500 5.5.2 'TURN': command not recognized"),
    ],
)
def test_smtp_reply(commands: bytes, reply: bytes) -> None:
    session = Session("smtp")
    session.greeting()
    assert session.say(commands).split(b"\r\n")[-2] == reply


def test_mail_for_nobody_goes_to_the_first_user() -> None:
    session = Session("smtp")
    session.lab.server.store.users["phil"] = "secret"
    for recipient in ("Phil@a.com", "nobody@a.com"):
        session.say(f"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<{recipient}>\r\nDATA\r\nhello\r\n.\r\n".encode())
    assert {user: len(mail) for user, mail in session.lab.server.store.mail.items()} == {"phil": 1, "guest": 1}


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        (b"STAT\r\n", b"-ERR not in this state"),
        (b"PASS guest\r\n", b"-ERR USER first"),
        (b"USER guest\r\nPASS no\r\n", b"-ERR invalid user or password"),
        (b"USER guest\r\nPASS guest\r\nUSER guest\r\n", b"-ERR not in this state"),
        (b"USER guest\r\nPASS guest\r\nRETR 1\r\n", b"-ERR no such message"),
        (b"USER guest\r\nPASS guest\r\nRETR\r\n", b"-ERR no such message"),
        (b"USER guest\r\nPASS guest\r\nSTAT\r\n", b"+OK 0 0"),
        (b"XTND\r\n", b"-ERR unknown command 'XTND'"),
    ],
)
def test_pop3_reply(commands: bytes, reply: bytes) -> None:
    session = Session("pop3")
    session.greeting()
    assert session.say(commands).split(b"\r\n")[-2] == reply


# Ident and echo


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"25, 40000\r\n", b"25 , 40000 : ERROR : NO-USER\r\n"),
        (b" 25 ,40000 \r\n", b"25 , 40000 : ERROR : NO-USER\r\n"),
        (b"0, 40000\r\n", b"0 , 40000 : ERROR : INVALID-PORT\r\n"),
        (b"1, 65536\r\n", b"1 , 65536 : ERROR : INVALID-PORT\r\n"),
        (b"hello\r\n", b"0 , 0 : ERROR : INVALID-PORT\r\n"),
    ],
)
def test_ident(question: bytes, answer: bytes) -> None:
    assert Session("ident").say(question) == answer


def test_echo() -> None:
    assert Session("echo").say(b"\x00\xffabc") == b"\x00\xffabc"


# All


@pytest.mark.parametrize("name", ["ftp", "smtp", "pop3", "ident"])
def test_a_line_without_end_ends_the_conversation(name: str) -> None:
    session = Session(name)
    session.say(b"a" * 9000)
    assert session.channel.is_closed


VALID = {
    "http": b"GET /big?size=100 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nHEAD / HTTP/1.0\r\n\r\n",
    "ftp": b"USER guest\r\nPASS guest\r\nTYPE I\r\nPASV\r\nRETR readme.txt\r\nCWD /pub\r\nQUIT\r\n",
    "telnet": b"\xff\xfd\x01\xff\xfa\x18\x01\xff\xf0guest\r\nguest\r\nwho\r\nexit\r\n",
    "smtp": MAIL + b"x\r\n.\r\nQUIT\r\n",
    "pop3": b"USER guest\r\nPASS guest\r\nLIST\r\nQUIT\r\n",
    "ident": b"25, 80\r\n",
    "echo": b"abc",
}


TCP_SERVICES = sorted(name for name, kind in SERVICES.items() if kind.make is not None)


@pytest.mark.parametrize("name", TCP_SERVICES)
def test_pieces_make_no_difference_and_truncation_no_harm(name: str) -> None:
    octets = VALID[name]
    whole = Session(name)
    whole.greeting()
    answer = whole.say(octets)
    for cut in range(len(octets)):
        session = Session(name)
        session.greeting()
        first = session.say(octets[:cut])
        assert first + session.say(octets[cut:]) == answer


@settings(deadline=None, max_examples=150)
@given(name=st.sampled_from(TCP_SERVICES), pieces=st.lists(st.binary(max_size=40), max_size=8))
def test_any_octets_do_no_harm(name: str, pieces: list[bytes]) -> None:
    session = Session(name)
    for piece in pieces:
        session.say(piece)
    session.conversation.peer_closed()
    session.conversation.closed(None)


VOCABULARY = (
    "USER PASS guest anonymous TYPE A I PORT 10,1,1,5,100,1 PASV EPSV RETR STOR LIST NLST readme.txt pub CWD QUIT ABOR "
    "HELO x MAIL FROM:<a@b> RCPT TO:<c@d> DATA . RSET STAT 1 DELE 0 TOP -1 GET / HTTP/1.1 Host: EPRT |1|"
)
WORDS = st.sampled_from(VOCABULARY.split())


@settings(deadline=None, max_examples=200)
@given(
    name=st.sampled_from(["ftp", "smtp", "pop3", "http", "telnet"]),
    lines=st.lists(st.lists(WORDS, max_size=4).map(" ".join), max_size=15),
)
def test_any_commands_do_no_harm(name: str, lines: list[str]) -> None:
    session = Session(name)
    for line in lines:
        session.say(f"{line}\r\n".encode())
    session.lab.scheduler.run_for(1_000_000_000)
    session.conversation.closed(None)


def test_service_specs() -> None:
    assert ServiceSpec.parse("http").port == 80
    spec = ServiceSpec.parse("smtp:2525:ident")
    assert (spec.port, spec.options) == (2525, frozenset({"ident"}))
    for text, message in (
        ("htp", r"unknown service 'htp'; did you mean '.*http'\?|unknown service 'htp'"),
        ("http:0", "service http has no port or option '0'"),
        ("http:ident", "service http has no port or option 'ident'"),
    ):
        with pytest.raises(ServiceError, match=message):
            ServiceSpec.parse(text)


def test_file_tree() -> None:
    tree = FileTree()
    tree.write("/a/b/c.txt", b"123")
    assert list(tree.entries("/")) == [("a", None)]
    assert list(tree.entries("/a/b")) == [("c.txt", 3)]
    assert FileTree.resolve("/a", "../../x//./y") == "/x/y"
    with pytest.raises(FileError, match=r"/a/b/c\.txt: not a directory"):
        tree.write("/a/b/c.txt/d", b"")
    with pytest.raises(FileError, match="/a: is a directory"):
        tree.write("/a", b"")
    with pytest.raises(FileError, match="/q: no such file"):
        tree.read("/q")
