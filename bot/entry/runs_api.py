"""Runs asked for by pipelines: who may start one on what, and the request it becomes.

The run is the one a webhook for the same head would start, whichever comes first.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from bot.domain.change import Target
from bot.entry.id_tokens import IdTokens
from bot.entry.store import Store
from bot.entry.tickets import Tickets
from bot.errors import Denied
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_origin import Origin, Pipeline, check_project, origin
from bot.routing import JobRequest, Routing
from bot.sources.id_token import Claims

PIPELINE: Final = "pipeline"

NOT_AN_ORDER = "the body is not a request for a run: {where}: {reason}"
NOT_SERVED = "the project {path} is not served here: TRIVET_GITLAB__PROJECTS of the server does not name it"
RENAMED = "project {id} is not {claimed} on this server's GitLab: was it renamed a moment ago?"
OTHER_PROJECT = (
    "the ID token is of the project {own}, and the merge request of another: pipelines of forks run in direct mode "
    "without a token, or a member runs the pipeline in the parent project"
)

NOT_CONNECTED = "the agent {agent} is not at work here: the server has no {platform} ({setting})"
PLATFORMS: Final = {"pages": ("Confluence", "TRIVET_CONFLUENCE__URL")}
TRACKER: Final = ("Jira", "TRIVET_JIRA__URL")
NOT_ITS_TARGET = (
    "the triage agent takes an issue, the pages agent a merge request or a page, the others a merge request"
)
NO_SPACE = "no space is mapped to {path} in the server's TRIVET_RULES"
NOT_MAPPED = "the Jira project of {issue} is not mapped to {path} in the server's TRIVET_RULES"

Path = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Number = Annotated[int, Field(strict=True, gt=0, lt=2**31)]
PageId = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,18}$")]
IssueKey = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{1,254}-[1-9][0-9]{0,17}$")]


class MergeRequestTarget(BaseModel):
    """`project` is a full path or a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Number | Path
    iid: Number

    @field_validator("project", "iid", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        """`7.0` is an integer, too, in JSON Schema (2020-12, 4.2.3): some languages write no other numbers."""
        return int(value) if isinstance(value, float) and value.is_integer() else value


class Options(BaseModel):
    """No agent takes any yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IssueTarget(BaseModel):
    """`issue` is a Jira key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issue: IssueKey


class PageTarget(BaseModel):
    """`page` is a page's id in Confluence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: PageId


KINDS: Final[dict[str, tuple[type[BaseModel], ...]]] = {
    "review": (MergeRequestTarget,),
    "link": (MergeRequestTarget,),
    "triage": (IssueTarget,),
    "pages": (MergeRequestTarget, PageTarget),
}
"""What an agent works on."""


class Order(BaseModel):
    """What a pipeline asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: Literal["review", "link", "triage", "pages"]
    target: MergeRequestTarget | IssueTarget | PageTarget
    options: Options = Options()

    @model_validator(mode="after")
    def _fits(self) -> "Order":
        if not isinstance(self.target, KINDS[self.agent]):
            raise ValueError(NOT_ITS_TARGET)
        return self

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True)
class Started:
    """A run, whether it was started now or was there, and the token that reads it."""

    run: str
    token: str
    state: str


@dataclass(frozen=True)
class Runs:
    """Starts runs for pipelines. `gitlab` and `policy` are asked anew for each."""

    tokens: IdTokens
    tickets: Tickets
    store: Store
    gitlab: Callable[[], GitLabApi]
    policy: Callable[[], Routing]

    def start(self, token: str, body: bytes) -> Started:
        """Raises Denied, PlatformError, RedisError."""
        claims = self.tokens(token)
        order = parse_order(body)
        self._check_project(claims, order)
        run = self._there(claims, order) or self._started(claims, order)
        return Started(run, self.tickets.admit(token, run), self._state(run))

    def _check_project(self, claims: Claims, order: Order) -> None:
        policy, path = self.policy(), claims.project_path
        if order.agent not in policy.agents:
            platform, setting = PLATFORMS.get(order.agent, TRACKER)
            raise Denied(422, NOT_CONNECTED.format(agent=order.agent, platform=platform, setting=setting))
        if isinstance(order.target, MergeRequestTarget):
            if not _is_own(order.target, claims):
                raise Denied(403, OTHER_PROJECT.format(own=path))
        elif isinstance(order.target, PageTarget):
            if not policy.rules.spaces_of(path):
                raise Denied(403, NO_SPACE.format(path=path))
        elif not policy.rules.maps(order.target.issue.rpartition("-")[0], path):
            raise Denied(403, NOT_MAPPED.format(issue=order.target.issue, path=path))
        self._check_served(path)

    def _check_served(self, path: str) -> None:
        if not self.policy().serves(path):
            raise Denied(403, NOT_SERVED.format(path=path))

    @staticmethod
    def _check_named(path: str, claims: Claims) -> None:
        """An issuer's project that has the number of one of ours is not ours."""
        if path.lower() != claims.project_path.lower():
            raise Denied(403, RENAMED.format(id=claims.project_id, claimed=claims.project_path))

    def _there(self, claims: Claims, order: Order) -> str | None:
        """The run that this token started before, as long as it is recorded."""
        run = self.tickets.used(claims, order.digest)
        return run if run and self.store.runs.get(run) else None

    def _started(self, claims: Claims, order: Order) -> str:
        """What is refused here leaves the token good: it is bound only once nothing but the record is left to do."""
        self.tickets.count(claims)
        request = self._request(claims, order)
        self.tickets.bind(claims, order.digest)
        run = self.store.runs.start(request, PIPELINE)
        self.tickets.remember(claims, run)
        return run

    def _request(self, claims: Claims, order: Order) -> JobRequest:
        pipeline = Pipeline(claims.pipeline_id, claims.project_id, claims.sha)
        if isinstance(order.target, IssueTarget):
            check_project(self.gitlab(), pipeline, claims.project_path)
            return issue_request(order.target.issue, claims.pipeline_id, claims.project_path)
        if isinstance(order.target, PageTarget):
            check_project(self.gitlab(), pipeline, claims.project_path)
            return page_request(order.target.page, claims.pipeline_id, claims.project_path)
        target = Target(claims.project_path, order.target.iid, claims.project_id)
        found = origin(self.gitlab(), pipeline, target)
        self._check_named(found.target.project, claims)
        return job_request(order.agent, found)

    def _state(self, run: str) -> str:
        recorded = self.store.runs.get(run)
        return recorded.state if recorded else "queued"


def parse_order(body: bytes) -> Order:
    """Raises Denied (422)."""
    try:
        return Order.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        reason = first["msg"] if first["type"] != "json_invalid" else "it is not JSON"
        raise Denied(422, NOT_AN_ORDER.format(where=_shown(where), reason=reason)) from None


def job_request(agent: str, found: Origin) -> JobRequest:
    """With the key a delivery of the same head has (`bot.routing`); what issues are told may change at one head."""
    target = found.target
    return JobRequest(
        agent=agent,
        project=target.project,
        project_id=target.project_id,
        iid=target.iid,
        trigger=PIPELINE,
        key=f"{agent}:{target.project_id}:{target.iid}:{found.head}",
        head=found.head,
        repeats=agent != "review",
    )


def issue_request(issue: str, pipeline: int, project: str) -> JobRequest:
    """One run a pipeline."""
    key = f"triage:{issue}:{PIPELINE}:{pipeline}"
    return JobRequest(agent="triage", issue=issue, project=project, trigger=PIPELINE, key=key)


def page_request(page: str, pipeline: int, project: str) -> JobRequest:
    """One run a pipeline."""
    key = f"pages:page:{page}:{PIPELINE}:{pipeline}"
    return JobRequest(agent="pages", page=page, project=project, trigger=PIPELINE, key=key)


def _is_own(target: MergeRequestTarget, claims: Claims) -> bool:
    if isinstance(target.project, int):
        return target.project == claims.project_id
    return target.project.lower() == claims.project_path.lower()


def _shown(where: str) -> str:
    """A field's name may be the sender's."""
    return "".join(char for char in where if char.isprintable())[:80]
