"""Process settings: the environment with prefix `TRIVET_`, or files of the same names in `TRIVET_SECRETS_DIR`.

Nested settings use `__` (`TRIVET_GITLAB__URL`). Lists are comma-separated; a JSON list is accepted too.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_state_path
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

from bot.errors import UsageError

PREFIX = "TRIVET_"
SECRETS_DIR = "TRIVET_SECRETS_DIR"


def _listed(value: Any) -> Any:
    """ "a, b" and '["a", "b"]' are the same list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed)]


class GitLabSettings(BaseModel):
    """One GitLab. `read_token` falls back to `token`; `webhook_secrets` are all valid at once, for rotation."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = None
    token: SecretStr | None = None
    read_token: SecretStr | None = None
    webhook_secrets: Secrets = ()
    projects: Texts = ()

    @field_validator("url")
    @classmethod
    def _plain_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError(
                "must be an http(s) address without user name or query, like https://gitlab.example.com"
            )
        return value.rstrip("/")

    @property
    def reader(self) -> SecretStr | None:
        return self.read_token or self.token


class Settings(BaseSettings):
    """Everything one process is told. A platform without a URL is absent."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="ignore",
        validate_default=False,
        populate_by_name=True,
    )

    host: str = "127.0.0.1"
    port: int = 8080
    web_port: int = 8081
    public_url: str | None = None
    redis_url: str | None = None
    redis_volatile_ok: bool = False
    database_url: str | None = None
    data_dir: Path = Field(default_factory=lambda: user_state_path("trivet"))
    max_body: int = Field(default=5_000_000, gt=0)
    sweep_seconds: float = Field(default=180, gt=0)
    gitlab: GitLabSettings = GitLabSettings()
    mark_secrets: Secrets = ()
    reviewer_state: Literal["reviewed", "requested_changes"] = "reviewed"
    log_format: Literal["json", "human"] | None = Field(
        default=None, validation_alias=AliasChoices("TRIVET_LOG_FORMAT", "log_format")
    )

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

    def own_secrets(self) -> list[str]:
        """Every secret value this process holds, for redaction by exact match."""
        held = [self.gitlab.token, self.gitlab.read_token, *self.gitlab.webhook_secrets, *self.mark_secrets]
        values = [secret.get_secret_value() for secret in held if secret]
        password = urlsplit(self.redis_url or "").password
        return [*values, *([password] if password else [])]


class _EnvironmentAndFiles(EnvSettingsSource):
    """pydantic-settings' environment source over our merged mapping."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in environment(os.environ).items()}


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`TRIVET_*` of the environment, completed by the files of those names in `TRIVET_SECRETS_DIR`; files win."""
    merged = {name: value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    folder = merged.pop(SECRETS_DIR, None)
    for file in sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else ():
        if file.is_file() and file.name.upper().startswith(PREFIX):
            merged[file.name] = file.read_text("utf-8").strip()
    return merged


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process. Raises UsageError with one line per wrong setting."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise UsageError("\n".join(_sentence(problem) for problem in error.errors())) from None
    except ValueError as error:
        raise UsageError(f"a TRIVET_ setting cannot be read: {error}") from None


def _sentence(problem: Any) -> str:
    name = "__".join(str(part) for part in problem["loc"] if not isinstance(part, int))
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{name.upper().removeprefix(PREFIX)}: {text}"


class SettingsFile:
    """The current settings, read anew when a file in `TRIVET_SECRETS_DIR` changes: rotation needs no restart."""

    def __init__(self) -> None:
        self._stamp = self._files()
        self._settings = load_settings()

    def __call__(self) -> Settings:
        stamp = self._files()
        if stamp != self._stamp:
            self._stamp, self._settings = stamp, load_settings()
        return self._settings

    @staticmethod
    def _files() -> tuple[tuple[str, int], ...]:
        folder = os.environ.get(SECRETS_DIR)
        if not folder or not Path(folder).is_dir():
            return ()
        return tuple(
            sorted((file.name, file.stat().st_mtime_ns) for file in Path(folder).iterdir() if file.is_file())
        )


def kept_secret(data_dir: Path, name: str) -> str:
    """A random secret of 32 bytes (hex) kept in the data folder, made on first use; readable by its owner only."""
    file = data_dir / name
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text("ascii").strip()
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_hex(32))
    return file.read_text("ascii").strip()
