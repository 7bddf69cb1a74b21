"""What both SDKs share: one client for each event loop, one deadline for each request, one way to fail.

The SDKs bring addresses, headers and error classes (openai's and anthropic's have the same names); bodies are read
here, because a gateway's page or a body without choices passes through their models unnoticed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from bot.llm.faults import Failed, Server, unavailable
from bot.llm.messages import Asked, Called, Told, Usage, estimated_tokens
from bot.llm.prices import cost_usd
from bot.llm.wire import Line, Request, Said

CONNECT_SECONDS: Final = 5.0
MOST_TOKENS: Final = 10**9  # of one request that a server may tell of: Redis counts no further than 2**63
NO_KEY: Final = "none"  # servers without keys take any; the SDKs insist on one

Shape = TypeVar("Shape", bound=BaseModel)


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model] | None = None


class Connection:
    """Calls one server. `load` imports the SDK, whose class `client` is; `seconds` is the time for one request."""

    def __init__(
        self, load: Callable[[], ModuleType], client: str, server: Server, base_url: str, seconds: float
    ) -> None:
        self.server = server
        self._load = load
        self._client_class = client
        self._base_url = base_url
        self._seconds = seconds
        self._open: tuple[asyncio.AbstractEventLoop, Any] | None = None

    async def ask(self, call: Callable[[Any], Awaitable[Any]]) -> dict[str, Any]:
        """The JSON object that `call` got. Raises Failed for an HTTP error, Unavailable where there is no object."""
        sdk = self._load()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await call(self._client())
        except (TimeoutError, sdk.APITimeoutError) as error:
            raise unavailable("timeout", self.server, seconds=self._seconds) from error
        except sdk.APIStatusError as error:
            raise Failed(error.status_code, error.body, error.response.headers) from error
        except sdk.APIConnectionError as error:
            raise self._broken_off(error.__cause__) from error
        return self._object(answer.http_response.content)

    async def first_model(self) -> str | None:
        """The first model the server lists, which both protocols do at /models. Raises as `ask` does."""
        answer = await self.ask(lambda client: client.models.with_raw_response.list())
        listed = self.read(answer, _Models).data
        return listed[0].id if listed else None

    async def aclose(self) -> None:
        """Closes the running loop's connections; those of another loop went with it."""
        if self._open and self._open[0] is asyncio.get_running_loop():
            await self._open[1].close()
        self._open = None

    def read(self, body: dict[str, Any], shape: type[Shape]) -> Shape:
        """The body in our words. Raises Failed for an error sent with status 200, Unavailable for another shape."""
        if body.get("error"):
            raise Failed(_status(body["error"]), body, {})
        try:
            return shape.model_validate(body)
        except ValidationError as error:
            raise unavailable("odd", self.server) from error

    def _client(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._open is None or self._open[0] is not loop:
            self._open = (loop, self._made())
        return self._open[1]

    def _made(self) -> Any:
        import httpx2

        from bot.llm.bounded import BoundedClient

        return getattr(self._load(), self._client_class)(
            api_key=self.server.key or NO_KEY,
            base_url=self._base_url,
            max_retries=0,
            timeout=httpx2.Timeout(self._seconds, connect=CONNECT_SECONDS),
            http_client=BoundedClient(follow_redirects=False),
        )

    def _broken_off(self, cause: BaseException | None) -> Exception:
        from bot.llm.bounded import MAX_ANSWER, TooManyBytes

        if isinstance(cause, TooManyBytes):
            return unavailable("large", self.server, megabytes=MAX_ANSWER >> 20)
        return unavailable("unreachable", self.server)

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            is_page = content.lstrip().startswith(b"<")
            raise unavailable("page" if is_page else "odd", self.server) from error
        if not isinstance(body, dict):
            raise unavailable("odd", self.server)
        return body


def usage(model: str, whole: int, output: int, cached: int, written: int) -> Usage:
    """What one request took, as the server tells it: `whole` is all input, `cached` and `written` are parts of it.

    No server gives tokens back: less than none would raise a budget.
    """
    counts = (min(max(count, 0), MOST_TOKENS) for count in (whole, output, cached, written))
    whole, output, cached, written = counts
    cached = min(cached, whole)
    written = min(written, whole - cached)
    return Usage(1, whole, output, cached, cost_usd(model, whole, output, cached, written))


def guessed_usage(request: Request, text: str) -> Usage:
    """What a request took where the server does not say."""
    said = [request.system, request.shared, request.instruction, *map(_text, request.lines)]
    return Usage(1, estimated_tokens("".join(said)), estimated_tokens(text))


def _text(line: Line) -> str:
    match line:
        case Asked(text) | Said(text) | Told(_, text):
            return text
        case Called(calls):
            return "".join(f"{call.name}{call.arguments}" for call in calls)


def _status(error: Any) -> int:
    """Some gateways put the status into the body; 502 where there is none."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 502
