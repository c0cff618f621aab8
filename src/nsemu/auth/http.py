"""Logging in at the firewall by HTTP: 401 and Basic credentials (RFC 9110 §11.6, RFC 7617).

The request that brings the right ones is not answered: it goes on to the server, without the credentials, which are
the firewall's business. A banner of the admin's for success is a page of its own, from which the browser goes on.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from nsemu.auth.dialogue import Dialogue, Outcome
from nsemu.config.authentication import BannerMoment
from nsemu.wire.http import BadRequest, HttpRequest, response, split_head

DEFAULT_BANNERS: Final = {
    BannerMoment.LOGIN: "Firewall user authentication",
    BannerMoment.SUCCESS: "",
    BannerMoment.FAIL: "Firewall user authentication failed",
}
_AUTHORIZATION: Final = re.compile(rb"^authorization(:[^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_TAKEN: Final = b"X-Login-Taken"
"""Stands in the place of the field name, as long as it."""


class HttpLogin(Dialogue):
    """A connection up to the login: requests without the right credentials are refused one by one."""

    _input = b""
    _skip = 0
    _head_only = False

    def _take(self, data: bytes) -> None:
        self._input += data
        while self.outcome is Outcome.TALKING and self._step():
            pass

    def _step(self) -> bool:
        """Answer one request; False when more is needed."""
        if self._skip:
            skipped = min(self._skip, len(self._input))
            self._input, self._skip = self._input[skipped:], self._skip - skipped
            if self._skip:
                return False
        self._input = self._input.lstrip(b"\r\n")  # RFC 9112 §2.2
        try:
            head = split_head(self._input)
            if head is None:
                return False
            request = HttpRequest.parse(head[0])
            length = request.body_length if "transfer-encoding" not in request.fields else None
        except BadRequest as error:
            self._respond(error.status, str(error), close=True)
            return False
        self._request(request, head[1], length)
        return True

    def _request(self, request: HttpRequest, size: int, length: int | None) -> None:
        """Judge one; `length` None is that of a body whose end nobody but the server can tell."""
        credentials = request.credentials
        if credentials is not None and self._right(*credentials):
            self._grant(request, size)
            return
        self._head_only = request.method == "HEAD"
        moment = BannerMoment.FAIL if credentials is not None else BannerMoment.LOGIN
        close = self._exhausted or length is None or not request.keep_alive
        self._input, self._skip = self._input[size:], length or 0
        realm = self._banners[BannerMoment.LOGIN].replace("\\", "\\\\").replace('"', '\\"')
        self._respond(401, self._banners[moment], f'WWW-Authenticate: Basic realm="{realm}"', close=close)

    def _grant(self, request: HttpRequest, size: int) -> None:
        if BannerMoment.SUCCESS in self._banners.own and request.method == "GET":
            target = escape(request.target, quote=True)
            link = f'<meta http-equiv="refresh" content="3; url={target}">'
            self._respond(200, self._banners[BannerMoment.SUCCESS], head=link, close=True)
            return
        self.unread += _without_credentials(self._input[:size]) + self._input[size:]
        self.outcome = Outcome.GRANTED

    def _respond(self, status: int, text: str, *fields: str, head: str = "", close: bool) -> None:
        body = f"<html><head><title>{status}</title>{head}</head><body><p>{escape(text)}</p></body></html>\n".encode()
        answer = response(status, body, (*fields, *(("Connection: close",) if close else ())))
        self.out += answer[: len(answer) - len(body)] if self._head_only else answer
        if close:
            self.outcome = Outcome.ENDED


def _without_credentials(head: bytes) -> bytes:
    """The head of a request with its credentials overwritten, as long as before: sequence numbers must not change."""
    return _AUTHORIZATION.sub(lambda found: _TAKEN + b": " + b"*" * (len(found[1]) - 2), head)
