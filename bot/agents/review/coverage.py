"""Which files a model does not read, by rule: what no person wrote, and what no window holds.

A deleted file is read like any other: what it took away may still be called. Without a line that changed (a rename, a
mode, an empty file) nothing is left to read, and nothing to declare.

A rule may be abused to get by the model: whatever it keeps away is declared, and the checks read it all the same.
"""

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import PurePosixPath

from bot.domain.change import FileChange, FileStatus, Line, Side
from bot.domain.repo_config import matches

REASON = "{kind}: the checks read it, the model did not"
SUBMODULE = "a submodule: only its commit changes"
BINARY = "a binary file: its size was checked, the model did not read it"

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
TOO_LONG = "a change of {count:,} lines"
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


def unread_by_model(file: FileChange) -> str:
    """The reason, in words for a person; empty for a file that a model reads, or of which no line changed."""
    if SUBMODULE_MODE in (file.old_mode, file.new_mode):
        return SUBMODULE
    if file.binary:
        return BINARY
    if file.unread:
        return file.unread
    kind = _named(file.path) or _declared(file) or _measured(file)
    return REASON.format(kind=kind) if kind and file.hunks else ""


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


def _measured(file: FileChange) -> str:
    changed = [line for line in file.lines() if line.side is _changed_side(file)]
    longest = max((len(line.text) for line in file.lines()), default=0)
    if len(changed) > MOST_LINES:
        return TOO_LONG.format(count=len(changed))
    if longest > LONGEST_LINE:
        return LONG_LINE.format(count=longest)
    return MINIFIED if _is_minified(file, changed) else ""


def _changed_side(file: FileChange) -> Side:
    return Side.REMOVED if file.status is FileStatus.DELETED else Side.ADDED


def _is_minified(file: FileChange, changed: list[Line]) -> bool:
    if PurePosixPath(file.path.lower()).suffix not in MINIFIED_SUFFIXES:
        return False
    sizes = [len(line.text) for line in changed if line.text.strip()]
    return sum(sizes) > max(MINIFIED_SIZE, MINIFIED_AVERAGE * len(sizes))
