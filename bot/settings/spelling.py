"""Settings that nobody knows: named, with the one that may have been meant."""

import difflib
from collections.abc import Mapping

from bot.settings import known_settings
from bot.settings.files import secret_files
from bot.settings.names import NOT_SETTINGS, is_ours

UNKNOWN = "{name} is no setting and is not read"
MEANT = "{unknown}: did you mean {closest}?"


def unknown_settings(environ: Mapping[str, str]) -> list[str]:
    """A sentence for every `TRIVET_` name that is no setting: a typo, or meant for another version.

    Raises UsageError as `secret_files`.
    """
    names = [*environ, *(file.name for file in secret_files(environ))]
    unknown = sorted({name.upper() for name in names if is_ours(name)} - known_settings())
    return [_unknown(name) for name in unknown if name not in NOT_SETTINGS]


def _unknown(name: str) -> str:
    said = UNKNOWN.format(name=name)
    closest = difflib.get_close_matches(name, sorted(known_settings()), n=1, cutoff=0.75)
    return MEANT.format(unknown=said, closest=closest[0]) if closest else said
