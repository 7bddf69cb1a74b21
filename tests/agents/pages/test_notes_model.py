"""The questions to a model about breaking changes: which are asked, what it is shown, what becomes of its answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bot.agents.pages.notes_schema import Break, BreakingAnswer
from bot.agents.spec import AgentResult
from bot.domain.actions import WriteSection
from bot.domain.change import ChangeSet, FileChange, FileStatus, Hunk, Line, Side
from bot.domain.document import Text, lines_of
from bot.domain.secrets import Redactor
from bot.domain.storage import to_storage
from bot.errors import (
    AccessDenied,
    Declined,
    NoModel,
    NotFound,
    NotReady,
    OverBudget,
    Superseded,
    Unavailable,
    Unusable,
)
from bot.llm.budget import most_tokens
from bot.llm.messages import Prompt, Turn, Usage
from bot.testing import ScriptedModel
from tests.agents.pages.test_notes_page import HOSTILE, OURS, OWN, lines, markup, run
from tests.agents.pages.test_notes_rules import page, request
from tests.doubles import REFS, added_binary, added_file, change_of


def replaced(path: str, old: str, new: str) -> FileChange:
    """A file of one line, which reads otherwise now."""
    both = (Line(Side.REMOVED, 1, None, old), Line(Side.ADDED, None, 1, new))
    return FileChange(path, path, FileStatus.MODIFIED, hunks=(Hunk(1, 1, 1, 1, both),))


CHANGE = change_of(replaced("shop/cli.py", '    parser.add("--fast")', '    parser.add("--quick")'))
GONE = Break(sentence="The flag --fast is now --quick.", path="shop/cli.py", quote='parser.add("--fast")')


def says(*breaks: Break) -> BreakingAnswer:
    return BreakingAnswer(breaks=list(breaks))


def always(*breaks: Break) -> ScriptedModel:
    return ScriptedModel(lambda _prompt: says(*breaks))


def asked(
    model: ScriptedModel, *merged: Any, seen: Callable[[int], ChangeSet] | None = None, **fields: Any
) -> AgentResult:
    given = page(*merged or (request(1),), **fields.pop("page", {}))
    return run(given, model=model, change=seen or (lambda _iid: CHANGE), **fields)


def section(result: AgentResult) -> WriteSection:
    return next(one for one in result.actions if isinstance(one, WriteSection))


def told(result: AgentResult) -> list[str]:
    document = section(result).body
    assert document is not None
    return lines(document)


def about(prompt: Prompt) -> str:
    return prompt.shared


# --- asked, and told


def test_what_a_model_finds_and_the_change_shows_is_told() -> None:
    model, heard = always(GONE), list[str]()
    result = asked(model, tell=heard.append)
    assert "- The flag --fast is now --quick. (!1, found in the change)" in told(result)
    assert section(result).memory == {"breaking": {"1": ["The flag --fast is now --quick."]}}
    assert (model.calls, model.closed, result.model, result.usage.calls) == (1, 1, "scripted:model", 1)
    assert heard == ["scripted:model looks for breaking changes: 1 merged"]
    assert (result.failures, result.complaints) == ((), ())


def test_nothing_found_is_remembered_and_not_told() -> None:
    result = asked(always())
    assert section(result).memory == {"breaking": {"1": []}}
    assert "## Breaking changes" not in told(result)


def test_each_merge_request_is_asked_about_once_ever() -> None:
    first = asked(always(GONE), request(1), request(2))
    model = always()
    second = asked(model, request(1), request(2), request(3), page={"memory": section(first).memory})
    assert model.calls == 1
    assert section(second).memory == {
        "breaking": {
            "3": [],
            "2": ["The flag --fast is now --quick."],
            "1": ["The flag --fast is now --quick."],
        }
    }
    again = always()
    asked(again, request(1), request(2), request(3), page={"memory": section(second).memory})
    assert again.calls == 0


class Busy(ScriptedModel):
    """Counts how many are asked at once; an answer takes as long as it takes the others to ask."""

    def __init__(self, together: int) -> None:
        super().__init__(lambda _prompt: says())
        self.barrier = asyncio.Barrier(together)
        self.busy = self.most = 0

    async def turn(self, prompt: Prompt) -> Turn:
        self.busy += 1
        self.most = max(self.most, self.busy)
        async with asyncio.timeout(30), self.barrier:
            self.busy -= 1
            return await super().turn(prompt)


def test_four_are_asked_about_at_once() -> None:
    model = Busy(together=4)
    asked(model, *(request(number) for number in range(1, 9)))
    assert (model.calls, model.most) == (8, 4)


def test_the_latest_twenty_are_asked_about_and_the_rest_is_told() -> None:
    read: list[int] = []

    def seen(iid: int) -> ChangeSet:
        read.append(iid)
        return CHANGE

    merged = [request(number) for number in range(1, 51)]
    result = asked(always(), *merged, seen=seen)
    assert sorted(read) == [*range(31, 51)]
    assert [*result.complaints] == [
        "Not looked at for breaking changes yet: 30 merge requests, as a run looks at the latest 20 at most"
    ]
    second = asked(always(), *merged, page={"memory": section(result).memory})
    assert len(section(second).memory["breaking"]) == 40


@pytest.mark.parametrize(
    "title", ["ci: cache", "docs: explain", "test: more", "chore(deps): x", "Release v1.2.0"]
)
def test_what_is_quiet_by_its_title_is_neither_read_nor_asked_about(title: str) -> None:
    def seen(iid: int) -> ChangeSet:
        raise AssertionError("read for nothing")

    model = always()
    result = asked(model, request(1, title), seen=seen)
    assert (model.calls, section(result).memory) == (0, {})


@pytest.mark.parametrize(
    "paths",
    [
        ["README.md", "docs/guide/start.rst"],
        ["tests/test_cart.py"],
        [".gitlab-ci.yml", "src/cart.test.ts"],
        [],
    ],
)
def test_what_is_quiet_by_its_files_is_not_asked_about(paths: list[str]) -> None:
    model = always()
    result = asked(model, seen=lambda _iid: change_of(*(added_file(path, "x\n") for path in paths)))
    assert (model.calls, section(result).memory) == (0, {"breaking": {"1": []}})
    model = always()
    asked(
        model, seen=lambda _iid: change_of(*(added_file(path, "x\n") for path in [*paths, "docs/api.yaml"]))
    )
    assert model.calls == 1
    model = always()
    asked(model, seen=lambda _iid: ChangeSet(REFS, (), omitted="too many"))
    assert model.calls == 1


def test_it_is_shown_the_change_and_what_is_declared() -> None:
    model = always()
    asked(model, request(1, "feat!: rename it", description="BREAKING CHANGE: See there.\n\nMore."))
    for words in (
        '-    parser.add(\\"--fast\\")',
        '+    parser.add(\\"--quick\\")',
        "feat!: rename it",
        '"See there."',
        "More.",
    ):
        assert words in about(model.prompts[0]), words


def test_what_users_rely_on_is_shown_first() -> None:
    files = [
        added_file("README.md", "long\n"),
        added_file("lock.json", "x\n", generated=True),
        added_file("z/api.py", "y\n"),
    ]
    model = always()
    asked(model, seen=lambda _iid: change_of(*files))
    places = [about(model.prompts[0]).index(path) for path in ("z/api.py", "README.md", "lock.json")]
    assert places == sorted(places)


def test_secrets_are_shown_to_no_model_and_kept_nowhere() -> None:
    leak = Break(sentence=f"It was {OWN}.", path=f"{OWN}.py", quote="token = 1")
    model = always(leak)
    one = request(1, f"feat: {OWN}", description=f"BREAKING CHANGE: {OWN}")
    changed = change_of(added_file(f"{OWN}.py", f"key = '{OWN}'\ntoken = 1\n"))
    result = asked(model, one, seen=lambda _iid: changed, redactor=Redactor([OWN]))
    assert OWN not in model.seen
    assert OWN not in str(result)
    assert "REDACTED" in model.seen


@pytest.mark.parametrize("window", [6_000, 12_000, 100_000])
def test_a_large_change_is_cut_to_the_window_and_that_is_told(window: int) -> None:
    files = [added_file(f"src/file{number}.py", f"value = {number}\n" * 800) for number in range(250)]
    model = ScriptedModel(lambda _prompt: says(), window=window)
    result = asked(model, request(1, description="d" * 100_000), seen=lambda _iid: change_of(*files))
    assert most_tokens(model.prompts[0]) <= window
    assert "Of !1 only a part of the change was read for breaking changes" in result.complaints


@pytest.mark.parametrize(
    "file", [added_binary("logo.bin"), FileChange("a.py", "a.py", FileStatus.MODIFIED, unread="x")]
)
def test_files_that_cannot_be_read_are_told(file: FileChange) -> None:
    result = asked(always(), seen=lambda _iid: change_of(file))
    assert result.complaints == ("Of !1 only a part of the change was read for breaking changes",)


def test_what_does_not_fit_at_all_is_not_sent() -> None:
    model = ScriptedModel([], window=500)
    result = asked(model)
    assert model.calls == 0
    assert result.failures == (
        "Breaking changes of !1 were not looked for: the change does not fit the model's window",
    )


# --- proved by the change


@pytest.mark.parametrize(
    ("path", "quote"),
    [
        ("shop/cli.py", '    parser.add("--fast")'),
        ("shop/cli.py", '-    parser.add("--fast")'),
        ("shop/cli.py", '+parser.add(  "--quick")'.replace("(  ", "(")),
        (" shop/cli.py ", '`parser.add("--fast")`'),
        ("shop/cli.py", 'add("--fast")'),
    ],
)
def test_a_changed_line_proves_it(path: str, quote: str) -> None:
    one = Break(sentence="Gone.", path=path, quote=quote)
    assert section(asked(always(one))).memory == {"breaking": {"1": ["Gone."]}}


@pytest.mark.parametrize(
    ("path", "quote"),
    [
        ("shop/cli.py", 'parser.add("--slow")'),
        ("shop/other.py", 'parser.add("--fast")'),
        ("shop/cli.py", ""),
        ("shop/cli.py", ")"),
        ("shop/cli.py", "add"),
        ("", 'parser.add("--fast")'),
    ],
)
def test_what_no_changed_line_proves_is_left_out_and_told(path: str, quote: str) -> None:
    one = Break(sentence="Gone.", path=path, quote=quote)
    result = asked(always(one, GONE))
    assert section(result).memory == {"breaking": {"1": ["The flag --fast is now --quick."]}}
    (decision,) = result.decisions
    assert (decision.key, decision.allowed, decision.about) == ("mr:1", False, "Gone.")
    assert decision.reason.startswith("not proved: ")


def test_a_line_that_only_stands_around_the_change_proves_nothing() -> None:
    around = Line(Side.CONTEXT, 1, 1, "def important_api(): ...")
    hunk = Hunk(1, 1, 1, 2, (around, Line(Side.ADDED, None, 2, "x = 1")))
    changed = change_of(FileChange("a.py", "a.py", FileStatus.MODIFIED, hunks=(hunk,)))
    one = Break(sentence="Gone.", path="a.py", quote="def important_api(): ...")
    assert section(asked(always(one), seen=lambda _iid: changed)).memory == {"breaking": {"1": []}}


def test_a_renamed_file_is_known_by_both_paths() -> None:
    file = replaced("new.py", "old_name = 1", "new_name = 1")
    renamed = FileChange("old.py", "new.py", FileStatus.RENAMED, hunks=file.hunks)
    for path in ("old.py", "new.py"):
        one = Break(sentence="Gone.", path=path, quote="old_name = 1")
        assert section(asked(always(one), seen=lambda _iid: change_of(renamed))).memory == {
            "breaking": {"1": ["Gone."]}
        }


def test_a_flood_is_bounded() -> None:
    flood = [GONE.model_copy(update={"sentence": f"{number} {'x' * 5_000}"}) for number in range(1_000)]
    result = asked(always(*flood))
    (sentences,) = section(result).memory["breaking"].values()
    assert len(sentences) == 5
    assert all(len(one) <= 300 for one in sentences)
    assert len(result.decisions) <= 20


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_model_that_obeys_a_stranger_writes_text_and_nothing_else(hostile: str) -> None:
    result = asked(always(GONE.model_copy(update={"sentence": hostile})), request(1, f"feat: {hostile}"))
    document = section(result).body
    assert document is not None
    assert markup(to_storage(document)) <= OURS
    (item,) = [line for block in document.blocks for line in lines_of(block) if "found in" in line[-1].text]
    assert isinstance(item[0], Text)
    assert len(item[0].text) <= 400


# --- when it fails

FAULTS = [
    Unusable("cut off"),
    Declined("no"),
    OverBudget("spent"),
    NoModel("key refused"),
    Unavailable("later"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_model_keeps_no_page_from_being_written(fault: Any) -> None:
    fault.usage = Usage(1, 10, 5)
    model = ScriptedModel(lambda prompt: fault if "!!" in about(prompt) else says(GONE))
    result = asked(model, request(1, "Cap !!"), request(2, "Count"))
    assert section(result).memory == {"breaking": {"2": ["The flag --fast is now --quick."]}}
    assert any("Cap !!" in line for line in told(result))
    assert result.failures == (f"Breaking changes of !1 were not looked for: {fault}",)
    assert set(result.failures) <= set(result.complaints)
    assert result.usage.calls == 2


def test_one_reason_for_many_is_one_sentence() -> None:
    model = ScriptedModel(lambda _prompt: NoModel("key refused"))
    result = asked(model, *(request(number) for number in range(1, 15)))
    assert result.failures == (
        "Breaking changes of !1, !2, !3, !4, !5, !6, !7, !8, !9, !10 and 4 more were not looked for: key refused",
    )
    assert section(result).memory == {}


def test_a_run_that_can_wait_waits_for_the_model() -> None:
    with pytest.raises(Unavailable):
        asked(ScriptedModel(lambda _prompt: Unavailable("later")), can_wait=True)


@pytest.mark.parametrize(
    "fault", [NotFound("gone"), AccessDenied("no"), NotReady("later"), Unavailable("down")]
)
def test_a_change_that_cannot_be_read_is_told(fault: Exception) -> None:
    def seen(iid: int) -> ChangeSet:
        if iid == 1:
            raise fault
        return CHANGE

    result = asked(always(GONE), request(1), request(2), seen=seen)
    assert [*section(result).memory["breaking"]] == ["2"]
    assert result.failures == (f"Breaking changes of !1 were not looked for: {fault}",)


def test_a_change_that_cannot_be_read_yet_is_waited_for() -> None:
    def seen(iid: int) -> ChangeSet:
        raise NotReady("later")

    with pytest.raises(Unavailable):
        asked(always(), seen=seen, can_wait=True)


def test_a_run_that_is_not_wanted_any_more_stops() -> None:
    def stop() -> None:
        raise Superseded("newer")

    model = always()
    with pytest.raises(Superseded):
        asked(model, still_wanted=stop)
    assert model.calls == 0
