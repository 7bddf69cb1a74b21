"""Process settings: the environment with prefix `TRIVET_`, or files of the same names in `TRIVET_SECRETS_DIR`.

Nested settings use `__` (`TRIVET_GITLAB__URL`). Lists are comma-separated; a JSON list is accepted too. What is empty
counts as unset. A name nobody knows is not read, and named by `unknown_settings`.
"""

import difflib
import functools
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import structlog
from platformdirs import user_state_path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

from bot.errors import UsageError

PREFIX: Final = "TRIVET_"
SECRETS_DIR: Final = "TRIVET_SECRETS_DIR"
DEBUG: Final = "TRIVET_DEBUG"
CONNECT_TOKEN: Final = "TRIVET_CONNECT_TOKEN"  # noqa: S105 - read by `trivet connect` alone, never kept
CONNECT_EMAIL: Final = "TRIVET_CONNECT_EMAIL"
NOT_SETTINGS: Final = frozenset({SECRETS_DIR, DEBUG, CONNECT_TOKEN, CONNECT_EMAIL})
PROVIDER_KEYS: Final = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "MISTRAL_API_KEY",
    "VLLM_API_KEY",
    "COMPATIBLE_API_KEY",
)
SHORTEST_MARK_SECRET: Final = 16  # characters
TOKEN: Final = re.compile(r"[!-~]+")
MODEL: Final = re.compile(r"[A-Za-z]+:@?[^\s@]*(?:@\w[\w.-]*)?(?:@(?P<address>[^\s@]*:\S*))?")

NO_GITLAB = "TRIVET_GITLAB__URL is not set: tell which GitLab to work with, like https://gitlab.example.com"
NO_TOKEN = "TRIVET_GITLAB__TOKEN is not set: writing needs a token with the api scope"  # noqa: S105
NO_READ_TOKEN = (
    "TRIVET_GITLAB__READ_TOKEN (or TRIVET_GITLAB__TOKEN) is not set: reading needs a token with read_api"  # noqa: S105
)
NO_JIRA = "TRIVET_JIRA__URL is not set: tell which Jira to work with, like https://jira.example.com"
NO_JIRA_TOKEN = (
    "TRIVET_JIRA__TOKEN is not set: writing to Jira needs an API token, or a personal access token"  # noqa: S105
)
NO_JIRA_READ_TOKEN = (
    "TRIVET_JIRA__READ_TOKEN (or TRIVET_JIRA__TOKEN) is not set: reading Jira needs an API token"  # noqa: S105
)
NO_CONFLUENCE = (
    "TRIVET_CONFLUENCE__URL is not set: tell which Confluence to work with, like https://wiki.example.com"
)
NO_CONFLUENCE_TOKEN = (
    "TRIVET_CONFLUENCE__TOKEN is not set: writing pages needs an API token, or a personal access token"  # noqa: S105
)
NO_CONFLUENCE_READ_TOKEN = (
    "TRIVET_CONFLUENCE__READ_TOKEN (or TRIVET_CONFLUENCE__TOKEN) is not set: reading pages needs an API token"  # noqa: S105
)
NO_MARKS = "TRIVET_MARK_SECRETS is not set: the bot signs its notes with it; `openssl rand -hex 32` makes one"

NO_PUBLIC_URL = (
    "TRIVET_PUBLIC_URL is not set: pipelines ask for runs there, and it is the audience of their ID tokens; "
    "like https://trivet.example.com"
)

NOT_HTTP = "must be an http(s) address without user name or query, like https://gitlab.example.com"
NOT_BASE = "must be GitLab's own address, without /api/v4"
NOT_JIRA = "must be Jira's own address, without /rest or /browse"
NOT_CONFLUENCE = "must be Confluence's own address, without /rest, /api, /spaces or /pages"
NOT_EMAIL = "must be the e-mail address of the account that the token belongs to"
NOT_REDIS = "must be like redis://host:6379/0, rediss://host:6380/0 or unix:///path/redis.sock"
NOT_ADDRESS = "is no address: percent-encode what is special in its password"
NOT_LIST = "must be a comma-separated list, or a JSON list of texts"
TOO_SHORT = f"each needs at least {SHORTEST_MARK_SECRET} characters; `openssl rand -hex 32` makes one"
NOT_TOKEN = "holds a blank or a character that no token has: was it copied whole?"  # noqa: S105
NOT_MODEL = (
    "each must be like openai:NAME, or with an address like compatible:NAME@https://models.example.com/v1"
)
NOT_MODEL_ADDRESS = (
    "an address after @ must be http(s) without user name or query: keys have variables of their own"
)
UNREADABLE = "{file} in TRIVET_SECRETS_DIR cannot be read: {reason}"
NO_FOLDER = "TRIVET_SECRETS_DIR: {folder} is not a folder"
NOT_OURS = "the data folder {folder} cannot be written ({reason}): choose another with TRIVET_DATA_DIR"
UNKNOWN = "{name} is no setting and is not read"
MEANT = "{unknown}: did you mean {closest}?"
SPOILT = "{file} holds no secret any more: delete it, and a new one is made"
KEPT_OLD = "the changed settings are wrong, the ones before stay in force"

log = structlog.get_logger("trivet.settings")


# --- kinds of values ---


def _listed(value: Any) -> Any:
    """ "a, b" and '["a", "b"]' are the same list."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    with suppress(json.JSONDecodeError):
        found = json.loads(value)
        if all(isinstance(one, str) for one in found):
            return found
    raise ValueError(NOT_LIST)


def _http_address(value: str) -> str:
    if not _is_plain_http(value):
        raise ValueError(NOT_HTTP)
    return value.rstrip("/")


def _is_plain_http(value: str) -> bool:
    parts = urlsplit(value)
    has_more = parts.username or parts.password or parts.query
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_more


def _gitlab_address(value: str) -> str:
    if re.search(r"/api/v\d", value):
        raise ValueError(NOT_BASE)
    return _http_address(value)


def _jira_address(value: str) -> str:
    """A context path (/jira) and the gateway's (/ex/jira/ID) are part of it."""
    if re.search(r"/(rest|browse)(/|$)", value):
        raise ValueError(NOT_JIRA)
    return _http_address(value)


def _confluence_address(value: str) -> str:
    """A context path (/confluence), Cloud's /wiki and the gateway's (/ex/confluence/ID) are part of it."""
    if re.search(r"/(rest|api|spaces|display|pages)(/|$)", urlsplit(value).path):
        raise ValueError(NOT_CONFLUENCE)
    return _http_address(value)


def _email(value: str) -> str:
    if not re.fullmatch(r"[^\s@:]+@[^\s@:]+", value):
        raise ValueError(NOT_EMAIL)
    return value


def _redis_address(value: str) -> str:
    parts = urlsplit(_whole_address(value))
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.path):
        raise ValueError(NOT_REDIS)
    return value


def _whole_address(value: str) -> str:
    """One that can be taken apart; the rest is for who opens it."""
    try:
        urlsplit(value)
    except ValueError:
        raise ValueError(NOT_ADDRESS) from None
    return value


def _dsn(value: SecretStr) -> SecretStr:
    _whole_address(value.get_secret_value())
    return value


def _model(value: str) -> str:
    spec = MODEL.fullmatch(value)
    if not spec:
        raise ValueError(NOT_MODEL)
    if spec["address"] and not _is_plain_http(spec["address"]):
        raise ValueError(NOT_MODEL_ADDRESS)
    return value


def _plain_token(value: SecretStr) -> SecretStr:
    if not TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError(NOT_TOKEN)
    return value


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value) < SHORTEST_MARK_SECRET:
        raise ValueError(TOO_SHORT)
    return value


def _whole_path(value: Path) -> Path:
    return value.expanduser().absolute()


Address = Annotated[str, AfterValidator(_http_address)]
Token = Annotated[SecretStr, AfterValidator(_plain_token)]
Dsn = Annotated[SecretStr, AfterValidator(_dsn)]
Email = Annotated[str, AfterValidator(_email)]
MarkSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
ModelSpec = Annotated[str, AfterValidator(_model)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed)]
Issuers = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_listed)]
ModelSpecs = Annotated[tuple[ModelSpec, ...], NoDecode, BeforeValidator(_listed)]
MarkSecrets = Annotated[tuple[MarkSecret, ...], NoDecode, BeforeValidator(_listed)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Tokens = Annotated[int, Field(gt=0, le=10**12)]


# --- the settings ---


class GitLabSettings(BaseModel):
    """One GitLab. `read_token` falls back to `token`; `webhook_secrets` are all valid at once, for rotation."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, AfterValidator(_gitlab_address)] | None = None
    token: Token | None = None
    read_token: Token | None = None
    webhook_secrets: Secrets = ()
    projects: Texts = ()

    @property
    def reader(self) -> SecretStr | None:
        return self.read_token or self.token


class AtlassianSettings(BaseModel):
    """One Jira or Confluence. With an e-mail address the token is Cloud's (Basic), without one a personal access token.

    The reader falls back to the writer. `deployment` auto: by the address, else by asking. `browse_url`: where people
    open it, for tokens that go through Atlassian's gateway.
    """

    model_config = ConfigDict(extra="forbid")

    url: Address | None = None
    email: Email | None = None
    token: Token | None = None
    read_email: Email | None = None
    read_token: Token | None = None
    webhook_secrets: Secrets = ()
    deployment: Literal["auto", "cloud", "datacenter"] = "auto"
    browse_url: Address | None = None

    @property
    def reader(self) -> tuple[str | None, SecretStr | None]:
        """E-mail address and token for reading; a reading token without an address of its own is the writer's."""
        if self.read_token:
            return self.read_email or self.email, self.read_token
        return self.email, self.token


class JiraSettings(AtlassianSettings):
    """One Jira."""

    url: Annotated[str, AfterValidator(_jira_address)] | None = None


class ConfluenceSettings(AtlassianSettings):
    """One Confluence."""

    url: Annotated[str, AfterValidator(_confluence_address)] | None = None


class BudgetSettings(BaseModel):
    """Tokens that models may take, sent and answered: in a run, for a merge request a day, and in all a day (UTC)."""

    model_config = ConfigDict(extra="forbid")

    run_tokens: Tokens = 1_000_000
    mr_tokens: Tokens = 3_000_000
    day_tokens: Tokens = 20_000_000


class Settings(BaseSettings):
    """Everything one process is told. A platform without a URL is absent."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", validate_default=False
    )

    host: str = "127.0.0.1"
    port: Port = 8080
    web_port: Port = 8081
    public_url: Address | None = None
    oidc_issuers: Issuers = ()
    redis_url: Annotated[str, AfterValidator(_redis_address)] | None = None
    redis_volatile_ok: bool = False
    database_url: Annotated[str, AfterValidator(_whole_address)] | None = None
    data_dir: Annotated[Path, AfterValidator(_whole_path)] = Field(
        default_factory=lambda: user_state_path("trivet")
    )
    max_body: int = Field(default=5_000_000, gt=0)
    sweep_seconds: float = Field(default=180, gt=0, allow_inf_nan=False)
    gitlab: GitLabSettings = GitLabSettings()
    jira: JiraSettings = JiraSettings()
    confluence: ConfluenceSettings = ConfluenceSettings()
    rules: Annotated[Path, AfterValidator(_whole_path)] | None = None
    models: ModelSpecs = ()
    budget: BudgetSettings = BudgetSettings()
    mark_secrets: MarkSecrets = ()
    reviewer_state: Literal["reviewed", "requested_changes"] = "reviewed"
    log_format: Literal["json", "human"] | None = None
    metrics_port: Port | None = None
    sentry_dsn: Dsn | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _EnvironmentAndFiles(settings_cls)

    @property
    def issuers(self) -> tuple[str, ...]:
        """Whose ID tokens are accepted: those named, else the GitLab we work with."""
        return self.oidc_issuers or tuple(filter(None, [self.gitlab.url]))

    @property
    def agents(self) -> frozenset[str]:
        """Those that there are the platforms for."""
        tracking = {"link", "triage"} if self.jira.url else set()
        return frozenset({"review", "ask"} | tracking | ({"pages"} if self.confluence.url else set()))

    def own_secrets(self) -> list[str]:
        """Every secret value this process holds, for redaction by exact match."""
        platforms = (self.gitlab, self.jira, self.confluence)
        tokens = [token for one in platforms for token in (one.token, one.read_token)]
        hooks = [secret for one in platforms for secret in one.webhook_secrets]
        held = (*tokens, *hooks, *self.mark_secrets, self.sentry_dsn)
        values = [secret.get_secret_value() for secret in held if secret]
        passwords = [password_of(url) for url in (self.redis_url, self.database_url) if url]
        passwords += [key_of(self.sentry_dsn.get_secret_value())] if self.sentry_dsn else []
        providers = provider_environment(os.environ)
        keys = [providers.get(name) for name in (*PROVIDER_KEYS, CONNECT_TOKEN)]
        return [*values, *filter(None, (*passwords, *keys))]


class _EnvironmentAndFiles(EnvSettingsSource):
    """pydantic-settings' environment source over our merged mapping."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in environment(os.environ).items()}


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process. Raises UsageError with one line per wrong setting."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise UsageError("\n".join(_sentence(problem) for problem in error.errors())) from None


def _sentence(problem: Any) -> str:
    """The setting's name and what is wrong with it; never its value, which may be a secret."""
    name = "__".join(str(part) for part in problem["loc"] if not isinstance(part, int))
    text = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{PREFIX}{name.upper()}: {text}"


# --- where they come from ---


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Every setting that is given, by its name in capitals. Raises UsageError for a file that cannot be read."""
    texts = {name: source.strip() for name, source in _texts(given(environ))}
    return {name: text for name, text in texts.items() if text}


def given(environ: Mapping[str, str]) -> dict[str, str | Path]:
    """Where each setting comes from: its text, or the file that holds it. Files win.

    Providers' keys are told where they are files; in the environment they stand already.
    """
    sources: dict[str, str | Path] = {
        name.upper(): value for name, value in environ.items() if value and _is_ours(name)
    }
    sources |= {file.name.upper(): file for file in secret_files(environ)}
    return {
        name: source for name, source in sources.items() if name in known_settings() or name in PROVIDER_KEYS
    }


def secret_files(environ: Mapping[str, str]) -> list[Path]:
    """The files named like settings or providers' keys in `TRIVET_SECRETS_DIR`.

    Raises UsageError when that is not a folder.
    """
    folder = environ.get(SECRETS_DIR)
    if not folder:
        return []
    if not Path(folder).is_dir():
        raise UsageError(NO_FOLDER.format(folder=folder))
    return sorted(
        file for file in Path(folder).absolute().iterdir() if _is_secret(file.name) and file.is_file()
    )


def provider_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the providers' keys that are files read into it. Raises UsageError as `environment`."""
    keys = environment({SECRETS_DIR: environ.get(SECRETS_DIR, "")})
    return {**environ, **{name: keys[name] for name in PROVIDER_KEYS if name in keys}}


def password_of(url: str) -> str:
    """The password in an address; "": none."""
    with suppress(ValueError):
        return urlsplit(url).password or ""
    return ""


def key_of(dsn: str) -> str:
    """The key in an error tracker's address, which stands where others have a user name; "": none."""
    with suppress(ValueError):
        return urlsplit(dsn).username or ""
    return ""


def unknown_settings(environ: Mapping[str, str]) -> list[str]:
    """A sentence for every `TRIVET_` name that is no setting: a typo, or meant for another version."""
    names = [*environ, *(file.name for file in secret_files(environ))]
    unknown = sorted({name.upper() for name in names if _is_ours(name)} - known_settings())
    return [_unknown(name) for name in unknown if name not in NOT_SETTINGS]


@functools.cache
def known_settings() -> frozenset[str]:
    """The names of all settings: `TRIVET_PORT`, `TRIVET_GITLAB__URL`."""
    return frozenset(f"{PREFIX}{name}".upper() for name in _names(Settings))


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        nested = isinstance(kind, type) and issubclass(kind, BaseModel)
        yield from (f"{name}__{inner}" for inner in _names(kind)) if nested else (name,)


def _unknown(name: str) -> str:
    said = UNKNOWN.format(name=name)
    closest = difflib.get_close_matches(name, sorted(known_settings()), n=1, cutoff=0.75)
    return MEANT.format(unknown=said, closest=closest[0]) if closest else said


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def _is_secret(name: str) -> bool:
    return _is_ours(name) or name.upper() in PROVIDER_KEYS


def _texts(sources: Mapping[str, str | Path]) -> Iterator[tuple[str, str]]:
    for name, source in sources.items():
        yield name, source if isinstance(source, str) else _content(source)


def _content(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise UsageError(UNREADABLE.format(file=file.name, reason=error.strerror)) from None
    except UnicodeDecodeError:
        raise UsageError(UNREADABLE.format(file=file.name, reason="it is not text")) from None


def secrets_stamp(environ: Mapping[str, str]) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and number of each secret file: Kubernetes swaps them by a link above."""
    with suppress(OSError, UsageError):
        stats = ((file.name, file.stat()) for file in secret_files(environ))
        return tuple((name, stat.st_mtime_ns, stat.st_ino) for name, stat in stats)
    return ()


class SettingsFile:
    """The current settings, read anew when a file in `TRIVET_SECRETS_DIR` changes: rotation needs no restart.

    A change that makes them wrong, or that is only half made, is logged; what was right before stays in force.
    """

    def __init__(self) -> None:
        self._stamp = secrets_stamp(os.environ)
        self._settings = load_settings()

    def __call__(self) -> Settings:
        stamp = secrets_stamp(os.environ)
        if stamp != self._stamp:
            self._stamp = stamp
            self._read_again()
        return self._settings

    def _read_again(self) -> None:
        try:
            self._settings = load_settings()
        except UsageError as error:
            log.error(KEPT_OLD, reason=str(error))


# --- the data folder ---


def own_folder(folder: Path) -> Path:
    """The folder, made where it is missing, for its owner only. Raises UsageError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise UsageError(NOT_OURS.format(folder=folder, reason=error.strerror)) from None


def kept_secret(data_dir: Path, name: str) -> str:
    """A random secret of 32 bytes (hex) kept in the data folder, made on first use; readable by its owner only.

    It appears whole or not at all, so that of two processes that begin at once neither reads half of it.
    """
    file = own_folder(data_dir) / name
    if not file.exists():
        with (
            tempfile.NamedTemporaryFile("w", dir=data_dir, prefix=f".{name}-") as fresh,
            suppress(FileExistsError),
        ):
            fresh.write(secrets.token_hex(32))
            fresh.flush()
            os.link(fresh.name, file)
    kept = file.read_text("ascii").strip()
    if len(kept) < SHORTEST_MARK_SECRET:
        raise UsageError(SPOILT.format(file=file))
    return kept
