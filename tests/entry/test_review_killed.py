"""`kill -9` of a review at any step it keeps and at any answer of its model: nothing finished is paid for again.

Four units of three turns each run side by side, two of the turns read. The steps are kept in a real file, the processes
are real; the model is a script. With TEST_EVERY_POSITION set no position is left out, which takes a minute or two.
"""

import itertools
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver

from bot.agents.review import SPEC
from bot.agents.review.graph import PARALLEL
from bot.agents.spec import AgentContext, Memory
from bot.domain.actions import PostFinding
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from bot.entry.checkpoints import FILE, Checkpoints, checkpoints
from bot.llm.messages import Called, Prompt, ToolCall, Turn
from bot.settings import Settings
from bot.testing import ScriptedModel, confirms_everything, finding
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it forks, as workers do

FILES = {f"f{number}.py": f"value_{number} = len('abcd')\n" * 700 for number in range(4)}
DEFECT = finding("f1.py", 7, "value_1 = len('abcd')")
TURNS = 3
CALLS = 4 * TURNS + 1  # and one second look at the finding
RUN = "run"
EVERY_POSITION = bool(os.environ.get("TEST_EVERY_POSITION"))


@dataclass
class Diary:
    """What happened in whichever process, a word a line; a process is killed at one event of a kind."""

    file: Path
    kill: str = ""
    number: int = 0

    def meet(self, event: str) -> None:
        """Note it, and die where it is the one to die at."""
        with self.file.open("a") as diary:
            diary.write(f"{event}\n")
        if event == self.kill and self.count(event) == self.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def count(self, event: str) -> int:
        return self.file.read_text().split("\n").count(event) if self.file.exists() else 0


class Payable(ScriptedModel):
    """Two turns of reading, then the answer."""

    def __init__(self, diary: Diary) -> None:
        super().__init__(self._say)
        self._diary = diary

    async def turn(self, prompt: Prompt) -> Turn:
        self._diary.meet("asked")
        turn = await super().turn(prompt)
        self._diary.meet("paid")
        return turn

    @staticmethod
    def _say(prompt: Prompt) -> Any:
        turns = sum(isinstance(one, Called) for one in prompt.messages)
        if prompt.answer.__name__ == "ReviewAnswer" and turns < TURNS - 1:
            return [ToolCall(f"c{turns}", "search", {"text": "len", "folder": ""})]
        return confirms_everything(DEFECT)(prompt)


@dataclass
class Noted:
    """A run's memory that notes each write before it is begun and after it is in the file."""

    memory: Memory
    diary: Diary
    thread: str = RUN

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[BaseCheckpointSaver[str]]:
        async with self.memory.opened() as saver:
            self._note(saver, "aput")
            self._note(saver, "aput_writes")
            yield saver

    def _note(self, saver: Any, name: str) -> None:
        write = getattr(saver, name)

        async def noted(*given: Any, **named: Any) -> Any:
            self.diary.meet("writes")
            written = await write(*given, **named)
            self.diary.meet("wrote")
            return written

        setattr(saver, name, noted)


def review(folder: Path, diary: Diary) -> list[str]:
    """Run it to its end; the lines that get a comment."""
    context = AgentContext(
        request=REQUEST,
        change=change_of(*(added_file(path, text) for path, text in FILES.items())),
        snapshot=DictSnapshot(FILES),
        config=RepoConfig(),
        redactor=Redactor(),
        model=Payable(diary),
        memory=Noted(kept_in(folder).memory(RUN), diary),
        can_wait=True,
    )
    result = SPEC.run(context)
    assert result.usage.calls == CALLS, "what was paid before it was killed is in the account"
    return [
        f"{one.finding.path}:{one.finding.line}" for one in result.actions if isinstance(one, PostFinding)
    ]


def kept_in(folder: Path) -> Checkpoints:
    return checkpoints(Settings(data_dir=folder))


def kept_turns(folder: Path) -> int:
    """The model turns in the file: a turn alone writes what was spent."""
    if not (folder / FILE).exists():
        return 0
    with closing(sqlite3.connect(folder / FILE)) as connection:
        [(turns,)] = connection.execute("SELECT count(*) FROM writes WHERE channel = 'spent'")
    return int(turns)


def killed(folder: Path, diary: Diary) -> bool:
    """Review in a process of its own; whether it was killed on the way."""
    child = os.fork()
    if not child:
        review(folder, diary)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize(("kill", "stride"), [("asked", 2), ("paid", 2), ("writes", 5), ("wrote", 2)])
def test_a_review_that_is_killed_pays_for_nothing_twice_that_was_finished(
    tmp_path: Path, kill: str, stride: int
) -> None:
    """At one event of a kind after the other, each time in a fresh run, until one comes through."""
    for number in itertools.count(1, 1 if EVERY_POSITION else stride):
        folder = tmp_path / str(number)
        folder.mkdir()
        diary = Diary(folder / "diary", kill, number)
        if not killed(folder, diary):
            break
        paid, kept = diary.count("paid"), kept_turns(folder)
        assert paid - kept <= PARALLEL
        assert review(folder, Diary(folder / "diary")) == ["f1.py:7"]
        assert diary.count("paid") - paid == CALLS - kept, (
            f"{kill} {number}: what was kept is not asked for again"
        )
    assert number > CALLS, "every position was tried"
