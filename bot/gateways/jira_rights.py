"""What an account may do in a Jira project, and which roles the project has."""

from collections.abc import Collection, Mapping

from pydantic import Field

from bot.errors import PlatformError
from bot.gateways.jira_api import NOT_A_LIST, JiraApi, project_path
from bot.gateways.jira_shapes import shaped
from bot.gateways.shapes import Shape


class RightShape(Shape):
    is_given: bool = Field(alias="havePermission")


class RightsShape(Shape):
    permissions: Mapping[str, RightShape]


def rights_in(api: JiraApi, project: str, keys: Collection[str]) -> dict[str, bool]:
    """Whether the account has each of these permissions there. Raises NotFound for a project that it does not see."""
    what = f"the permissions in {project}"
    said = api.get("/mypermissions", what, projectKey=project, permissions=",".join(keys))
    found = shaped(RightsShape, said, what).permissions
    return {key: key in found and found[key].is_given for key in keys}


def role_names(api: JiraApi, project: str) -> list[str]:
    """As they are written. Raises Forbidden for who may not administer the project."""
    what = f"the roles of {project}"
    said = api.get(f"{project_path(project)}/role", what)
    if not isinstance(said, dict):
        raise PlatformError(NOT_A_LIST.format(what=what))
    return sorted(map(str, said))
