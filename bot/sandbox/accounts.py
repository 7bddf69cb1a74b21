"""What a maintainer or an administrator does to people: another role, out of the project, blocked, removed.

Callers hold the state's lock.
"""

from bot.sandbox.model import Access, MergeRequest, Project, State, User

GHOST = "ghost"


def set_access(state: State, project: Project, person: User, level: int) -> None:
    """A member's level in the project; none at all takes the person out of it."""
    if level == Access.NONE:
        project.members.pop(person.id, None)
    else:
        project.members[person.id] = level
    state.touch()


def block(state: State, person: User, on: bool) -> None:
    """Who is blocked cannot sign in or use a token, and stays a member.

    docs.gitlab.com/administration/moderate_users, "Block a user".
    """
    person.state = "blocked" if on else "active"
    state.touch()


def remove(state: State, person: User) -> None:
    """What the person has written stays, as the ghost user's (docs.gitlab.com/user/profile/account/delete_account)."""
    ghost = state.user(GHOST) or state.add_user(GHOST, "Ghost User")
    state.users.remove(person)
    for project in state.projects:
        project.members.pop(person.id, None)
        for request in project.merge_requests:
            _hand_over(request, person, ghost)
    for group in state.groups:
        group.members.pop(person.id, None)
    state.touch()


def _hand_over(request: MergeRequest, person: User, ghost: User) -> None:
    request.author = ghost if request.author is person else request.author
    for note in request.notes():
        note.author = ghost if note.author is person else note.author
        note.resolved_by = ghost if note.resolved_by is person else note.resolved_by
    for award in request.awards:
        award.user = ghost if award.user is person else award.user
    request.drafts = [draft for draft in request.drafts if draft.author is not person]
    request.assignees = [one for one in request.assignees if one is not person]
    request.approved_by = [one for one in request.approved_by if one is not person]
    request.reviewers.pop(person.id, None)
