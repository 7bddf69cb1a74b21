"""`.trivet.yml`: what a repository asks of us, read from the target branch only.

Every key has a default. A file that is wrong in any way counts as if it were not there, and says so in one
complaint that a person sees. Nothing in it can name a secret, an address or a model.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal

import re2
from pathspec import GitIgnoreSpec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bot.domain import titles
from bot.domain.findings import Severity
from bot.domain.sanitize import visible
from bot.domain.yaml_file import Wrong, read

FILE = ".trivet.yml"
COMPLAINT = "{file} is not used, the defaults are: {what}."
LIMIT = 64 * 1024  # bytes

NO_EXPRESSION = "is not a regular expression that RE2 reads"
TOO_LARGE = "is too large a regular expression: repeat less, or name fewer characters"

_TITLES = re2.Options()
_TITLES.log_errors = False
_TITLES.max_mem = 1 << 20  # bytes; what needs more takes milliseconds for each title


def _regular_expression(pattern: str) -> str:
    try:
        re2.compile(pattern, _TITLES)
    except UnicodeEncodeError:
        raise ValueError(NO_EXPRESSION) from None
    except re2.error as error:
        raise ValueError(TOO_LARGE if b"too large" in error.args[0] else NO_EXPRESSION) from None
    return pattern


def checked_glob(pattern: str) -> str:
    """The pattern. Raises ValueError where it is none as in .gitignore."""
    try:
        GitIgnoreSpec.from_lines([pattern], backend="re2")
    except (ValueError, re.error, re2.error):
        raise ValueError("is not a pattern as in .gitignore") from None
    return pattern


def _release_title(title: str) -> str:
    if "{version}" not in title or set("{}") & set(title.replace("{version}", "")):
        raise ValueError("must hold {version}, and no other braces")
    return title


Text = Annotated[str, Field(min_length=1, max_length=500)]
Expression = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_regular_expression)]
Glob = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(checked_glob)]
Globs = Annotated[tuple[Glob, ...], Field(max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Pause(_Section):
    """When reviews of a busy merge request pause by themselves."""

    pushes: int = Field(default=3, ge=1, le=1000)
    """This many pushes"""
    minutes: int = Field(default=15, ge=1, le=10_080)
    """within this many minutes pause the reviews"""
    resume_after: int = Field(default=5, ge=1, le=10_080)
    """until this many minutes have passed without a push."""


class Instruction(_Section):
    """What a reviewer should know about some paths."""

    paths: Globs = ("**",)
    """Patterns as in .gitignore."""
    text: str = Field(min_length=1, max_length=4000)
    """The instruction, in plain words."""


class SecondPass(_Section):
    """From what size on a merge request is read twice, the second time with its files grouped otherwise."""

    files: int = Field(ge=1, le=100_000)
    """This many changed files,"""
    lines: int = Field(ge=1, le=10_000_000)
    """or this many added lines."""


class Review(_Section):
    """Reviews of merge requests."""

    drafts: bool = False
    """Review drafts too."""
    min_severity: Severity = Severity.MINOR
    """The mildest finding that is shown."""
    max_comments: int = Field(default=10, ge=0, le=100)
    """How many open comments a merge request has at most; the other findings are listed in the summary."""
    max_comments_per_push: int = Field(default=5, ge=0, le=100)
    """How many new comments a push gets after the first review; the gravest, the others are listed in the summary."""
    ignore: Globs = ()
    """Paths that are not reviewed: patterns as in .gitignore."""
    skip_titles: Annotated[tuple[Expression, ...], Field(max_length=50)] = ()
    """Merge requests that are not reviewed: regular expressions (RE2) looked for in the title."""
    skip_labels: Annotated[tuple[Text, ...], Field(max_length=50)] = ()
    """Merge requests that are not reviewed: those with one of these labels, in capitals or not."""
    bots: bool = False
    """Review merge requests that other bots opened."""
    pause: Pause = Pause()
    second_pass: SecondPass | None = None
    """Large merge requests are read twice, which finds more and costs twice; none when unset."""
    instructions: Annotated[tuple[Instruction, ...], Field(max_length=50)] = ()


class Transition(_Section):
    """Moves a linked issue when something happens to the merge request."""

    on: Literal["opened", "merged", "closed"]
    to: Text
    """The status, by name or category."""
    target_branch: Text | None = None
    """Only for merge requests into this branch."""
    fields: dict[Text, Text] = Field(default_factory=dict, max_length=20)
    """What Jira asks for on the way, by field name or id: `{resolution: Done}`."""


class Link(_Section):
    """Linking merge requests and Jira issues."""

    require_key: bool = False
    """Set a commit status that fails without an issue key."""
    transitions: Annotated[tuple[Transition, ...], Field(max_length=50)] = ()
    comment_visibility: Text | None = None
    """The Jira role that may read our comment; everyone when unset."""


class ReleaseNotes(_Section):
    """The Confluence page that release notes are written to."""

    space: Text
    """The space, by key."""
    parent: Text
    """The title of the page that new ones are made below."""
    title: Annotated[Text, AfterValidator(_release_title)] = "Release {version}"
    """A page's title; {version} is the tag or the Jira version, and "next" for what is not released yet."""


SectionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+([ _-][A-Za-z0-9]+)*$", max_length=60)]


class PageSection(_Section):
    """A section of a Confluence page that describes some paths."""

    paths: Globs
    page: Text
    """The page's title."""
    section: SectionId
    """The section's name, which is also the heading above it where people wrote it."""
    space: Text | None = None
    """The page's space, by key; unset: the one that TRIVET_RULES maps to this project."""
    mode: Literal["propose", "auto"] = "propose"
    """Write at the merge what a member has accepted in the merge request, or (auto) without being asked."""


class Pages(_Section):
    """Keeping Confluence pages true."""

    release_notes: ReleaseNotes | None = None
    sections: Annotated[tuple[PageSection, ...], Field(max_length=200)] = ()


class RepoConfig(_Section):
    """The whole of `.trivet.yml`."""

    review: Review = Review()
    link: Link = Link()
    pages: Pages = Pages()

    def is_ignored(self, path: str) -> bool:
        """Whether `review.ignore` names the path, by the rules of .gitignore."""
        return matches(self.review.ignore, path)

    def reads_twice(self, files: int, added_lines: int) -> bool:
        """Whether a change of this size gets the second pass that `review.second_pass` asks for."""
        size = self.review.second_pass
        return size is not None and (files >= size.files or added_lines >= size.lines)

    def skips_title(self, title: str) -> bool:
        """Whether a merge request with this title is not to be reviewed. What no title of GitLab's has is not read."""
        shown = visible(title[: titles.LONGEST])
        return any(re2.compile(pattern, _TITLES).search(shown) for pattern in self.review.skip_titles)

    def skips_label(self, labels: Iterable[str]) -> str:
        """The label for which a merge request is not to be reviewed; "" for none."""
        skipped = {label.casefold() for label in self.review.skip_labels}
        return next((label for label in labels if label.casefold() in skipped), "")


def matches(globs: tuple[str, ...], path: str) -> bool:
    """Whether patterns as in .gitignore select the path. Linear time, whatever the path."""
    return _spec(globs).match_file(matchable(path))


def matchable(path: str) -> str:
    """The path as patterns see it: bytes that are no UTF-8 are escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


@lru_cache(maxsize=64)
def _spec(globs: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(globs, backend="re2")


def json_schema() -> dict[str, Any]:
    """The JSON schema of the file, for editors."""
    schema = RepoConfig.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": FILE}


def load(text: bytes | None) -> tuple[RepoConfig, str | None]:
    """The configuration and, when the file is wrong, the one complaint about it. None: there is no file."""
    try:
        return read(RepoConfig, text, LIMIT), None
    except Wrong as wrong:
        return RepoConfig(), COMPLAINT.format(file=FILE, what=wrong)
