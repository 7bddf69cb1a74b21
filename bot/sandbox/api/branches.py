"""Branches of a project (docs.gitlab.com/api/branches)."""

from typing import Any

from bot.sandbox import changes, entities
from bot.sandbox.api.call import Answer, Call
from bot.sandbox.refusals import Refusal, not_found

Json = dict[str, Any]

INVALID = "Branch name is invalid"
EXISTS = "Branch already exists"
NO_REF = "Failed to create branch '{branch}': invalid reference name '{ref}'"


def list_branches(call: Call) -> Answer:
    names = [name for name in call.project.repository.branches() if call.is_searched(name)]
    return call.page(names, lambda name: _shown(call, name))


def branch(call: Call) -> Json:
    return _shown(call, call.parts["branch"])


def create(call: Call) -> Json:
    name, ref = call.needed("branch"), call.needed("ref")
    repository = call.project.repository
    if not repository.is_branch_name(name):
        raise Refusal(400, {"message": INVALID})
    if repository.branch(name):
        raise Refusal(400, {"message": EXISTS})
    tip = repository.commit_id(ref)
    if tip is None:
        raise Refusal(400, {"message": NO_REF.format(branch=name, ref=ref)})
    changes.make_branch(call.state, call.project, call.user, name, tip)
    return _shown(call, name)


def _shown(call: Call, name: str) -> Json:
    tip = call.project.repository.branch(name)
    if tip is None:
        raise not_found("Branch")
    return entities.branch(call.state, call.project, name, call.project.repository.commit(tip))
