"""Finding lines in a repository's files at one commit: `git grep` names the files, their lines are read from the blobs.

So git prints names only, however long the lines are.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

from bot.errors import Unavailable
from bot.gateways.git.process import Damaged, Git
from bot.ports import Match, NotSearchable

GREP = (
    *("grep", "--fixed-strings", "-I", "--name-only", "--null", "--full-name", "--no-color"),
    *("--no-textconv", "--no-recurse-submodules"),
)
NOTHING_FOUND = 1  # git's exit code
LONGEST_NEEDLE = 10_000  # bytes, far below what a command line takes
LONGEST_TEXT = 400  # characters of a match
SEARCH_SECONDS = 20.0

TOO_SLOW = "a search took more than {seconds:g} s"


def needle(text: str) -> bytes | None:
    """The text as a line may hold it; None for what no line holds, and for more than git can be asked for."""
    try:
        wanted = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    fits = 0 < len(wanted) <= LONGEST_NEEDLE
    return wanted if fits and b"\0" not in wanted and b"\n" not in wanted else None


def files_with(git: Git, commit: str, text: bytes, within: str) -> Generator[str, None, None]:
    """The paths of the text files that hold it, in path order, as they are found; `within` is a file, a folder or "".

    Raises NotSearchable where it takes too long.
    """
    quick = replace(git, timeout=min(git.timeout, SEARCH_SECONDS))
    where = ("--", within) if within else ()
    wanted = text.decode("utf-8", "surrogateescape")
    printed = quick.stream(*GREP, "-e", wanted, commit, *where, also_fine=NOTHING_FOUND)
    try:
        for name in _names(printed):
            yield name.removeprefix(f"{commit}:".encode()).decode("utf-8", "surrogateescape")
    except Damaged:
        raise
    except Unavailable:
        raise NotSearchable(TOO_SLOW.format(seconds=quick.timeout)) from None


def lines_with(path: str, content: bytes, wanted: bytes) -> Iterator[Match]:
    for number, line in enumerate(content.split(b"\n"), 1):
        if wanted in line:
            yield Match(path, number, line.decode("utf-8", "surrogateescape")[:LONGEST_TEXT])


def _names(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What ends with NUL, out of chunks cut anywhere."""
    rest = b""
    for chunk in chunks:
        *names, rest = (rest + chunk).split(b"\0")
        yield from names
