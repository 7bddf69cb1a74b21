"""Our own errors as a finding and its cure: each says what is wrong, a colon, and what to do."""

from bot.errors import TrivetError


def taken_apart(error: TrivetError | str, otherwise: str) -> tuple[str, str]:
    """What is wrong, and what to do about it; `otherwise`: what to do where the sentence does not say."""
    said, _, cure = str(error).partition(": ")
    return said, cure or otherwise
