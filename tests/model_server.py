"""A stand-in for model providers on 127.0.0.1: strict like the real ones, scripted, keeps what it was asked.

It speaks OpenAI's chat completions, responses and list of models, and Anthropic's messages. By default it answers each
request with the emptiest object its schema allows. A test scripts it by `server.reply`, a function from the request's
JSON body to a `Reply`; the functions below make replies. Other processes reach it by `server.environ("openai")`.
"""

import gzip
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.canaries import plant
from tests.model_rules import Refusal, check

Body = dict[str, Any]
SCHEMA_FOLLOWS = "It must fit this JSON schema:\n"
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


# --- what it answers ---


@dataclass(frozen=True)
class Reply:
    """One answer; `raw` replaces its body, `error` makes it one in the provider's envelope.

    `end` is "done", "cut", "refused", "filtered" or, with Anthropic, "overflow". `delay` are seconds before the answer,
    `drip` between its bytes. `tokens` are (input, cached, output); None: worked out from the sizes; "none": left out.
    """

    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    end: str = "done"
    status: int = 200
    error: dict[str, Any] | None = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tokens: tuple[int, int, int] | str | None = None
    no_choices: bool = False
    delay: float = 0.0
    drip: float = 0.0
    hangs: bool = False
    resets: bool = False

    @property
    def lost(self) -> bool:
        return self.hangs or self.resets


def answered(answer: Any, **more: Any) -> Reply:
    """A final answer, as JSON."""
    return Reply(text=json.dumps(answer), **more)


def said(text: str, **more: Any) -> Reply:
    """A final answer, word for word."""
    return Reply(text=text, **more)


def called(*calls: tuple[str, Any], **more: Any) -> Reply:
    """Calls of tools: (name, arguments); arguments given as a string are sent as they are."""
    return Reply(calls=calls, **more)


def cut(text: str = '{"findings": [{"ru') -> Reply:
    """An answer that ran into the limit of output tokens."""
    return Reply(text=text, end="cut")


def refused(text: str = "I cannot help with that.") -> Reply:
    """The model's own refusal."""
    return Reply(text=text, end="refused")


def failed(
    status: int, message: str = "it broke", headers: dict[str, str] | None = None, **error: Any
) -> Reply:
    """An error in the provider's envelope; `error` may hold `type`, `code`, `param`."""
    return Reply(status=status, error={"message": message, **error}, headers=headers or {})


def page(status: int = 200) -> Reply:
    """What a gateway in between says."""
    return Reply(status=status, raw=PAGE, headers={"Content-Type": "text/html"})


def bomb(megabytes: int = 16) -> Reply:
    """A small compressed body that unpacks to a large one."""
    packed = gzip.compress(b" " * (megabytes << 20))
    return Reply(raw=packed, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


def flood(megabytes: int = 16) -> Reply:
    return Reply(
        raw=b'{"x": "' + b"x" * (megabytes << 20) + b'"}', headers={"Content-Type": "application/json"}
    )


def hang() -> Reply:
    """Nothing, until the server stops or `let_go` is called."""
    return Reply(hangs=True)


def reset() -> Reply:
    """The connection is reset in the middle of the body."""
    return Reply(text="{}", resets=True)


def script(*replies: Reply) -> Callable[[Body], Reply]:
    """One reply after the other; the last one again and again."""
    queue = list(replies)
    lock = threading.Lock()

    def reply(body: Body) -> Reply:
        with lock:
            return queue.pop(0) if len(queue) > 1 else queue[0]

    return reply


# --- what it was asked ---


@dataclass(frozen=True)
class Request:
    """One request as it came. The credential's value is not kept, only whether there was one."""

    path: str
    headers: dict[str, str]
    body: Body


def text_of(body: Body) -> str:
    """All text of a request in order, whatever the protocol."""
    return "\n".join(
        _texts([body.get("system"), body.get("instructions"), body.get("messages"), body.get("input")])
    )


def tools_of(body: Body) -> list[str]:
    """The names of the tools that were offered."""
    return [tool.get("function", tool)["name"] for tool in body.get("tools", [])]


def schema_of(body: Body) -> Body | None:
    """The JSON schema the answer must have; None where the request holds none."""
    formats = [
        body.get("response_format", {}).get("json_schema"),
        body.get("output_config", {}).get("format"),
        body.get("text", {}).get("format"),
    ]
    return next((one["schema"] for one in formats if one and "schema" in one), None)


def told_schema(body: Body) -> Body | None:
    """The JSON schema that the text asks for; None where it asks for none."""
    _, found, rest = text_of(body).partition(SCHEMA_FOLLOWS)
    return json.JSONDecoder().raw_decode(rest)[0] if found else None


def emptiest(schema: Body, defs: Body | None = None) -> Any:
    """The smallest value a schema allows: no items, no text, null where it may be."""
    defs = schema.get("$defs", defs or {})
    if "$ref" in schema:
        return emptiest(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") == "null"] or schema["anyOf"]
        return emptiest(kinds[0], defs)
    if schema.get("type") == "object":
        return {name: emptiest(one, defs) for name, one in schema.get("properties", {}).items()}
    return {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(
        schema.get("type", "")
    )


def nothing_found(body: Body) -> Reply:
    return answered(emptiest(schema_of(body) or told_schema(body) or {"type": "object"}))


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, dict):
        for name in ("text", "content", "output"):
            yield from _texts(part.get(name))


# --- the server ---


class ModelServer:
    """Starts with `with`. `requests` are those it took, refused ones included; `refusals` why it refused some,
    `replies` what it answered to those for a model.

    `models` is what /v1/models lists. `on_request` sees each request's headers, credential
    included. While `gate` is cleared, requests are taken and wait.
    """

    def __init__(self) -> None:
        self.reply: Callable[[Body], Reply] = nothing_found
        self.requests: list[Request] = []
        self.refusals: list[str] = []
        self.replies: list[Reply] = []
        self.models = ["stand-in"]
        self.on_request: Callable[[Any], None] = lambda headers: None
        self.in_flight = self.peak = 0
        self.gate = threading.Event()
        self.gate.set()
        self._let_go = threading.Event()
        self._changed = threading.Condition()
        self._seen: set[int] = set()
        self._numbers = itertools.count(1)
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> "ModelServer":
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.let_go()
        self.gate.set()
        self._http.shutdown()
        self._http.server_close()

    def environ(self, provider: str) -> dict[str, str]:
        """The variables by which `provider` is this server."""
        return {
            "openai": {"OPENAI_API_KEY": _key(), "OPENAI_BASE_URL": f"{self.url}/v1"},
            "anthropic": {"ANTHROPIC_API_KEY": _key(), "ANTHROPIC_BASE_URL": self.url},
            "ollama": {"OLLAMA_HOST": self.url},
            "mistral": {"MISTRAL_API_KEY": _key(), "MISTRAL_BASE_URL": f"{self.url}/v1"},
            "vllm": {"VLLM_BASE_URL": f"{self.url}/v1"},
        }[provider]

    @property
    def asked(self) -> list[Body]:
        """The bodies of the requests to a model, in the order they came."""
        return [request.body for request in self.requests if request.body]

    @property
    def paid(self) -> int:
        """How many requests a model has answered, whatever it said."""
        return sum(
            1 for reply in self.replies if reply.status == 200 and reply.raw is None and not reply.lost
        )

    def clear(self) -> None:
        """Forgets what was asked and answered."""
        for kept in (self.requests, self.refusals, self.replies):
            kept.clear()

    def let_go(self) -> None:
        """Ends what hangs."""
        self._let_go.set()

    def wait_in_flight(self, count: int, seconds: float = 20.0) -> None:
        """Returns when `count` requests are being answered. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.in_flight >= count, seconds):
                raise TimeoutError(f"{self.in_flight} requests in flight, not {count}")

    def wait_asked(self, count: int, seconds: float = 20.0) -> None:
        """Returns when `count` requests have come in all. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise TimeoutError(f"{len(self.requests)} requests came, not {count}")

    # what the handler calls

    @contextmanager
    def taken(self, request: Request) -> Iterator[None]:
        with self._changed:
            self.requests.append(request)
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self.in_flight -= 1
                self._changed.notify_all()

    def answer(self, request: Request) -> Reply:
        """The scripted reply, with its body made. What the real provider would refuse is refused."""
        try:
            check(request.path, request.headers, request.body)
        except Refusal as refusal:
            self.refusals.append(str(refusal))
            reply = failed(refusal.status, str(refusal), type=refusal.type, param=refusal.param)
        else:
            reply = self.reply(request.body)
        self.replies.append(reply)
        if reply.hangs:
            self._let_go.wait()
        self.gate.wait()
        time.sleep(reply.delay)
        return reply if reply.raw is not None else replace(reply, raw=self._made(request, reply))

    def _made(self, request: Request, reply: Reply) -> bytes:
        kind = request.path.rpartition("/")[2]
        if reply.error is not None:
            return json.dumps(_envelope(kind, reply)).encode()
        made = {"completions": _completion, "responses": _response, "messages": _message}[kind]
        tokens = None if reply.tokens == "none" else reply.tokens or self._tokens(request.body, reply)
        return json.dumps(made(request.body, reply, tokens, next(self._numbers))).encode()

    def _tokens(self, body: Body, reply: Reply) -> tuple[int, int, int]:
        """(input, of which cached, output), a token being four characters."""
        text = json.dumps(body.get("tools", [])) + text_of(body)
        made = reply.text + json.dumps(reply.calls)
        return len(text) // 4 + 1, self._cached(text), len(made) // 4 + 1

    def _cached(self, text: str) -> int:
        """Tokens at the text's beginning that an earlier request began with, from 1,024 on in steps of 128."""
        blocks = [hash(text[: end + 512]) for end in range(0, len(text) - 511, 512)]
        with self._changed:
            known = sum(1 for _ in itertools.takewhile(self._seen.__contains__, blocks))
            self._seen.update(blocks)
        return known * 128 if known >= 8 else 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: ModelServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        owner = self.server.owner
        with owner.taken(Request(self.path, self._said(), {})):
            if self.path != "/v1/models":
                return self._send(Reply(status=404, raw=b'{"error": {"message": "no such page"}}'))
            rows = [{"id": name, "object": "model", "owned_by": "us"} for name in owner.models]
            return self._send(Reply(raw=json.dumps({"object": "list", "data": rows}).encode()))

    def do_POST(self) -> None:
        self.server.owner.on_request(self.headers)
        sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = Request(urlsplit(self.path).path, self._said(), json.loads(sent))
        with self.server.owner.taken(request):
            self._send(self.server.owner.answer(request))

    def _said(self) -> dict[str, str]:
        secret = ("authorization", "x-api-key")
        shown = {name.lower(): value for name, value in self.headers.items()}
        return {name: value.split(" ")[0] if name in secret else value for name, value in shown.items()}

    def _send(self, reply: Reply) -> None:
        raw = reply.raw or b""
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if reply.resets:
            self.wfile.write(raw[: len(raw) // 2])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RD)
            self.close_connection = True
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
            return
        for part in raw if reply.drip else ():
            self.wfile.write(bytes([part]))
            time.sleep(reply.drip)
        if not reply.drip:
            self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _key() -> str:
    return plant("sk-" + "Rk4vT9wq" + "Lm2XcB7nPz5Ys8Hd")


# --- the providers' shapes ---


def _envelope(kind: str, reply: Reply) -> Body:
    error = {"type": "invalid_request_error" if reply.status == 400 else "api_error", **(reply.error or {})}
    if kind == "messages":
        return {"type": "error", "error": error, "request_id": "req_stand_in"}
    return {"error": {"param": None, "code": None, **error}}


def _arguments(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _completion(body: Body, reply: Reply, tokens: tuple[int, int, int] | None, number: int) -> Body:
    """https://platform.openai.com/docs/api-reference/chat/object"""
    calls = [
        {
            "id": f"call_{number}_{place}",
            "type": "function",
            "function": {"name": name, "arguments": _arguments(args)},
        }
        for place, (name, args) in enumerate(reply.calls)
    ]
    refused = reply.end == "refused"
    message = {
        "role": "assistant",
        "content": None if calls or refused else reply.text,
        "refusal": reply.text if refused else None,
        **({"tool_calls": calls} if calls else {}),
    }
    reasons = {"cut": "length", "filtered": "content_filter"}
    reason = reasons.get(reply.end, "tool_calls" if calls else "stop")
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": body["model"],
        "choices": [] if reply.no_choices else [{"index": 0, "finish_reason": reason, "message": message}],
        **(_completion_usage(tokens) if tokens else {}),
    }


def _completion_usage(tokens: tuple[int, int, int]) -> Body:
    shown, cached, out = tokens
    return {
        "usage": {
            "prompt_tokens": shown,
            "completion_tokens": out,
            "total_tokens": shown + out,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
    }


def _response(body: Body, reply: Reply, tokens: tuple[int, int, int] | None, number: int) -> Body:
    """https://platform.openai.com/docs/api-reference/responses/object"""
    items: list[Body] = [{"type": "reasoning", "id": f"rs_{number}", "summary": []}]
    for place, (name, args) in enumerate(reply.calls):
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{number}_{place}",
                "call_id": f"call_{number}_{place}",
                "name": name,
                "arguments": _arguments(args),
                "status": "completed",
            }
        )
    if not reply.calls:
        part = (
            {"type": "refusal", "refusal": reply.text}
            if reply.end == "refused"
            else {"type": "output_text", "text": reply.text, "annotations": []}
        )
        items.append({"type": "message", "id": f"msg_{number}", "role": "assistant", "content": [part]})
    why = {"cut": "max_output_tokens", "filtered": "content_filter"}.get(reply.end)
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_790_000_000,
        "model": body["model"],
        "status": "incomplete" if why else "completed",
        "incomplete_details": {"reason": why} if why else None,
        "error": None,
        "output": [] if reply.no_choices else items,
        **(_response_usage(tokens) if tokens else {}),
    }


def _response_usage(tokens: tuple[int, int, int]) -> Body:
    shown, cached, out = tokens
    return {
        "usage": {
            "input_tokens": shown,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": shown + out,
        }
    }


def _message(body: Body, reply: Reply, tokens: tuple[int, int, int] | None, number: int) -> Body:
    """https://platform.claude.com/docs/en/api/messages"""
    content: list[Body] = [{"type": "thinking", "thinking": "", "signature": "c2ln"}]
    if reply.calls:
        content += [
            {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": name, "input": arguments}
            for place, (name, arguments) in enumerate(reply.calls)
        ]
    else:
        content.append({"type": "text", "text": reply.text})
    ends = {
        "cut": "max_tokens",
        "refused": "refusal",
        "filtered": "refusal",
        "overflow": "model_context_window_exceeded",
        "done": "tool_use" if reply.calls else "end_turn",
    }
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [] if reply.no_choices else content,
        "stop_reason": ends[reply.end],
        "stop_sequence": None,
        **(_message_usage(tokens) if tokens else {}),
    }


def _message_usage(tokens: tuple[int, int, int]) -> Body:
    shown, cached, out = tokens
    return {
        "usage": {
            "input_tokens": shown - cached,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": 0,
            "output_tokens": out,
        }
    }
