"""What an account may do in a Confluence space.

Cloud tells of spaces (developer.atlassian.com/cloud/confluence/rest/v2, "operation"); Data Center tells of pages alone,
so that some of the space's are asked about: what is allowed on one of them is allowed in the space.
"""

from dataclasses import dataclass

from pydantic import Field

from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_shapes import shaped
from bot.gateways.confluence_spaces import space_of
from bot.gateways.shapes import Shape

SAMPLE = 10  # pages


class OperationShape(Shape):
    operation: str
    target: str = Field("", alias="targetType")


class OperationsShape(Shape):
    operations: tuple[OperationShape, ...] = ()

    def allows(self, operation: str, target: str) -> bool:
        return any((one.operation, one.target) == (operation, target) for one in self.operations)


@dataclass(frozen=True)
class Rights:
    """Whether pages may be written, and comments."""

    pages: bool
    comments: bool


def rights_in(api: ConfluenceApi, space: str) -> Rights | None:
    """None where nothing tells, as in an empty space. Raises NotFound for a space that the account does not see."""
    return _on_cloud(api, space) if api.is_cloud else _on_datacenter(api, space)


def _on_cloud(api: ConfluenceApi, space: str) -> Rights:
    what = f"the permissions in {space}"
    said = api.v2.get(f"/spaces/{space_of(api, space).id}/operations", what)
    found = shaped(OperationsShape, said, what)
    return Rights(found.allows("create", "page"), found.allows("create", "comment"))


def _on_datacenter(api: ConfluenceApi, space: str) -> Rights | None:
    what = f"the pages of {space}"
    listed = api.v1.listed("/content", what, SAMPLE, spaceKey=space, type="page", expand="operations")
    found = [shaped(OperationsShape, one, what) for one in listed]
    if not found:
        return None
    return Rights(
        any(one.allows("update", "page") for one in found),
        any(one.allows("create", "comment") for one in found),
    )
