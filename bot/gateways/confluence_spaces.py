"""A space by its key, on Cloud, where version 2 of the API knows it by a number."""

from bot.errors import NotFound
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_shapes import SpaceShape, shaped

NO_SPACE = "Confluence does not find the space {space}: it is gone, or the token may not see it"


def space_of(api: ConfluenceApi, key: str) -> SpaceShape:
    """The space of this key, in whichever case it is written. Raises NotFound.

    Whether the filter `keys` heeds case is documented nowhere (developer.atlassian.com/cloud/confluence/rest/v2,
    "space"), so that the usual spellings are asked for together.
    """
    what, spellings = f"the space {key}", list(dict.fromkeys((key, key.upper(), key.lower())))
    listed = api.v2.listed("/spaces", what, len(spellings), keys=spellings)
    found = [shaped(SpaceShape, one, what) for one in listed]
    alike = [one for one in found if one.key.casefold() == key.casefold()]
    if not alike:
        raise NotFound(NO_SPACE.format(space=key))
    return next((one for one in alike if one.key == key), alike[0])
