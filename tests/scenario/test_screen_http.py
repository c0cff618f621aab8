"""SCREEN options that read HTTP: components in answers, URLs in requests, however their text is cut into segments."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from nsemu.flow.steps import Dropped
from nsemu.runtime.drop import DropReason
from nsemu.runtime.trace import PacketTrace
from support.screen_box import INSIDE, OUTSIDE, SERVER, ScreenBox

R = DropReason
URL = 'set zone untrust screen mal-url perl "scripts/perl.exe" 14'


def head(*fields: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", "Server: x", *fields, "")).encode()


class Download:
    """A client inside and its server outside; the server's octets begin with number 5001."""

    def __init__(self, *lines: str) -> None:
        self.box = ScreenBox("set flow no-tcp-seq-check", *lines)
        client = {"sport": 4000, "dport": 80}
        assert self.box.receive(IP(src=INSIDE, dst=OUTSIDE) / TCP(**client, flags="S", seq=1000), self.box.inside)
        assert self.box.receive(IP(src=OUTSIDE, dst=INSIDE) / TCP(sport=80, dport=4000, flags="SA", seq=5000, ack=1001))
        assert self.send(b"")

    def send(self, text: bytes, at: int = 0, flags: str = "A") -> bool:
        """Whether a piece of the answer, `at` octets from its beginning, arrives."""
        segment = TCP(sport=80, dport=4000, flags=flags, seq=5001 + at, ack=1001)
        return bool(self.box.receive(IP(src=OUTSIDE, dst=INSIDE) / segment / Raw(text)))


COMPONENTS = {
    "zip": (R.SCREEN_ZIP_FILE, 431, "ZIP file blocked!", b"PK\x03\x04rest"),
    "java": (R.SCREEN_JAVA_APPLET, 432, "Java applet blocked!", b"\xca\xfe\xba\xberest"),
    "exe": (R.SCREEN_EXE_FILE, 433, "EXE file blocked!", b"MZ\x90\0rest"),
    "activex": (R.SCREEN_ACTIVEX, 434, "ActiveX control blocked!", b"MSCFrest"),
}
TYPES = {
    "zip": "application/zip",
    "java": "application/java-archive",
    "exe": "application/x-msdownload",
    "activex": "application/x-oleobject",
}
NAMES = {"zip": "a.zip", "java": "Applet.JAR", "exe": "setup.exe", "activex": "x.ocx"}


@pytest.mark.parametrize("alarm", [False, True])
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_is_blocked_counted_and_logged(component: str, alarm: bool) -> None:
    reason, type_, title, _ = COMPONENTS[component]
    lines = ["set zone untrust screen alarm-without-drop"] * alarm
    get = Download(f"set zone untrust screen component-block {component}", *lines)
    assert get.send(head(f"Content-Type: {TYPES[component]}; x=y", "Content-Length: 4") + b"1234") is alarm
    assert get.box.dropped(reason) == (not alarm)
    assert get.box.counted(f"component-block {component}") == 1
    get.box.log()
    entry = next(iter(get.box.device.event_log.newest_first()))
    assert entry.type == type_
    assert entry.text == (
        f"{title} From 9.9.9.9:80 to 10.1.0.5:4000, proto TCP (zone Untrust, int ethernet3). Occurred 1 times."
    )


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_ways_to_know_a_component(component: str) -> None:
    """By its content type, by the name of its file, by its first octets where the type says nothing."""
    reason, _, _, magic = COMPONENTS[component]
    for answer in (
        head(f"content-type:{TYPES[component]}"),
        head("Content-Type: text/plain", f'Content-Disposition: attachment; filename="{NAMES[component]}"'),
        head("Content-Type: application/octet-stream") + magic,
        head() + magic,
        head("Transfer-Encoding: chunked") + b"8;x=1\r\n" + magic,
    ):
        get = Download(f"set zone untrust screen component-block {component}")
        assert not get.send(answer), answer
        assert get.box.dropped(reason) == 1


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Type: text/html") + b"MZ is no program",
        head("Content-Type: image/png", "Content-Length: 8") + b"\x89PNG\r\n\x1a\n",
        head("Content-Type: application/octet-stream") + b"plain octets",
        head("Content-Type: application/gzip"),
        b"220 no HTTP\r\nContent-Type: application/zip\r\n\r\nPK\x03\x04",
    ],
)
def test_what_is_no_component_passes(answer: bytes) -> None:
    get = Download("set zone untrust screen component-block")
    assert get.send(answer)
    assert get.box.log() == []


def test_only_what_is_asked_for_is_blocked() -> None:
    for wanted, sent in itertools.permutations(("zip", "java", "exe"), 2):
        get = Download(f"set zone untrust screen component-block {wanted}")
        assert get.send(head(f"Content-Type: {TYPES[sent]}")), (wanted, sent)
    for content_type in TYPES.values():
        get = Download("set zone untrust screen component-block activex")
        assert not get.send(head(f"Content-Type: {content_type}")), "an ActiveX control may hold any"


def test_component_block_alone_is_all_of_them() -> None:
    box = ScreenBox("set zone untrust screen component-block")
    lines = [line for line in box.type("get config").splitlines() if "component-block" in line]
    assert lines == [f'set zone "Untrust" screen component-block {word}' for word in ("activex", "java", "zip", "exe")]
    box.accept("unset zone untrust screen component-block")
    assert "component-block" not in box.type("get config")


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_head_in_pieces_is_read_as_a_whole(size: int) -> None:
    """The piece that completes the finding is dropped, and so is all that comes after it, also when it comes again."""
    answer = head("Content-Type: application/octet-stream", "Content-Length: 100") + b"PK\x03\x04" + bytes(96)
    get = Download("set zone untrust screen component-block zip")
    passed = [get.send(answer[at : at + size], at) for at in range(0, len(answer), size)]
    first = passed.index(False)
    at = answer.index(b"PK")
    assert at < (first + 1) * size <= at + 3 + size
    assert not any(passed[first:])
    assert not get.send(answer[first * size : (first + 1) * size], first * size), "the same piece again"
    assert get.send(answer[:size], 0), "what came before may come again"


def test_pieces_out_of_order() -> None:
    answer = head("Content-Type: application/zip")
    get = Download("set zone untrust screen component-block zip")
    assert get.send(answer[30:], 30)
    assert not get.send(answer[:30], 0)


def test_another_answer_on_the_same_connection() -> None:
    get = Download("set zone untrust screen component-block exe")
    first = head("Content-Type: text/html", "Content-Length: 5") + b"hello"
    assert get.send(first)
    assert not get.send(head("Content-Type: application/exe"), len(first))


def test_a_connection_that_ends_is_forgotten() -> None:
    get = Download("set zone untrust screen component-block zip")
    answer = head("Content-Type: application/zip")
    assert get.send(answer[:20])
    assert not get.send(answer[20:], 20, flags="FA")
    assert get.send(b"something else", 40)


def test_the_walk_names_the_line() -> None:
    get = Download("set zone untrust screen component-block zip")
    trace = PacketTrace()
    mac = get.box.device.interfaces.items["ethernet3"].mac
    packet = IP(src=OUTSIDE, dst=INSIDE) / TCP(sport=80, dport=4000, flags="A", seq=5001, ack=1001)
    frame = mac + b"\x02\0\x01\x01\x01\xfa\x08\x00" + bytes(packet / Raw(head("Content-Type: application/zip")))
    get.box.device.receive("ethernet3", frame, trace)
    (dropped,) = (step for step in trace.hops[0].steps if isinstance(step, Dropped))
    assert dropped.subject == ("screen", "Untrust", "component-block zip")


# URLs


def request(box: ScreenBox, text: bytes, at: int = 0) -> bool:
    segment = TCP(sport=1024, dport=80, flags="PA", seq=1001 + at, ack=1)
    return bool(box.receive(IP(src=OUTSIDE, dst=SERVER) / segment / Raw(text)))


def connected(*lines: str) -> ScreenBox:
    box = ScreenBox("set flow no-tcp-seq-check", *lines)
    box.receive(IP(src=OUTSIDE, dst=SERVER) / TCP(sport=1024, dport=80, flags="S", seq=1000))
    box.receive(IP(src=OUTSIDE, dst=SERVER) / TCP(sport=1024, dport=80, flags="A", seq=1001, ack=1))
    return box


REQUEST = b"GET /scripts/perl.exe?x HTTP/1.1\r\nHost: a\r\n\r\n"


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(1, len(REQUEST) - 1), max_size=6, unique=True), order=st.randoms(use_true_random=False)
)
def test_a_url_in_pieces_never_gets_through(cuts: list[int], order: object) -> None:
    """In whatever pieces and order: the server never holds the whole beginning of the request line."""
    box = connected(URL)
    edges = [0, *sorted(cuts), len(REQUEST)]
    pieces = list(itertools.pairwise(edges))
    order.shuffle(pieces)  # type: ignore[attr-defined]
    arrived: set[int] = set()
    for start, end in [*pieces, *pieces]:
        if request(box, REQUEST[start:end], start):
            arrived |= set(range(start, end))
    assert not set(range(len(b"GET /scripts/perl.exe"))) <= arrived
    assert box.dropped(R.SCREEN_MAL_URL) >= 1


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 40), max_size=5, unique=True), order=st.randoms(use_true_random=False))
def test_an_innocent_request_always_gets_through(cuts: list[int], order: object) -> None:
    text = b"GET /index.html?/scripts/perl.exe HTTP/1.1\r\nHost: a\r\n\r\n"
    box = connected(URL, "set zone untrust screen component-block")
    pieces = list(itertools.pairwise([0, *sorted(cuts), len(text)]))
    order.shuffle(pieces)  # type: ignore[attr-defined]
    assert all(request(box, text[start:end], start) for start, end in pieces)


def test_a_second_request_in_the_same_segment() -> None:
    box = connected(URL)
    assert not request(box, b"GET / HTTP/1.1\r\n\r\n" + REQUEST)


def test_other_text_under_the_same_numbers_is_looked_at() -> None:
    box = connected(URL)
    assert request(box, b"GET /index.html HTTP/1.1\r\n\r\n")
    assert not request(box, REQUEST)
