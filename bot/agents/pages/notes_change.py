"""A merged change as a model is shown it, and whether what it quotes of it stands there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot.agents.link.plain import plain
from bot.agents.pages.diff_text import CUT, Row, rows
from bot.agents.review.quotes import Lines, quoted_line
from bot.domain.change import ChangeSet, FileChange, Side
from bot.domain.repo_config import matches
from bot.domain.secrets import Redactor

QUIET_PATHS: Final = (
    "*.md", "*.mdx", "*.rst", "*.adoc", "/docs/**/*.txt", "/docs/**/*.png", "/docs/**/*.svg", "LICENSE*", "CHANGELOG*",
    "/tests/**", "/test/**", "**/src/test/**", "**/__tests__/**", "test_*.py", "*_test.py", "*_test.go", "*_spec.rb",
    "*.test.[jt]s", "*.test.[jt]sx", "*.spec.[jt]s", "*.spec.[jt]sx", "conftest.py",
    "/.gitlab-ci.yml", "/.gitlab/**", "/.github/**", ".editorconfig", ".gitignore", ".pre-commit-config.yaml",
)  # fmt: skip
"""Files that users of a project do not rely on: texts, tests, the project's own pipelines."""

MOST_FILES: Final = 200
MOST_TEXT: Final = 500_000  # characters of diff that are made safe, which takes 0.4 s a million
LONGEST_PATH: Final = 500
FEWEST_LETTERS: Final = 3  # letters and digits of a quote that proves something


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A changed file as it is shown. `is_whole`: no row is missing."""

    path: str
    old_path: str
    status: str
    rows: tuple[Row, ...]
    is_whole: bool

    def diff(self) -> str:
        return "\n".join(row.shown for row in self.rows)


def is_quiet(change: ChangeSet) -> bool:
    """Whether nothing that users rely on is changed. A change that is not known whole is not quiet."""
    return not change.omitted and all(
        matches(QUIET_PATHS, path) for file in change.files for path in (file.old_path, file.new_path)
    )


def shown_files(change: ChangeSet, redactor: Redactor) -> tuple[ShownFile, ...]:
    """At most so many: what users rely on before the rest, and what is generated last."""
    ranked = sorted(change.files, key=lambda file: (file.generated, matches(QUIET_PATHS, file.path)))
    return tuple(_shown(ranked[:MOST_FILES], redactor))


def stands_there(path: str, quote: str, files: Sequence[ShownFile]) -> bool:
    """Whether a removed or added line of that file reads so, blanks and signs apart; or holds the quote."""
    wanted = quoted_line(quote)
    if sum(map(str.isalnum, wanted)) < FEWEST_LETTERS:
        return False
    named = [file for file in files if path.strip() in (file.path, file.old_path)]
    return any(Lines(dict(enumerate(_changed(file)))).places(wanted) for file in named)


def _changed(file: ShownFile) -> Iterator[str]:
    return (row.text for row in file.rows if row.side is not Side.CONTEXT and row.text != CUT)


def _shown(files: Sequence[FileChange], redactor: Redactor) -> Iterator[ShownFile]:
    """A file's lines while there is room, all or none."""
    room = MOST_TEXT
    for file in files:
        size = sum(len(line.text) for line in file.lines())
        fits = size <= room
        room -= size if fits else 0
        yield ShownFile(
            path=plain(file.new_path, redactor, LONGEST_PATH),
            old_path=plain(file.old_path, redactor, LONGEST_PATH),
            status=file.status.value,
            rows=tuple(rows(file, redactor)) if fits else (),
            is_whole=fits and not file.unread and not file.binary,
        )
