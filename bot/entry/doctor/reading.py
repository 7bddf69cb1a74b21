"""The settings as far as they are right: a wrong one counts as unset, so that the rest can be looked at."""

import re
from typing import Any, Final

from bot.entry.doctor.check import Check, wrong
from bot.errors import UsageError
from bot.settings import Settings, known_settings, load_settings
from bot.settings.names import PREFIX, SECRETS_DIR

TOPIC: Final = "Settings"
SENTENCE: Final = re.compile(r"(?P<name>TRIVET_\w+): (?P<text>.+)")
UNUSABLE: Final = "its value cannot be used"
NO_FOLDER_CURE: Final = "make the folder, or unset {name}"
UNREADABLE: Final = "the folder cannot be read: {reason}"
READABLE: Final = "let the user that Trivet runs as read it"


def read_settings() -> tuple[Settings | None, list[Check]]:
    """The settings, None where nothing of them can be read, and a line for each wrong one."""
    try:
        return load_settings(), []
    except UsageError as error:
        sentences = list(dict.fromkeys(str(error).splitlines()))
    except OSError as error:
        return None, [_wrong(SECRETS_DIR, UNREADABLE.format(reason=error.strerror), READABLE)]
    return _without(sentences), [_told(sentence) for sentence in sentences]


def _without(sentences: list[str]) -> Settings | None:
    found = filter(None, map(SENTENCE.fullmatch, sentences))
    wrong_ones = [match["name"] for match in found if match["name"] in known_settings()]
    try:
        return load_settings(**_defaults(wrong_ones))
    except UsageError:
        return None


def _defaults(names: list[str]) -> dict[str, Any]:
    """What `Settings` is told in place of these: {"port": 8080, "gitlab": {"url": None}}."""
    defaults: dict[str, Any] = {}
    for name in names:
        section, _, inner = name.removeprefix(PREFIX).lower().partition("__")
        field = Settings.model_fields[section]
        if inner:
            value = field.annotation.model_fields[inner].get_default(call_default_factory=True)  # type: ignore[union-attr]
            defaults.setdefault(section, {})[inner] = value
        else:
            defaults[section] = field.get_default(call_default_factory=True)
    return defaults


def _told(sentence: str) -> Check:
    match = SENTENCE.fullmatch(sentence)
    if match is None:
        return _wrong(SECRETS_DIR, sentence, READABLE)
    if match["name"] == SECRETS_DIR:
        return _wrong(SECRETS_DIR, match["text"], NO_FOLDER_CURE.format(name=SECRETS_DIR))
    return _wrong(match["name"], UNUSABLE, match["text"])


def _wrong(name: str, said: str, cure: str) -> Check:
    return wrong(TOPIC, name, said, cure, is_setting=True)
