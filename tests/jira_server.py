"""Starts the sandbox with a Jira for a test, and speaks to it.

    with JiraServer("cloud") as jira:
        jira.rest("GET", "/rest/api/3/issue/SHOP-12")
        jira.act("SHOP-12", "comment", body="Looks good", user="ada")

It holds project SHOP with SHOP-12 and SHOP-13; people are ada and grace (developers), sam (a customer) and trivet,
the bot.
"""

from typing import Any

from tests.atlassian_server import Deployment, Reply, RunningPlatform, Started

__all__ = ["Deployment", "JiraServer", "Reply", "RunningJira", "document"]

API: dict[str, str] = {"cloud": "/rest/api/3", "datacenter": "/rest/api/2"}


class RunningJira(RunningPlatform):
    """The Jira of a sandbox that runs at the address `root`."""

    name = "jira"

    @property
    def api(self) -> str:
        return API[self.deployment]

    def address(self, path: str) -> str:
        """`path` begins with `/rest`, or follows the API's root."""
        return self.url + (path if path.startswith("/rest/") else self.api + path)

    def issue(self, key: str = "SHOP-12") -> dict[str, Any]:
        """As the state has it, with what was written to it."""
        return next(one for one in self.state()["issues"] if one["key"] == key)

    def act(self, key: str, deed: str, **fields: Any) -> dict[str, Any]:
        """`deed`: edit (fields, update), comment (body, role), edit_comment, delete_comment (comment), move (to,
        resolution), project (to), security (level, people), delete, property (name, value); `user` who does it."""
        return self.call("POST", f"/sandbox/jira/issues/{key}/{deed}", fields)

    def create(self, summary: str, **fields: Any) -> str:
        """The key of a new issue; `fields`: project, user, description, criteria, type, labels, ..."""
        return self.call("POST", "/sandbox/jira/issues", {"summary": summary} | fields)["key"]


class JiraServer(Started, RunningJira):
    """A sandbox of its own."""


def document(*paragraphs: str) -> dict[str, Any]:
    """An ADF document with a paragraph of each text."""
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": text}] if text else []}
        for text in paragraphs
    ]
    return {"type": "doc", "version": 1, "content": content}
