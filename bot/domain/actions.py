"""Effects as data: what an agent proposes, what policy decided, what became of it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.findings import Finding


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

    `body` is Markdown made by our own templates, not yet sanitized.
    """

    kind: Literal["post_finding"] = "post_finding"
    key: str
    finding: Finding
    body: str
    position: Position | None = None


class UpsertNote(_Frozen):
    """Write the note with this key, or edit it in place. `create` False: only edit one that is already there."""

    kind: Literal["upsert_note"] = "upsert_note"
    key: str
    body: str
    create: bool = True


class React(_Frozen):
    """Put a quiet reaction on the merge request (GitLab's emoji name; None: put none), take our `instead_of` away."""

    kind: Literal["react"] = "react"
    key: str
    emoji: str | None
    instead_of: str | None = None


Action = Annotated[PostFinding | UpsertNote | React, Field(discriminator="kind")]


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
    """What became of one action."""

    key: str
    result: Literal["done", "unchanged", "refused", "failed"]
    reason: str = ""


class Coverage(_Frozen):
    """One changed file: read whole, or the reason why not. Read and a reason: by the checks, and why by no model."""

    path: str
    read: bool
    reason: str = ""


class Report(_Frozen):
    """The account of one run: read, decided, skipped with reasons, paid, posted. `seconds` are wall time.

    `failures`: what a platform or a model did not do, a sentence each; the complaints tell them, too. `model` is empty
    where none is configured. `cached_tokens` are part of `tokens`. `cost_usd` 0: the price is not known.
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
    coverage: tuple[Coverage, ...] = ()
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

    `project_id`, `iid` and `head` bind every action to one target at one commit.
    """

    run: str
    agent: str
    project: str
    project_id: int
    iid: int
    head: str
    actions: tuple[Action, ...]
    report: Report
