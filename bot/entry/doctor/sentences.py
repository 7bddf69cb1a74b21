"""Our own sentences as a finding and its cure: each says what is wrong, a colon, and what to do."""

from bot.errors import UsageError


def taken_apart(sentence: UsageError | str, otherwise: str) -> tuple[str, str]:
    """What is wrong, and what to do about it; `otherwise`: what to do where the sentence does not say.

    What others named, a folder say, stands before our advice, which ends the sentence and holds no colon. What a
    platform said is not for this: its words would become our advice.
    """
    said, colon, cure = str(sentence).rpartition(": ")
    return (said, cure) if colon else (cure, otherwise)
