"""The whole state as one JSON object: what the page draws and what tests look at."""

from typing import Any

from bot.sandbox import entities
from bot.sandbox.diffs import FileDiff
from bot.sandbox.model import Delivery, Discussion, MergeRequest, Note, State

Json = dict[str, Any]

LARGEST_DIFF = 200_000


def whole(state: State) -> Json:
    requests = [request for project in state.projects for request in project.merge_requests]
    seen = state.seen
    return {
        "revision": state.revision,
        "instance": {"url": state.url, "version": state.version},
        "projects": [{"id": project.id, "path": project.path} for project in state.projects],
        "merge_requests": [_merge_request(state, request) for request in requests],
        "executed": list(seen.executed),
        "mentions": list(seen.mentions),
        "references": list(seen.references),
        "external": list(seen.external),
        "notifications": list(seen.notifications),
        "deliveries": [delivery(one) for one in seen.deliveries],
    }


def delivery(one: Delivery) -> Json:
    return {
        "id": one.id,
        "event": one.event,
        "url": one.hook.url,
        "key": one.key,
        "status": one.status,
        "at": entities.moment(one.at),
    }


def _merge_request(state: State, request: MergeRequest) -> Json:
    threads = [one for one in request.discussions if not one.individual]
    return {
        "project": request.project.path,
        "project_id": request.project.id,
        "iid": request.iid,
        "title": request.title,
        "description": request.description,
        "state": request.state,
        "draft": request.draft,
        "author": request.author.username,
        "acting": _acting(state, request),
        "people": _people(state, request),
        "source_branch": request.source_branch,
        "target_branch": request.target_branch,
        "head": request.head,
        "web_url": entities.merge_request_url(state, request),
        "created_at": entities.moment(request.created_at),
        "updated_at": entities.moment(request.updated_at),
        "files": [_file(file) for file in request.files()],
        "discussions": [_discussion(one) for one in threads],
        "notes": [_note(one.notes[0]) for one in request.discussions if one.individual],
        "drafts": [{"id": one.id, "author": one.author.username} for one in request.drafts],
        "awards": [_award(request, on=None, award=award) for award in request.awards if award.note is None],
        "note_awards": [
            _award(request, on=award.note, award=award) for award in request.awards if award.note
        ],
        "reviewer_states": _reviewer_states(state, request),
        "commits": _commits(request),
        "approved_by": [person.username for person in request.approved_by],
        "assignees": [person.username for person in request.assignees],
        "labels": list(request.labels),
    }


def _acting(state: State, request: MergeRequest) -> str:
    """As whom the page acts: the author, or where that is a bot, whoever it is assigned to, else the first member."""
    members = (one for one in state.users if one.id in request.project.members)
    people = (one for one in (request.author, *request.assignees, *members) if not one.bot)
    return next(people, request.author).username


def _people(state: State, request: MergeRequest) -> list[str]:
    """Who may be acted as: everybody who sees the project and is no bot."""
    seeing = (one for one in state.users if not one.bot and one.state == "active")
    return [one.username for one in seeing if request.project.access(one)]


def _file(file: FileDiff) -> Json:
    too_large = len(file.patch) > LARGEST_DIFF
    return {
        "old_path": file.old_path,
        "new_path": file.new_path,
        "old_mode": file.old_mode,
        "new_mode": file.new_mode,
        "status": file.status,
        "binary": file.binary,
        "too_large": too_large,
        "diff": "" if too_large or file.binary else file.text,
    }


def _discussion(one: Discussion) -> Json:
    first, resolver = one.notes[0], one.resolver
    return {
        "id": one.id,
        "resolved": one.resolved,
        "resolved_by": (resolver.name or resolver.username) if resolver else None,
        "position": first.position,
        "outdated": first.outdated,
        "notes": [_note(note) for note in one.notes],
    }


def _note(note: Note) -> Json:
    return {
        "id": note.id,
        "author": note.author.username,
        "author_name": note.author.name,
        "bot": note.author.bot,
        "body": note.body,
        "created_at": entities.moment(note.created_at),
        "updated_at": entities.moment(note.updated_at),
        "system": note.system,
        "internal": note.internal,
    }


def _award(request: MergeRequest, on: int | None, award: Any) -> Json:
    shown = {"name": award.name, "user": award.user.username}
    return shown | {"note": on} if on else shown


def _reviewer_states(state: State, request: MergeRequest) -> Json:
    people = ((state.user_by_id(key), review) for key, review in request.reviewers.items())
    return {person.username: review for person, review in people if person}


def _commits(request: MergeRequest) -> list[Json]:
    commits = request.project.repository.commits(request.version.base, request.head)
    return [{"sha": one.sha, "title": one.title, "author": one.author} for one in commits]
