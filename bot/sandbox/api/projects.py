"""The instance, the person asking, projects and their repositories."""

import base64
from typing import Any

from bot.sandbox import entities, pipelines
from bot.sandbox.api.call import Answer, Call
from bot.sandbox.model import Project
from bot.sandbox.refusals import not_found

Json = dict[str, Any]


def version(call: Call) -> Json:
    return {"version": call.state.version, "revision": "0000000"}


def metadata(call: Call) -> Json:
    return version(call) | {
        "kas": {"enabled": False, "externalUrl": None, "version": None},
        "enterprise": call.state.switches.premium,
    }


def current_user(call: Call) -> Json:
    return entities.current_user(call.state, call.user)


def own_token(call: Call) -> Json:
    """Whatever its scopes, a token is told about itself."""
    return {
        "id": call.user.id,
        "name": "sandbox",
        "revoked": False,
        "active": True,
        "scopes": list(call.user.scopes),
        "user_id": call.user.id,
        "created_at": None,
        "last_used_at": None,
        "expires_at": call.user.expires_on or None,
    }


def list_projects(call: Call) -> Answer:
    """`membership`: only those the person is a member of; `archived`: only those that are, or are not."""
    own = call.flag("membership")
    visible = [
        one
        for one in call.state.projects
        if (one.level(call.user.id) if own else one.access(call.user)) and fits_archived(call, one)
    ]
    return call.page(visible[::-1], lambda one: entities.project(call.state, one, call.user))


def fits_archived(call: Call, one: Project) -> bool:
    return "archived" not in call.fields or call.flag("archived") == one.archived


def project(call: Call) -> Json:
    return entities.project(call.state, call.project, call.user)


def member(call: Call) -> Json:
    """404 for who is no member, inherited or not (docs.gitlab.com/api/members)."""
    number = call.part("user")
    level, person = call.project.level(number), call.state.user_by_id(number)
    if not level or person is None:
        raise not_found()
    return entities.member(call.state, person, level)


def file(call: Call) -> Json:
    ref, path = call.needed("ref"), call.parts["path"]
    sha, content = _blob(call.project, ref, path)
    encoded = base64.b64encode(content).decode()
    return entities.file(call.project.repository, path, ref, sha, content, encoded)


def raw_file(call: Call) -> Answer:
    ref = call.text("ref") or call.project.default_branch
    _, content = _blob(call.project, ref, call.parts["path"])
    return Answer(content, media="text/plain")


def tree(call: Call) -> Answer:
    """A folder, by page number or, as the documentation asks, by key (docs.gitlab.com/api/repositories)."""
    sha = call.project.repository.commit_id(call.text("ref") or call.project.default_branch)
    if sha is None:
        raise not_found("Tree")
    path = call.text("path") or ""
    entries = call.project.repository.tree(sha, path, recursive=call.flag("recursive"))
    if path.strip("/") and not entries and call.state.at_least(17, 7):
        raise not_found("invalid revision or path")
    if call.one_of("pagination", ("legacy", "keyset"), "legacy") == "keyset":
        return call.keyset(entries, lambda entry: entry.path, entities.tree_entry)
    return call.page(entries, entities.tree_entry)


def compare(call: Call) -> Json:
    """Merge-base comparison, or direct when `straight`."""
    start, end = (_commit(call.project, call.needed(name)) for name in ("from", "to"))
    repository = call.project.repository
    base = start if call.flag("straight") else repository.merge_base(start, end) or start
    commits = [entities.commit(call.state, call.project, one) for one in repository.commits(start, end)]
    return {
        "commit": commits[0] if commits else None,
        "commits": commits[::-1],
        "diffs": [entities.diff(one, call.state.limits) for one in call.project.diffs.files(base, end)],
        "compare_timeout": False,
        "compare_same_ref": start == end,
        "web_url": f"{call.state.url}/{call.project.path}/-/compare/{start}...{end}",
    }


def pipeline(call: Call) -> Json:
    number = call.part("pipeline")
    return pipelines.as_json(
        call.state, call.project, call.found(one for one in call.project.pipelines if one.id == number)
    )


def _commit(project: Project, revision: str) -> str:
    sha = project.repository.commit_id(revision)
    if sha is None:
        raise not_found("Commit")
    return sha


def _blob(project: Project, ref: str, path: str) -> tuple[str, bytes]:
    sha = _commit(project, ref)
    content = project.repository.read(sha, path)
    if content is None:
        raise not_found("File")
    return sha, content
