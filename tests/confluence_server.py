"""Starts the sandbox with a Confluence for a test, and speaks to it.

    with ConfluenceServer("cloud") as confluence:
        confluence.rest("GET", f"/api/v2/pages/{confluence.page('API guide')['id']}?body-format=storage")
        confluence.act("API guide", "edit", old="One", new="Two", user="ada")

It holds the spaces DOC and OPS; people are grace (administrator), ada (editor), sam (reads and comments DOC) and
trivet, the bot, who knows DOC only.
"""

from typing import Any
from urllib.parse import quote

from tests.atlassian_server import Deployment as Flavour
from tests.atlassian_server import Reply, RunningPlatform, Started

__all__ = ["ConfluenceServer", "Flavour", "Reply", "RunningConfluence"]


class RunningConfluence(RunningPlatform):
    """The Confluence of a sandbox that runs at the address `root`."""

    name = "confluence"

    def address(self, path: str) -> str:
        """`path` begins with `/api/v2` or `/rest/api`."""
        return self.url + ("/wiki" if self.cloud else "") + path

    def page(self, named: str = "API guide") -> dict[str, Any]:
        """By id or title, as the state has it: body, versions, comments, properties, writes, ..."""
        return next(one for one in self.state()["pages"] if named in (one["id"], one["title"]))

    def act(self, page: str, deed: str, **fields: Any) -> dict[str, Any]:
        """On a page by id or title, as `user` (ada). `deed`: edit (body, append, old and new, title, message), plant
        (body), move (parent, space), archive, trash, restore, delete, restrict (operation, people), unrestrict,
        label (name, on), comment (body, parent), inline_comment (body, selection, index), edit_comment (comment,
        body), delete_comment, resolve_comment (comment, on), property (name, value)."""
        return self.call("POST", f"/sandbox/confluence/pages/{quote(page, safe='')}/{deed}", fields)

    def create(self, title: str, **fields: Any) -> str:
        """The id of a new page; `fields`: space, parent, body, user, status."""
        return self.call("POST", "/sandbox/confluence/pages", {"title": title} | fields)["id"]


class ConfluenceServer(Started, RunningConfluence):
    """A sandbox of its own."""
