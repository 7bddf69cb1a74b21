"""The environment of a GitLab CI job as data: which merge request, which commits, whose project.

The variables are GitLab's (docs.gitlab.com/ci/variables/predefined_variables). Title, description and branch names are
other people's text: they are kept as data, and no shell ever sees them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from bot.errors import UsageError

ID_TOKEN: Final = "TRIVET_ID_TOKEN"  # noqa: S105 - the variable's name
SERVER: Final = "TRIVET_SERVER"
OF_A_JOB: Final = frozenset(
    {
        ID_TOKEN,
        SERVER,
        "TRIVET_REVIEW_MODE",
        "TRIVET_REVIEW_FAIL_ON",
        "TRIVET_LINK_MODE",
        "TRIVET_PAGES_MODE",
        "TRIVET_PAGES_TAG",
    }
)
"""Names that look like settings: the job's own, and those of templates/review.yml."""

SIGNS: Final = ("GITLAB_CI", "CI_MERGE_REQUEST_IID", "CI_PIPELINE_SOURCE")
DRAFT: Final = re.compile(r"\s*(draft:|\[draft\]|\(draft\))", re.IGNORECASE)
SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
JOB_USER: Final = "gitlab-ci-token"

Kind = Literal["detached", "merged_result", "merge_train"]
KINDS: Final[Mapping[str, Kind]] = {
    "detached": "detached",
    "merged_result": "merged_result",
    "merge_train": "merge_train",
}
REFS: Final[Mapping[str, Kind]] = {"head": "detached", "merge": "merged_result", "train": "merge_train"}

MISSING = "this merge request pipeline has no variable {name}: a GitLab CI job gets it from GitLab"
NOT_A_NUMBER = "{name} is not a number: a GitLab CI job gets it from GitLab"
NOT_A_COMMIT = "{name} is not a commit: a GitLab CI job gets it from GitLab"


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a merge request's pipeline. `project` and `project_id` are the target's; commits are full SHAs.

    `commit` is what the runner checked out; `head` the merge request's last commit, "" where GitLab does not say it.
    `base` is where the branch began, `target_tip` the target branch, "" likewise. `from_fork`: the source is another
    project, or the pipeline runs in one. `repository` is where the runner clones from, with or without credentials.
    """

    gitlab: str
    project: str
    project_id: int
    iid: int
    url: str
    title: str
    description: str
    draft: bool
    source_branch: str
    target_branch: str
    labels: tuple[str, ...]
    kind: Kind
    commit: str
    head: str
    base: str
    target_tip: str
    from_fork: bool
    repository: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def target(self) -> str:
        return f"{self.project}!{self.iid}"


@dataclass(frozen=True, slots=True)
class CloneAccess:
    """Where to fetch from and as whom. The address holds no credentials."""

    url: str
    user: str
    password: str = field(repr=False)


def in_gitlab_ci(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in SIGNS)


def merge_request_job(environ: Mapping[str, str]) -> Job | None:
    """The job, None where its pipeline is of no merge request. Raises UsageError for what GitLab should have said."""
    if not environ.get("CI_MERGE_REQUEST_IID"):
        return None
    project, iid = _said(environ, "CI_MERGE_REQUEST_PROJECT_PATH"), _number(environ, "CI_MERGE_REQUEST_IID")
    _said(environ, "CI_COMMIT_SHA")
    kind, commit = _kind(environ), _commit(environ, "CI_COMMIT_SHA")
    title = environ.get("CI_MERGE_REQUEST_TITLE", "")
    return Job(
        gitlab=_said(environ, "CI_SERVER_URL").rstrip("/"),
        project=project,
        project_id=_number(environ, "CI_MERGE_REQUEST_PROJECT_ID"),
        iid=iid,
        url=_url(environ, project, iid),
        title=title,
        description=environ.get("CI_MERGE_REQUEST_DESCRIPTION", ""),
        draft=environ.get("CI_MERGE_REQUEST_DRAFT") == "true" or DRAFT.match(title) is not None,
        source_branch=environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", ""),
        target_branch=_said(environ, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
        labels=tuple(filter(None, environ.get("CI_MERGE_REQUEST_LABELS", "").split(","))),
        kind=kind,
        commit=commit,
        head=_commit(environ, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or (commit if kind == "detached" else ""),
        base=_commit(environ, "CI_MERGE_REQUEST_DIFF_BASE_SHA"),
        target_tip=_commit(environ, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA"),
        from_fork=_is_from_fork(environ),
        repository=environ.get("CI_REPOSITORY_URL", ""),
        token=environ.get("CI_JOB_TOKEN", ""),
    )


def clone_access(address: str, job_token: str) -> CloneAccess | None:
    """How the job itself may fetch from an address: as its own credentials say, else by the job's token.

    None for an address that is not HTTP.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return CloneAccess(plain, *_credentials(parts, job_token))


def _credentials(parts: SplitResult, job_token: str) -> tuple[str, str]:
    if parts.username and parts.password:
        return unquote(parts.username), unquote(parts.password)
    return JOB_USER, job_token


def _said(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise UsageError(MISSING.format(name=name))
    return value


def _number(environ: Mapping[str, str], name: str) -> int:
    value = _said(environ, name)
    if not (value.isascii() and value.isdigit()) or len(value) > 18:
        raise UsageError(NOT_A_NUMBER.format(name=name))
    return int(value)


def _commit(environ: Mapping[str, str], name: str) -> str:
    """The full SHA, "" where it is empty or GitLab's forty zeros."""
    value = environ.get(name, "")
    if value.strip("0") and not SHA.fullmatch(value):
        raise UsageError(NOT_A_COMMIT.format(name=name))
    return value if value.strip("0") else ""


def _kind(environ: Mapping[str, str]) -> Kind:
    """By the event's type (GitLab 12.3), else by the ref the pipeline runs on: refs/merge-requests/7/merge."""
    ref = environ.get("CI_MERGE_REQUEST_REF_PATH", "").rpartition("/")[2]
    return KINDS.get(environ.get("CI_MERGE_REQUEST_EVENT_TYPE", "")) or REFS.get(ref, "detached")


def _is_from_fork(environ: Mapping[str, str]) -> bool:
    """Whether source, target and pipeline are not all in one project."""
    names = ("CI_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
    return len({environ[name] for name in names if environ.get(name)}) > 1


def _url(environ: Mapping[str, str], project: str, iid: int) -> str:
    place = environ.get("CI_MERGE_REQUEST_PROJECT_URL") or f"{environ['CI_SERVER_URL'].rstrip('/')}/{project}"
    return f"{place}/-/merge_requests/{iid}"
