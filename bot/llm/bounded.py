"""The HTTP client both SDKs are given: no redirects, and no more bytes than a model's answer can have."""

import httpx2

MAX_ANSWER = 4 << 20  # bytes, unpacked: the longest answer of today's models has well under one
ENCODING_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}


class TooManyBytes(httpx2.TransportError):
    """A body of more than `MAX_ANSWER` bytes."""


class BoundedClient(httpx2.AsyncClient):
    """Reads every answer whole, unpacking step by step (httpx2 unpacks at most a megabyte at a time)."""

    async def send(self, request: httpx2.Request, **options: object) -> httpx2.Response:
        """Raises httpx2's errors, TooManyBytes among them."""
        options["stream"] = True
        answer = await super().send(request, **options)  # type: ignore[arg-type]
        try:
            body = await _body(answer)
        finally:
            await answer.aclose()
        kept = [(name, value) for name, value in answer.headers.multi_items() if name not in ENCODING_HEADERS]
        return httpx2.Response(answer.status_code, headers=kept, content=body, request=answer.request)


async def _body(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER:
            raise TooManyBytes(f"more than {MAX_ANSWER} bytes", request=answer.request)
    return bytes(body)
