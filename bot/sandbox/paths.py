"""Paths of an API as its table writes them: `:name` stands for one encoded segment, anything else is a pattern."""

import re
from functools import lru_cache
from urllib.parse import unquote


def named_parts(template: str, path: str) -> dict[str, str] | None:
    """The named segments of a path, decoded; None where the path is another one."""
    found = _pattern(template).fullmatch(path)
    return None if found is None else {key: unquote(value) for key, value in found.groupdict().items()}


@lru_cache(maxsize=1000)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r":(\w+)", r"(?P<\1>[^/]+)", template))
