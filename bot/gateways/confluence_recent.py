"""Which pages changed of late, by Confluence's search (CQL), which lags behind by moments."""

import re
from collections.abc import Iterator, Sequence

from bot.domain.pages import ChangedPage
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_shapes import FoundShape, shaped

SPACE_KEY = re.compile(r"~?[A-Za-z0-9._:@-]{1,255}")
WHAT = "the pages changed of late"
RECENT = (
    'type = page and space in ({spaces}) and lastmodified >= now("-{minutes}m") order by lastmodified asc'
)


def recently_changed(api: ConfluenceApi, spaces: Sequence[str], minutes: int) -> Iterator[ChangedPage]:
    """Oldest change first, read a hundred at a time as they are wanted.

    The time is relative: one that is written out counts in the time zone of the account that asks.
    """
    keys = [f'"{key}"' for key in spaces if SPACE_KEY.fullmatch(key)]
    if not keys:
        return
    cql = RECENT.format(spaces=", ".join(keys), minutes=max(minutes, 1))
    for one in api.v1.entries("/content/search", WHAT, cql=cql, expand="space,version"):
        yield _changed(shaped(FoundShape, one, WHAT))


def _changed(found: FoundShape) -> ChangedPage:
    return ChangedPage(
        id=found.id,
        space=found.space.key,
        version=found.version.number,
        author=found.version.author,
        updated=found.version.when.isoformat(),
    )
