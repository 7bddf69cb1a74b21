"""What a repository tells its reviewers, by path: `.trivet.yml`, GitLab Duo's instructions and AGENTS.md.

All of it is read from the target branch, so that no change under review can speak as the repository.

Duo's format (docs.gitlab.com/user/duo_agent_platform/customize/review_instructions): groups of `name`, `fileFilters`
and `instructions`. A group is about the files that any filter names and no filter with "!" does; without a filter that
names files, about all of them. Filters stand from the root ("*.rb" is not "lib/a.rb"), and "{a,b}" is either.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Annotated

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.domain.background import Instruction
from bot.domain.change import shown_path
from bot.domain.repo_config import FILE, Globs, RepoConfig, checked_glob, matchable, matches
from bot.domain.yaml_file import NO_TEXT, Wrong, read

AGENTS_FILE = "AGENTS.md"
DUO_FILE = ".gitlab/duo/mr-review-instructions.yaml"

MOST_READ = 24  # files of the target branch that are asked for: each may be a request
MOST_FILES = 8  # AGENTS.md that are used
LONGEST = 8_000  # characters of one text
MOST_TEXT = 24_000  # characters of all AGENTS.md together
DUO_LIMIT = 64 * 1024  # bytes
MOST_GROUPS = 100  # of Duo's file
MOST_PATTERNS = 200  # of a group, after what its braces stand for

NOT_USED = "{file} is not used: {what}."
LEFT_OUT = "{files} left out: at most {most} files with {text:,} characters together are read as guidance."
CUT = "[The rest of this file, {left:,} characters, is left out.]"
TOO_MANY = f"stands for more than {MOST_PATTERNS} patterns"
EVERYTHING = "/**"

_BRACES = re.compile(r"\{([^{}]*)\}")


def guidance_paths(changed_paths: Iterable[str]) -> list[str]:
    """The files of the target branch to read: Duo's, and each AGENTS.md on the way to a changed file.

    Those nearer the root come first, of one depth those of more changed files; at most MOST_READ in all. A folder's
    AGENTS.md is for what is in it (agents.md).
    """
    folders = Counter(folder for path in changed_paths for folder in _parents(path))
    ordered = sorted(folders, key=lambda folder: (folder.count("/"), -folders[folder], folder))
    return [DUO_FILE, AGENTS_FILE, *(f"{folder}/{AGENTS_FILE}" for folder in ordered)][:MOST_READ]


def instructions(config: RepoConfig, texts: Mapping[str, bytes]) -> tuple[tuple[Instruction, ...], list[str]]:
    """All instructions, the more particular later, and a complaint, a sentence, about each file that is wrong.

    `texts` are the files of `guidance_paths` that exist.
    """
    own = tuple(Instruction(one.text, FILE, one.paths) for one in config.review.instructions)
    duo, wrong = _of_duo(texts.get(DUO_FILE))
    agents, unused = _of_agents(texts)
    return (*duo, *agents, *own), [*wrong, *unused]


def for_paths(instructions: Iterable[Instruction], paths: Sequence[str]) -> tuple[Instruction, ...]:
    """The instructions that are about at least one of the paths, in their order."""
    return tuple(one for one in instructions if any(matches(one.paths, path) for path in paths))


def _parents(path: str) -> list[str]:
    """The folders a file is in, the root not counted: "a/b/c.py" is in "a" and "a/b"."""
    return list(accumulate(path.split("/")[:-1], lambda folder, name: f"{folder}/{name}"))


# --- AGENTS.md ---


def _of_agents(texts: Mapping[str, bytes]) -> tuple[list[Instruction], list[str]]:
    """Nearest the root first, so that what is left out is about the fewest files."""
    found: list[Instruction] = []
    complaints: list[str] = []
    left_out: list[str] = []
    for path in sorted(filter(_is_agents, texts), key=lambda path: path.count("/")):
        try:
            text = _shortened(texts[path].decode("utf-8-sig").strip())
        except UnicodeDecodeError:
            complaints.append(NOT_USED.format(file=shown_path(path), what=NO_TEXT))
            continue
        if text and not _fits(text, found):
            left_out.append(shown_path(path))
        elif text:
            found.append(Instruction(text, shown_path(path), _below(path)))
    if left_out:
        told = f"{', '.join(left_out)} {'is' if len(left_out) == 1 else 'are'}"
        complaints.append(LEFT_OUT.format(files=told, most=MOST_FILES, text=MOST_TEXT))
    return found, complaints


def _fits(text: str, found: Sequence[Instruction]) -> bool:
    return len(found) < MOST_FILES and sum(len(one.text) for one in found) + len(text) <= MOST_TEXT


def _is_agents(path: str) -> bool:
    return path.rpartition("/")[2] == AGENTS_FILE


def _below(path: str) -> tuple[str, ...]:
    """Patterns for what is in the file's folder."""
    folder = GitIgnoreSpecPattern.escape(matchable(path).removesuffix(AGENTS_FILE))
    return (f"/{folder}**",)


def _shortened(text: str) -> str:
    """At most LONGEST characters, cut after a whole line where there is one, with a remark."""
    if len(text) <= LONGEST:
        return text
    room = LONGEST - len(CUT.format(left=len(text))) - 1
    kept = text[:room].rpartition("\n")[0] or text[:room]
    return f"{kept}\n{CUT.format(left=len(text) - len(kept))}"


# --- GitLab Duo ---


def _either(pattern: str) -> list[str]:
    """The patterns that one with braces stands for: "*.{h,hpp}" for "*.h" and "*.hpp"; braces may hold braces."""
    patterns = [pattern]
    while any(_BRACES.search(one) for one in patterns):
        patterns = list(dict.fromkeys(part for one in patterns for part in _opened(one)))
        if len(patterns) > MOST_PATTERNS:
            raise ValueError(TOO_MANY)
    return patterns


def _opened(pattern: str) -> list[str]:
    """Without the first innermost pair of braces, once for each of what it holds."""
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [f"{before}{one}{after}" for one in found[1].split(",")]


def _checked(filters: tuple[str, ...]) -> tuple[str, ...]:
    patterns = [one for each in filters for one in _either(each)]
    if len(patterns) > MOST_PATTERNS:
        raise ValueError(TOO_MANY)
    for one in patterns:
        checked_glob(one)
    return filters


class _Foreign(BaseModel):
    """GitLab may add keys to its format: those we do not know are no error."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class DuoGroup(_Foreign):
    """One group of `mr-review-instructions.yaml`."""

    name: str = Field(default="", max_length=500)
    instructions: str = Field(min_length=1)
    fileFilters: Annotated[Globs, AfterValidator(_checked)] = ()  # as GitLab spells it


class DuoInstructions(_Foreign):
    """The whole of `mr-review-instructions.yaml`."""

    instructions: Annotated[tuple[DuoGroup, ...], Field(max_length=MOST_GROUPS)] = ()


def _of_duo(text: bytes | None) -> tuple[list[Instruction], list[str]]:
    try:
        groups = read(DuoInstructions, text, DUO_LIMIT).instructions
    except Wrong as wrong:
        return [], [NOT_USED.format(file=DUO_FILE, what=wrong)]
    return [Instruction(_told(group), DUO_FILE, _paths(group.fileFilters)) for group in groups], []


def _told(group: DuoGroup) -> str:
    text = _shortened(group.instructions.strip())
    return f"{group.name.strip()}:\n{text}" if group.name.strip() else text


def _paths(filters: Sequence[str]) -> tuple[str, ...]:
    """Duo's filters as patterns of .gitignore, where the last that matches decides: so those with "!" come last.

    One difference is left: what a filter names as a folder takes along what is in it, "docs/*" also "docs/a/b".
    """
    named = [_rooted(one) for each in filters if not each.startswith("!") for one in _either(each)]
    excluded = [f"!{_rooted(one)}" for each in filters if each.startswith("!") for one in _either(each[1:])]
    return (*(named or [EVERYTHING]), *excluded)


def _rooted(pattern: str) -> str:
    return f"/{pattern.lstrip('/')}"
