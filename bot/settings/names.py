"""The names of settings, and of what begins like one and is none."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

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


def is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def names_of(model: type[BaseModel]) -> frozenset[str]:
    """As the environment has them: `TRIVET_PORT`, `TRIVET_GITLAB__URL`."""
    return frozenset(f"{PREFIX}{path}".upper() for path in _paths(model))


def _paths(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        nested = isinstance(kind, type) and issubclass(kind, BaseModel)
        yield from (f"{name}__{inner}" for inner in _paths(kind)) if nested else (name,)
