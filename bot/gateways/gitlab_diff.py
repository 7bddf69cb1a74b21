"""A merge request's diff from wherever it can be had: `/diffs`, then `raw_diffs`, then git.

GitLab lists at most a thousand files (three at most, administration/diff_limits) and leaves out the lines of large
ones; whatever is still missing at the end is in the change set all the same, with the reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bot.domain.change import ChangeSet, DiffRefs, FileChange, Target
from bot.domain.diff import file_change, parse_sections
from bot.errors import PlatformError, Unavailable
from bot.gateways.git import GitRepository
from bot.gateways.gitlab_api import GitLabApi, merge_request_path

MAX_FILES = 3_000
MAX_RAW_BYTES = 64_000_000
OMITTED = "{read:,} of {count} changed files were listed; the rest was not read"
ODD_DIFF = "GitLab sent a diff that cannot be read: {reason}"


@dataclass(frozen=True, slots=True)
class DiffSources:
    """`repository` fetches the merge request's commits when first asked."""

    api: GitLabApi
    target: Target
    refs: DiffRefs
    repository: Callable[[], GitRepository]

    def listed(self) -> Iterator[FileChange]:
        """`/diffs`. Instances before 18.0 answer 500 to more than 30 a page (gitlab-org/gitlab#427168)."""
        what = f"the diff of {self.target}"
        return map(_readable, self.api.pages(f"{merge_request_path(self.target)}/diffs", what))

    def raw(self) -> Iterator[FileChange]:
        """The whole diff as text, GitLab 17.9 and newer."""
        what = f"the raw diff of {self.target}"
        path = f"{merge_request_path(self.target)}/raw_diffs"
        return parse_sections(self.api.stream(path, what, MAX_RAW_BYTES))

    def from_git(self) -> Iterator[FileChange]:
        return self._fetched().diff(self.refs.base, self.refs.head)

    def counted(self) -> int:
        """How many files changed, as git counts."""
        return self._fetched().count(self.refs.base, self.refs.head)

    def _fetched(self) -> GitRepository:
        repository = self.repository()
        repository.fetch_commit(self.refs.base, self.api.token)
        return repository


def change_set(sources: DiffSources, refs: DiffRefs, count: str) -> ChangeSet:
    """`count` is how many files changed in GitLab's words: "3", "1000+", "" where it does not say."""
    files, is_whole = _all_files(sources, count)
    if is_whole:
        return ChangeSet(refs, tuple(_completed(sources, files)))
    in_all = _in_all(sources, count)
    omitted = OMITTED.format(read=len(files), count=in_all or "more")
    return ChangeSet(refs, tuple(_completed(sources, files)), omitted, in_all)


def _in_all(sources: DiffSources, count: str) -> str:
    """How many files changed: in GitLab's words, or git's number where GitLab stopped counting; "" where none says."""
    if not count.endswith("+"):
        return count
    try:
        return f"{sources.counted():,}"
    except PlatformError:
        return count


def _all_files(sources: DiffSources, count: str) -> tuple[list[FileChange], bool]:
    """At most `MAX_FILES`, and whether these are all: what GitLab does not list, git knows."""
    files = list(islice(sources.listed(), MAX_FILES + 1))
    if _lists_less(files, count):
        known = {file.new_path for file in files}
        try:
            unlisted = (file for file in sources.from_git() if file.new_path not in known)
            files += islice(unlisted, MAX_FILES + 1 - len(files))
        except Unavailable:
            raise
        except (PlatformError, ValueError):
            return files[:MAX_FILES], False
    return files[:MAX_FILES], len(files) <= MAX_FILES


def _lists_less(files: list[FileChange], count: str) -> bool:
    """Whether GitLab counts more files than it lists; "1000+" is where it stopped counting."""
    number = count.removesuffix("+")
    return number.isdigit() and (len(files) < int(number) or count.endswith("+"))


def _readable(item: Mapping[str, Any]) -> FileChange:
    try:
        return file_change(item)
    except ValueError as error:
        raise PlatformError(ODD_DIFF.format(reason=error)) from None


def _completed(sources: DiffSources, files: list[FileChange]) -> list[FileChange]:
    """The files, with the lines that GitLab left out of its list where a fallback has them."""
    for source in (_from_raw, _from_git):
        if any(file.unread for file in files):
            files = _filled(files, source(sources))
    return files


def _filled(files: list[FileChange], better: Iterable[FileChange]) -> list[FileChange]:
    """Lines come from an entry of the same path and status: a change of type is two entries of one path.

    What GitLab lists is what git names first, so no more than `MAX_FILES` are looked through.
    """
    missing = {(file.new_path, file.status) for file in files if file.unread}
    found = {
        (file.new_path, file.status): file
        for file in islice(better, MAX_FILES)
        if not file.unread and (file.new_path, file.status) in missing
    }
    return [found.get((file.new_path, file.status), file) if file.unread else file for file in files]


def _from_raw(sources: DiffSources) -> Iterator[FileChange]:
    """As far as it can be read: an instance that is too old, or too slow at it, leaves the rest to git."""
    try:
        yield from sources.raw()
    except (PlatformError, ValueError):
        return


def _from_git(sources: DiffSources) -> Iterator[FileChange]:
    """As far as it can be read. Raises Unavailable: the next try may have all of it."""
    try:
        yield from sources.from_git()
    except Unavailable:
        raise
    except (PlatformError, ValueError):
        return
