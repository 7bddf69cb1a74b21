"""The forms of values that are no address: lists, tokens, secrets, models, numbers. A complaint repeats no value."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from bot.settings.addresses import Address, is_plain_http

SHORTEST_MARK_SECRET: Final = 16  # characters
TOKEN: Final = re.compile(r"[!-~]+")
MODEL: Final = re.compile(r"[A-Za-z]+:@?[^\s@]*(?:@\w[\w.-]*)?(?:@(?P<address>[^\s@]*:\S*))?")

NOT_EMAIL = "must be the e-mail address of the account that the token belongs to"
NOT_LIST = "must be a comma-separated list, or a JSON list of texts"
TOO_SHORT = f"each needs at least {SHORTEST_MARK_SECRET} characters; `openssl rand -hex 32` makes one"
NOT_TOKEN = "holds a blank or a character that no token has: was it copied whole?"  # noqa: S105
NOT_MODEL = (
    "each must be like openai:NAME, or with an address like compatible:NAME@https://models.example.com/v1"
)
NOT_MODEL_ADDRESS = (
    "an address after @ must be http(s) without user name or query: keys have variables of their own"
)


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


def _email(value: str) -> str:
    if not re.fullmatch(r"[^\s@:]+@[^\s@:]+", value):
        raise ValueError(NOT_EMAIL)
    return value


def _model(value: str) -> str:
    spec = MODEL.fullmatch(value)
    if not spec:
        raise ValueError(NOT_MODEL)
    if spec["address"] and not is_plain_http(spec["address"]):
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


Token = Annotated[SecretStr, AfterValidator(_plain_token)]
Email = Annotated[str, AfterValidator(_email)]
MarkSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
ModelSpec = Annotated[str, AfterValidator(_model)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed)]
Issuers = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_listed)]
ModelSpecs = Annotated[tuple[ModelSpec, ...], NoDecode, BeforeValidator(_listed)]
MarkSecrets = Annotated[tuple[MarkSecret, ...], NoDecode, BeforeValidator(_listed)]
WholePath = Annotated[Path, AfterValidator(_whole_path)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Tokens = Annotated[int, Field(gt=0, le=10**12)]
