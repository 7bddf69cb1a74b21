"""Where hooks hang and roles are given: a project or a group, found by its path or number."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal
from urllib.parse import quote

from bot.errors import NotFound
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_shapes import shaped
from bot.gateways.shapes import Shape

MOST_PROJECTS: Final = 1_000
NOWHERE = "GitLab knows no project or group {target}, or the token may not see it"


class PlacedProject(Shape):
    id: int
    path_with_namespace: str
    web_url: str = ""
    archived: bool = False


class PlacedGroup(Shape):
    id: int
    full_path: str
    web_url: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """`hooks_page`: where a person sees its webhooks."""

    kind: Literal["project", "group"]
    id: int
    path: str
    hooks_page: str
    archived: bool = False

    @property
    def address(self) -> str:
        return f"/{self.kind}s/{self.id}"


def find_place(api: GitLabApi, target: str) -> Place:
    """A project, else a group, of this path or number. Raises NotFound, PlatformError."""
    for find in (project_at, group_at):
        try:
            return find(api, target)
        except NotFound:
            continue
    raise NotFound(NOWHERE.format(target=target))


def project_at(api: GitLabApi, target: str) -> Place:
    """Raises NotFound, PlatformError."""
    what = f"project {target}"
    return _project(api.get(f"/projects/{_quoted(target)}", what), what)


def group_at(api: GitLabApi, target: str) -> Place:
    """Raises NotFound, PlatformError."""
    what = f"group {target}"
    found = shaped(PlacedGroup, api.get(f"/groups/{_quoted(target)}", what, with_projects="false"), what)
    return Place("group", found.id, found.full_path, f"{found.web_url}/-/hooks")


def projects_below(api: GitLabApi, group: Place) -> Iterator[Place]:
    """Those of the group and of its subgroups that are not archived, at most `MOST_PROJECTS`. Raises PlatformError."""
    what = f"the projects of {group.path}"
    query: dict[str, Any] = {"include_subgroups": "true", "archived": "false", "with_shared": "false"}
    for item in islice(api.pages(f"{group.address}/projects", what, **query), MOST_PROJECTS):
        yield _project(item, what)


def _project(answer: Any, what: str) -> Place:
    found = shaped(PlacedProject, answer, what)
    page = f"{found.web_url}/-/hooks"
    return Place("project", found.id, found.path_with_namespace, page, found.archived)


def _quoted(target: str) -> str:
    return quote(target.strip("/"), safe="")
