"""When an account's personal access tokens expire: Data Center alone tells, and not which one it was asked with."""

from datetime import datetime
from typing import Annotated, Protocol

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from bot.errors import AccessDenied, NotFound, Refused
from bot.gateways.atlassian import Verb
from bot.gateways.shapes import Shape

PATH = "/rest/pat/latest/tokens"
WHAT = "the account's tokens"

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Moment = Annotated[datetime, AfterValidator(lambda moment: moment if moment.tzinfo else moment.astimezone())]


class TokenShape(Shape):
    """`expires` None: never."""

    name: Text = ""
    expires: Moment | None = Field(None, alias="expiringAt")


class Beside(Protocol):
    def beside(self, verb: Verb, path: str, what: str, /) -> object: ...


def own_tokens(api: Beside) -> list[TokenShape]:
    """Empty where they are not told. Raises PlatformError."""
    try:
        said = api.beside("GET", PATH, WHAT)
    except (NotFound, AccessDenied, Refused):
        return []
    try:
        return TypeAdapter(list[TokenShape]).validate_python(said)
    except ValidationError:
        return []
