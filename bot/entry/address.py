"""Which merge request an address means, as a person copies it from the browser."""

import re
from contextlib import suppress
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from bot.errors import UsageError

MR_PATH: Final = re.compile(
    r"(?P<project>[^/]+(?:/(?!-/)[^/]+)+?)(?:/-)?/merge_requests/(?P<iid>[0-9]{1,9})(?:/.*)?"
)
PORTS: Final = {"http": 80, "https": 443}
NO_MR = (
    "{url} is not the address of a merge request, like "
    "https://gitlab.example.com/group/project/-/merge_requests/7"
)
NO_BASE = (
    "TRIVET_GITLAB__URL is not set: say which GitLab the token is for, as in export TRIVET_GITLAB__URL={base}"
)
OTHER_HOST = "{url} is not on the configured GitLab, {base} (TRIVET_GITLAB__URL)"


def parse_address(url: str, base: str | None) -> tuple[str, int]:
    """The project's path and the number of a merge request at this address on the GitLab at `base`.

    The token goes to `base` alone, whatever the address says. Raises UsageError.
    """
    there = _split(url)
    if base is None:
        raise UsageError(NO_BASE.format(base=f"{there.scheme}://{there.netloc}"))
    here = urlsplit(base)
    root = here.path.rstrip("/") + "/"
    if _origin(there) != _origin(here) or not there.path.startswith(root):
        raise UsageError(OTHER_HOST.format(url=url, base=base))
    found = MR_PATH.fullmatch(unquote(there.path).removeprefix(root).rstrip("/"))
    if not found:
        raise UsageError(NO_MR.format(url=url))
    return found["project"], int(found["iid"])


def _split(url: str) -> SplitResult:
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname and not parts.username and _origin(parts):
            return parts
    raise UsageError(NO_MR.format(url=url))


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """What tells two servers apart; hosts are compared without case."""
    return parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme]
