"""Jira's API at a glance: method, path, who answers, and on which deployment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sandbox.jira.api import comments, hooks, issues, links, people, projects, properties
from bot.sandbox.jira.api.call import Call
from bot.sandbox.jira.model import Deployment
from bot.sandbox.paths import named_parts

Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """`only` None: both deployments have it. `:name` stands for one encoded segment."""

    method: str
    path: str
    handler: Handler
    only: Deployment | None = None

    def parts(self, path: str) -> dict[str, str] | None:
        """The named segments, decoded; None where the path is another one."""
        return named_parts(self.path, path)


CLOUD: Deployment = "cloud"
CENTER: Deployment = "datacenter"
API = r"/api/(?P<version>2|3|latest)"
PROJECT = f"{API}/project/:project"
ISSUE = f"{API}/issue/:issue"
COMMENT = f"{ISSUE}/comment/:comment"
LINK = f"{ISSUE}/remotelink"
ISSUE_PROPERTY = f"{ISSUE}/properties"
COMMENT_PROPERTY = f"{API}/comment/:comment/properties"
CLOUD_HOOKS = "/webhooks/1.0/webhook"
CENTER_HOOKS = "/jira-webhook/1.0/webhooks"
PAT = "/pat/latest/tokens"

ROUTES = (
    Route("GET", f"{API}/serverInfo", projects.server_info),
    Route("GET", f"{API}/mypermissions", projects.my_permissions),
    Route("GET", f"{API}/myself", people.myself),
    Route("GET", PAT, people.own_tokens, CENTER),
    Route("GET", f"{API}/user", people.user),
    Route("GET", f"{API}/user/groups", people.groups, CLOUD),
    Route("GET", f"{API}/project/search", projects.search, CLOUD),
    Route("GET", f"{API}/project", projects.list_all),
    Route("GET", PROJECT, projects.one),
    Route("GET", f"{PROJECT}/components", projects.components),
    Route("GET", f"{PROJECT}/statuses", projects.statuses),
    Route("GET", f"{PROJECT}/role", projects.roles),
    Route("GET", f"{PROJECT}/role/:role", projects.role),
    Route("GET", f"{API}/priority", projects.priorities),
    Route("GET", f"{API}/priority/search", projects.search_priorities, CLOUD),
    Route("GET", f"{API}/field", projects.fields),
    Route("GET", f"{API}/search/jql", issues.search_jql, CLOUD),
    Route("POST", f"{API}/search/jql", issues.search_jql, CLOUD),
    Route("GET", f"{API}/search", issues.search_removed, CLOUD),
    Route("POST", f"{API}/search", issues.search_removed, CLOUD),
    Route("GET", f"{API}/search", issues.search, CENTER),
    Route("POST", f"{API}/search", issues.search, CENTER),
    Route("GET", ISSUE, issues.one),
    Route("PUT", ISSUE, issues.edit),
    Route("GET", f"{ISSUE}/editmeta", issues.edit_meta),
    Route("GET", f"{ISSUE}/changelog", issues.changelog, CLOUD),
    Route("GET", f"{ISSUE}/transitions", issues.transitions),
    Route("POST", f"{ISSUE}/transitions", issues.move),
    Route("GET", f"{ISSUE}/comment", comments.list_all),
    Route("POST", f"{ISSUE}/comment", comments.create),
    Route("GET", COMMENT, comments.one),
    Route("PUT", COMMENT, comments.update),
    Route("DELETE", COMMENT, comments.delete),
    Route("GET", COMMENT_PROPERTY, properties.comment_keys),
    Route("GET", f"{COMMENT_PROPERTY}/:key", properties.comment_property),
    Route("PUT", f"{COMMENT_PROPERTY}/:key", properties.set_comment_property),
    Route("DELETE", f"{COMMENT_PROPERTY}/:key", properties.delete_comment_property),
    Route("GET", ISSUE_PROPERTY, properties.issue_keys),
    Route("GET", f"{ISSUE_PROPERTY}/:key", properties.issue_property),
    Route("PUT", f"{ISSUE_PROPERTY}/:key", properties.set_issue_property),
    Route("DELETE", f"{ISSUE_PROPERTY}/:key", properties.delete_issue_property),
    Route("GET", LINK, links.list_all),
    Route("POST", LINK, links.put),
    Route("DELETE", LINK, links.delete),
    Route("GET", f"{LINK}/:link", links.one),
    Route("DELETE", f"{LINK}/:link", links.delete_one),
    *(
        route
        for path, only in ((CLOUD_HOOKS, None), (CENTER_HOOKS, CENTER))
        for route in (
            Route("GET", path, hooks.list_all, only),
            Route("POST", path, hooks.create, only),
            Route("GET", f"{path}/:hook", hooks.one, only),
            Route("PUT", f"{path}/:hook", hooks.update, only),
            Route("DELETE", f"{path}/:hook", hooks.delete, only),
        )
    ),
    Route("GET", f"{CENTER_HOOKS}/:hook/statistics", hooks.statistics, CENTER),
    Route("GET", f"{CENTER_HOOKS}/:hook/latest", hooks.latest, CENTER),
)
