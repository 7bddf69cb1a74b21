"""A space by its key, on Cloud, where version 2 of the API knows it by a number."""

from bot.errors import NotFound
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_shapes import SpaceShape, shaped

MOST_ALIKE = 10  # spaces whose keys differ in case alone
NO_SPACE = "Confluence does not find the space {space}: it is gone, or the token may not see it"


def space_of(api: ConfluenceApi, key: str) -> SpaceShape:
    """The space of this key, in whichever case it is written. Raises NotFound.

    Whether the filter `keys` heeds case is documented nowhere (developer.atlassian.com/cloud/confluence/rest/v2,
    "space"), so that the other usual spellings are asked for where this one is not found.
    """
    what = f"the space {key}"
    for spelling in dict.fromkeys((key, key.upper(), key.lower())):
        listed = api.v2.listed("/spaces", what, MOST_ALIKE, keys=spelling)
        found = [shaped(SpaceShape, one, what) for one in listed]
        alike = [one for one in found if one.key.casefold() == key.casefold()]
        if alike:
            return next((one for one in alike if one.key == key), alike[0])
    raise NotFound(NO_SPACE.format(space=key))
