"""Tags and commits of a project (docs.gitlab.com/api/tags, /commits)."""

from typing import Any

from bot.sandbox import changes, entities
from bot.sandbox.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.refusals import Refusal, not_found
from bot.sandbox.repository import Commit, GitFailed, Tag

Json = dict[str, Any]

ORDERS = {"name": "refname", "updated": "creatordate", "version": "version:refname"}
INVALID = "Tag name invalid"
NO_TARGET = "Target {ref} is invalid"
BAD_REF = "ref_name is invalid"


def list_tags(call: Call) -> Answer:
    """`order_by` updated: by the time of the tag, or of its commit where it has none of its own."""
    order = ORDERS[call.one_of("order_by", tuple(ORDERS), "updated")]
    sign = "-" if call.one_of("sort", ("asc", "desc"), "desc") == "desc" else ""
    found = [one for one in call.project.repository.tags(sign + order) if call.is_searched(one.name)]
    return call.page(found, lambda one: entities.tag(call.state, call.project, one))


def tag(call: Call) -> Json:
    return entities.tag(call.state, call.project, _tag(call))


def create_tag(call: Call) -> Json:
    name, ref = call.needed("tag_name"), call.needed("ref")
    repository = call.project.repository
    if not repository.is_branch_name(name):
        raise Refusal(400, {"message": INVALID})
    commit = repository.commit_id(ref)
    if commit is None:
        raise Refusal(400, {"message": NO_TARGET.format(ref=ref)})
    made = changes.make_tag(call.state, call.project, call.user, name, commit, call.text("message") or "")
    return entities.tag(call.state, call.project, made)


def delete_tag(call: Call) -> Answer:
    changes.remove_tag(call.state, call.project, call.user, _tag(call))
    return NO_CONTENT


def list_commits(call: Call) -> Answer:
    """Of a branch, tag, commit or range of them (`v1..main`); none where there is no such thing.

    GitLab does not count them: a full page is always said to have a next one.
    """
    revisions = call.text("ref_name") or call.project.default_branch
    if revisions.startswith("-"):
        raise Refusal(400, {"error": BAD_REF})
    page, size = call.window()
    found = _commits(call, revisions, (page - 1) * size, size)
    shown = [entities.commit(call.state, call.project, one) for one in found]
    return Answer(shown, headers=call.uncounted(page, size, len(found)))


def commit(call: Call) -> Json:
    """By SHA, branch or tag."""
    repository = call.project.repository
    sha = repository.commit_id(call.parts["sha"])
    if sha is None:
        raise not_found("Commit")
    return entities.commit(call.state, call.project, repository.commit(sha))


def _commits(call: Call, revisions: str, skip: int, most: int) -> list[Commit]:
    try:
        return call.project.repository.listed(revisions, skip, most)
    except GitFailed:
        return []


def _tag(call: Call) -> Tag:
    name = call.parts["tag"]
    return call.found((one for one in call.project.repository.tags() if one.name == name), "Tag")
