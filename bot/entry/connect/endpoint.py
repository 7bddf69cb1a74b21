"""Where a platform sends its webhooks: our address, and the path of the receiver for it."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, TypeAdapter, ValidationError

from bot.domain.hook_paths import hook_path
from bot.errors import UsageError
from bot.settings import Settings
from bot.settings.addresses import NOT_HTTP, Address

NO_ADDRESS = (
    "where does the platform reach us? Give --url, or set TRIVET_PUBLIC_URL, like https://trivet.example.com"
)
WRONG_ADDRESS = "--url: {problem}"


def _nothing_else(value: str) -> str:
    """An address alone: neither a blank nor a part that paths cannot be put behind."""
    if re.search(r"[\s?#]", value):
        raise ValueError(NOT_HTTP)
    return value


_address: Final = TypeAdapter[str](Annotated[Address, AfterValidator(_nothing_else)])


def endpoint(settings: Settings, url: str | None, source: str) -> str:
    """`source`: "gitlab", "jira" or "confluence". An address that has the receiver's path already keeps it.

    Raises UsageError.
    """
    try:
        base = _address.validate_python(url) if url else settings.public_url
    except ValidationError:
        raise UsageError(WRONG_ADDRESS.format(problem=NOT_HTTP)) from None
    if not base:
        raise UsageError(NO_ADDRESS)
    path = hook_path(source)
    return base if base.endswith(path) else base + path
