"""From what went wrong with one request to one of our errors, in one table.

Nothing here repeats a request: the chain of models owns retries, and the queue puts whole jobs back.
Sources: platform.openai.com/docs/guides/error-codes, platform.claude.com/docs/en/api/errors,
docs.mistral.ai/api, the READMEs of vLLM, llama.cpp and Ollama for their wordings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.domain.http_date import http_date
from bot.domain.secrets import Redactor
from bot.errors import Declined, ModelFault, NoModel, PlatformError, TooLong, Unavailable, Unusable
from bot.llm.messages import Usage

LONGEST_WAIT = 3_600.0  # seconds: what a provider may make us wait, however much it asks for
LONGEST_WORDS = 200  # characters of the provider's own words

TOO_LONG = re.compile(
    r"context.?(length|window|size|limit)|maximum context|prompt is too long|input is too long"
    r"|request.?too.?large|too many (input )?tokens|exceeds? the (model|maximum|limit).{0,40}tokens"
)
NO_MONEY = re.compile(
    r"insufficient.?quota|billing|credit balance|payment|insufficient.?(funds|credits|balance)"
)
NO_SUCH_MODEL = re.compile(
    r"model.?not.?found|model .{0,100}(does not exist|not found)|not_found_error model:"
    r"|invalid.?model|not a valid model"
)
AGAINST_RULES = re.compile(r"content.?(policy|filter)|invalid.?prompt|usage policy|responsible.?ai")

SENTENCES: Mapping[str, str] = {
    "key": "{name}: the provider does not accept the key ({status}): check {key}, and that it may use this model",
    "money": "{name}: the account has no quota or credit left ({status}): see to its plan or billing",
    "model": "{name}: the provider does not know this model ({status}): correct TRIVET_MODELS",
    "nowhere": "{name}: {host} has no such model, or serves none at this address ({status}): correct TRIVET_MODELS, "
    "or the base URL",
    "address": "{name}: {host} does not serve models at this address ({status}): correct the base URL",
    "long": "{name}: the prompt is longer than the model's window or the provider's limit ({status})",
    "rules": "{name}: the provider's filter refused the text ({status}): this part is not read by the model",
    "rate": "{name}: the provider asks for fewer requests ({status}): try again later",
    "busy": "{name}: the provider failed ({status}): try again later",
    "refused": "{name}: the provider refused the request ({status}): {words}",
    "timeout": "{name}: no answer from {host} within {seconds:g} seconds: try again later",
    "unreachable": "{name}: {host} cannot be reached, or broke off: check its address, or try again later",
    "large": "{name}: {host} answered with more than {megabytes} MB, which is no model's answer: check the base URL",
    "page": "{name}: a gateway at {host} answered with a web page instead of the model: check proxy and base URL",
    "odd": "{name}: {host} answered with something that is not a model's answer: check the base URL",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Whom the sentences speak of: "provider:model", the host, and the name and value of the key's variable."""

    name: str
    host: str
    key_variable: str
    key: str = ""


class Failed(Exception):
    """An HTTP error of a provider.

    `words` are the provider's own; `said` are they and its codes, in lower case; `is_page`: they are HTML.
    """

    def __init__(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        error = _inner(body)
        self.status = status
        self.headers = headers
        self.words = _words(error)
        marks = " ".join(str(error[name]) for name in ("code", "type", "param") if error.get(name))
        self.said = f"{marks} {self.words}".lower()
        self.is_page = self.words.lstrip().startswith("<")


def fault(failed: Failed, server: Server, paid: Usage | None = None) -> PlatformError:
    """The error for an HTTP error that no smaller request can avoid."""
    kind, sentence = _verdict(failed)
    text = _sentence(sentence, server, status=failed.status, words=_shown(failed.words, server.key))
    if issubclass(kind, Unavailable):
        return kind(text, retry_after(failed.headers), paid)
    return kind(text, paid)


def is_final(failed: Failed) -> bool:
    """Whether no smaller wish to the server can help: the fault is not in what the request asks for."""
    kind, _ = _verdict(failed)
    return kind is TooLong or (kind is not Unusable and failed.status not in (404, 500, 501))


def unavailable(sentence: str, server: Server, **words: object) -> Unavailable:
    """The error for a request without a usable answer; `sentence` is a key of SENTENCES."""
    return Unavailable(_sentence(sentence, server, **words))


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or a date), at most an hour; None: not said."""
    milliseconds, said = headers.get("retry-after-ms", "").strip(), headers.get("retry-after", "").strip()
    if _is_number(milliseconds):
        return _bounded(float(milliseconds) / 1000)
    if _is_number(said):
        return _bounded(float(said))
    date = http_date(said)
    return _bounded((date - (now or datetime.now(UTC))).total_seconds()) if date else None


def _verdict(failed: Failed) -> tuple[type[ModelFault] | type[Unavailable], str]:
    status, said = failed.status, failed.said
    if failed.is_page and status in (400, 403, 404, 405):
        return (Unavailable, "page") if status in (400, 403) else (NoModel, "address")
    if status == 413 or (status in (400, 422, 429, 500) and TOO_LONG.search(said)):
        return TooLong, "long"
    if status == 402 or (status in (400, 403, 429) and NO_MONEY.search(said)):
        return NoModel, "money"
    if status in (400, 403, 422) and AGAINST_RULES.search(said):
        return Declined, "rules"
    if status in (401, 403):
        return NoModel, "key"
    if status in (400, 404, 422) and NO_SUCH_MODEL.search(said):
        return NoModel, "model"
    return _by_status(status)


def _by_status(status: int) -> tuple[type[ModelFault] | type[Unavailable], str]:
    if status == 404:
        return NoModel, "nowhere"
    if status == 405 or 300 <= status < 400:
        return NoModel, "address"
    if status == 429:
        return Unavailable, "rate"
    if status >= 500 or status in (408, 409, 425):
        return Unavailable, "busy"
    return Unusable, "refused"


def _sentence(key: str, server: Server, **words: object) -> str:
    variable = server.key_variable or "the server's access rules"
    return SENTENCES[key].format(name=server.name, host=server.host, key=variable, **words)


def _inner(body: Any) -> dict[str, Any]:
    """The innermost error object of an answer's body; text is put under "message"."""
    while isinstance(body, dict) and "error" in body:
        body = body["error"]
    return body if isinstance(body, dict) else {"message": body}


def _words(error: Mapping[str, Any]) -> str:
    words = error.get("message") or error.get("detail") or ""
    return words if isinstance(words, str) else str(words)


def _shown(words: str, key: str) -> str:
    """One printable line, without secrets."""
    clean = Redactor((key,) if key else ()).redact(words)
    line = " ".join("".join(char if char.isprintable() else " " for char in clean).split())
    return line if len(line) <= LONGEST_WORDS else line[: LONGEST_WORDS - 1] + "…"


def _is_number(said: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", said))


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT)
