"""Commit statuses (docs.gitlab.com/api/commits, "List the statuses of a commit", "Set commit pipeline status")."""

from typing import Any

from bot.sandbox import statuses
from bot.sandbox.api.call import Answer, Call
from bot.sandbox.refusals import bad_parameter, not_found

Json = dict[str, Any]


def list_statuses(call: Call) -> Answer:
    sha = _commit(call)
    wanted = {"name": call.text("name"), "ref": call.text("ref")}
    found = [
        one
        for one in statuses.of_commit(call.project, sha, every=call.flag("all"))
        if all(value in (None, one[field]) for field, value in wanted.items())
    ]
    return call.page(found, lambda one: one)


def set_status(call: Call) -> Json:
    wanted = call.needed("state")
    sha = _commit(call)
    if wanted not in statuses.EVENTS:
        raise bad_parameter("state does not have a valid value")
    wish = statuses.Wish(
        name=call.text("name") or call.text("context") or "default",
        state=wanted,
        ref=call.text("ref"),
        pipeline=call.number("pipeline_id", 0) or None,
        description=call.text("description"),
        target_url=call.text("target_url"),
    )
    return statuses.put(call.state, call.project, call.user, sha, wish)


def _commit(call: Call) -> str:
    sha = call.project.repository.commit_id(call.parts["sha"])
    if sha is None:
        raise not_found("Commit")
    return sha
