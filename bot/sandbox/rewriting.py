"""What people do to a branch beside committing: write its newest commit anew, move it onto another one, merge into it.

Callers hold the state's lock. All raise Refusal (404) for a branch that is missing.
"""

from collections.abc import Mapping

from bot.sandbox import changes
from bot.sandbox.model import Project, State, User
from bot.sandbox.refusals import Refusal, not_found
from bot.sandbox.repository import File, GitFailed


def amend(
    state: State,
    project: Project,
    actor: User,
    branch: str,
    message: str,
    files: Mapping[str, str | bytes | File | None],
) -> str:
    """The branch's newest commit with these changes added and another message, pushed by force; answers its SHA."""
    repository, before = project.repository, _tip(project, branch)
    email = changes.email(actor)
    parents = repository.commit(before).parents
    more = repository.write(branch, changes.written(files), message, actor.name, email)
    after = repository.squashed(parents[0], more, message, actor.name, email) if parents else more
    return _moved(state, project, actor, branch, before, after)


def rebase(state: State, project: Project, actor: User, branch: str, onto: str) -> str:
    """The branch's own commits, one by one, on the tip of `onto`, pushed by force; answers the newest one's SHA."""
    repository, before, tip = project.repository, _tip(project, branch), _tip(project, onto)
    base = repository.merge_base(tip, before) or before
    for commit in reversed(repository.commits(base, before)):
        try:
            tip = repository.picked(commit, tip)
        except GitFailed as error:
            raise _conflict(error) from None
    return _moved(state, project, actor, branch, before, tip)


def merge_into(state: State, project: Project, actor: User, branch: str, source: str) -> str:
    """A merge commit of `source` on the branch; answers its SHA."""
    before, text = _tip(project, branch), f"Merge branch '{source}' into '{branch}'\n"
    try:
        after = project.repository.merge(
            branch, _tip(project, source), text, actor.name, changes.email(actor)
        )
    except GitFailed as error:
        raise _conflict(error) from None
    return _moved(state, project, actor, branch, before, after)


def _tip(project: Project, branch: str) -> str:
    tip = project.repository.branch(branch)
    if tip is None:
        raise not_found("Branch")
    return tip


def _moved(state: State, project: Project, actor: User, branch: str, before: str, after: str) -> str:
    project.repository.set_ref(f"refs/heads/{branch}", after)
    changes.pushed(state, project, actor, branch, before, after)
    return after


def _conflict(error: GitFailed) -> Refusal:
    return Refusal(422, {"message": f"The branches conflict: {error}"})
