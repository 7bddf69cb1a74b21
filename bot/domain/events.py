"""What happened, typed: a verified delivery after `bot.sources` has read it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Project(_Frozen):
    """`path` is the full path, "group/sub/project"."""

    id: int
    path: str


class Person(_Frozen):
    id: int
    username: str


class MergeRequestChanged(_Frozen):
    """A merge request was opened, changed, merged or closed.

    `head` is the newest commit; `pushed` says this event brought it. `retargeted`: another target branch, so another
    diff of the same head. `reworded`: its title or description changed. `asked` are the ids of people newly asked, or
    asked again, to review. `at` is the platform's own time of the change (ISO 8601), for telling newer from older.
    """

    kind: Literal["merge_request"] = "merge_request"
    project: Project
    iid: int
    action: Literal["opened", "reopened", "updated", "merged", "closed"]
    head: str
    actor: Person
    draft: bool = False
    pushed: bool = False
    became_ready: bool = False
    retargeted: bool = False
    reworded: bool = False
    asked: tuple[int, ...] = ()
    at: str = ""


class NoteWritten(_Frozen):
    """A person wrote a note. `iid` is set when it is on a merge request; `discussion` is the thread's id.

    `threaded`: it began a thread or answers in one; GitLab does not tell which.
    """

    kind: Literal["note"] = "note"
    project: Project
    iid: int | None
    noteable: Literal["MergeRequest", "Issue", "Commit", "Snippet"]
    note: int
    discussion: str
    author: Person
    body: str
    head: str = ""
    internal: bool = False
    edited: bool = False
    threaded: bool = False


class EmojiAwarded(_Frozen):
    """Someone gave (or took back) a reaction on a merge request or on one of its notes."""

    kind: Literal["emoji"] = "emoji"
    project: Project
    iid: int | None
    note: int | None
    name: str
    actor: Person
    revoked: bool = False


class BranchPushed(_Frozen):
    """A branch got new commits, was created (`before` all zeros) or deleted (`after` all zeros)."""

    kind: Literal["push"] = "push"
    project: Project
    branch: str
    before: str
    after: str
    actor: Person


class TagPushed(_Frozen):
    """A tag was made, moved or deleted (`after` all zeros); `after` is the commit that it leads to."""

    kind: Literal["tag_push"] = "tag_push"
    project: Project
    tag: str
    before: str
    after: str
    actor: Person


class PipelineChanged(_Frozen):
    """A pipeline reached a status. `iid` is the merge request it belongs to, None for a branch pipeline."""

    kind: Literal["pipeline"] = "pipeline"
    project: Project
    pipeline: int
    iid: int | None
    ref: str
    sha: str
    status: str


# --- Jira: hints, each read again before anything is done ---


class JiraUser(_Frozen):
    """`id` is the accountId on Cloud, the user key (else the name) on Data Center; `username` is Data Center's name."""

    id: str
    name: str = ""
    username: str = ""


class IssueChanged(_Frozen):
    """An issue was created, or updated. `issue` is its key, or its number where the sender gave nothing else.

    `number` is Jira's own id, "" when not told; `project` the project's key, "" when not told. `to` is the status it
    was moved to, by name, "" for any other update and where it is not told; `transitioned`: it was moved. `change` is
    the id of that changelog entry, "" when not told. `at` is Jira's time in milliseconds, 0 when not told.
    `moves_from`: the key it had before, where this update moved it to another project.
    """

    kind: Literal["issue"] = "issue"
    issue: str
    number: str = ""
    project: str = ""
    action: Literal["created", "updated"]
    actor: JiraUser | None = None
    to: str = ""
    transitioned: bool = False
    change: str = ""
    at: int = 0
    moves_from: str = ""


class IssueCommented(_Frozen):
    """Someone commented on an issue. `comment` is the comment's id; `body` is wiki text, as webhooks carry it.

    `internal`: hidden from customers in Jira Service Management.
    """

    kind: Literal["issue_comment"] = "issue_comment"
    issue: str
    number: str = ""
    project: str = ""
    comment: str
    author: JiraUser | None = None
    body: str = ""
    internal: bool = False
    at: int = 0


class VersionReleased(_Frozen):
    """A version of a Jira project was released. `project` is the project's number, as the webhook has it."""

    kind: Literal["version"] = "version"
    version: str
    name: str
    project: str


# --- Confluence: ids and little more; the page is read before anything is done ---


class PageChanged(_Frozen):
    """A page was made, edited, moved, restricted, or taken away. `page` is its id.

    `version` 0, `space` "" (its key) and `actor` "" (accountId, or Data Center's user key): not told. `at` is
    Confluence's time in milliseconds, 0 when not told.
    """

    kind: Literal["page"] = "page"
    page: str
    action: Literal["created", "updated", "moved", "removed", "restored", "restricted"]
    version: int = 0
    space: str = ""
    actor: str = ""
    at: int = 0


GitLabEvent = MergeRequestChanged | NoteWritten | EmojiAwarded | BranchPushed | TagPushed | PipelineChanged
JiraEvent = IssueChanged | IssueCommented | VersionReleased
Event = Annotated[GitLabEvent | JiraEvent | PageChanged, Field(discriminator="kind")]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class Ignored(_Frozen):
    """An authentic delivery that starts nothing, and why, in words for a person. `place`: the project, where told."""

    reason: str
    unknown: bool = False
    place: str = ""
