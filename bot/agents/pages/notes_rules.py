"""Which heading of the release notes a merge request stands below, or why it stands below none."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from bot.domain.releases import MergedRequest, ReleaseIssue


class Kind(StrEnum):
    """What a merge request is to users: the headings, in the page's order."""

    FEATURE = "Features"
    FIX = "Fixes"
    PERFORMANCE = "Performance"
    SECURITY = "Security"
    REMOVED = "Deprecated and removed"
    REVERTED = "Taken back"
    DOCUMENTATION = "Documentation"
    OTHER = "Other changes"


class Noise(StrEnum):
    """Why a merge request is nothing to users: it is counted, not listed."""

    LABEL = "kept out by a label"
    UNDONE = "taken back before the release"
    DEPENDENCIES = "dependency updates by bots"
    MAINTENANCE = "maintenance"
    BRANCHES = "merges between branches"


Place = Kind | Noise

TYPES: Final[Mapping[str, Place]] = {
    "feat": Kind.FEATURE, "feature": Kind.FEATURE, "improve": Kind.FEATURE, "improvement": Kind.FEATURE,
    "fix": Kind.FIX, "bugfix": Kind.FIX, "hotfix": Kind.FIX,
    "perf": Kind.PERFORMANCE, "performance": Kind.PERFORMANCE,
    "security": Kind.SECURITY, "sec": Kind.SECURITY,
    "deprecate": Kind.REMOVED, "deprecated": Kind.REMOVED, "remove": Kind.REMOVED, "removed": Kind.REMOVED,
    "revert": Kind.REVERTED,
    "docs": Kind.DOCUMENTATION, "doc": Kind.DOCUMENTATION,
    "chore": Noise.MAINTENANCE, "ci": Noise.MAINTENANCE, "test": Noise.MAINTENANCE, "tests": Noise.MAINTENANCE,
    "build": Noise.MAINTENANCE, "style": Noise.MAINTENANCE, "refactor": Noise.MAINTENANCE,
    "deps": Noise.MAINTENANCE, "release": Noise.MAINTENANCE,
}  # fmt: skip
"""By the type that a title begins with (conventionalcommits.org 1.0.0, and what people write for it)."""

INTERNAL_SCOPES: Final = frozenset({"ci", "test", "tests", "lint", "dev-deps", "deps-dev"})
"""`fix(ci): ...` mends nothing for users."""

LABELS: Final[Mapping[str, Place]] = {
    "feature": Kind.FEATURE, "enhancement": Kind.FEATURE, "improvement": Kind.FEATURE, "added": Kind.FEATURE,
    "bug": Kind.FIX, "bugfix": Kind.FIX, "fix": Kind.FIX, "fixed": Kind.FIX, "regression": Kind.FIX,
    "performance": Kind.PERFORMANCE,
    "security": Kind.SECURITY, "vulnerability": Kind.SECURITY,
    "deprecation": Kind.REMOVED, "deprecated": Kind.REMOVED, "removal": Kind.REMOVED, "removed": Kind.REMOVED,
    "documentation": Kind.DOCUMENTATION, "docs": Kind.DOCUMENTATION,
    "maintenance": Noise.MAINTENANCE, "chore": Noise.MAINTENANCE, "refactoring": Noise.MAINTENANCE,
    "tooling": Noise.MAINTENANCE,
}  # fmt: skip
LABEL_SCOPES: Final = frozenset({"type", "kind", "category", "change", "changelog", "change-type"})
"""`type::bug` says what `bug` says; `workflow::bug` does not."""

KEPT_OUT: Final = frozenset({
    "internal", "skip-changelog", "no-changelog", "changelog-skip", "skip-release-notes", "no-release-notes",
    "release-notes-skip", "release-notes-none", "release-note-none",
})  # fmt: skip
"""Labels by which people keep a merge request out, whatever else it says."""

BREAKING_LABELS: Final = frozenset({
    "breaking", "breaking-change", "breaking-changes", "semver-major", "backwards-incompatible",
})  # fmt: skip

ISSUE_TYPES: Final[Mapping[str, Place]] = {
    "story": Kind.FEATURE, "new feature": Kind.FEATURE, "feature": Kind.FEATURE, "epic": Kind.FEATURE,
    "improvement": Kind.FEATURE, "enhancement": Kind.FEATURE,
    "bug": Kind.FIX, "defect": Kind.FIX, "incident": Kind.FIX,
    "vulnerability": Kind.SECURITY, "security": Kind.SECURITY, "security issue": Kind.SECURITY,
    "documentation": Kind.DOCUMENTATION,
}  # fmt: skip
"""Names of issue types in Jira. Its "Task" says nothing."""

MOST_TELLING: Final[Sequence[Place]] = (
    Kind.SECURITY, Kind.REMOVED, Kind.PERFORMANCE, Kind.FEATURE, Kind.FIX, Kind.DOCUMENTATION, Noise.MAINTENANCE,
)  # fmt: skip
"""Which of several labels or issue types counts."""

DEPENDENCY_BOT: Final = re.compile(r"(?:renovate|dependabot|depfu|pyup|greenkeeper|snyk)\b", re.IGNORECASE)
"""How the user names and the branches of such bots begin."""
DEPENDENCY: Final = re.compile(
    r"(?:bump|upgrade|update) (?:dependenc|.+ (?:from \S+ )?to v?\d)|(?:pin|lock file)\b.*\b(?:dependenc|maintenance)",
    re.IGNORECASE,
)
DEPENDENCY_SCOPES: Final = frozenset({"deps", "deps-dev", "dev-deps", "dependencies"})

RELEASE_TITLE: Final = re.compile(
    r"(?:release|prepare(?: release)?|bump version(?: to)?|version bump(?: to)?)[ :]+v?\d+(?:\.\d+)+\S*",
    re.IGNORECASE,
)
LONG_LIVED: Final = re.compile(
    r"main|master|trunk|dev|develop|development|next|staging|production|prod|stable"
    r"|(?:releases?|support|maintenance)[/-].+|\d+[.-]\d+(?:[.-]\w+)*-stable|v?\d+\.(?:\d+|x)(?:\.(?:\d+|x))?"
)
"""Names of branches that are merged into each other, beside the project's default branch."""

PREFIX: Final = re.compile(
    r"(?P<type>[A-Za-z]{2,20})(?:\((?P<scope>[^()]{0,60})\))?(?P<breaking>!)?:\s+(?P<words>\S.*)"
)
SCOPE_MARK: Final = re.compile(r"\s*(?:::|[:/])\s*")
BLANKS: Final = re.compile(r"[\s_]+")
MOST_KEYS: Final = 20  # of one merge request's issues


@dataclass(frozen=True, slots=True)
class Headline:
    """A title taken apart: "feat(cart)!: cap it" has the type "feat", the scope "cart", and breaks something."""

    words: str
    type: str = ""
    scope: str = ""
    is_breaking: bool = False


@dataclass(frozen=True)
class Case:
    """What is known of one merge request. `default_branch` is the project's."""

    merged: MergedRequest
    headline: Headline
    issues: Sequence[ReleaseIssue] = ()
    default_branch: str = ""
    is_breaking: bool = False

    @cached_property
    def labels(self) -> frozenset[str]:
        return label_names(self.merged.labels)


def place(case: Case) -> Place:
    """The first rule that knows has the word."""
    said = (rule(case) for rule in RULES)
    return next((one for one in said if one is not None), Kind.OTHER)


def headline(title: str, keys: Sequence[str] = ()) -> Headline:
    """`title` is one line. The `keys` of its issues before and behind it are shown elsewhere: they go.

    A word before a colon that is no known type is part of the title, but for one with a "!".
    """
    line = _without_keys(title, keys)
    found = PREFIX.fullmatch(line)
    if not found or not (found["type"].lower() in TYPES or (found["breaking"] and found["type"].islower())):
        return Headline(line)
    words = _without_keys(found["words"], keys)
    return Headline(words, found["type"].lower(), (found["scope"] or "").lower(), bool(found["breaking"]))


def is_breaking_by_label(merged: MergedRequest) -> bool:
    return bool(BREAKING_LABELS & label_names(merged.labels))


def label_names(labels: Sequence[str]) -> frozenset[str]:
    """As the tables have them: "Type::Bug" is "bug" and "type-bug", "skip changelog" is "skip-changelog"."""
    return frozenset(name for label in labels for name in _names(label))


# --- the rules, the most trusted first ---


def _kept_out(case: Case) -> Place | None:
    return Noise.LABEL if KEPT_OUT & case.labels else None


def _updates_dependencies(case: Case) -> Place | None:
    """A bot that does anything else, a coding agent say, is listed as people are."""
    merged = case.merged
    known = DEPENDENCY_BOT.match(merged.author) or DEPENDENCY_BOT.match(merged.source_branch)
    told = case.headline.scope in DEPENDENCY_SCOPES or DEPENDENCY.match(case.headline.words)
    return Noise.DEPENDENCIES if known or (merged.is_bot and told) else None


def _by_type(case: Case) -> Place | None:
    kind = TYPES.get(case.headline.type)
    return _unless_breaking(
        Noise.MAINTENANCE if kind and case.headline.scope in INTERNAL_SCOPES else kind, case
    )


def _a_release(case: Case) -> Place | None:
    return Noise.MAINTENANCE if RELEASE_TITLE.fullmatch(case.headline.words) else None


def _between_branches(case: Case) -> Place | None:
    """What they bring was merged, and is listed, for itself."""
    branches = (case.merged.source_branch, case.merged.target_branch)
    lasting = [one for one in branches if one and (one == case.default_branch or LONG_LIVED.fullmatch(one))]
    return Noise.BRANCHES if len(lasting) == len(branches) else None


def _by_labels(case: Case) -> Place | None:
    return _unless_breaking(_most_telling(LABELS, case.labels), case)


def _by_issues(case: Case) -> Place | None:
    return _most_telling(ISSUE_TYPES, {one.kind.strip().casefold() for one in case.issues})


RULES: Final[Sequence[Callable[[Case], Place | None]]] = (
    _kept_out, _updates_dependencies, _by_type, _a_release, _between_branches, _by_labels, _by_issues,
)  # fmt: skip


def _unless_breaking(found: Place | None, case: Case) -> Place | None:
    """Maintenance that breaks something for users is no noise."""
    return None if found is Noise.MAINTENANCE and case.is_breaking else found


def _most_telling(table: Mapping[str, Place], names: frozenset[str] | set[str]) -> Place | None:
    found = {table[name] for name in names if name in table}
    return min(found, key=MOST_TELLING.index, default=None)


def _names(label: str) -> tuple[str, ...]:
    parts = [BLANKS.sub("-", part) for part in SCOPE_MARK.split(label.strip().casefold())]
    whole = "-".join(parts)
    return (whole, parts[-1]) if len(parts) > 1 and parts[-2] in LABEL_SCOPES else (whole,)


def _without_keys(line: str, keys: Sequence[str]) -> str:
    """The line as it is where nothing else would be left."""
    if not keys:
        return line
    one = rf"(?:{'|'.join(map(re.escape, keys[:MOST_KEYS]))})(?![\w-])"
    before = re.match(rf"(?:[\[(]?{one}[\])]?[\s:,]*(?:- )?)+", line)
    rest = line[before.end() :] if before else line
    return re.sub(rf"\s*[\[(]{one}[\])]\Z", "", rest).strip() or line
