"""Every fault of a model, with every protocol, ends as declared here within the declared number of requests."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pytest
from pydantic import BaseModel

from bot.errors import Declined, ModelFault, NoModel, TooLong, Unavailable, Unusable
from bot.llm.chat import Chat
from bot.llm.faults import Server, retry_after
from bot.llm.messages import Asked, Prompt, Tool, Turn, Usage
from bot.llm.openai_responses import OpenAIResponses
from bot.llm.providers import chat, parse_spec
from tests.model_server import (
    Body,
    ModelServer,
    Reply,
    answered,
    bomb,
    called,
    cut,
    failed,
    flood,
    hang,
    page,
    refused,
    reset,
    said,
    schema_of,
    script,
)

KEY = "sk-" + "Vw3hT8kq" + "Zp5LmC2xNb9Rf6Jd"
FOUND = {"colour": "red", "because": None}
GOOD = answered(FOUND)


class Paint(BaseModel):
    """What colour it is."""

    colour: Literal["red", "blue"]
    because: str | None


TOOL = Tool(
    "look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
)
PROMPT = Prompt("You paint.", "The wall.", (Asked("Which colour?"),), Paint, (TOOL,))
ANSWER_NOW = Prompt("You paint.", "The wall.", (Asked("Which colour?"),), Paint, (TOOL,), must_answer=True)


@dataclass(frozen=True)
class Case:
    """`answers`: the reply to everything, replies in turn, or a function of the request's body.

    `outcome` None: an answer after all. `words` stand in the sentence.
    """

    name: str
    answers: Reply | tuple[Reply, ...] | Callable[[Body], Reply]
    outcome: type[ModelFault] | type[Unavailable] | None
    requests: int
    words: str = ""
    retry_after: float | None = None
    seconds: float = 5.0
    prompt: Prompt = PROMPT
    wires: tuple[str, ...] = ("openai", "responses", "anthropic", "ollama")


def json_only(reply: Reply) -> Callable[[Body], Reply]:
    """Refuses a schema."""
    return lambda body: reply if schema_of(body) else GOOD


def without(part: str, reply: Reply) -> Callable[[Body], Reply]:
    """Refuses `part` of a request."""
    return lambda body: reply if part in body else GOOD


def neither(body: Body) -> Reply:
    return failed(400, "response_format, tools: unsupported") if schema_of(body) or "tools" in body else GOOD


def unthinking(body: Body) -> Reply:
    return GOOD if body.get("reasoning_effort") == "none" else REASONING


def effortless(body: Body) -> Reply:
    asks = body.get("reasoning") or "effort" in body.get("output_config", {})
    return failed(400, "This model does not support the effort parameter.") if asks else GOOD


def terse(body: Body) -> Reply:
    limit = body.get("max_tokens") or body["max_completion_tokens"]
    return failed(400, f"max_tokens: {limit} > 8192, the most for this model") if limit > 8192 else GOOD


REASONING = failed(400, "Function tools with reasoning_effort are not supported", param="reasoning_effort")
CHAT, OPENAI, CLAUDE = ("openai", "ollama"), ("openai", "responses", "ollama"), ("anthropic",)
ELSEWHERE = Reply(status=307, raw=b"{}", headers={"Location": "http://127.0.0.1:9/"})
ODD_SHAPE = Reply(raw=b'{"choices": 1, "content": 1, "output": 1}')
INNER_ERROR = Reply(raw=b'{"error": {"message": "x", "code": 503}}')
BAD_GZIP = Reply(raw=b"nonsense", headers={"Content-Encoding": "gzip"})
TPM = failed(429, "Request too large for gpt on tokens per min: Limit 30000, Requested 50000")
KNOWN_FORMS = failed(500, "('body', 'response_format', 'type'): Input should be 'text' or 'json_object'")

# fmt: off
CASES = (
    # an operator's matter: one request, no repetition
    Case("key refused", failed(401, "bad key " + KEY), NoModel, 1, "does not accept the key"),
    Case("forbidden", failed(403, "not for you"), NoModel, 1, "does not accept the key"),
    Case("not paid", failed(402, "pay"), NoModel, 1, "no quota or credit"),
    Case("quota", failed(429, "You exceeded it", code="insufficient_quota"), NoModel, 1, "no quota or credit"),
    Case("credit", failed(400, "Your credit balance is too low"), NoModel, 1, "no quota or credit"),
    Case("no such model", failed(404, "no x", code="model_not_found"), NoModel, 1, "does not know this model"),
    Case("no model x", failed(404, "model 'x' not found, try pulling it"), NoModel, 1, "does not know this model"),
    Case("no model y", failed(404, "model: y", type="not_found_error"), NoModel, 1, "does not know this model"),
    Case("nothing there", Reply(status=404, raw=b"404 page not found"), NoModel, 1, "or the base URL"),
    Case("bad model", failed(400, "Invalid model: x"), NoModel, 1, "does not know this model"),
    Case("wrong address", page(404), NoModel, 1, "base URL"),
    Case("redirect", ELSEWHERE, NoModel, 1, "base URL"),
    # passing: one request, the chain of models owns retries
    Case("rate", failed(429, "slow", {"Retry-After": "7"}), Unavailable, 1, "fewer requests", 7.0),
    Case("rate in ms", failed(429, "slow", {"retry-after-ms": "250"}), Unavailable, 1, "fewer requests", 0.25),
    Case("rate for ever", failed(429, "no", {"Retry-After": "999999"}), Unavailable, 1, "fewer requests", 3600.0),
    Case("rate, odd header", failed(429, "no", {"Retry-After": "soon"}), Unavailable, 1, "fewer requests"),
    *(Case(f"status {status}", failed(status), Unavailable, 1, f"failed ({status})")
      for status in (408, 409, 500, 502, 503, 504, 529)),
    Case("page with 502", page(502), Unavailable, 1, "failed (502)"),
    Case("page with 403", page(403), Unavailable, 1, "web page"),
    Case("page with 200", page(200), Unavailable, 1, "web page"),
    Case("not JSON", Reply(raw=b'{"id": "x", "cho'), Unavailable, 1, "not a model's answer"),
    Case("no body", Reply(raw=b""), Unavailable, 1, "not a model's answer"),
    Case("a list", Reply(raw=b"[1, 2]"), Unavailable, 1, "not a model's answer"),
    Case("other shape", ODD_SHAPE, Unavailable, 1, "not a model's answer"),
    Case("error with 200", INNER_ERROR, Unavailable, 1, "failed (503)"),
    Case("bad gzip", BAD_GZIP, Unavailable, 1, "broke off"),
    Case("reset in the body", reset(), Unavailable, 1, "broke off"),
    Case("silence", hang(), Unavailable, 1, "within 0.3 seconds", seconds=0.3),
    Case("too many bytes", flood(), Unavailable, 1, "more than 4 MB"),
    Case("gzip bomb", bomb(), Unavailable, 1, "more than 4 MB"),
    # the prompt does not fit
    Case("context length", failed(400, "too much", code="context_length_exceeded"), TooLong, 1, "window"),
    Case("maximum context", failed(400, "This model's maximum context length is 8192"), TooLong, 1, "window"),
    Case("prompt too long", failed(400, "prompt is too long: 210000 tokens > 200000"), TooLong, 1, "window"),
    Case("context size, 500", failed(500, "exceeds the available context size, max_tokens"), TooLong, 1, "window"),
    Case("413", failed(413, "request_too_large"), TooLong, 1, "window"),
    Case("more than a minute's tokens", TPM, TooLong, 1, "window"),
    Case("full window", said("{", end="overflow"), TooLong, 1, "window", wires=CLAUDE),
    # the model said no
    Case("refusal", refused(), Declined, 1, "refused to answer"),
    Case("filter in the answer", said("", end="filtered"), Declined, 1, "refused to answer"),
    Case("filter", failed(400, "flagged", code="content_policy_violation"), Declined, 1, "filter refused"),
    # refused for another reason, with the provider's words
    Case("bad request", failed(400, "messages.0: odd\nvalue"), Unusable, 1, "(400): messages.0: odd value"),
    Case("words with the key", failed(400, f"you sent {KEY} to us"), Unusable, 1, "<REDACTED:",
         wires=("openai", "responses", "anthropic")),
    Case("many words", failed(400, "no " * 500), Unusable, 1, "no no"),
    Case("not processable", failed(422, "no"), Unusable, 1, "(422): no"),
    # one repair
    Case("cut", cut(), Unusable, 2, "cut off"),
    Case("prose", said("It looks fine to me."), Unusable, 2, "after one repair"),
    Case("cut JSON", said('{"colour": "re'), Unusable, 2, "after one repair"),
    Case("other keys", answered({"size": 1}), Unusable, 2, "after one repair"),
    Case("wrong value", answered({"colour": "green"}), Unusable, 2, "colour"),
    Case("empty text", said(""), Unusable, 2, "it is empty"),
    Case("no choices", Reply(no_choices=True), Unusable, 2, "it is empty"),
    Case("call when none may be", called(("look", {"at": "x"})), Unusable, 2, "no tool", prompt=ANSWER_NOW),
    Case("arguments not JSON", called(("look", '{"at": ')), Unusable, 2, "not JSON", wires=OPENAI),
    Case("arguments no object", called(("look", [1])), Unusable, 2, "not a JSON object"),
    Case("cut, then short", (cut(), GOOD), None, 2),
    Case("prose, then JSON", (said("Well."), GOOD), None, 2),
    Case("prose, then busy", (said("Well."), failed(503)), Unavailable, 2, "failed (503)"),
    Case("prose, then refusal", (said("Well."), refused()), Declined, 2, "refused to answer"),
    # the ladder
    Case("schema, 400", json_only(failed(400, "response_format: bad")), None, 2, prompt=ANSWER_NOW),
    Case("schema, other words", json_only(failed(400, "Unknown parameter")), None, 2, prompt=ANSWER_NOW),
    Case("schema, 422", json_only(failed(422, "output_config.format: bad")), None, 2, prompt=ANSWER_NOW),
    Case("schema, 500", json_only(KNOWN_FORMS), None, 2, prompt=ANSWER_NOW),
    Case("any JSON", without("response_format", failed(400, "response_format: extra")), None, 3, wires=CHAT,
         prompt=ANSWER_NOW),
    Case("any JSON", without("text", failed(400, "text.format: extra")), None, 3, wires=("responses",)),
    Case("any form", without("output_config", failed(400, "output_config: extra")), None, 2, wires=CLAUDE),
    Case("tools, 400", without("tools", failed(400, "this model does not support tools")), None, 2),
    Case("tools, 404", without("tools", failed(404, "No endpoints that support tool use")), None, 2),
    Case("schema and tools", neither, None, 4, wires=("openai", "responses")),
    Case("schema and tools", neither, None, 3, wires=("anthropic", "ollama")),
    Case("no schema beside tools", without("tools", failed(400, "Unknown parameter")), Unusable, 1,
         "Unknown parameter", wires=("ollama",)),
    Case("reasoning with tools", unthinking, None, 2, wires=CHAT),
    Case("reasoning with tools, always", without("tools", REASONING), None, 3),
    Case("effort", effortless, None, 2, wires=("responses", "anthropic")),
    Case("room for thought", terse, None, 2, wires=("openai", "anthropic")),
    Case("name of the limit", without("max_completion_tokens", failed(400, "Unknown: max_completion_tokens")),
         None, 2, wires=("openai",)),
    Case("name of the limit", without("max_tokens", failed(400, "Unsupported: max_tokens")),
         None, 2, wires=("ollama",)),
)
# fmt: on


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def model(wire: str, server: ModelServer, seconds: float) -> Chat:
    if wire == "responses":
        known = Server("openai:gpt-6.1-sol", "api.openai.com", "OPENAI_API_KEY", KEY)
        return Chat(OpenAIResponses(known, f"{server.url}/v1", seconds), known, "gpt-6.1-sol", 256_000, True)
    names = {"openai": "gpt-6.1-sol", "anthropic": "claude-sonnet-5-5", "ollama": "qwen3-coder:30b"}
    environ = {name: KEY if name.endswith("_KEY") else value for name, value in server.environ(wire).items()}
    return chat(parse_spec(f"{wire}:{names[wire]}"), environ, seconds)


async def turned(one: Chat, prompt: Prompt) -> Turn:
    try:
        return await one.turn(prompt)
    finally:
        await one.aclose()


@pytest.mark.parametrize(
    ("case", "wire"),
    [pytest.param(case, wire, id=f"{case.name}-{wire}") for case in CASES for wire in case.wires],
)
def test_a_fault_ends_as_declared_within_the_declared_requests(
    case: Case, wire: str, server: ModelServer
) -> None:
    server.clear()
    server.reply = scripted(case)
    one = model(wire, server, case.seconds)
    if case.outcome is None:
        turn = asyncio.run(turned(one, case.prompt))
        assert turn.answer == Paint(**FOUND)
        assert turn.usage.calls == server.paid
    else:
        with pytest.raises(case.outcome) as caught:
            asyncio.run(turned(one, case.prompt))
        assert_told(caught.value, case, one.name)
        assert (caught.value.usage or Usage()).calls == server.paid
    assert len(server.requests) == case.requests
    assert server.refusals == []


def scripted(case: Case) -> Callable[[Body], Reply]:
    if isinstance(case.answers, Reply):
        return script(case.answers)
    return script(*case.answers) if isinstance(case.answers, tuple) else case.answers


def assert_told(error: ModelFault | Unavailable, case: Case, name: str) -> None:
    text = str(error)
    assert text.startswith(f"{name}: ")
    assert case.words in text
    assert "\n" not in text
    assert KEY not in text
    assert len(text) < 500
    assert not isinstance(error, Unavailable) or error.retry_after == case.retry_after


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:00 GMT", 3600.0),
        ("2.5", 2.5),
        ("-1", None),
        ("inf", None),
        ("", None),
    ],
)
def test_how_long_to_wait_is_read_from_seconds_or_a_date(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": said}, datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) == seconds
