"""The providers, a line each, and how a model is named: "provider:model", with "@base-url" where it is elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from bot.errors import UsageError
from bot.llm.anthropic_chat import AnthropicChat
from bot.llm.chat import Chat
from bot.llm.faults import Server
from bot.llm.openai_chat import OpenAIChat
from bot.llm.openai_responses import OpenAIResponses
from bot.llm.wire import Wire

OPENAI_MODEL: Final = "gpt-6.1-sol"
ANTHROPIC_MODEL: Final = "claude-sonnet-5-5"
OPENAI_HOST: Final = "api.openai.com"
OLLAMA_PORT: Final = 11434

HOSTED_SECONDS: Final = 120.0
THOUGHT: Final = 16_000  # tokens: their models think by default, and thoughts count as output
LOCAL_SECONDS: Final = 300.0  # a model on one's own machine loads first, and writes slowly


@dataclass(frozen=True, slots=True)
class Provider:
    """One line of the table.

    `base_url` "": it has to be named. `url_variable` and `key_variable` are the environment's names for address and
    key, "" for none. `window` are the tokens prompt and answer may take together, on the safe side of what the
    provider's smaller models have. `needs_key`: at the provider's own address. `limit` is the server's name for the
    output limit. `shows_schema`: the model is shown the schema it has to fit. `thought`: tokens it may think with
    besides its answer. `seconds`: the time for one request.
    """

    protocol: Literal["openai", "anthropic"]
    base_url: str
    url_variable: str
    key_variable: str
    window: int
    needs_key: bool = False
    has_tools: bool = True
    limit: str = "max_tokens"
    shows_schema: bool = False
    thought: int = 0
    seconds: float = HOSTED_SECONDS


# fmt: off
PROVIDERS: Final[Mapping[str, Provider]] = {
    "openai": Provider("openai", "https://api.openai.com/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY", 256_000,
                       needs_key=True, limit="max_completion_tokens", shows_schema=True, thought=THOUGHT),
    "anthropic": Provider("anthropic", "https://api.anthropic.com", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", 200_000,
                          needs_key=True, shows_schema=True, thought=THOUGHT),
    "mistral": Provider("openai", "https://api.mistral.ai/v1", "MISTRAL_BASE_URL", "MISTRAL_API_KEY", 128_000,
                        needs_key=True),
    "ollama": Provider("openai", "http://127.0.0.1:11434/v1", "OLLAMA_HOST", "", 16_384, seconds=LOCAL_SECONDS),
    "vllm": Provider("openai", "http://127.0.0.1:8000/v1", "VLLM_BASE_URL", "VLLM_API_KEY", 32_768,
                     seconds=LOCAL_SECONDS),
    "compatible": Provider("openai", "", "COMPATIBLE_BASE_URL", "COMPATIBLE_API_KEY", 32_768, seconds=LOCAL_SECONDS),
}
# fmt: on
FIRST_LISTED: Final = ("ollama", "vllm", "compatible")  # no model named: the first the server lists

FORM = '"{spec}" is not a model: write provider:model or provider:model@https://address, provider one of {providers}'
NO_MODEL_NAMED = '"{spec}" names no model: write {provider}:NAME'
BAD_ADDRESS = (
    '"{url}" is not an address of a model server: write http(s)://host[:port][/path], without credentials'
)
NO_ADDRESS = '"{spec}" needs an address: write {spec}@https://address, or set {variable}'
NO_KEY = "{provider} needs a key: set {variable}"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One entry of TRIVET_MODELS. `model` "": the first the server lists. `base_url` "": the provider's own."""

    provider: str
    model: str
    base_url: str = ""

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def parse_spec(text: str) -> ModelSpec:
    """ "provider:model[@base_url]"; models may hold ":", "/" and "@". Raises UsageError."""
    named, base_url = _without_address(text.strip())
    provider, colon, model = named.partition(":")
    if not colon or provider.lower() not in PROVIDERS:
        raise UsageError(FORM.format(spec=_shown(text), providers=", ".join(PROVIDERS)))
    spec = ModelSpec(provider.lower(), model.strip(), _checked(base_url) if base_url else "")
    if not spec.model and spec.provider not in FIRST_LISTED:
        raise UsageError(NO_MODEL_NAMED.format(spec=_shown(text), provider=spec.provider))
    return spec


def chat(spec: ModelSpec, environ: Mapping[str, str], seconds: float | None = None) -> Chat:
    """The model. Nothing is imported or connected before its first turn. Raises UsageError.

    `seconds`: the time for one request, else the provider's.
    """
    provider = PROVIDERS[spec.provider]
    base_url = _base_url(spec, provider, environ)
    key = _key(spec, provider, base_url, environ)
    server = Server(str(spec).rstrip(":"), urlsplit(base_url).netloc, provider.key_variable, key)
    wire = _wire(spec, provider, server, base_url, seconds or provider.seconds)
    window = _window(spec, provider, environ)
    return Chat(
        wire, server, spec.model, window, provider.has_tools, 0 if spec.base_url else provider.thought
    )


def default_specs(environ: Mapping[str, str]) -> tuple[ModelSpec, ...]:
    """What the keys at hand allow, never two companies; empty where there are none."""
    if environ.get("OPENAI_API_KEY"):
        return (ModelSpec("openai", OPENAI_MODEL),)
    if environ.get("ANTHROPIC_API_KEY"):
        return (ModelSpec("anthropic", ANTHROPIC_MODEL),)
    return (ModelSpec("ollama", ""),) if environ.get("OLLAMA_HOST") else ()


def _wire(spec: ModelSpec, provider: Provider, server: Server, base_url: str, seconds: float) -> Wire:
    """OpenAI's reasoning models take tools by its responses API only; no other server is asked for that one."""
    host = urlsplit(base_url).hostname or ""
    if provider.protocol == "anthropic":
        return AnthropicChat(server, base_url.removesuffix("/v1"), seconds)
    if host == OPENAI_HOST or host.endswith(f".{OPENAI_HOST}"):
        return OpenAIResponses(server, base_url, seconds)
    if spec.base_url:
        return OpenAIChat(server, base_url, seconds)
    return OpenAIChat(server, base_url, seconds, provider.limit, provider.shows_schema)


def _without_address(text: str) -> tuple[str, str]:
    at = max(text.rfind("@http://"), text.rfind("@https://"))
    return (text, "") if at < 0 else (text[:at], text[at + 1 :])


def _base_url(spec: ModelSpec, provider: Provider, environ: Mapping[str, str]) -> str:
    set_url = environ.get(provider.url_variable, "").strip()
    if spec.provider == "ollama":
        return _ollama_url(spec.base_url or set_url) if spec.base_url or set_url else provider.base_url
    base_url = spec.base_url or (_checked(set_url) if set_url else provider.base_url)
    if not base_url:
        raise UsageError(NO_ADDRESS.format(spec=spec, variable=provider.url_variable))
    return base_url


def _key(spec: ModelSpec, provider: Provider, base_url: str, environ: Mapping[str, str]) -> str:
    """The key; a provider's own address needs one, others may do without."""
    key = environ.get(provider.key_variable, "").strip()
    if not key and provider.needs_key and base_url == provider.base_url:
        raise UsageError(NO_KEY.format(provider=spec.provider, variable=provider.key_variable))
    return key


def _window(spec: ModelSpec, provider: Provider, environ: Mapping[str, str]) -> int:
    """Ollama cuts longer prompts without a word, and has its own variable for the length."""
    length = environ.get("OLLAMA_CONTEXT_LENGTH", "") if spec.provider == "ollama" else ""
    return int(length) if re.fullmatch(r"[1-9][0-9]{2,7}", length) else provider.window


def _checked(url: str) -> str:
    """The address without a slash at its end. Raises UsageError."""
    try:
        parts = urlsplit(url)
        odd = (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or "@" in parts.netloc
            or parts.port == 0
        )
    except ValueError:
        odd = True
    if odd or any(char.isspace() for char in url):
        raise UsageError(BAD_ADDRESS.format(url=_shown(url)))
    return url.rstrip("/")


def _shown(text: str) -> str:
    """The text without what stands before an "@" in an address."""
    return re.sub(r"//[^/\s]*@", "//", text)


def _ollama_url(host: str) -> str:
    """OLLAMA_HOST as Ollama reads it: scheme and port may be missing; 0.0.0.0 is what a server listens on."""
    has_scheme = "://" in host
    bare = f"[{host}]" if not has_scheme and host.count(":") > 1 and not host.startswith("[") else host
    parts = urlsplit(_checked(host if has_scheme else f"http://{_with_host(bare)}"))
    name = "127.0.0.1" if parts.hostname in ("0.0.0.0", "::") else parts.hostname or ""  # noqa: S104
    port = parts.port or (None if has_scheme else OLLAMA_PORT)
    place = f"[{name}]" if ":" in name else name
    netloc = place if port is None else f"{place}:{port}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{netloc}{path if path.endswith('/v1') else f'{path}/v1'}"


def _with_host(host: str) -> str:
    return f"127.0.0.1{host}" if host.startswith(":") else host
