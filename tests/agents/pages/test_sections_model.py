"""The question to a model: when it is asked, what it is shown, and what happens where it fails or is stopped."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.agents.pages.schema import SectionAnswer
from bot.domain.actions import UpsertNote
from bot.domain.secrets import Redactor
from bot.errors import Declined, NoModel, OverBudget, Superseded, TooLong, Unavailable, Unusable
from bot.llm.budget import most_tokens
from bot.llm.messages import Asked, Called, Prompt, Told, ToolCall, Turn
from bot.testing import ScriptedModel
from tests.agents.pages.living import (
    CHANGE,
    CLOSED,
    CODE,
    LIMITS,
    MERGED,
    PAGE,
    SNAPSHOT,
    STORAGE,
    WEB,
    living,
    of_kind,
    proposed,
    run,
    says,
    the_note,
    words,
    wrong,
)
from tests.agents.review.test_review_resumed import Killed, Shelf
from tests.agents.triage.test_triage_resumed import DyingSaver
from tests.doubles import DictSnapshot, added_binary, added_file, change_of, edited_file

SECRET = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
READ = ToolCall("c1", "read_lines", {"path": "api/carts.py", "first": 1, "last": 9})
SECTIONS = tuple(living(page=replace(PAGE, id=str(number))) for number in range(1, 6))


def material(prompt: Prompt) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(prompt.shared.partition("\n\n")[2])
    return found


def turns_of(prompt: Prompt) -> int:
    return sum(isinstance(one, Called) for one in prompt.messages)


# --- what it is shown


def test_it_is_shown_the_numbered_blocks_and_the_change() -> None:
    model = says()
    run(model, change=change_of(*CHANGE.files, added_file("web/x.js", "x")))
    seen = material(model.prompts[0])
    assert (seen["page"], seen["section"], seen["merge_request"]) == (
        "API guide",
        "Endpoints",
        "Change the shop",
    )
    assert [one["block"] for one in seen["blocks"]] == [1, 2, 3, 4, 5]
    assert seen["blocks"][0]["text"] == "A cart holds at most **20** items."
    assert [one["block"] for one in seen["blocks"] if "cannot_be_rewritten" in one] == [3, 4]
    assert "+LIMIT = 50\n" in seen["changed_files"][0]["diff"]
    assert seen["other_changed_files"] == ["web/x.js"]


def test_nothing_of_the_page_but_the_section_is_shown() -> None:
    model = says()
    run(model)
    assert "Nothing." not in model.seen


def test_secrets_are_shown_to_no_model() -> None:
    model = says()
    change = change_of(added_file(f"api/{SECRET}.py", f"key = '{SECRET}'\n"))
    section = living(storage=STORAGE.replace("items", SECRET), files=(f"api/{SECRET}.py",))
    run(model, section, change=change, request=replace(WEB, title=SECRET), redactor=Redactor([SECRET]))
    assert SECRET not in model.seen
    assert "<REDACTED:" in model.seen


def test_a_first_text_and_a_doubted_section_are_other_questions() -> None:
    model = says()
    run(model, living(name="limits"), living(has_notice=True))
    asked = [prompt.messages[0] for prompt in model.prompts]
    assert all(isinstance(one, Asked) for one in asked)
    texts = [one.text for one in asked if isinstance(one, Asked)]
    assert any("no such section yet" in one for one in texts)
    assert any("hold everything it says against the code" in one for one in texts)


def test_it_reads_the_repository_at_head() -> None:
    model = ScriptedModel(lambda prompt: SectionAnswer(wrong=[]) if turns_of(prompt) else [READ])
    run(model)
    told = [one.text for one in model.prompts[1].messages if isinstance(one, Told)]
    assert "return ALL_CARTS" in told[0]


def test_a_model_that_only_reads_has_to_answer_in_the_end() -> None:
    model = ScriptedModel(lambda prompt: SectionAnswer(wrong=[wrong()]) if prompt.must_answer else [READ])
    assert words(run(model)) == [("note",)]
    assert model.prompts[-1].must_answer
    assert model.calls <= 6


def test_a_model_without_tools_answers_at_once() -> None:
    model = ScriptedModel([SectionAnswer(wrong=[wrong()])], has_tools=False)
    assert words(run(model)) == [("note",)]
    assert model.prompts[0].must_answer


@pytest.mark.parametrize("window", [8_000, 20_000, 100_000])
def test_a_large_change_is_cut_to_the_window_and_that_is_told(window: int) -> None:
    model = ScriptedModel(lambda _prompt: SectionAnswer(wrong=[]), window=window)
    files = [added_file(f"api/f{number}.py", f"value = {number}\n" * 900) for number in range(40)]
    paths = tuple(file.path for file in files)
    result = run(model, living(files=paths), change=change_of(*files))
    assert most_tokens(model.prompts[0]) <= window
    assert window == 8_000 or "+value = 0" in model.seen
    assert not all(one.read for one in result.coverage)
    assert not result.failures


def test_a_file_without_a_diff_is_told_as_not_read() -> None:
    result = run(says(), living(files=("api/logo.png",)), change=change_of(added_binary("api/logo.png")))
    assert [(one.path, one.read) for one in result.coverage] == [("api/logo.png", False)]


def test_a_section_that_no_window_holds_is_a_failure() -> None:
    model = ScriptedModel([], window=8_000)
    result = run(model, living(storage=STORAGE.replace(LIMITS, LIMITS + f"<p>{'word ' * 20_000}</p>")))
    assert model.calls == 0
    assert "do not fit the model's window" in result.failures[0]


def test_what_was_read_is_left_out_where_it_is_too_much() -> None:
    model = ScriptedModel([[READ], TooLong("too long"), SectionAnswer(wrong=[wrong()])])
    assert words(run(model)) == [("note",)]
    assert turns_of(model.prompts[2]) == 0


# --- no model, and one that fails


def test_without_a_model_nothing_is_judged_and_that_is_told() -> None:
    result = run(None, living(), living(name="limits"))
    assert (result.actions, result.failures) == ((), ())
    assert result.complaints == (
        'No model is configured: nobody has looked whether "Endpoints" of API guide, "limits" of API guide stay true',
    )


@pytest.mark.parametrize("accepted", [True, False])
def test_without_a_model_what_is_known_is_done_all_the_same(accepted: bool) -> None:
    result = run(None, living(shown=[proposed(accepted=accepted)]), request=MERGED)
    assert [one[0] for one in words(result)] == (
        ["write", "edit note", "stale"] if accepted else ["edit note", "stale"]
    )
    assert result.complaints == ()


@pytest.mark.parametrize("request_", [MERGED, WEB])
@pytest.mark.parametrize(
    "error",
    [
        Unavailable("out"),
        Unusable("cut"),
        Declined("no"),
        OverBudget("spent"),
        NoModel("no key"),
        TooLong("long"),
    ],
)
def test_a_model_that_fails_on_one_section_leaves_the_others_alone(error: Exception, request_: Any) -> None:
    before = replace(proposed(), key="page:endpoints:" + "0" * 16)
    model = ScriptedModel(
        lambda prompt: error if "40 days" in prompt.shared else SectionAnswer(wrong=[wrong()])
    )
    first = living(shown=[before], storage=STORAGE.replace("30 days", "40 days"))
    result = run(model, first, SECTIONS[0], request=request_)
    assert len(result.failures) == 1
    assert "did not say whether section" in result.failures[0]
    assert set(result.failures) <= set(result.complaints)
    assert not [one for one in of_kind(result, UpsertNote) if one.key == before.key], "nothing is known of it"
    assert len(result.actions) == {True: 1, False: 2}[request_ is WEB]


def test_failures_hold_no_secrets() -> None:
    result = run(ScriptedModel([Unusable(f"said {SECRET}")]), redactor=Redactor([SECRET]))
    assert result.failures
    assert SECRET not in repr(result)


def test_a_model_that_is_out_is_waited_for_where_the_run_can_wait() -> None:
    kept, model = (
        Shelf(),
        ScriptedModel(
            lambda _prompt: Unavailable("later") if model.calls == 2 else SectionAnswer(wrong=[wrong()])
        ),
    )
    with pytest.raises(Unavailable):
        run(model, *SECTIONS, steps=kept, can_wait=True)
    assert model.calls == len(SECTIONS), "all others have had their turn"
    result = run(model, *SECTIONS, steps=kept, can_wait=True)
    assert model.calls == len(SECTIONS) + 1, "only the one that was out is asked again"
    assert words(result) == [("note",)] * len(SECTIONS)


def test_a_run_that_is_not_wanted_any_more_asks_nothing() -> None:
    def stopped() -> None:
        raise Superseded("a newer push")

    model = ScriptedModel([])
    with pytest.raises(Superseded):
        run(model, still_wanted=stopped)
    assert (model.calls, model.closed) == (0, 1)


def test_a_repository_that_is_out_is_waited_for() -> None:
    class Out(DictSnapshot):
        def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
            raise Unavailable("git is out for the moment")

    said = says(wrong(path="api/carts.py", line="return ALL_CARTS"))
    with pytest.raises(Unavailable):
        run(said, snapshot=Out(SNAPSHOT.files))


def test_nobody_is_asked_about_a_merge_request_that_was_closed() -> None:
    assert run(ScriptedModel([]), request=CLOSED).usage.calls == 0


# --- several at once, and stopped in the middle


class Crowd(ScriptedModel):
    """Counts how many turns are on their way at once; each waits until another one is."""

    def __init__(self, at_once: int) -> None:
        super().__init__(lambda _prompt: SectionAnswer(wrong=[wrong()]))
        self.at_once = at_once
        self.running = self.most = 0
        self.is_crowded = asyncio.Event()

    async def turn(self, prompt: Prompt) -> Turn:
        self.running += 1
        self.most = max(self.most, self.running)
        if self.most >= self.at_once:
            self.is_crowded.set()
        await asyncio.wait_for(self.is_crowded.wait(), timeout=20)
        turn = await super().turn(prompt)
        self.running -= 1
        return turn


def test_sections_are_asked_about_at_once() -> None:
    model = Crowd(at_once=4)
    result = run(model, *SECTIONS)
    assert (model.most, model.calls, model.closed) == (4, len(SECTIONS), 1)
    assert words(result) == [("note",)] * len(SECTIONS)
    assert (result.usage.calls, result.model) == (len(SECTIONS), "scripted:model")


class Reader(ScriptedModel):
    """Reads once for each section before it answers."""

    def __init__(self) -> None:
        super().__init__(lambda prompt: SectionAnswer(wrong=[wrong()]) if turns_of(prompt) else [READ])


def test_whatever_was_kept_last_nothing_that_was_kept_is_paid_again() -> None:
    whole = DyingSaver()
    expected = run(Reader(), *SECTIONS[:2], steps=Shelf(saver=whole))
    for at in range(1, whole.kept + 1):
        kept, first, second = Shelf(saver=DyingSaver(at)), Reader(), Reader()
        with pytest.raises(Killed):
            run(first, *SECTIONS[:2], steps=kept)
        result = run(second, *SECTIONS[:2], steps=kept)
        assert result.actions == expected.actions, at
        assert first.calls + second.calls <= 4 + 1, "what was on its way, at most one other"
        assert result.usage.calls == 4


def test_a_run_whose_turns_were_through_asks_nobody() -> None:
    kept, second = Shelf(saver=DyingSaver()), ScriptedModel([])
    first = run(says(wrong()), steps=kept)
    assert run(second, steps=kept) == first
    assert second.calls == 0


@pytest.mark.parametrize(
    "other",
    [
        {"request": replace(WEB, head="c" * 40)},
        {"change": change_of(edited_file("api/orders.py", CODE.replace("50", "60"), [1]))},
    ],
)
def test_turns_about_another_change_are_of_no_use(other: dict[str, Any]) -> None:
    kept, second = Shelf(saver=DyingSaver()), says()
    run(says(wrong()), steps=kept)
    run(second, steps=kept, **other)
    assert second.calls == 1


def test_turns_about_another_text_of_the_page_are_of_no_use() -> None:
    kept, second = Shelf(saver=DyingSaver()), says()
    run(says(wrong()), steps=kept)
    run(second, living(storage=STORAGE.replace("30 days", "40 days")), steps=kept)
    assert second.calls == 1


def test_no_secret_is_kept() -> None:
    kept = Shelf(saver=DyingSaver())
    said = wrong(why=f"It is {SECRET}", quote=SECRET, path=SECRET, line=SECRET)
    run(says(said), steps=kept, redactor=Redactor([SECRET]))
    assert "REDACTED" in kept.kept()
    assert SECRET not in kept.kept()


def test_it_says_what_it_reads() -> None:
    told: list[str] = []
    the_note(run(says(wrong()), tell=told.append))
    assert told == ['scripted:model reads whether section "Endpoints" of API guide stays true']
