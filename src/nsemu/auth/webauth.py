"""WebAuth: the page of an interface on which users log in before they use a policy (`set interface X webauth-ip`).

A form, or Basic credentials for clients that show none. One request a connection.
"""

from __future__ import annotations

from html import escape
from typing import Final

from nsemu.auth.dialogue import Check, Outcome
from nsemu.wire.http import FORM, BadRequest, HttpRequest, form_fields, response, split_head

DEFAULT_SUCCESS: Final = "WebAuth authentication accepted"
FAILED: Final = "WebAuth authentication failed"
TITLE: Final = "WebAuth"
_LARGEST_FORM: Final = 4096
_REALM: Final = f'WWW-Authenticate: Basic realm="{TITLE}"'
_FORM_TEXT: Final = (
    '<form method="post" action="/"><p>User name <input name="user"></p>'
    '<p>Password <input name="password" type="password"></p><p><input type="submit" value="Log in"></p></form>'
)


class WebAuthPage:
    """One connection to the page; `outcome` is ENDED when the answer is in `out`."""

    def __init__(self, check: Check, success: str) -> None:
        self.out = bytearray()
        self.outcome = Outcome.TALKING
        self.failures = 0
        self._check = check
        self._success = success or DEFAULT_SUCCESS
        self._input = b""

    def feed(self, data: bytes) -> None:
        """Take what the client sent, cut anywhere."""
        if self.outcome is not Outcome.TALKING:
            return
        self._input += data
        try:
            head = split_head(self._input.lstrip(b"\r\n"))
            if head is None:
                return
            request = HttpRequest.parse(head[0])
            length = request.body_length
        except BadRequest as error:
            self._respond(error.status, str(error))
            return
        if length > _LARGEST_FORM:
            self._respond(413, "too long")
            return
        body = self._input.lstrip(b"\r\n")[head[1] :]
        if len(body) >= length:
            self._answer(request, body[:length])

    def _answer(self, request: HttpRequest, body: bytes) -> None:
        if request.method not in {"GET", "HEAD", "POST"}:
            self._respond(405, f"method {request.method}", "Allow: GET, HEAD, POST")
            return
        credentials = request.credentials
        if credentials is not None:
            if self._check(*credentials):
                self._respond(200, self._success)
            else:
                self.failures += 1
                self._respond(401, FAILED, _REALM)
        elif request.method == "POST" and request.fields.get("content-type", "").partition(";")[0].strip() == FORM:
            self._sent(form_fields(body))
        else:
            self._respond(200, "", form=True)

    def _sent(self, fields: dict[str, str]) -> None:
        if self._check(fields.get("user", ""), fields.get("password", "")):
            self._respond(200, self._success)
        else:
            self.failures += 1
            self._respond(403, FAILED, form=True)

    def _respond(self, status: int, text: str, *fields: str, form: bool = False) -> None:
        said = f"<p>{escape(text)}</p>" if text else ""
        form_text = _FORM_TEXT if form else ""
        page = f"<html><head><title>{TITLE}</title></head><body>{said}{form_text}</body></html>\n".encode()
        self.out += response(status, page, (*fields, "Connection: close"))
        self.outcome = Outcome.ENDED
