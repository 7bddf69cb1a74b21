"""The API at a glance: method, path, who answers, and the access level asked for in the project."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sandbox.api import (
    branches,
    drafts,
    groups,
    history,
    hooks,
    merge_requests,
    notes,
    projects,
    statuses,
    users,
)
from bot.sandbox.api.call import Call
from bot.sandbox.model import Access
from bot.sandbox.paths import named_parts

Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """`level` None: the path names no project or group. `:name` stands for one encoded segment."""

    method: str
    path: str
    handler: Handler
    level: Access | None

    def parts(self, path: str) -> dict[str, str] | None:
        """The named segments, decoded; None where the path is another one."""
        return named_parts(self.path, path)


HERE = "/projects/:id"
REQUEST = f"{HERE}/merge_requests/:iid"
THREAD = f"{REQUEST}/discussions/:discussion"
NOTE = f"{REQUEST}/notes/:note"
DRAFTS = f"{REQUEST}/draft_notes"
FILE = f"{HERE}/repository/files/:path"
TAG = f"{HERE}/repository/tags/:tag"
GROUP = "/groups/:group"
ANYBODY, READS, WRITES, RUNS = None, Access.REPORTER, Access.DEVELOPER, Access.MAINTAINER
OWNS = Access.OWNER

ROUTES = (
    Route("GET", "/version", projects.version, ANYBODY),
    Route("GET", "/metadata", projects.metadata, ANYBODY),
    Route("GET", "/user", projects.current_user, ANYBODY),
    Route("GET", "/users", users.list_users, ANYBODY),
    Route("GET", "/users/:user", users.user, ANYBODY),
    Route("GET", "/personal_access_tokens/self", projects.own_token, ANYBODY),
    Route("GET", "/projects", projects.list_projects, ANYBODY),
    Route("GET", HERE, projects.project, Access.GUEST),
    Route("GET", f"{HERE}/members/all/:user", projects.member, Access.GUEST),
    Route("GET", f"{FILE}/raw", projects.raw_file, READS),
    Route("GET", FILE, projects.file, READS),
    Route("GET", f"{HERE}/repository/tree", projects.tree, READS),
    Route("GET", f"{HERE}/repository/compare", projects.compare, READS),
    Route("GET", f"{HERE}/repository/branches", branches.list_branches, READS),
    Route("POST", f"{HERE}/repository/branches", branches.create, WRITES),
    Route("GET", f"{HERE}/repository/branches/:branch", branches.branch, READS),
    Route("GET", f"{HERE}/repository/tags", history.list_tags, READS),
    Route("POST", f"{HERE}/repository/tags", history.create_tag, WRITES),
    Route("GET", TAG, history.tag, READS),
    Route("DELETE", TAG, history.delete_tag, WRITES),
    Route("GET", f"{HERE}/repository/commits", history.list_commits, READS),
    Route("GET", f"{HERE}/repository/commits/:sha", history.commit, READS),
    Route("GET", f"{HERE}/repository/commits/:sha/statuses", statuses.list_statuses, READS),
    Route("GET", f"{HERE}/pipelines/:pipeline", projects.pipeline, READS),
    Route("POST", f"{HERE}/statuses/:sha", statuses.set_status, WRITES),
    Route("GET", "/merge_requests", merge_requests.list_all, ANYBODY),
    Route("GET", f"{HERE}/merge_requests", merge_requests.list_here, READS),
    Route("POST", f"{HERE}/merge_requests", merge_requests.create, WRITES),
    Route("GET", REQUEST, merge_requests.one, READS),
    Route("PUT", REQUEST, merge_requests.update, READS),
    Route("GET", f"{REQUEST}/versions", merge_requests.versions, READS),
    Route("GET", f"{REQUEST}/versions/:version", merge_requests.version, READS),
    Route("GET", f"{REQUEST}/diffs", merge_requests.diffs, READS),
    Route("GET", f"{REQUEST}/raw_diffs", merge_requests.raw_diffs, READS),
    Route("GET", f"{REQUEST}/commits", merge_requests.commits, READS),
    Route("GET", f"{REQUEST}/reviewers", merge_requests.reviewers, READS),
    Route("POST", f"{REQUEST}/approve", merge_requests.approve, WRITES),
    Route("PUT", f"{REQUEST}/merge", merge_requests.merge, WRITES),
    Route("GET", f"{REQUEST}/discussions", notes.list_discussions, READS),
    Route("POST", f"{REQUEST}/discussions", notes.create_discussion, READS),
    Route("GET", THREAD, notes.discussion, READS),
    Route("PUT", THREAD, notes.resolve, READS),
    Route("POST", f"{THREAD}/notes", notes.reply, READS),
    Route("GET", f"{THREAD}/notes/:note", notes.note, READS),
    Route("PUT", f"{THREAD}/notes/:note", notes.change_reply, READS),
    Route("DELETE", f"{THREAD}/notes/:note", notes.delete_note, READS),
    Route("GET", f"{REQUEST}/notes", notes.list_notes, READS),
    Route("POST", f"{REQUEST}/notes", notes.create_note, READS),
    Route("GET", NOTE, notes.note, READS),
    Route("PUT", NOTE, notes.edit_note, READS),
    Route("DELETE", NOTE, notes.delete_note, READS),
    *(
        route
        for on in (REQUEST, NOTE)
        for route in (
            Route("GET", f"{on}/award_emoji", notes.list_awards, READS),
            Route("POST", f"{on}/award_emoji", notes.give_award, READS),
            Route("DELETE", f"{on}/award_emoji/:award", notes.take_award, READS),
        )
    ),
    Route("GET", DRAFTS, drafts.list_drafts, READS),
    Route("POST", DRAFTS, drafts.create, READS),
    Route("POST", f"{DRAFTS}/bulk_publish", drafts.bulk_publish, READS),
    Route("GET", f"{DRAFTS}/:draft", drafts.draft, READS),
    Route("PUT", f"{DRAFTS}/:draft", drafts.update, READS),
    Route("DELETE", f"{DRAFTS}/:draft", drafts.delete, READS),
    Route("PUT", f"{DRAFTS}/:draft/publish", drafts.publish, READS),
    Route("GET", GROUP, groups.group, Access.GUEST),
    Route("GET", f"{GROUP}/projects", groups.list_projects, Access.GUEST),
    Route("GET", f"{GROUP}/members/all/:user", groups.member, Access.GUEST),
    *(
        route
        for of, level in ((HERE, RUNS), (GROUP, OWNS))
        for route in (
            Route("GET", f"{of}/hooks", hooks.list_hooks, level),
            Route("POST", f"{of}/hooks", hooks.create, level),
            Route("GET", f"{of}/hooks/:hook", hooks.hook, level),
            Route("PUT", f"{of}/hooks/:hook", hooks.update, level),
            Route("DELETE", f"{of}/hooks/:hook", hooks.delete, level),
            Route("GET", f"{of}/hooks/:hook/events", hooks.events, level),
            Route("POST", f"{of}/hooks/:hook/test/:trigger", hooks.test, level),
        )
    ),
)
