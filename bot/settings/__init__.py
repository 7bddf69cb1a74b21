"""Process settings: the environment with prefix `TRIVET_`, or files of the same names in `TRIVET_SECRETS_DIR`.

Nested settings use `__` (`TRIVET_GITLAB__URL`). Lists are comma-separated; a JSON list is accepted too. What is empty
counts as unset. A name nobody knows is not read, and named by `spelling`.
"""

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

from bot.errors import UsageError
from bot.settings.addresses import Address, DatabaseAddress, Dsn, RedisAddress, key_of, password_of
from bot.settings.files import content_of, secret_files
from bot.settings.forms import Issuers, MarkSecrets, ModelSpecs, Port, Tokens, WholePath
from bot.settings.names import CONNECT_TOKEN, PREFIX, PROVIDER_KEYS, SECRETS_DIR, is_ours, names_of
from bot.settings.platforms import ConfluenceSettings, GitLabSettings, JiraSettings

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
    redis_url: RedisAddress | None = None
    redis_volatile_ok: bool = False
    database_url: DatabaseAddress | None = None
    data_dir: WholePath = Field(default_factory=lambda: user_state_path("trivet"))
    max_body: int = Field(default=5_000_000, gt=0)
    sweep_seconds: float = Field(default=180, gt=0, allow_inf_nan=False)
    gitlab: GitLabSettings = GitLabSettings()
    jira: JiraSettings = JiraSettings()
    confluence: ConfluenceSettings = ConfluenceSettings()
    rules: WholePath | None = None
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


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Every setting that is given, by its name in capitals. Raises UsageError for a file that cannot be read."""
    texts = {name: _text(source).strip() for name, source in given(environ).items()}
    return {name: text for name, text in texts.items() if text}


def _text(source: str | Path) -> str:
    return source if isinstance(source, str) else content_of(source)


def given(environ: Mapping[str, str]) -> dict[str, str | Path]:
    """Where each setting comes from: its text, or the file that holds it. Files win.

    Providers' keys are told where they are files; in the environment they stand already.
    """
    sources: dict[str, str | Path] = {
        name.upper(): value for name, value in environ.items() if value and is_ours(name)
    }
    sources |= {file.name.upper(): file for file in secret_files(environ)}
    return {
        name: source for name, source in sources.items() if name in known_settings() or name in PROVIDER_KEYS
    }


@functools.cache
def known_settings() -> frozenset[str]:
    """The names of all settings: `TRIVET_PORT`, `TRIVET_GITLAB__URL`."""
    return names_of(Settings)


def provider_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the providers' keys that are files read into it. Raises UsageError as `environment`."""
    keys = environment({SECRETS_DIR: environ.get(SECRETS_DIR, "")})
    return {**environ, **{name: keys[name] for name in PROVIDER_KEYS if name in keys}}
