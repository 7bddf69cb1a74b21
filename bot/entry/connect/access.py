"""What `trivet connect` asks a platform with: the token that it is given for one call, else the bot's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError

from bot.errors import UsageError
from bot.settings.forms import NOT_EMAIL, NOT_TOKEN, TOKEN, Email
from bot.settings.names import CONNECT_EMAIL, CONNECT_TOKEN
from bot.settings.platforms import AtlassianSettings

_email: Final = TypeAdapter[str](Email)


@dataclass(frozen=True, slots=True)
class Access:
    """`setting`: where the token stands. With an e-mail address it is Cloud's."""

    token: str = field(repr=False)
    email: str | None
    setting: str


def given_token(environ: Mapping[str, str]) -> str:
    """The token for this call alone, without the blanks around it; "": there is none. Raises UsageError."""
    token = environ.get(CONNECT_TOKEN, "").strip()
    if token and not TOKEN.fullmatch(token):
        raise UsageError(f"{CONNECT_TOKEN} {NOT_TOKEN}")
    return token


def given_email(environ: Mapping[str, str]) -> str:
    """The address of its account; "": it is not given. Raises UsageError."""
    email = environ.get(CONNECT_EMAIL, "").strip()
    try:
        return _email.validate_python(email) if email else ""
    except ValidationError:
        raise UsageError(f"{CONNECT_EMAIL}: {NOT_EMAIL}") from None


def access(own: AtlassianSettings, setting: str, unset: str, environ: Mapping[str, str]) -> Access:
    """`setting`: of the bot's token. Raises UsageError, `unset` where there is no token at all."""
    email = given_email(environ) or own.email
    if token := given_token(environ):
        return Access(token, email, CONNECT_TOKEN)
    if own.token is None:
        raise UsageError(unset)
    return Access(own.token.get_secret_value(), email, setting)
