"""A case of the evaluation set as a checkout on disk, to be read like any other."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.domain.change import MergeRequest, Target
from bot.evaluation.cases import Change, Tree
from bot.gateways.git.checkout import IDENTITY
from bot.gateways.git.process import HARDENED, base_environment, run
from bot.gateways.local import LocalReader

BASE: Final = "main"
CHANGE: Final = "change"
FIRST = "The repository before the change"
SECONDS: Final = 60.0


class CaseReader(LocalReader):
    """Reads the checkout that `check_out` made, with the title and the description that belong to the change."""

    def __init__(self, folder: Path, case: Change) -> None:
        super().__init__(folder, BASE)
        self._story = case.story

    def merge_request(self, target: Target) -> MergeRequest:
        read = super().merge_request(target)
        return replace(read, title=self._story.title, description=self._story.description)


def check_out(case: Change, folder: Path) -> None:
    """Make the folder a checkout: `before` on the base branch, `after` on another one. Nobody's git settings count."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", f"--initial-branch={BASE}", "--template=")
    _commit(folder, case.before, FIRST)
    _git(folder, "checkout", "--quiet", "-b", CHANGE)
    _commit(folder, case.after, f"{case.story.title}\n\n{case.story.description}")


def _commit(folder: Path, tree: Tree, message: str) -> None:
    """Exactly these files."""
    _clear(folder)
    for path, content in tree.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    _git(folder, "add", "--all", "--force")
    _git(folder, "commit", "--quiet", "-m", message)


def _clear(folder: Path) -> None:
    for one in folder.iterdir():
        if one.is_dir() and one.name != ".git":
            shutil.rmtree(one)
        elif one.is_file():
            one.unlink()


def _git(folder: Path, *words: str) -> None:
    run(words, base_environment(HARDENED) | dict(IDENTITY), folder, SECONDS)
