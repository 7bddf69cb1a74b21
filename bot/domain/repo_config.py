"""`.trivet.yml`: what a repository asks of us, read from the target branch only.

Every key has a default. A file that is wrong in any way counts as if it were not there, and says so in one
complaint that a person sees. Nothing in it can name a secret, an address or a model.
"""

import difflib
import json
import re
from functools import lru_cache
from typing import Annotated, Any, Literal

import re2
import yaml
from pathspec import GitIgnoreSpec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bot.domain.findings import Severity
from bot.domain.sanitize import visible

FILE = ".trivet.yml"
COMPLAINT = "{file} is not used, the defaults are: {what}."
LIMIT = 64 * 1024  # bytes
DEPTH = 16  # nested lists and mappings
ECHO = 60  # characters of the file that a complaint may repeat

TOO_LONG = f"it is larger than {LIMIT // 1024} KB"
NO_TEXT = "it is not UTF-8 text"
NO_MAPPING = 'it must be a mapping with the keys "review", "link" and "pages"'
NOT_YAML = "line {line} is not valid YAML"
ALIAS = 'line {line} has an anchor or an alias ("&", "*"), which is not allowed'
TAG = 'line {line} has a tag ("!"), which is not allowed'
TOO_DEEP = "line {line} is nested too deeply"
DUPLICATE = 'line {line} repeats the key "{key}"'
NOT_VALID = '"{key}" is not valid'
EXPECTED = {
    "extra_forbidden": '"{key}" is no key we know',
    "missing": '"{key}" is missing',
    "enum": '"{key}" must be {expected}',
    "literal_error": '"{key}" must be {expected}',
    "bool_type": '"{key}" must be true or false',
    "int_type": '"{key}" must be a whole number',
    "string_type": '"{key}" must be text',
    "tuple_type": '"{key}" must be a list',
    "model_type": '"{key}" must be a mapping',
    "greater_than_equal": '"{key}" must be at least {ge}',
    "less_than_equal": '"{key}" must be at most {le}',
    "string_too_short": '"{key}" must not be empty',
    "string_too_long": '"{key}" must have at most {max_length} characters',
    "too_long": '"{key}" must have at most {max_length} entries',
    "value_error": '"{key}" {error}',
}
"""Pydantic's error types that these models can raise, as a sentence (docs.pydantic.dev/latest/errors)."""

_QUIET = re2.Options()
_QUIET.log_errors = False


def _regular_expression(pattern: str) -> str:
    try:
        re2.compile(pattern, _QUIET)
    except (re2.error, UnicodeEncodeError):
        raise ValueError("is not a regular expression that RE2 reads") from None
    return pattern


def _glob(pattern: str) -> str:
    try:
        GitIgnoreSpec.from_lines([pattern], backend="re2")
    except (ValueError, re.error, re2.error):
        raise ValueError("is not a pattern as in .gitignore") from None
    return pattern


Text = Annotated[str, Field(min_length=1, max_length=500)]
Expression = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_regular_expression)]
Glob = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_glob)]
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


class Review(_Section):
    """Reviews of merge requests."""

    drafts: bool = False
    """Review drafts too."""
    min_severity: Severity = Severity.MINOR
    """The mildest finding that is shown."""
    max_comments: int = Field(default=10, ge=0, le=100)
    """How many findings get a comment of their own; the others are listed in the summary."""
    ignore: Globs = ()
    """Paths that are not reviewed: patterns as in .gitignore."""
    skip_titles: Annotated[tuple[Expression, ...], Field(max_length=50)] = ()
    """Merge requests that are not reviewed: regular expressions (RE2) looked for in the title."""
    pause: Pause = Pause()
    instructions: Annotated[tuple[Instruction, ...], Field(max_length=50)] = ()


class Transition(_Section):
    """Moves a linked issue when something happens to the merge request."""

    on: Literal["opened", "merged", "closed"]
    to: Text
    """The status, by name or category."""
    target_branch: Text | None = None
    """Only for merge requests into this branch."""


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
    parent: Text
    title: Text = "Release {version}"


class PageSection(_Section):
    """A section of a Confluence page that describes some paths."""

    paths: Globs
    page: Text
    section: Text
    mode: Literal["propose", "auto"] = "propose"
    """Show the new text in the merge request and wait for a member, or write it at the merge."""


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

    def skips_title(self, title: str) -> bool:
        """Whether a merge request with this title is not to be reviewed."""
        shown = visible(title)
        return any(re2.compile(pattern, _QUIET).search(shown) for pattern in self.review.skip_titles)


def matches(globs: tuple[str, ...], path: str) -> bool:
    """Whether patterns as in .gitignore select the path. Linear time, whatever the path."""
    return _spec(globs).match_file(path.encode("utf-8", "backslashreplace").decode())


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
        return RepoConfig.model_validate_json(_as_json(text)), None
    except _Wrong as wrong:
        what = str(wrong)
    except ValidationError as errors:
        what = _first_of(errors)
    return RepoConfig(), COMPLAINT.format(file=FILE, what=what)


class _Wrong(Exception):
    """The file cannot be read; the text says why."""


class _Loader(yaml.SafeLoader):
    """Plain data only: text, whole numbers, true, false, null. So `on` and `yes` are text, as people expect."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|)\Z"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), ["t", "f"])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z"), list("-0123456789")
)


def _as_json(text: bytes | None) -> bytes:
    """The file as JSON, in which a list may stand for a tuple; sections that are empty are left out."""
    if text is not None and len(text) > LIMIT:
        raise _Wrong(TOO_LONG)
    try:
        content = _content((text or b"").decode("utf-8-sig"))
        return json.dumps(content, ensure_ascii=False).encode()
    except yaml.MarkedYAMLError as error:
        raise _Wrong(NOT_YAML.format(line=_line(error.problem_mark))) from None
    except (UnicodeError, yaml.YAMLError):
        raise _Wrong(NO_TEXT) from None


def _content(source: str) -> dict[str, Any]:
    _refuse_tricks(source)
    loader = _Loader(source)
    root = loader.get_single_node()
    if root is None:
        return {}
    _refuse_duplicates(root)
    content = loader.construct_document(root)
    if not isinstance(content, dict | None):
        raise _Wrong(NO_MAPPING)
    return {str(key): value for key, value in (content or {}).items() if value is not None}


def _refuse_tricks(source: str) -> None:
    """No aliases (they multiply), no tags (they construct), no depth that exhausts the stack."""
    depth = 0
    for event in yaml.parse(source, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Wrong(ALIAS.format(line=line))
        if getattr(event, "tag", None):
            raise _Wrong(TAG.format(line=line))
        if depth > DEPTH:
            raise _Wrong(TOO_DEEP.format(line=line))


def _refuse_duplicates(node: yaml.Node) -> None:
    """YAML readers take the last of two equal keys, people the first: neither is right."""
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_duplicates(child)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _Wrong(DUPLICATE.format(line=_line(key.start_mark), key=_echo(key.value)))
            seen.add(str(key.value))
            _refuse_duplicates(value)


def _line(mark: Any) -> int:
    """A YAML reader's mark as a line number, counted from 1."""
    return int(mark.line) + 1 if mark else 1


def _first_of(errors: ValidationError) -> str:
    """The first error as a sentence, and how many more there are."""
    found = errors.errors(include_url=False)
    kind, path, context = found[0]["type"], found[0]["loc"], found[0].get("ctx", {})
    said = EXPECTED.get(kind, NOT_VALID).format(key=_echo(".".join(map(str, path))), **context)
    if kind == "extra_forbidden":
        said += _meant(str(path[-1]))
    more = len(found) - 1
    return f"{said} (and {more} more)" if more else said


def _meant(key: str) -> str:
    closest = difflib.get_close_matches(key[:ECHO], sorted(_known_keys()), n=1)
    return f' (did you mean "{closest[0]}"?)' if closest else " (see: trivet config schema)"


def _known_keys() -> set[str]:
    schema = RepoConfig.model_json_schema()
    parts = (schema, *schema["$defs"].values())
    return {key for part in parts for key in part.get("properties", {})}


def _echo(text: str) -> str:
    shown = visible(text.replace("\n", " ")).replace('"', "'")
    return shown if len(shown) <= ECHO else f"{shown[:ECHO]}…"
