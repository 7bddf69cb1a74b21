"""The pages of a project's releases: of the next one at each merge, of a version when it is tagged or released."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bot.agents.spec import NotesContext, NotesPage
from bot.domain.actions import Proposal
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.flow import CodeProject
from bot.domain.issue_keys import found, found_in_branch
from bot.domain.pages import OWNER, Page
from bot.domain.releases import MergedRequest, ReleaseIssue, Tag
from bot.domain.repo_config import ReleaseNotes
from bot.domain.sections import kept_of
from bot.domain.versions import before, newest, same_version, spellings
from bot.errors import Forbidden, NotFound, NotReady, PlatformError, Stopped, UsageError
from bot.policy import Ground
from bot.proposing.means import Means, Tracker, Wiki
from bot.proposing.proposal import Bound, proposal
from bot.proposing.review import bound_to
from bot.proposing.rules import rules_at
from bot.routing import NEXT, JobRequest, of_release

SECTION: Final = "release-notes"
MERGED: Final = "merged"
MOST_MERGED: Final = 300  # merge requests that one page lists
MOST_KINDS: Final = 40  # issues whose kind is asked for, of the latest merges
MOST_KEYS: Final = 5  # issues of one merge request

READING = "reading what was merged into {project}"
NO_NOTES = ".trivet.yml of {project} asks for no release notes"
OTHER_BRANCH = "{target} went into {branch}: the notes of the next release are of {default}"
BEING_MERGED = "{target} is being merged"
NOT_MERGED = "{target} is {state}: only what is merged is in release notes"
NOT_MAPPED = (
    "the release notes are not written: TRIVET_RULES does not map the space {space} to {project} (`spaces:`)"
)
NO_PARENT = (
    "the release notes are not written: there is no page “{parent}” in the space {space} that they could stand below, "
    "or the bot may not see it"
)
NO_KINDS = "What kinds of issues they are could not be read: {reason}"
NO_TAG = "{project} has no tag {version}"
BY_HAND: Final = ("shell", "pipeline")
OF_VERSION = "the release notes of {version} are written for {projects}"
UNSEEN = "the bot may not see the Jira project of this version, so that no release notes are written"
NO_PROJECT = "no project of GitLab is mapped to {key} in TRIVET_RULES, so that no release notes are written"


def propose_release_notes(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where there is nothing to write, PlatformError where it cannot be."""
    started = time.monotonic()
    wiki = means.with_pages()
    if request.tracked:
        raise Stopped(_of_version(request, wiki, means))
    project = wiki.code.project(request.project)
    config = _config(project, wiki)
    merge_request = _merged(request, project, means) if request.iid else None
    parent = _parent(config, project, wiki)
    means.tell(READING.format(project=project.path))
    releases = _Releases(project, config, wiki.code.tags(project), wiki, means.tracker)
    pages = releases.pages(request)
    means.still_ours()
    context = NotesContext(
        project=project,
        pages=pages,
        redactor=means.redactor,
        space=parent.space,
        parent=parent.id,
        change=lambda iid: _change(project, iid, means),
        trigger=request.trigger,
        merged=request.iid,
        links_issues=means.tracker is not None,
        model=means.model,
        steps=means.memory if means.model else None,
        still_wanted=means.still_ours,
        tell=means.tell,
        can_wait=means.can_wait,
        complaints=releases.complaints,
    )
    result = means.agent.run(context)
    means.still_ours()
    issues = frozenset(one.key for page in pages for some in page.issues.values() for one in some)
    ground = Ground(means.agent, issues=issues, spaces=frozenset({parent.space}))
    return proposal(
        request, run, means, _bound(request, project, merge_request, releases.tags), result, ground, started
    )


def _of_version(request: JobRequest, wiki: Wiki, means: Means) -> str:
    """A version of a Jira project is released in each mapped project of GitLab; what was begun, in words."""
    tracker = means.connected()
    try:
        key = tracker.issues.project_key(request.tracked)
    except (NotFound, Forbidden):
        return UNSEEN
    paths = list(dict.fromkeys(rule.gitlab for rule in wiki.rules.of(key) if rule.gitlab))
    if not paths:
        return NO_PROJECT.format(key=key)
    for path in paths:
        project = wiki.code.project(path)
        means.start(of_release(project.path, project.id, request.release, "version"))
    return OF_VERSION.format(version=request.release, projects=", ".join(paths))


def _config(project: CodeProject, wiki: Wiki) -> ReleaseNotes:
    """Of the default branch. Raises Stopped where it asks for nothing, PlatformError where it is wrong."""
    rules = rules_at(wiki.code.branch(project, project.default_branch)) if project.default_branch else None
    if rules and rules.complaints:
        raise PlatformError("; ".join(rules.complaints))
    if rules is None or rules.config.pages.release_notes is None:
        raise Stopped(NO_NOTES.format(project=project.path))
    return rules.config.pages.release_notes


def _merged(request: JobRequest, project: CodeProject, means: Means) -> MergeRequest:
    """Raises Stopped where it is not merged, or was merged elsewhere, NotReady while it is being merged."""
    merge_request = means.reader.merge_request(request.target)
    target = merge_request.target
    if merge_request.state == "locked":
        raise NotReady(BEING_MERGED.format(target=target))
    if merge_request.state != MERGED:
        raise Stopped(NOT_MERGED.format(target=target, state=merge_request.state), again=True)
    if merge_request.target_branch != project.default_branch:
        branch, default = merge_request.target_branch, project.default_branch
        raise Stopped(OTHER_BRANCH.format(target=target, branch=branch, default=default))
    return merge_request


def _parent(config: ReleaseNotes, project: CodeProject, wiki: Wiki) -> Page:
    if not wiki.rules.shares_space(config.space, project.path):
        raise PlatformError(NOT_MAPPED.format(space=config.space, project=project.path))
    parent = wiki.pages.find(config.space, config.parent)
    if parent is None or parent.status != "current":
        raise PlatformError(NO_PARENT.format(parent=config.parent, space=config.space))
    return parent


# --- what each page lists ---


@dataclass(frozen=True)
class _Known:
    """What a page keeps of earlier runs; nothing of one that is another project's, which is not written either."""

    is_own: bool = True
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Releases:
    """One project's releases as they are read for their pages. `complaints` grows by what could not be read."""

    project: CodeProject
    config: ReleaseNotes
    tags: Sequence[Tag]
    wiki: Wiki
    tracker: Tracker | None
    complaints: list[str] = field(default_factory=list)

    def pages(self, request: JobRequest) -> list[NotesPage]:
        """The released version's, if the run is about one, and that of the next, which it takes entries away from.

        What was released before its merge was noted is listed with its release.
        """
        page, since = self._page(NEXT), newest(self.tags)
        pages = [] if request.release == NEXT else [self._released(request.release, request.trigger)]
        if request.release == NEXT or page:
            pages.append(self._listed(NEXT, page, since, self.project.default_branch))
        is_listed = any(one.iid == request.iid for one in pages[-1].merged) or pages[-1].left_out
        if request.iid and since and not is_listed:
            pages.insert(0, self._released(since.name, request.trigger))
        following = self._known(page)
        return [
            self._with_background(one, following if one.version == NEXT else self._known(one.page), following)
            for one in pages
        ]

    def _released(self, release: str, trigger: str) -> NotesPage:
        """By its tag; a version that Jira releases before it is tagged has what the default branch holds."""
        tag = same_version(self.tags, release)
        if tag is None and trigger in (*BY_HAND, "tag"):
            kind_of_error = UsageError if trigger in BY_HAND else PlatformError
            raise kind_of_error(NO_TAG.format(project=self.project.path, version=release))
        version = tag.name if tag else release
        there = next(filter(None, map(self._page, spellings(version))), None)
        until = tag.name if tag else self.project.default_branch
        return self._listed(version, there, before(self.tags, version), until)

    def _listed(self, version: str, page: Page | None, since: Tag | None, until: str) -> NotesPage:
        """What is in `until` and not in `since`."""
        merged = self.wiki.code.merged(self.project, since, until)
        return NotesPage(
            version=version,
            title=page.title if page else self.config.title.format(version=version),
            merged=tuple(merged[:MOST_MERGED]),
            page=page,
            since=since.name if since else "",
            until=until,
            left_out=max(0, len(merged) - MOST_MERGED),
        )

    def _with_background(self, page: NotesPage, known: _Known, following: _Known) -> NotesPage:
        """With what is known already, be it by the page that listed the same before, and the issues that are named."""
        issues = (
            _issues(page.merged, self.project, self.tracker, self.wiki, self.complaints)
            if self.tracker
            else {}
        )
        return replace(
            page,
            page=page.page if known.is_own else None,
            memory=known.memory or following.memory,
            issues=issues,
        )

    def _page(self, version: str) -> Page | None:
        return self.wiki.pages.find(self.config.space, self.config.title.format(version=version))

    def _known(self, page: Page | None) -> _Known:
        kept = kept_of(self.wiki.pages.remembered(page.id, SECTION)) if page else None
        if kept is None:
            return _Known()
        is_own = kept.owner in ("", OWNER.format(project=self.project.id))
        return _Known(is_own, (kept.memory or {}) if is_own else {})


# --- the issues that merge requests name ---


def _issues(
    merged: Iterable[MergedRequest],
    project: CodeProject,
    tracker: Tracker,
    wiki: Wiki,
    complaints: list[str],
) -> dict[int, tuple[ReleaseIssue, ...]]:
    """Those of the Jira projects that are mapped to this one; their keys and links, and of the latest their kinds.

    Release notes do not wait for a tracker: without it the kinds are missing, which is complained of.
    """
    known = {key for key in wiki.rules.projects if wiki.rules.maps(key, project.path)}
    kinds: dict[str, str | None] = {}
    named = {one.iid: _keys(one, known) for one in merged}
    for key in list(dict.fromkeys(key for keys in named.values() for key in keys))[:MOST_KINDS]:
        try:
            kinds[key] = tracker.issues.issue(key).type
        except (NotFound, Forbidden):
            continue
        except PlatformError as error:
            complaints.append(NO_KINDS.format(reason=error))
            break
    return {
        iid: tuple(ReleaseIssue(key, tracker.issues.address(key), kinds.get(key) or "") for key in keys)
        for iid, keys in named.items()
        if keys
    }


def _keys(one: MergedRequest, known: set[str]) -> list[str]:
    in_texts = found((one.title, one.description), known, most=MOST_KEYS).keys
    return list(dict.fromkeys((*found_in_branch(one.source_branch, known), *in_texts)))[:MOST_KEYS]


def _change(project: CodeProject, iid: int, means: Means) -> ChangeSet:
    return means.reader.change_set(means.reader.merge_request(Target(project.path, iid, project.id)))


def _bound(
    request: JobRequest, project: CodeProject, merge_request: MergeRequest | None, tags: Sequence[Tag]
) -> Bound:
    if merge_request:
        return bound_to(merge_request)
    tag = same_version(tags, request.release)
    return Bound(
        name=request.about,
        url=project.web_url,
        project=project.path,
        project_id=project.id,
        head=tag.commit if tag else "",
        tag=tag.name if tag else "",
    )
