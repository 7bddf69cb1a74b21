"""Effects as data: what an agent proposes, what policy decided, what became of it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.change import Seen
from bot.domain.document import Document
from bot.domain.findings import Finding
from bot.domain.ledger import Ledger
from bot.domain.pages import BlockEdit, SectionEdit
from bot.domain.reviewed import Reviewed


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Position(_Frozen):
    """Where an inline comment stands, in GitLab's own words (docs.gitlab.com/api/discussions).

    `position_type` "text" has `new_line` for an added line, `old_line` for a removed one, both for a context line;
    "file" has neither. `line_range` is GitLab's `{start, end}` object for a span, ending on the position's line.
    """

    position_type: Literal["text", "file"]
    base_sha: str
    start_sha: str
    head_sha: str
    old_path: str
    new_path: str
    new_line: int | None = None
    old_line: int | None = None
    line_range: dict[str, Any] | None = None

    def payload(self) -> dict[str, Any]:
        """The JSON object GitLab takes: absent keys are left out, it refuses unknown ones."""
        return self.model_dump(exclude_none=True)


class PostFinding(_Frozen):
    """Show a finding, once. `key` is its fingerprint. Without a position it goes into the summary.

    `body` is Markdown made by our own templates, not yet sanitized. `around` is the digest of the lines around it
    (`bot.domain.lifecycle`), kept in its note with the finding.
    """

    kind: Literal["post_finding"] = "post_finding"
    key: str
    finding: Finding
    body: str
    position: Position | None = None
    around: str = ""


class UpdateFinding(_Frozen):
    """Keep in the note of a finding what it has become: its line was rewritten, and it is still there.

    Only what is hidden in the note changes. `key` is the key it was posted under.
    """

    kind: Literal["update_finding"] = "update_finding"
    key: str
    finding: Finding
    around: str = ""


class Reply(_Frozen):
    """Write in a thread, once, and close it or open it again.

    `thread` is GitLab's discussion id. `body` is Markdown by our own templates, not yet sanitized; "" writes nothing.
    `resolves` True closes the thread, False opens it again, None leaves it: only of a thread that began with a finding
    of ours, whose key `finding` is. `key` is one of `bot.domain.lifecycle`'s. `internal`: it answers an internal note,
    so not everybody may read it.
    """

    kind: Literal["reply"] = "reply"
    key: str
    thread: str
    body: str = ""
    resolves: bool | None = None
    finding: str = ""
    internal: bool = False


class UpsertNote(_Frozen):
    """Write the note with this key, or edit it in place. `create` False: only edit one that is already there.

    `ledger`, `section` and `reviewed` are kept in the note, unseen and signed, for the next run to read. `tells`: keys
    of earlier actions of the proposal; what became of each is told below the body, a line each. `iid`: of another merge
    request of the project than the proposal's, 0 for that one.
    """

    kind: Literal["upsert_note"] = "upsert_note"
    key: str
    body: str
    create: bool = True
    ledger: Ledger | None = None
    section: SectionEdit | None = None
    reviewed: Reviewed | None = None
    tells: tuple[str, ...] = ()
    iid: int = 0


class React(_Frozen):
    """Put a quiet reaction on the merge request (GitLab's emoji name; None: put none), take our `instead_of` away.

    `note`: on the note with this id, 0 on the merge request itself.
    """

    kind: Literal["react"] = "react"
    key: str
    emoji: str | None
    instead_of: str | None = None
    note: int = 0


class SetCommitStatus(_Frozen):
    """The commit status `name` of the proposal's head (docs.gitlab.com/api/commits, "Set commit pipeline status").

    `description` at most 255 characters; `url`: what the status leads to, "" for nothing.
    """

    kind: Literal["set_commit_status"] = "set_commit_status"
    key: str
    name: str
    state: Literal["success", "failed"]
    description: str
    url: str = ""


class OpenBranch(_Frozen):
    """Make the branch `name` at the tip of `ref` in the proposal's project; one that is there is left as it is."""

    kind: Literal["open_branch"] = "open_branch"
    key: str
    name: str
    ref: str


class OpenMergeRequest(_Frozen):
    """Open a draft merge request from `branch`; where one from this branch into `target` exists, that is the one.

    `title` without the draft prefix; `body` is Markdown by our own templates, not yet sanitized. `assignee` is a
    GitLab user name, "" for nobody.
    """

    kind: Literal["open_merge_request"] = "open_merge_request"
    key: str
    branch: str
    target: str
    title: str
    body: str
    assignee: str = ""


class LinkIssue(_Frozen):
    """The one remote link between an issue and a merge request, or the page of its release. `issue` is its key.

    `global_id` (at most 255 characters) names the pair for Jira, so that it is written once and then updated; with
    `update` False one that is there stays as it is, with `create` False none is made anew. Without `url`, `global_id`
    and `title` it links what the action `made` makes; without `url` alone, the page which that action writes.
    `state` is the merge request's; a page has "none".
    """

    kind: Literal["link_issue"] = "link_issue"
    key: str
    issue: str
    global_id: str = ""
    url: str = ""
    title: str = ""
    summary: str = ""
    state: Literal["opened", "merged", "closed", "none"] = "opened"
    made: str = ""
    create: bool = True
    update: bool = True


class CommentIssue(_Frozen):
    """Write our comment with this key on an issue, or edit it in place. `create` False: only edit one that is there.

    `memory` is kept in the comment's property beside the key, for the next run to read (JSON, small). `visibility`:
    the project role that may read it, None for everyone who sees the issue. `internal`: not for customers.
    """

    kind: Literal["comment_issue"] = "comment_issue"
    key: str
    issue: str
    body: Document
    memory: dict[str, Any] = Field(default_factory=dict)
    visibility: str | None = None
    internal: bool = False
    create: bool = True


class MoveIssue(_Frozen):
    """Bring an issue into the status `to`, by name or category; never backwards, and seen to be there afterwards.

    `fields` are values for fields that the transition's screen requires, by field id or name, as names.
    """

    kind: Literal["move_issue"] = "move_issue"
    key: str
    issue: str
    to: str
    fields: dict[str, str] = Field(default_factory=dict)


class EditIssue(_Frozen):
    """Add labels and components, set the priority (None: leave it). What the issue has already is not written."""

    kind: Literal["edit_issue"] = "edit_issue"
    key: str
    issue: str
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    priority: str | None = None


class WriteSection(_Frozen):
    """Bring our section of a Confluence page to a new text; everything outside it stays byte for byte.

    Of a page: `page` is its id; "" : the page `title` in `space`, which is made below the page with the id `parent` if
    there is none. Of the text: `body` is the whole section, written only over what we wrote ourselves; else `edits`
    are done to the section whose digest is `base` ("" : the section is not there yet), whose digest is `result` then.
    `source` names what it was made from, like "group/shop!7"; it stands in the version's message. `memory` is kept in
    the section's property for the next run (JSON, small). `difference` shows a person what changes. `owner` says whose
    section it is, like "gitlab:42" (a project's id): one that belongs to somebody else is left alone.
    """

    kind: Literal["write_section"] = "write_section"
    key: str
    space: str
    section: str
    page: str = ""
    title: str = ""
    parent: str = ""
    body: Document | None = None
    base: str = ""
    result: str = ""
    edits: tuple[BlockEdit, ...] = ()
    source: str = ""
    memory: dict[str, Any] = Field(default_factory=dict)
    difference: str = ""
    owner: str = ""


class CommentPage(_Frozen):
    """Write our comment with this key in the footer of a page, or edit it in place. `create` False: only edit.

    `page` is the page's id; `key` stands in the comment's last line, by which it is found again. `after` is the key of
    an earlier action: the comment is only written where that one was done, or (`on`) where it was refused. `is_told`
    False: who reads the page may read it, and not everybody who reads a report.
    """

    kind: Literal["comment_page"] = "comment_page"
    key: str
    space: str
    page: str
    body: Document
    create: bool = True
    after: str = ""
    on: Literal["done", "refused"] = "done"
    is_told: bool = True


GitLabAction = PostFinding | UpdateFinding | Reply | UpsertNote | React
CodeAction = SetCommitStatus | OpenBranch | OpenMergeRequest
IssueAction = LinkIssue | CommentIssue | MoveIssue | EditIssue
PageAction = WriteSection | CommentPage
Action = Annotated[GitLabAction | CodeAction | IssueAction | PageAction, Field(discriminator="kind")]


class Decision(_Frozen):
    """What was decided of one finding or action, with the reason where the answer is no or something was changed.

    The reason's words before its first ": " are its kind, by which reasons are counted. `about` tells a person what a
    finding that is not shown was: its title and place.
    """

    key: str
    allowed: bool
    reason: str = ""
    about: str = ""


class Outcome(_Frozen):
    """What became of one action. `url`: where a person sees it; `about`: what it was to do. Both may be ""."""

    key: str
    result: Literal["done", "unchanged", "refused", "failed"]
    reason: str = ""
    url: str = ""
    about: str = ""


class Coverage(_Frozen):
    """One changed file: read whole, or the reason why not. Read and a reason: by the checks, and why by no model."""

    path: str
    read: bool
    reason: str = ""


class Report(_Frozen):
    """The account of one run: read, decided, skipped with reasons, paid, posted. `seconds` are wall time.

    `failures`: what a platform or a model did not do, a sentence each; the complaints tell them, too. `model` is empty
    where none is configured. `cached_tokens` are part of `tokens`. `cost_usd` 0: the price is not known.
    `answer`: to the question of a shell, Markdown. `files_in_all`: how many files the change has, in words, where not
    all of them are in `coverage`.
    """

    run: str
    agent: str
    target: str
    url: str = ""
    trigger: str = ""
    head: str = ""
    state: Literal["running", "applying", "done", "failed", "superseded"] = "running"
    message: str = ""
    findings: tuple[Finding, ...] = ()
    ledger: Ledger | None = None
    answer: str = ""
    coverage: tuple[Coverage, ...] = ()
    files_in_all: str = Field(
        default="", exclude_if=lambda said: not said
    )  # older workers know no such field
    decisions: tuple[Decision, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    complaints: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    model: str = ""
    model_calls: int = 0
    tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0


class Proposal(_Frozen):
    """The allowed actions and the report so far of one finished agent run, stored until applied.

    `project_id`, `iid` and `head` bind every action to one target at one commit, `issue` to one issue, by its key;
    of a run on an issue, `project` is the mapped one where its work is begun ("" for none). `state`, `target_branch`
    and `wording` are the merge request's, as it was read (`Seen`). `pages`: the ids of the pages whose sections were
    looked at. `shared`: the issues that share texts with the project, by the keys they were read by; one that has moved
    or was secured by the time of writing shares them no longer. `tag`: of a release, the tag that `head` is the commit
    of. `note`: the id of the note that asked for the run, 0 for none. `reviewed`: what a review leaves for the next
    one.
    """

    run: str
    agent: str
    project: str
    project_id: int
    iid: int
    head: str
    issue: str = ""
    state: str = ""
    target_branch: str = ""
    wording: str = ""
    shared: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    tag: str = ""
    note: int = 0
    reviewed: Reviewed | None = None
    actions: tuple[Action, ...]
    report: Report

    @property
    def seen(self) -> Seen:
        return Seen(self.state, self.target_branch, self.wording)
