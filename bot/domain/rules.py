"""The operator's rules file (TRIVET_RULES): which Jira and Confluence projects belong to which GitLab project, and what
their events start. Strict; what it does not say does not happen.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from bot.domain.issues import IssueStatus
from bot.domain.yaml_file import read

LIMIT = 256 * 1024  # bytes
Doing = Literal[
    "summarize",
    "missing",
    "labels",
    "component",
    "priority",
    "branch",
    "draft_merge_request",
    "comment",
]
PLACES = ("key", "slug", "type")
BRANCH = "{key}-{slug}"
TITLE = "{key} {title}"

NOT_A_TEMPLATE = "may hold {places} and no other braces"
TO_ALONE = '"to" goes with "event: transitioned", and that needs it'
NEEDS_CODE = '"branch" and "draft_merge_request" need "gitlab", the project they are made in'
NOT_FIELDS = '"fields" must be among "do"'
NOTHING_DONE = '"on" and "do" go together'


def _template(*places: str) -> AfterValidator:
    def checked(value: str) -> str:
        bare = value
        for place in places:
            bare = bare.replace(f"{{{place}}}", "")
        if "{" in bare or "}" in bare:
            raise ValueError(NOT_A_TEMPLATE.format(places=", ".join(f"{{{one}}}" for one in places)))
        return value

    return AfterValidator(checked)


Text = Annotated[str, Field(min_length=1, max_length=255)]
ProjectKey = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{1,254}$")]
ProjectPath = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+)+$", max_length=512)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class On(_Section):
    """The event that starts a rule."""

    event: Literal["created", "transitioned"]
    to: Text | None = None
    """The status an issue was moved to, by name or category."""

    @model_validator(mode="after")
    def _has_status(self) -> "On":
        if (self.event == "transitioned") != (self.to is not None):
            raise ValueError(TO_ALONE)
        return self


class JiraRule(_Section):
    """What belongs to one Jira project. Several rules may speak of the same one."""

    project: ProjectKey
    gitlab: ProjectPath | None = None
    """The mapped project: text may flow between the two, and work begins there."""
    on: On | None = None
    do: Annotated[tuple[Doing, ...], Field(max_length=8)] = ()
    fields: Annotated[tuple[Literal["labels", "component", "priority"], ...], Field(max_length=3)] = ()
    """Those of `do` that are written to the issue's fields; the others are proposed in the comment."""
    branch: Annotated[Text, _template(*PLACES)] = BRANCH
    """The branch's name, of {key}, {slug} (the title in lower case with hyphens) and {type}."""
    title: Annotated[Text, _template("key", "title", "type")] = TITLE
    """The draft merge request's title, of {key}, {title} and {type}."""
    target_branch: Text | None = None
    """Where work begins and returns to; the default branch when unset."""
    criteria_field: Text | None = None
    """The field that holds acceptance criteria, by id or name, besides the description."""
    commands: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    """Jira roles whose members may command the bot in comments."""

    @model_validator(mode="after")
    def _is_whole(self) -> "JiraRule":
        if (self.on is None) != (not self.do):
            raise ValueError(NOTHING_DONE)
        if not set(self.fields) <= set(self.do):
            raise ValueError(NOT_FIELDS)
        if self.gitlab is None and {"branch", "draft_merge_request"} & set(self.do):
            raise ValueError(NEEDS_CODE)
        return self


class SpaceRule(_Section):
    """A Confluence space that belongs to a GitLab project."""

    space: Text
    gitlab: ProjectPath


class Rules(_Section):
    """The whole file."""

    jira: Annotated[tuple[JiraRule, ...], Field(max_length=500)] = ()
    spaces: Annotated[tuple[SpaceRule, ...], Field(max_length=500)] = ()

    @property
    def projects(self) -> frozenset[str]:
        """The keys of the Jira projects it speaks of."""
        return frozenset(rule.project for rule in self.jira)

    def of(self, project: str) -> tuple[JiraRule, ...]:
        return tuple(rule for rule in self.jira if rule.project == project)

    def maps(self, project: str, path: str) -> bool:
        """Whether the operator tied this Jira project to this GitLab project (paths in any case)."""
        return path.casefold() in {rule.gitlab.casefold() for rule in self.of(project) if rule.gitlab}

    def shares_space(self, space: str, path: str) -> bool:
        """Whether the operator tied this Confluence space to this GitLab project (both in any case)."""
        return space.casefold() in {one.casefold() for one in self.spaces_of(path)}

    def spaces_of(self, path: str) -> tuple[str, ...]:
        """The keys of the spaces of a GitLab project."""
        wanted = path.casefold()
        return tuple(rule.space for rule in self.spaces if rule.gitlab.casefold() == wanted)

    def code_of_space(self, space: str) -> tuple[str, ...]:
        """The GitLab projects that a space belongs to."""
        wanted = space.casefold()
        return tuple(rule.gitlab for rule in self.spaces if rule.space.casefold() == wanted)

    def code_of(self, project: str) -> str | None:
        """The GitLab project that questions about this Jira project are answered from: the first mapped one."""
        return next((rule.gitlab for rule in self.of(project) if rule.gitlab), None)

    def started(
        self, project: str, event: str, to: IssueStatus | None = None, names: Collection[str] = ()
    ) -> tuple[JiraRule, ...]:
        """The rules that an event starts. `to`: the status that a transition led to; `names`: see IssueStatus."""
        return tuple(rule for rule in self.of(project) if rule.on and _starts(rule.on, event, to, names))

    def commanders(self, project: str) -> frozenset[str]:
        """The roles that may command in this project, in lower case."""
        return frozenset(role.casefold() for rule in self.of(project) for role in rule.commands)

    def criteria_fields(self, project: str) -> tuple[str, ...]:
        named = (rule.criteria_field for rule in self.of(project))
        return tuple(dict.fromkeys(field for field in named if field))


def _starts(on: On, event: str, to: IssueStatus | None, names: Collection[str]) -> bool:
    return on.event == event and (on.to is None or (to is not None and to.matches(on.to, names)))


def json_schema() -> dict[str, Any]:
    """The JSON schema of the file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Rules.model_json_schema(),
        "title": "TRIVET_RULES",
    }


def load(text: bytes) -> Rules:
    """The rules in a file's bytes. Raises `yaml_file.Wrong`."""
    return read(Rules, text, LIMIT)
