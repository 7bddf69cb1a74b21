"""Which files nobody reads, and which a model does not, by rule: what no person wrote, and what no window holds.

A deleted file is read like any other: what it took away may still be called. Without a line that changed (a rename, a
mode, an empty file) nothing is left to read, and nothing to declare.

A rule may be abused to get by the model: whatever it keeps away is declared, and the checks read it all the same.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import PurePosixPath

from bot.domain.actions import Coverage
from bot.domain.change import FileChange, FileStatus, Line, Side
from bot.domain.repo_config import matches

SUBMODULE = "a submodule: only its commit changes"
BINARY = "binary: only its size was checked"

NAMES = {
    "a lock file": (
        "*.lock", "*.lockfile", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "bun.lockb",
        "packages.lock.json", "project.assets.json", "go.sum", "go.work.sum", "Package.resolved",
        "Cartfile.resolved", "conda-lock.yml", "cabal.project.freeze", ".terraform.lock.hcl", ".pnp.cjs",
        ".pnp.loader.mjs",
    ),
    "vendored code": (
        "/vendor/", "**/vendor/*/*/*", "third_party/", "node_modules/", "bower_components/", ".yarn/releases/",
        ".yarn/plugins/", ".yarn/sdks/", "Pods/", "Carthage/Checkouts/", "site-packages/",
    ),
    "a snapshot of test output": ("*.snap", "__snapshots__/", "*.ambr", "*.approved.txt", "*.verified.txt"),
    "minified code": ("*.min.js", "*.min.mjs", "*.min.cjs", "*.min.css", "*-min.js", "*-min.css"),
    "a generated file": (
        "*.map", "*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*.pb.go", "*.pb.gw.go", "*.pb.cc", "*.pb.h",
        "*_pb.js", "*_pb.d.ts", "*_pb.ts", "*.g.dart", "*.freezed.dart", "*.g.cs", "*.Designer.cs", "*.designer.cs",
        "*.generated.*", "zz_generated.*", "*_generated.go", "bindata.go",
    ),
}  # fmt: skip
"""Patterns as in .gitignore. A nested `vendor` may be the project's own word: two folders below it, it is not."""
GENERATED = "a generated file"
MINIFIED = "minified code"
MANY_LINES = "{count:,} changed lines"
LONG_LINE = "a line of {count:,} characters"

MOST_LINES = 3_000  # that this change adds to a file, or takes away with it
LONGEST_LINE = 20_000  # characters
HEADER = 20  # lines at the top of a file in which it says that it is generated
MINIFIED_SUFFIXES = frozenset({".js", ".mjs", ".cjs", ".css"})
MINIFIED_AVERAGE = 250  # characters a line; code by people has 30 to 40
MINIFIED_SIZE = 5_000  # characters: below, an average says little
SUBMODULE_MODE = "160000"

_COMMENT = re.compile(r"\s*(?://|/?\*|#|--|;|%|<!--|')")
_MARKER = re.compile(
    r"code generated .{1,400}do not edit|@generated\b|<auto-?generated"
    r"|(?:generated|written) by .{1,400}(?:do not (?:edit|modify)|don't (?:edit|modify))"
    r"|(?:file|code) (?:is|was|has been) (?:auto-?|automatically )generated",
    re.IGNORECASE,
)


def unread(file: FileChange) -> str:
    """Why nobody reads the file's lines, in words for a person; empty for a file that is read."""
    if SUBMODULE_MODE in (file.old_mode, file.new_mode):
        return SUBMODULE
    return BINARY if file.binary else file.unread or ""


def unread_by_model(file: FileChange) -> str:
    """Why the checks alone read the file; empty for one that a model reads, or of which no line changed."""
    return _unwritten(file) or _oversize(file) if file.hunks else ""


def is_too_large(file: FileChange) -> bool:
    """Whether only its size keeps a model from a file that people may have written."""
    return bool(file.hunks and not _unwritten(file) and _oversize(file))


def declared(coverage: Iterable[Coverage], reasons: Mapping[str, str]) -> list[Coverage]:
    """The coverage with the reasons, by path, why a model did not read what the checks did."""
    return [
        one.model_copy(update={"reason": reasons[one.path]}) if one.read and one.path in reasons else one
        for one in coverage
    ]


def _unwritten(file: FileChange) -> str:
    """What the file is, where no person wrote it."""
    return _named(file.path) or _declared(file) or (MINIFIED if _is_minified(file) else "")


def _named(path: str) -> str:
    return next((kind for kind, patterns in NAMES.items() if matches(patterns, path)), "")


def _declared(file: FileChange) -> str:
    """By GitLab, which knows .gitattributes, or by the file itself."""
    says_so = any(_COMMENT.match(text) and _MARKER.search(text) for text in _header(file))
    return GENERATED if file.generated or says_so else ""


def _header(file: FileChange) -> Iterable[str]:
    """What the diff shows of the file's first lines. A line that a change puts on a file there was before is left out:
    nobody takes written code from the model's eyes that way."""
    side = {FileStatus.ADDED: Side.ADDED, FileStatus.DELETED: Side.REMOVED}.get(file.status, Side.CONTEXT)
    first = islice(file.lines(), 3 * HEADER)
    return (line.text[:500] for line in first if line.side is side and (line.new or line.old or 0) <= HEADER)


def _oversize(file: FileChange) -> str:
    changed = len(_changed(file))
    longest = max((len(line.text) for line in file.lines()), default=0)
    if changed > MOST_LINES:
        return MANY_LINES.format(count=changed)
    return LONG_LINE.format(count=longest) if longest > LONGEST_LINE else ""


def _changed(file: FileChange) -> list[Line]:
    """The added lines; of a deleted file those that went."""
    side = Side.REMOVED if file.status is FileStatus.DELETED else Side.ADDED
    return [line for line in file.lines() if line.side is side]


def _is_minified(file: FileChange) -> bool:
    if PurePosixPath(file.path.lower()).suffix not in MINIFIED_SUFFIXES:
        return False
    sizes = [len(line.text) for line in _changed(file) if line.text.strip()]
    return sum(sizes) > max(MINIFIED_SIZE, MINIFIED_AVERAGE * len(sizes))
