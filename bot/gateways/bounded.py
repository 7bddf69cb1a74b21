"""A transport for `requests` that takes no more from a server than we are ready to hold."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from bot.gateways.writing import before_request

CHUNK = 65_536
MAX_ANSWER = 33_554_432  # bytes, decompressed: a page of a hundred items is a few megabytes at most
MAX_REFUSAL = 65_536  # bytes of an error's body; what follows is left unread
ANSWER_SECONDS = 180.0  # from the first byte of a body to its last


class TooManyBytes(requests.RequestException):
    """A body of more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class BoundedAdapter(HTTPAdapter):
    """Reads an answer whole, up to a limit of bytes and of seconds; nothing is read of one that is streamed."""

    def __init__(self, limit: int = MAX_ANSWER, seconds: float = ANSWER_SECONDS) -> None:
        super().__init__()
        self._limit = limit
        self._seconds = seconds

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Raises `requests.RequestException`s, TooManyBytes among them, and what forbids a write (`writing`)."""
        before_request(request.method)
        answer = super().send(
            request, stream=True, timeout=timeout, verify=verify, cert=cert, proxies=dict(proxies or {})
        )
        if not stream or not answer.ok:
            answer._content = self._body(answer)
            answer._content_consumed = True  # type: ignore[attr-defined]  # as after reading `content`
        return answer

    def _body(self, answer: requests.Response) -> bytes:
        try:
            if answer.ok:
                return b"".join(chunks(answer, self._limit, self._seconds))
            return next(answer.iter_content(MAX_REFUSAL), b"")
        finally:
            answer.close()


def chunks(answer: requests.Response, limit: int, seconds: float = ANSWER_SECONDS) -> Iterator[bytes]:
    """A body in pieces. Raises TooManyBytes beyond `limit`, ReadTimeout when it takes longer than `seconds`."""
    deadline, total = time.monotonic() + seconds, 0
    for chunk in answer.iter_content(CHUNK):
        total += len(chunk)
        if total > limit:
            raise TooManyBytes(limit)
        if time.monotonic() > deadline:
            raise requests.ReadTimeout(f"a body took more than {seconds:g} seconds")
        yield chunk
