"""What is made of this process's own secrets: the redactor that knows them, marks and seals signed with them."""

import base64
import hashlib
from collections.abc import Callable, Iterable

from bot.domain.marks import MarkBook
from bot.domain.seals import Seals
from bot.domain.secrets import Redactor
from bot.errors import UsageError
from bot.settings import NO_MARKS, Settings


def redactor(settings: Settings) -> Redactor:
    """Knows this process's own secrets; its placeholders are keyed, so that they cannot be guessed back."""
    return redactor_of(settings)(settings.own_secrets())


def redactor_of(settings: Settings) -> Callable[[Iterable[str]], Redactor]:
    """The same for other secrets, keyed with these settings."""
    key = hashlib.sha256("\0".join(mark_secrets(settings)).encode()).digest()

    def of(secrets: Iterable[str]) -> Redactor:
        own = list(secrets)
        return Redactor([*own, *map(_basic, own)], key=key)

    return of


def _basic(token: str) -> str:
    """A token as git's Basic header shows it."""
    return base64.b64encode(f"oauth2:{token}".encode()).decode()


def mark_secrets(settings: Settings) -> list[str]:
    return [secret.get_secret_value() for secret in settings.mark_secrets]


def require_marks(settings: Settings) -> None:
    if not settings.mark_secrets:
        raise UsageError(NO_MARKS)


def mark_book(settings: Settings) -> Callable[[str], MarkBook]:
    secrets = mark_secrets(settings)
    return lambda scope: MarkBook(secrets, scope)


def seals(settings: Settings) -> Seals:
    """Raises UsageError where there is no mark secret."""
    require_marks(settings)
    return Seals(mark_secrets(settings))
